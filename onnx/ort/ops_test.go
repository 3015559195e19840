package ort

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"hanas/onnx"
	"hanas/onnx/ref"
)

// opCase is one use of an operator: its inputs, which of them are constants,
// its attributes and how many outputs are asked for.
type opCase struct {
	in    []*onnx.Tensor // nil = absent
	fixed []int          // inputs that are initialisers
	attrs []onnx.Attr
	outs  int // 0 = 1
}

// rnd is a tensor of normal numbers, deterministic in its shape.
func rnd(shape ...int) *onnx.Tensor {
	rng := rand.New(rand.NewPCG(uint64(len(shape)), uint64(onnx.Elements(shape))))
	t := onnx.NewTensor(onnx.Float, shape...)
	for i := range t.Floats() {
		t.Floats()[i] = float32(rng.NormFloat64())
	}
	return t
}

// pos is rnd without signs and zeros.
func pos(shape ...int) *onnx.Tensor {
	t := rnd(shape...)
	for i, v := range t.Floats() {
		t.Floats()[i] = 0.1 + float32(math.Abs(float64(v)))
	}
	return t
}

func i64(v ...int64) *onnx.Tensor { return onnx.From(v, len(v)) }

func f32(v ...float32) *onnx.Tensor { return onnx.From(v, len(v)) }

func num(v float32) *onnx.Tensor { return onnx.From([]float32{v}) }

func bools(shape ...int) *onnx.Tensor {
	t := onnx.NewTensor(onnx.Bool, shape...)
	for i := range onnx.View[bool](t) {
		onnx.View[bool](t)[i] = i%3 == 0
	}
	return t
}

func in(t ...*onnx.Tensor) []*onnx.Tensor { return t }

func attrs(a ...onnx.Attr) []onnx.Attr { return a }

// opCases has cases for every operator of the reference, by domain and name.
var opCases = map[[2]string][]opCase{
	{"", "Conv"}: {
		{in: in(rnd(2, 4, 7, 6), rnd(6, 4, 3, 3), rnd(6)), attrs: attrs(onnx.Ints("pads", 1, 1, 1, 1), onnx.Ints("strides", 2, 2))},
		{in: in(rnd(2, 4, 7, 6), rnd(4, 1, 5, 3)), attrs: attrs(onnx.Ints("pads", 2, 1, 0, 1), onnx.Int("group", 4))},
		{in: in(rnd(1, 4, 7, 6), rnd(6, 2, 3, 3)), attrs: attrs(onnx.Ints("dilations", 2, 1), onnx.Int("group", 2))},
	},
	{"", "ConvTranspose"}: {{in: in(rnd(2, 4, 5, 4), rnd(4, 3, 3, 3)), attrs: attrs(onnx.Ints("strides", 2, 2), onnx.Ints("pads", 1, 1, 1, 1), onnx.Ints("output_padding", 1, 1))}},
	{"", "Gemm"}: {
		{in: in(rnd(3, 4), rnd(4, 5))},
		{in: in(rnd(4, 3), rnd(5, 4), rnd(3, 1)), attrs: attrs(onnx.Int("transA", 1), onnx.Int("transB", 1), onnx.Float32("alpha", 0.5), onnx.Float32("beta", 2))},
	},
	{"", "MatMul"}:             {{in: in(rnd(3, 4), rnd(4, 5))}, {in: in(rnd(2, 3, 4), rnd(4, 5))}, {in: in(rnd(2, 1, 3, 4), rnd(3, 4, 2))}, {in: in(rnd(3, 4), rnd(4))}},
	{"", "Add"}:                {{in: in(rnd(2, 3), rnd(2, 3))}, {in: in(rnd(2, 1, 4), rnd(3, 1))}, {in: in(i64(1, 2), i64(3, 4))}},
	{"", "Sub"}:                {{in: in(rnd(2, 3), rnd(3))}},
	{"", "Mul"}:                {{in: in(rnd(2, 3), num(2))}},
	{"", "Div"}:                {{in: in(rnd(2, 3), pos(2, 1))}, {in: in(i64(7, -7), i64(2, 2))}},
	{"", "Pow"}:                {{in: in(pos(2, 3), rnd(3))}},
	{"", "Max"}:                {{in: in(rnd(2, 3), rnd(3), num(0))}},
	{"", "Min"}:                {{in: in(rnd(2, 3), rnd(3))}},
	{"", "Neg"}:                {{in: in(rnd(7))}},
	{"", "Abs"}:                {{in: in(rnd(7))}},
	{"", "Sqrt"}:               {{in: in(pos(7))}},
	{"", "Exp"}:                {{in: in(rnd(7))}},
	{"", "Log"}:                {{in: in(pos(7))}},
	{"", "Reciprocal"}:         {{in: in(pos(7))}},
	{"", "Sign"}:               {{in: in(f32(-2, 0, 3))}},
	{"", "Floor"}:              {{in: in(rnd(7))}},
	{"", "Round"}:              {{in: in(f32(-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 2.6))}},
	{"", "Tanh"}:               {{in: in(rnd(7))}},
	{"", "Relu"}:               {{in: in(rnd(7))}},
	{"", "LeakyRelu"}:          {{in: in(rnd(7)), attrs: attrs(onnx.Float32("alpha", 0.2))}, {in: in(rnd(7))}},
	{"", "Sigmoid"}:            {{in: in(rnd(7))}},
	{"", "HardSwish"}:          {{in: in(f32(-4, -3, -1, 0, 1, 3, 4))}},
	{"", "HardSigmoid"}:        {{in: in(f32(-4, -1, 0, 1, 4)), attrs: attrs(onnx.Float32("alpha", 1.0/6), onnx.Float32("beta", 0.5))}, {in: in(rnd(7))}},
	{"", "Clip"}:               {{in: in(rnd(7), num(-0.5), num(0.5))}, {in: in(rnd(7), nil, num(0.2))}},
	{"", "Softmax"}:            {{in: in(rnd(3, 4)), attrs: attrs(onnx.Int("axis", 1))}, {in: in(rnd(3, 4, 2)), attrs: attrs(onnx.Int("axis", -2))}},
	{"", "LogSoftmax"}:         {{in: in(rnd(3, 4))}},
	{"", "Identity"}:           {{in: in(rnd(2, 3))}, {in: in(i64(1, 2))}},
	{"", "Not"}:                {{in: in(bools(5))}},
	{"", "Dropout"}:            {{in: in(rnd(2, 3))}},
	{"", "GlobalAveragePool"}:  {{in: in(rnd(2, 3, 4, 5))}},
	{"", "BatchNormalization"}: {{in: in(rnd(2, 3, 4, 4), rnd(3), rnd(3), rnd(3), pos(3)), attrs: attrs(onnx.Float32("epsilon", 1e-3))}},
	{"", "LayerNormalization"}: {
		{in: in(rnd(4, 6), rnd(6), rnd(6)), attrs: attrs(onnx.Int("axis", 1))},
		{in: in(rnd(4, 6), rnd(6)), outs: 3},
	},
	{"", "InstanceNormalization"}: {{in: in(rnd(2, 3, 4, 4), rnd(3), rnd(3))}},
	{"", "AveragePool"}: {
		{in: in(rnd(2, 3, 7, 6)), attrs: attrs(onnx.Ints("kernel_shape", 3, 3), onnx.Ints("strides", 2, 2), onnx.Ints("pads", 1, 1, 1, 1))},
		{in: in(rnd(2, 3, 7, 6)), attrs: attrs(onnx.Ints("kernel_shape", 2, 3), onnx.Ints("pads", 1, 1, 1, 1), onnx.Int("count_include_pad", 1))},
	},
	{"", "MaxPool"}:         {{in: in(rnd(2, 3, 7, 6)), attrs: attrs(onnx.Ints("kernel_shape", 3, 3), onnx.Ints("strides", 2, 2), onnx.Ints("pads", 1, 1, 1, 1))}},
	{"", "ReduceSum"}:       {{in: in(rnd(2, 3, 4), i64(1)), fixed: []int{1}}, {in: in(rnd(2, 3, 4), i64(0, -1)), fixed: []int{1}, attrs: attrs(onnx.Int("keepdims", 0))}, {in: in(rnd(2, 3))}},
	{"", "ReduceMean"}:      {{in: in(rnd(2, 3, 4), i64(1, 2)), fixed: []int{1}}},
	{"", "ReduceMax"}:       {{in: in(rnd(2, 3, 4), i64(1)), fixed: []int{1}}},
	{"", "ReduceMin"}:       {{in: in(rnd(2, 3, 4), i64(2)), fixed: []int{1}}},
	{"", "ReduceSumSquare"}: {{in: in(rnd(2, 3, 4), i64(1)), fixed: []int{1}}},
	{"", "ReduceL2"}:        {{in: in(rnd(2, 3, 4), i64(1)), fixed: []int{1}}},
	{"", "Reshape"}:         {{in: in(rnd(2, 3, 4), i64(0, -1)), fixed: []int{1}}, {in: in(rnd(2, 6), i64(3, 4)), fixed: []int{1}}},
	{"", "Flatten"}:         {{in: in(rnd(2, 3, 4))}, {in: in(rnd(2, 3, 4)), attrs: attrs(onnx.Int("axis", 2))}},
	{"", "Transpose"}:       {{in: in(rnd(2, 3, 4)), attrs: attrs(onnx.Ints("perm", 2, 0, 1))}, {in: in(rnd(2, 3))}},
	{"", "Squeeze"}:         {{in: in(rnd(1, 3, 1), i64(0)), fixed: []int{1}}},
	{"", "Unsqueeze"}:       {{in: in(rnd(3, 2), i64(0, 2)), fixed: []int{1}}},
	{"", "Concat"}:          {{in: in(rnd(2, 3), rnd(2, 1), rnd(2, 4)), attrs: attrs(onnx.Int("axis", 1))}},
	{"", "Split"}: {
		{in: in(rnd(2, 6)), attrs: attrs(onnx.Int("axis", 1), onnx.Int("num_outputs", 3)), outs: 3},
		{in: in(rnd(2, 6), i64(1, 5)), fixed: []int{1}, attrs: attrs(onnx.Int("axis", 1)), outs: 2},
	},
	{"", "Slice"}: {
		{in: in(rnd(5, 6), i64(1, -1), i64(5, -7), i64(0, 1), i64(2, -2)), fixed: []int{1, 2, 3, 4}},
		{in: in(rnd(5, 6), i64(2), i64(100)), fixed: []int{1, 2}},
	},
	{"", "Pad"}: {
		{in: in(rnd(2, 3), i64(1, 0, 0, 2)), fixed: []int{1}},
		{in: in(rnd(2, 3), i64(0, 1, 1, 0), num(7)), fixed: []int{1}},
	},
	{"", "Expand"}:         {{in: in(rnd(3, 1), i64(2, 1, 4)), fixed: []int{1}}},
	{"", "Tile"}:           {{in: in(rnd(2, 3), i64(2, 1)), fixed: []int{1}}},
	{"", "Gather"}:         {{in: in(rnd(4, 3), i64(2, 0, -1))}, {in: in(rnd(4, 3), i64(1, 1)), attrs: attrs(onnx.Int("axis", 1))}},
	{"", "Where"}:          {{in: in(bools(2, 3), rnd(2, 3), num(0))}},
	{"", "Equal"}:          {{in: in(f32(1, 2, 3), f32(1, 0, 3))}},
	{"", "Greater"}:        {{in: in(f32(1, 2, 3), f32(1, 0, 4))}},
	{"", "Less"}:           {{in: in(f32(1, 2, 3), f32(1, 0, 4))}},
	{"", "GreaterOrEqual"}: {{in: in(f32(1, 2, 3), f32(1, 0, 4))}},
	{"", "LessOrEqual"}:    {{in: in(f32(1, 2, 3), f32(1, 0, 4))}},
	{"", "And"}:            {{in: in(bools(2, 3), bools(3))}},
	{"", "Or"}:             {{in: in(bools(2, 3), bools(3))}},
	{"", "Cast"}: {
		{in: in(f32(-1.7, 0, 2.9, 100)), attrs: attrs(onnx.Int("to", int(onnx.Int32)))},
		{in: in(f32(0, 1, 65504, 1e-7, 0.1)), attrs: attrs(onnx.Int("to", int(onnx.Float16)))},
		{in: in(bools(4)), attrs: attrs(onnx.Int("to", int(onnx.Float)))},
	},
	{"", "Constant"}:        {{attrs: attrs(onnx.TensorAttr("value", f32(1, 2)))}, {attrs: attrs(onnx.Float32("value_float", 3))}},
	{"", "ConstantOfShape"}: {{in: in(i64(2, 3)), fixed: []int{0}}, {in: in(i64(2)), fixed: []int{0}, attrs: attrs(onnx.TensorAttr("value", f32(5)))}},
	{"", "Shape"}:           {{in: in(rnd(2, 3, 4))}, {in: in(rnd(2, 3, 4)), attrs: attrs(onnx.Int("start", 1))}},
	{"", "QuantizeLinear"}: {
		{in: in(rnd(40), num(0.01), onnx.From([]uint8{128}))},
		{in: in(f32(-1, 0.5, 1.5, 2.5, -0.5, 300), num(1), onnx.From([]int8{0}))},
		{in: in(rnd(40), num(1e-4), onnx.From([]uint16{32768}))},
		{in: in(rnd(2, 5), f32(0.1, 0.02), onnx.From([]int8{0, 3})), attrs: attrs(onnx.Int("axis", 0))},
	},
	{"", "DequantizeLinear"}: {
		{in: in(onnx.From([]int8{-128, 0, 127}), num(0.1))},
		{in: in(onnx.From([]uint8{0, 5, 255, 1}, 2, 2), f32(0.1, 2), onnx.From([]uint8{3, 4})), attrs: attrs(onnx.Int("axis", 0))},
		{in: in(onnx.From([]int16{-32768, 7}), num(0.1))},
	},
	{"", "ArgMax"}: {{in: in(rnd(3, 4)), attrs: attrs(onnx.Int("axis", 1), onnx.Int("keepdims", 0))}},
	{"", "Erf"}:    {{in: in(rnd(7))}},
	{"", "BitShift"}: {
		{in: in(onnx.From([]uint8{1, 8, 255, 64}), onnx.From([]uint8{1, 2, 3, 0})), attrs: attrs(onnx.Str("direction", "RIGHT"))},
		{in: in(onnx.From([]uint8{1, 8, 255, 64}), onnx.From([]uint8{1, 2, 3, 0})), attrs: attrs(onnx.Str("direction", "LEFT"))},
	},
	{"", "BitwiseAnd"}: {{in: in(onnx.From([]uint8{1, 7, 255, 12}), onnx.From([]uint8{3, 2, 15, 4}))}},
	{"", "Einsum"}:     {{in: in(rnd(2, 3, 4), rnd(2, 4, 5)), attrs: attrs(onnx.Str("equation", "bij,bjk->bik"))}},
	{"", "OneHot"}:     {{in: in(i64(1, 0, 2), i64(3), f32(0, 1)), fixed: []int{1}}},
	{"", "Range"}:      {{in: in(onnx.From([]int64{1}), onnx.From([]int64{10}), onnx.From([]int64{4})), fixed: []int{0, 1, 2}}},
	{"", "TopK"}:       {{in: in(rnd(3, 6), i64(2)), fixed: []int{1}, attrs: attrs(onnx.Int("axis", 1)), outs: 2}},
	{"", "Resize"}: {
		{in: in(rnd(1, 2, 3, 4), nil, f32(1, 1, 2, 2)), fixed: []int{2}, attrs: attrs(onnx.Str("mode", "nearest"), onnx.Str("coordinate_transformation_mode", "asymmetric"), onnx.Str("nearest_mode", "floor"))},
		{in: in(rnd(1, 2, 3, 4), nil, f32(1, 1, 2, 2)), fixed: []int{2}, attrs: attrs(onnx.Str("mode", "linear"))},
	},
	{"", "NonMaxSuppression"}: {{in: in(onnx.From([]float32{0, 0, 1, 1, 0, .1, 1, 1.1, 0, 2, 1, 3}, 1, 3, 4), onnx.From([]float32{.9, .8, .7}, 1, 1, 3),
		i64(3), f32(.5), f32(0)), fixed: []int{2, 3, 4}}},
	{"", "QLinearConv"}: {{in: in(onnx.From([]uint8{1, 20, 130, 255, 7, 90, 60, 3, 200}, 1, 1, 3, 3), num(.02), onnx.From([]uint8{128}),
		onnx.From([]int8{3, -100, 127, 5}, 1, 1, 2, 2), num(.01), onnx.From([]int8{0}), num(.05), onnx.From([]uint8{100}))}},
	{onnx.NCHWc, "Conv"}: {
		{in: in(rnd(1, 32, 6, 5), rnd(32, 1, 3, 3), rnd(32)), attrs: attrs(onnx.Int("group", 32), onnx.Ints("kernel_shape", 3, 3), onnx.Ints("pads", 1, 1, 1, 1))},
		{in: in(rnd(1, 32, 6, 5), rnd(32, 1, 5, 5)), attrs: attrs(onnx.Int("group", 32), onnx.Ints("kernel_shape", 5, 5), onnx.Ints("pads", 2, 2, 2, 2), onnx.Ints("strides", 2, 2))},
		{in: in(rnd(1, 32, 6, 5), rnd(32, 1, 1, 1), rnd(32), rnd(1, 32, 6, 5)), attrs: attrs(onnx.Int("group", 32), onnx.Ints("kernel_shape", 1, 1), onnx.Str("activation", "Relu"))},
		{in: in(rnd(1, 32, 6, 5), rnd(32, 1, 3, 3)), attrs: attrs(onnx.Int("group", 32), onnx.Ints("kernel_shape", 3, 3), onnx.Ints("dilations", 2, 2), onnx.Ints("pads", 2, 2, 2, 2))},
	},
}

// inReference says whether the reference has a kernel for an operator.
func inReference(domain, op string) bool {
	_, err := ref.Engine(&onnx.Model{Graph: &onnx.Graph{Nodes: []*onnx.Node{{Op: op, Domain: domain}}}})
	return err == nil
}

// TestOperators: every operator that the reference computes gives the same on
// ONNX Runtime.
func TestOperators(t *testing.T) {
	rt := open(t)
	for _, spec := range onnx.Ops() {
		key := [2]string{spec.Domain, spec.Name}
		if len(opCases[key]) == 0 && inReference(spec.Domain, spec.Name) {
			t.Errorf("no case for operator %q of %q", spec.Name, spec.Domain)
		}
		for i, c := range opCases[key] {
			t.Run(fmt.Sprintf("%s %d", spec.Name, i), func(t *testing.T) {
				m, feeds := c.model(t, spec)
				want := outputs(t, ref.Engine, m, feeds)
				for _, level := range []Level{All, Disable} {
					got := outputs(t, rt.Engine(Settings{Level: level}), m, feeds)
					for k := range want {
						if err := near(got[k], want[k]); err != nil {
							t.Errorf("level %v, output %d: %v", level, k, err)
						}
					}
				}
			})
		}
	}
}

// model is the case as a graph of one node.
func (c opCase) model(t *testing.T, spec onnx.OpSpec) (*onnx.Model, []*onnx.Tensor) {
	var feeds []*onnx.Tensor
	m := build(t, func(b *onnx.Builder) {
		if spec.Domain != "" {
			b.Opset(spec.Domain, 1)
		}
		ins := make([]onnx.Value, len(c.in))
		for i, x := range c.in {
			name := fmt.Sprint("in", i)
			switch {
			case x == nil:
			case slices.Contains(c.fixed, i):
				ins[i] = b.Init(name, x)
			default:
				ins[i] = b.Input(name, x.DType, x.Shape...)
				feeds = append(feeds, x)
			}
		}
		for _, y := range b.OpDomainN(spec.Domain, spec.Name, max(1, c.outs), ins, c.attrs...) {
			b.Output(y)
		}
	})
	return m, feeds
}

func outputs(t *testing.T, e onnx.Engine, m *onnx.Model, feeds []*onnx.Tensor) []*onnx.Tensor {
	t.Helper()
	r, err := e(m)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	out := make([]*onnx.Tensor, len(m.Graph.Outputs))
	if err := r.Run(context.Background(), feeds, out); err != nil {
		t.Fatal(err)
	}
	return out
}

// near compares tensors: floats to 1e-5 of the largest, the rest exactly.
func near(got, want *onnx.Tensor) error {
	if got.DType != want.DType || !slices.Equal(got.Shape, want.Shape) {
		return fmt.Errorf("is %v%v, want %v%v", got.DType, got.Shape, want.DType, want.Shape)
	}
	if got.DType != onnx.Float {
		if string(got.Bytes()) != string(want.Bytes()) {
			return fmt.Errorf("is %v, want %v", got.Bytes(), want.Bytes())
		}
		return nil
	}
	size := 1.0
	for _, v := range want.Floats() {
		size = max(size, math.Abs(float64(v)))
	}
	for i, v := range want.Floats() {
		if d := math.Abs(float64(got.Floats()[i] - v)); !(d <= 1e-5*size) {
			return fmt.Errorf("element %d is %v, want %v", i, got.Floats()[i], v)
		}
	}
	return nil
}
