package ref

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"hanas/onnx"
)

// TestTables: every operator that a graph may have can be run, and no kernel
// is for an unknown one.
func TestTables(t *testing.T) {
	known := map[key]bool{}
	for _, spec := range onnx.Ops() {
		known[key{spec.Domain, spec.Name}] = true
		if kernels[key{spec.Domain, spec.Name}] == nil {
			t.Errorf("%s %s has no kernel", spec.Domain, spec.Name)
		}
	}
	for k := range kernels {
		if !known[k] {
			t.Errorf("kernel %v is of no operator in the table", k)
		}
	}
}

// TestNoRowTwice: the compiler does not see that two rows of a map have the
// same key when the key is a struct; the last one would win.
func TestNoRowTwice(t *testing.T) {
	source, err := os.ReadFile("kernels.go")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, row := range regexp.MustCompile(`(?m)^\t\{.*?\}:`).FindAllString(string(source), -1) {
		if seen[row] {
			t.Errorf("two rows for %s", row)
		}
		seen[row] = true
	}
	if len(seen) != len(kernels) {
		t.Errorf("%d rows in the source, %d in the table", len(seen), len(kernels))
	}
}

// graph builds a one-node graph over Float inputs of the given shapes.
func graph(t *testing.T, op string, shapes [][]int, attrs ...onnx.Attr) *onnx.Model {
	t.Helper()
	b := onnx.NewBuilder(op)
	var ops []onnx.Value
	for i, s := range shapes {
		ops = append(ops, b.Input(fmt.Sprintf("x%d", i), onnx.Float, s...))
	}
	b.Output(b.Name(b.Op(op, ops, attrs...), "y"))
	m, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func load(t *testing.T, s Settings, m *onnx.Model) onnx.Runner {
	t.Helper()
	r, err := s.Engine(m)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestFloat64: a sum that float32 loses.
func TestFloat64(t *testing.T) {
	m := graph(t, "Add", [][]int{{1}, {1}})
	for _, c := range []struct {
		set  Settings
		want float64
	}{{Settings{}, 1}, {Settings{Float64: true}, 1 + 1e-12}} {
		in := []*onnx.Tensor{onnx.From([]float32{1}, 1), onnx.From([]float32{1e-12}, 1)}
		if c.set.Float64 {
			in = []*onnx.Tensor{onnx.From([]float64{1}, 1), onnx.From([]float64{1e-12}, 1)}
		}
		out := make([]*onnx.Tensor, 1)
		if err := load(t, c.set, m).Run(context.Background(), in, out); err != nil {
			t.Fatal(err)
		}
		if got := values(out[0])[0]; got != c.want {
			t.Errorf("%+v: %v, not %v", c.set, got, c.want)
		}
	}
}

// TestOutputs: nil is allocated, a tensor is filled in place, a wrong one is an
// error.
func TestOutputs(t *testing.T) {
	r := load(t, Settings{}, graph(t, "Neg", [][]int{{-1, 2}}))
	in := []*onnx.Tensor{onnx.From([]float32{1, 2, 3, 4}, 2, 2)}
	mine := onnx.NewTensor(onnx.Float, 2, 2)
	for _, out := range [][]*onnx.Tensor{{nil}, {mine}} {
		if err := r.Run(context.Background(), in, out); err != nil {
			t.Fatal(err)
		}
		if want := []float32{-1, -2, -3, -4}; !slices.Equal(out[0].Floats(), want) {
			t.Errorf("%v, not %v", out[0].Floats(), want)
		}
	}
	if mine.Floats()[3] != -4 {
		t.Error("the given tensor was not filled")
	}
	if err := r.Run(context.Background(), in, []*onnx.Tensor{onnx.NewTensor(onnx.Float, 2)}); err == nil {
		t.Error("a tensor of another shape is accepted")
	}
}

// TestErrors: what is wrong with a model or its inputs is said, with the place.
func TestErrors(t *testing.T) {
	two := onnx.From([]float32{1, 2}, 2)
	node := func(op string, domain string, inputs ...string) *onnx.Model {
		return &onnx.Model{Opsets: []onnx.Opset{{Version: 21}}, Graph: &onnx.Graph{
			Name:    "bad",
			Inputs:  []onnx.ValueInfo{{Name: "x", DType: onnx.Float, Shape: []int{2}}},
			Nodes:   []*onnx.Node{{Name: "n", Op: op, Domain: domain, Inputs: inputs, Outputs: []string{"y"}}},
			Outputs: []onnx.ValueInfo{{Name: "y", DType: onnx.Float}}, Initializers: []onnx.Initializer{
				{Name: "huge", Tensor: onnx.From([]int64{1 << 40, 2}, 2)}, {Name: "negative", Tensor: onnx.From([]int64{-5}, 1)}, {Name: "three", Tensor: onnx.From([]float32{1, 2, 3}, 3)},
			},
		}}
	}
	for _, c := range []struct {
		want string
		m    *onnx.Model
		in   []*onnx.Tensor
	}{
		{"no kernel for [Frobnicate]", node("Frobnicate", "", "x"), nil},
		{"no kernel for [Relu]", node("Relu", "com.example", "x"), nil},
		{"0 inputs and 1 outputs given", node("Relu", "", "x"), []*onnx.Tensor{}},
		{"is nil", node("Relu", "", "x"), []*onnx.Tensor{nil}},
		{"is int64, not float", node("Relu", "", "x"), []*onnx.Tensor{onnx.From([]int64{1, 2})}},
		{"has shape [3], not [2]", node("Relu", "", "x"), []*onnx.Tensor{onnx.From([]float32{1, 2, 3})}},
		{"input \"q\" has no value", node("Relu", "", "q"), []*onnx.Tensor{two}},
		{"is refused", node("Expand", "", "x", "huge"), []*onnx.Tensor{two}},
		{"is refused", node("ConstantOfShape", "", "negative"), []*onnx.Tensor{two}},
		{"do not broadcast", node("Add", "", "x", "three"), []*onnx.Tensor{two}},
		{"do not fit together", node("Gemm", "", "x"), []*onnx.Tensor{two}},
		{"does not fit rank", node("Softmax", "", "x"), nil},
	} {
		if c.in == nil {
			c.in = []*onnx.Tensor{two}
		}
		if c.want == "does not fit rank" {
			c.m.Graph.Nodes[0].Attrs = []onnx.Attr{onnx.Int("axis", 4)}
		}
		r, err := Engine(c.m)
		if err == nil {
			err = r.Run(context.Background(), c.in, make([]*onnx.Tensor, 1))
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "ref: ") {
			t.Errorf("error %v does not say %q", err, c.want)
		}
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err := load(t, Settings{}, graph(t, "Neg", [][]int{{1}})).Run(ctx, []*onnx.Tensor{onnx.NewTensor(onnx.Float, 1)}, make([]*onnx.Tensor, 1))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// TestConcurrentRuns share views of a constant; run with -race.
func TestConcurrentRuns(t *testing.T) {
	b := onnx.NewBuilder("shared")
	x := b.Input("x", onnx.Float, 2, 2)
	w := b.Op("Reshape", in(b.Init("w", onnx.From([]float32{1, 2, 3, 4}, 4)), b.ConstInts("s", 2, 2)))
	b.Output(b.Op("MatMul", in(x, w)))
	m, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	r := load(t, Settings{}, m)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			out := make([]*onnx.Tensor, 1)
			if err := r.Run(context.Background(), []*onnx.Tensor{onnx.From([]float32{1, 0, 0, 1}, 2, 2)}, out); err != nil || out[0].Floats()[3] != 4 {
				t.Errorf("%v, error %v", out[0], err)
			}
		})
	}
	wg.Wait()
}

// TestShapeRange: the part of a shape that start and end pick.
func TestShapeRange(t *testing.T) {
	for _, c := range []struct {
		start, end int
		want       []float64
	}{{0, 3, []float64{2, 3, 4}}, {1, 3, []float64{3, 4}}, {-2, -1, []float64{3}}, {2, 1, nil}, {-9, 9, []float64{2, 3, 4}}} {
		k := &call{node: &onnx.Node{Attrs: []onnx.Attr{onnx.Int("start", c.start), onnx.Int("end", c.end)}}, in: []*array{newArray(onnx.Float, 2, 3, 4)}, out: make([]*array, 1)}
		if err := shapeOf(k); err != nil || !slices.Equal(k.out[0].data, c.want) {
			t.Errorf("%d to %d: %v, not %v (error %v)", c.start, c.end, k.out[0].data, c.want, err)
		}
	}
}

// TestReduceNothing: noop_with_empty_axes makes a reduction elementwise.
func TestReduceNothing(t *testing.T) {
	k := &call{node: &onnx.Node{Attrs: []onnx.Attr{onnx.Int("noop_with_empty_axes", 1)}}, in: []*array{{shape: []int{2}, data: []float64{2, -3}}}, out: make([]*array, 1)}
	if err := reduce(sumSquare)(k); err != nil || !slices.Equal(k.out[0].data, []float64{4, 9}) {
		t.Errorf("%v (error %v)", k.out[0], err)
	}
}

// TestHalf goes round all 65536 patterns of both 16-bit formats, and checks
// the published corners of binary16 and rounding to even.
func TestHalf(t *testing.T) {
	for p := range 1 << 16 {
		h := uint16(p)
		if v := fromHalf(h); v == v && toHalf(v) != h {
			t.Fatalf("half %#04x is %v, which is %#04x", h, v, toHalf(v))
		}
		if v := fromBrain(h); v == v && toBrain(v) != h {
			t.Fatalf("bfloat %#04x is %v, which is %#04x", h, v, toBrain(v))
		}
	}
	for v, want := range map[float64]uint16{
		1: 0x3c00, 65504: 0x7bff, 65519.9: 0x7bff, 65520: 0x7c00, 6.103515625e-05: 0x0400, 5.960464477539063e-08: 0x0001,
		2.98e-08: 0x0000, 1 + 1./2048: 0x3c00, 1 + 3./2048: 0x3c02, -2: 0xc000, math.Inf(-1): 0xfc00,
	} {
		if got := toHalf(v); got != want {
			t.Errorf("half of %v is %#04x, not %#04x", v, got, want)
		}
	}
	if v := fromHalf(toHalf(math.NaN())); v == v {
		t.Error("NaN is lost")
	}
	if v := fromBrain(toBrain(math.NaN())); v == v {
		t.Error("NaN is lost in bfloat16")
	}
}

func TestWrap(t *testing.T) {
	for _, c := range []struct {
		d    onnx.DType
		v, w float64
	}{{onnx.Int8, 128, -128}, {onnx.Int8, -129, 127}, {onnx.Uint8, 256, 0}, {onnx.Uint8, -1, 255}, {onnx.Int4, 8, -8}, {onnx.Uint2, 5, 1}, {onnx.Int32, 2.9, 2}, {onnx.Int64, -3.5, -3}} {
		if got := wrap(c.d, c.v); got != c.w {
			t.Errorf("%v of %v is %v, not %v", c.d, c.v, got, c.w)
		}
	}
}

// TestIntegerConvolution: the reference on integers held as floats is exact:
// the quantised product of ONNX Runtime, clamp(zp + round(acc*scale)), can be
// built from it.
func TestIntegerConvolution(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	x, w := onnx.NewTensor(onnx.Float, 1, 64, 3, 3), onnx.NewTensor(onnx.Float, 1, 64, 3, 3)
	want := 0
	for i := range x.Floats() {
		a, b := rng.IntN(256), rng.IntN(255)-127
		x.Floats()[i], w.Floats()[i] = float32(a), float32(b)
		want += a * b
	}
	out := make([]*onnx.Tensor, 1)
	if err := load(t, Settings{}, graph(t, "Conv", [][]int{x.Shape, w.Shape})).Run(context.Background(), []*onnx.Tensor{x, w}, out); err != nil {
		t.Fatal(err)
	}
	if got := out[0].Floats()[0]; got != float32(want) {
		t.Errorf("%v, not %v", got, want)
	}
}

func BenchmarkConv(b *testing.B) {
	m := onnx.NewBuilder("conv")
	x, w := m.Input("x", onnx.Float, 1, 32, 32, 32), m.Input("w", onnx.Float, 32, 32, 3, 3)
	m.Output(m.Op("Conv", in(x, w), onnx.Ints("pads", 1, 1, 1, 1)))
	built, err := m.Build()
	if err != nil {
		b.Fatal(err)
	}
	r, err := Engine(built)
	if err != nil {
		b.Fatal(err)
	}
	tensors, out := []*onnx.Tensor{onnx.NewTensor(onnx.Float, 1, 32, 32, 32), onnx.NewTensor(onnx.Float, 32, 32, 3, 3)}, make([]*onnx.Tensor, 1)
	for b.Loop() {
		if err := r.Run(context.Background(), tensors, out); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(32*32*32*32*9*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GMAC/s")
}
