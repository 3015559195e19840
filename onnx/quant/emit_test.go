package quant

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"hanas/onnx"
	"hanas/onnx/ref"
)

// evaluate runs the graph that emit writes on x.
func evaluate(t *testing.T, x *onnx.Tensor, opset int, emit func(b *onnx.Builder, x onnx.Value) onnx.Value) *onnx.Tensor {
	t.Helper()
	b := onnx.NewBuilder("test")
	b.Opset("", opset)
	b.Output(emit(b, b.Input("x", x.DType, x.Shape...)))
	m, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	r, err := ref.Engine(m)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]*onnx.Tensor, 1)
	if err := r.Run(context.Background(), []*onnx.Tensor{x}, out); err != nil {
		t.Fatal(err)
	}
	return out[0]
}

// The emitted operators round as Grid does, in both spellings.
func TestEmittedActivationIsTheGrid(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	x := onnx.From(normal(rng, 600), 2, 3, 10, 10)
	for i := range x.Floats() {
		x.Floats()[i] *= 3
	}
	for _, bits := range []int{2, 4, 8, 16} {
		for _, r := range []Range{{0, 4}, {-4, 4}} {
			g, _ := NewGrid(r, bits)
			for name, emit := range map[string]func(b *onnx.Builder, x onnx.Value) onnx.Value{
				"plain": func(b *onnx.Builder, x onnx.Value) onnx.Value { return EmitActivation(b, "a", x, r, bits) },
				"float": func(b *onnx.Builder, x onnx.Value) onnx.Value {
					if bits == 16 {
						return x
					}
					q, g := EmitQuantize(b, "a", x, r, bits)
					return EmitDequantizeFloat(b, "a", q, g)
				},
			} {
				y := x
				if bits != 16 || name == "float" {
					y = evaluate(t, x, 13, func(b *onnx.Builder, x onnx.Value) onnx.Value {
						return b.Op("Identity", []onnx.Value{emit(b, x)})
					})
				}
				for i, v := range x.Floats() {
					want := v
					if bits < 16 {
						want = g.Value(g.Code(v))
					}
					if y.Floats()[i] != want {
						t.Fatalf("%s, %d bits of %v: %g becomes %g, want %g", name, bits, r, v, y.Floats()[i], want)
					}
				}
			}
		}
	}
}

// All spellings of a weight have the value codes times scale.
func TestEmittedWeights(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	shape := []int{6, 1, 3, 3}
	values := normal(rng, onnx.Elements(shape))
	for _, bits := range []int{2, 4, 8, 16} {
		for _, wide := range []bool{false, true} {
			for _, form := range []string{"integer", "float"} {
				if bits == 16 && form == "integer" {
					continue
				}
				t.Run(fmt.Sprintf("%d/%v/%s", bits, wide, form), func(t *testing.T) {
					w := NewWeight("w", values, shape, bits)
					w.Wide = wide
					if wide && w.MinOpset() != 13 {
						t.Errorf("a wide weight needs opset %d", w.MinOpset())
					}
					y := evaluate(t, onnx.NewTensor(onnx.Float, shape...), w.MinOpset(), func(b *onnx.Builder, x onnx.Value) onnx.Value {
						v := w.EmitFloat
						if form == "integer" {
							v = w.EmitInteger
						}
						return b.Op("Add", []onnx.Value{x, v(b)})
					})
					for i, c := range w.Codes {
						if want := float32(c) * w.Scale[i/9]; y.Floats()[i] != want {
							t.Fatalf("weight %d is %g, want %g", i, y.Floats()[i], want)
						}
					}
				})
			}
		}
	}
}

func TestFoldMultipliesRows(t *testing.T) {
	values := normal(rand.New(rand.NewPCG(6, 6)), 40)
	gain := []float32{2, -0.5, 0, 1e-38}
	w := NewWeight("w", values, []int{4, 10}, 8)
	before := NewWeight("w", values, []int{4, 10}, 8)
	w.Fold(gain)
	for i := range values {
		o := i / 10
		want := float64(before.Codes[i]) * float64(before.Scale[o]) * float64(gain[o])
		if got := float64(w.Codes[i]) * float64(w.Scale[o]); math.Abs(got-want) > 1e-6*math.Abs(want)+1e-30 || w.Scale[o] <= 0 {
			t.Errorf("weight %d of gain %g is %g, want %g", i, gain[o], got, want)
		}
	}
}

// A bias far above its weights keeps its value: the row's step is raised.
func TestBiasFitsItsCodes(t *testing.T) {
	w := NewWeight("w", []float32{1e-12, 2e-12, 0.5, 1}, []int{2, 2}, 8)
	bias := []float32{3, -0.25}
	const input = 0.01
	w.Raise(bias, input)
	codes, scale := w.biasCodes(bias, input)
	for o, want := range bias {
		got := float64(codes[o]) * float64(scale[o])
		if math.Abs(got-float64(want)) > float64(scale[o])+1e-6*math.Abs(float64(want)) || codes[o] <= -biasLimit || codes[o] >= biasLimit {
			t.Errorf("bias %g is %g (code %d)", want, got, codes[o])
		}
	}
	if w.Codes[3] != 127 {
		t.Errorf("a row that fits is changed: %v", w.Codes)
	}
}
