package blocked

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"hanas/onnx"
	"hanas/onnx/grad"
	"hanas/onnx/ort"
	"hanas/onnx/ref"
)

// graph is a small training graph under construction: x travels, feeds holds a
// value for every input.
type graph struct {
	*onnx.Builder
	x     onnx.Value
	feeds map[string]*onnx.Tensor
	wrt   []string
	rng   *rand.Rand
}

// param is an input that gets a gradient: normal around mean.
func (g *graph) param(name string, mean float64, shape ...int) onnx.Value {
	g.wrt = append(g.wrt, name)
	return g.feed(name, mean, shape...)
}

func (g *graph) feed(name string, mean float64, shape ...int) onnx.Value {
	t := onnx.NewTensor(onnx.Float, shape...)
	for i := range t.Floats() {
		t.Floats()[i] = float32(mean + g.rng.NormFloat64()*0.5)
	}
	g.feeds[name] = t
	return g.Input(name, onnx.Float, shape...)
}

func (g *graph) channels() int { return g.x.Shape()[1] }

// conv adds a convolution with the given output channels, kernel, stride and
// group; pads are k/2 unless stated.
func (g *graph) conv(name string, out, k, stride, group int, pads ...int) {
	if pads == nil {
		pads = []int{k / 2, k / 2, k / 2, k / 2}
	}
	w := g.param(name+".w", 0, out, g.channels()/group, k, k)
	g.x = g.Op("Conv", []onnx.Value{g.x, w}, onnx.Ints("strides", stride, stride), onnx.Ints("pads", pads...), onnx.Int("group", group))
}

func (g *graph) biased(name string, out, k, group int) {
	w := g.param(name+".w", 0, out, g.channels()/group, k, k)
	b := g.param(name+".b", 0.3, out)
	g.x = g.Op("Conv", []onnx.Value{g.x, w, b}, onnx.Ints("pads", k/2, k/2, k/2, k/2), onnx.Int("group", group))
}

// norm adds batch norm in training mode and makes its statistics outputs.
func (g *graph) norm(name string) {
	c := g.channels()
	zero := g.Init(name+".mean0", onnx.NewTensor(onnx.Float, c))
	one := g.Init(name+".var0", onnx.From(slices.Repeat([]float32{1}, c), c))
	ys := g.OpN("BatchNormalization", 3, []onnx.Value{g.x, g.param(name+".gamma", 1, c), g.param(name+".beta", 0.2, c), zero, one},
		onnx.Int("training_mode", 1), onnx.Float32("momentum", 0.25))
	g.x = ys[0]
	g.Output(g.Name(ys[1], name+".mean"))
	g.Output(g.Name(ys[2], name+".var"))
}

func (g *graph) op(op string, attrs ...onnx.Attr) { g.x = g.Op(op, []onnx.Value{g.x}, attrs...) }

// quant adds Clip and fake quantisation of a type, with the range as inputs.
func (g *graph) quant(name string, lo, hi, levels float32, zero *onnx.Tensor) {
	in := func(part string, v float32) onnx.Value {
		g.feeds[name+part] = onnx.From([]float32{v})
		return g.Input(name+part, onnx.Float)
	}
	scale := in(".scale", (hi-lo)/levels)
	z := g.Init(name+".zero", zero)
	c := g.Op("Clip", []onnx.Value{g.x, in(".lo", lo), in(".hi", hi)})
	g.x = g.Op("DequantizeLinear", []onnx.Value{g.Op("QuantizeLinear", []onnx.Value{c, scale, z}), scale, z})
}

// cases are the bodies of training graphs over images [16,3,9,8]: every kind of
// node that has a blocked form, and some that have not.
var cases = []struct {
	name string
	kink bool // no finite differences: straight-through gradients
	body func(g *graph)
}{
	{"pointwise", false, func(g *graph) { g.conv("a", 5, 1, 1, 1) }},
	{"pointwise stride 2", false, func(g *graph) { g.conv("a", 5, 1, 1, 1); g.conv("b", 6, 1, 2, 1) }},
	{"pointwise bias", false, func(g *graph) { g.biased("a", 5, 1, 1); g.biased("b", 4, 1, 1) }},
	{"expand norm", false, func(g *graph) { g.conv("a", 4, 1, 1, 1); g.conv("b", 12, 1, 1, 1); g.norm("n") }},
	{"expand norm relu", false, func(g *graph) {
		g.conv("a", 4, 1, 1, 1)
		g.norm("m")
		g.conv("b", 12, 1, 1, 1)
		g.norm("n")
		g.op("Relu")
	}},
	{"project norm", false, func(g *graph) { g.conv("a", 12, 1, 1, 1); g.conv("b", 4, 1, 1, 1); g.norm("n") }},
	{"project norm relu", false, func(g *graph) { g.conv("a", 12, 1, 1, 1); g.conv("b", 4, 1, 1, 1); g.norm("n"); g.op("Relu") }},
	{"norm alone", false, func(g *graph) { g.conv("a", 4, 1, 1, 1); g.op("Sigmoid"); g.norm("n"); g.norm("o") }},
	{"full 3x3", false, func(g *graph) { g.conv("a", 4, 3, 1, 1); g.conv("b", 5, 3, 1, 1); g.norm("n") }},
	{"full 3x3 stride 2", false, func(g *graph) { g.conv("a", 4, 3, 2, 1); g.norm("n"); g.op("Relu"); g.conv("b", 5, 3, 2, 1) }},
	{"full 5x5 uneven pads", false, func(g *graph) { g.conv("a", 4, 3, 1, 1, 0, 1, 2, 1); g.conv("b", 5, 5, 2, 1, 2, 1, 1, 2) }},
	{"full bias", false, func(g *graph) { g.biased("a", 4, 3, 1); g.biased("b", 4, 3, 1) }},
	{"depthwise bias", false, func(g *graph) { g.conv("a", 4, 1, 1, 1); g.biased("b", 4, 3, 4) }},
	{"depthwise without pads", false, func(g *graph) { g.conv("a", 4, 1, 1, 1); g.conv("b", 4, 3, 1, 4, 0, 0, 0, 0) }},
	{"depthwise stride 2 without pads", false, func(g *graph) { g.conv("a", 4, 1, 1, 1); g.conv("b", 4, 3, 2, 4, 0, 0, 0, 0) }},
	{"depthwise stride 3", false, func(g *graph) { g.conv("a", 4, 1, 1, 1); g.conv("b", 4, 3, 3, 4) }},
	{"hard swish", false, func(g *graph) { g.conv("a", 4, 1, 1, 1); g.norm("n"); g.op("HardSwish"); g.conv("b", 4, 3, 1, 1) }},
	{"clip", false, func(g *graph) {
		g.conv("a", 4, 1, 1, 1)
		g.norm("n")
		g.x = g.Op("Clip", []onnx.Value{g.x, g.ConstFloat("lo", 0), g.ConstFloat("hi", 1.2)})
		g.conv("b", 4, 3, 1, 4)
	}},
	{"one-sided clips", false, func(g *graph) {
		g.conv("a", 4, 1, 1, 1)
		g.x = g.Op("Clip", []onnx.Value{g.x, g.ConstFloat("lo", -0.5)})
		g.norm("n")
		g.x = g.Op("Clip", []onnx.Value{g.x, {}, g.ConstFloat("hi", 1.2)})
	}},
	{"residual", false, func(g *graph) {
		g.conv("a", 4, 3, 1, 1)
		g.norm("n")
		in := g.x
		g.conv("b", 12, 1, 1, 1)
		g.norm("o")
		g.op("Relu")
		g.conv("c", 12, 3, 1, 12)
		g.norm("p")
		g.op("Relu")
		g.conv("d", 4, 1, 1, 1)
		g.norm("q")
		g.x = g.Op("Add", []onnx.Value{g.x, in})
	}},
	{"squeeze and excite", false, func(g *graph) {
		g.conv("a", 8, 1, 1, 1)
		g.norm("n")
		in := g.x
		g.op("GlobalAveragePool")
		g.biased("s", 3, 1, 1)
		g.op("Relu")
		g.biased("e", 8, 1, 1)
		g.op("HardSigmoid", onnx.Float32("alpha", 1.0/6), onnx.Float32("beta", 0.5))
		g.x = g.Op("Mul", []onnx.Value{in, g.x})
	}},
	{"product", false, func(g *graph) {
		g.conv("a", 4, 1, 1, 1)
		in := g.x
		g.conv("b", 4, 3, 1, 1)
		g.x = g.Op("Mul", []onnx.Value{in, g.x})
	}},
	{"a node without blocked form", false, func(g *graph) {
		g.conv("a", 4, 1, 1, 1)
		g.norm("n")
		g.op("Tanh")
		g.conv("b", 4, 3, 1, 4)
	}},
	{"a scaled weight", false, func(g *graph) {
		w := g.Op("Mul", []onnx.Value{g.param("w", 0, 4, 3, 1, 1), g.ConstFloat("half", 0.5)})
		g.x = g.Op("Conv", []onnx.Value{g.x, w})
		g.norm("n")
	}},
	{"fake quantisation uint8", true, func(g *graph) {
		g.conv("a", 4, 1, 1, 1)
		g.norm("n")
		g.quant("q", 0, 1.5, 15, onnx.From([]uint8{0}))
		g.conv("b", 4, 3, 1, 4)
		g.norm("o")
	}},
	{"fake quantisation uint16", true, func(g *graph) {
		g.quant("images", -2, 2, 255, onnx.From([]uint16{32768}))
		g.conv("a", 4, 1, 1, 1)
		g.norm("n")
		g.quant("q", -1, 1, 200, onnx.From([]uint16{32768}))
		in := g.x
		g.conv("b", 12, 1, 1, 1)
		g.norm("o")
		g.quant("r", 0, 2, 127, onnx.From([]uint16{32768}))
		g.conv("c", 4, 1, 1, 1)
		g.norm("p")
		g.x = g.Op("Add", []onnx.Value{g.x, in})
	}},
	{"quantisation that saturates by itself", true, func(g *graph) {
		g.conv("a", 4, 1, 1, 1)
		s, z := g.Init("s", onnx.From([]float32{0.01})), g.Init("z", onnx.From([]uint8{100}))
		g.x = g.Op("DequantizeLinear", []onnx.Value{g.Op("QuantizeLinear", []onnx.Value{g.x, s, z}), s, z})
	}},
}

func init() {
	for _, k := range []int{3, 5, 7} {
		for stride := 1; stride <= 2; stride++ {
			cases = append(cases, struct {
				name string
				kink bool
				body func(g *graph)
			}{fmt.Sprintf("depthwise %dx%d stride %d", k, k, stride), false, func(g *graph) {
				g.conv("a", 6, 1, 1, 1)
				g.norm("m")
				g.op("Relu")
				g.conv("b", 6, k, stride, 6)
				g.norm("n")
				g.op("Relu")
			}})
		}
	}
}

// write makes the training graph of a body: its result is pooled, goes through
// a linear layer and cross-entropy against soft labels.
func write(t *testing.T, batch int, body func(g *graph)) (*onnx.Model, *graph) {
	t.Helper()
	g := &graph{Builder: onnx.NewBuilder("net"), feeds: map[string]*onnx.Tensor{}, rng: rand.New(rand.NewPCG(3, 4))}
	g.x = g.feed("images", 0, batch, 3, 9, 8)
	labels := g.feed("labels", 1, batch, 4)
	body(g)
	g.op("GlobalAveragePool")
	g.op("Flatten")
	g.x = g.Op("Gemm", []onnx.Value{g.x, g.param("head.w", 0, 4, g.channels()), g.param("head.b", 0, 4)}, onnx.Int("transB", 1))
	g.x = g.Name(g.x, "logits")
	g.Output(g.x)
	logp := g.Op("LogSoftmax", []onnx.Value{g.x}, onnx.Int("axis", 1))
	per := g.Op("ReduceSum", []onnx.Value{g.Op("Mul", []onnx.Value{labels, logp}), g.ConstInts("axis", 1)}, onnx.Int("keepdims", 0))
	g.Output(g.Name(g.Op("Neg", []onnx.Value{g.Op("ReduceMean", []onnx.Value{per}, onnx.Int("keepdims", 0))}), "loss"))
	m, err := g.Build()
	if err != nil {
		t.Fatal(err)
	}
	return m, g
}

// run computes a model's outputs by name.
func run(t *testing.T, e onnx.Engine, m *onnx.Model, feeds map[string]*onnx.Tensor) map[string][]float64 {
	t.Helper()
	r, err := e(m)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var in []*onnx.Tensor
	for _, v := range r.Inputs() {
		in = append(in, feeds[v.Name])
	}
	out := make([]*onnx.Tensor, len(r.Outputs()))
	if err := r.Run(context.Background(), in, out); err != nil {
		t.Fatal(err)
	}
	by := map[string][]float64{}
	for i, v := range r.Outputs() {
		by[v.Name] = floats(out[i])
	}
	return by
}

func floats(t *onnx.Tensor) []float64 {
	if t.DType == onnx.Double {
		return onnx.View[float64](t)
	}
	var out []float64
	for _, v := range t.Floats() {
		out = append(out, float64(v))
	}
	return out
}

// apart is the largest difference of a and b relative to the largest of b,
// but at least floor: some gradients are zero but for rounding, such as that of
// a norm's offset in front of another norm.
func apart(a, b []float64, floor float64) float64 {
	if len(a) != len(b) {
		return math.Inf(1)
	}
	size, diff := floor, 0.0
	for i := range b {
		size = max(size, math.Abs(b[i]))
		diff = max(diff, math.Abs(a[i]-b[i]))
		if math.IsNaN(a[i]) {
			return math.NaN()
		}
	}
	return diff / size
}

// TestSameAsPlain: the blocked graph's outputs and gradients are those of the
// plain graph differentiated by package grad, in float64.
func TestSameAsPlain(t *testing.T) {
	exact := ref.Settings{Float64: true}
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			m, g := write(t, 16, tt.body)
			plain, err := grad.Build(m, "loss", g.wrt)
			if err != nil {
				t.Fatal(err)
			}
			want := run(t, exact.Engine, plain, g.feeds)
			for _, block := range []int{16, 8} {
				low, err := Build(m, "loss", g.wrt, block)
				if err != nil {
					t.Fatal(err)
				}
				got := run(t, ref.Settings{Float64: true, Block: block}.Engine, low, g.feeds)
				compare(t, fmt.Sprint("block ", block), got, want, 1e-4)
			}
		})
	}
}

// TestSameOnORT is TestSameAsPlain with the real kernels.
func TestSameOnORT(t *testing.T) {
	engine, block := library(t)
	exact := ref.Settings{Float64: true}
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			m, g := write(t, 2*block, tt.body)
			plain, err := grad.Build(m, "loss", g.wrt)
			if err != nil {
				t.Fatal(err)
			}
			low, err := Build(m, "loss", g.wrt, block)
			if err != nil {
				t.Fatal(err)
			}
			compare(t, "ORT", run(t, engine, low, g.feeds), run(t, exact.Engine, plain, g.feeds), 2e-4)
		})
	}
}

func compare(t *testing.T, what string, got, want map[string][]float64, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d outputs, want %d", what, len(got), len(want))
	}
	largest := 0.0
	for name, w := range want {
		if strings.HasPrefix(name, grad.Name("")) {
			largest = max(largest, slices.Max(w), -slices.Min(w))
		}
	}
	for name, w := range want {
		if d := apart(got[name], w, largest/100); !(d < tolerance) {
			t.Errorf("%s: %s is off by %.2g", what, name, d)
		}
	}
}

// TestFiniteDifferences: gradients are what small steps of the plain graph's
// parameters do to its loss. No gradient rule takes part in this.
func TestFiniteDifferences(t *testing.T) {
	exact := ref.Settings{Float64: true}
	for _, tt := range cases {
		if tt.kink {
			continue
		}
		t.Run(tt.name, func(t *testing.T) {
			m, g := write(t, 16, tt.body)
			low, err := Build(m, "loss", g.wrt, 16)
			if err != nil {
				t.Fatal(err)
			}
			got := run(t, exact.Engine, low, g.feeds)
			for _, name := range g.wrt {
				slope, steps := directional(t, exact.Engine, m, g, name, got[grad.Name(name)])
				if math.Abs(slope-steps) > 2e-4*max(1e-2, math.Abs(steps)) {
					t.Errorf("%s: gradient along itself %.7g, by steps %.7g", name, slope, steps)
				}
			}
		})
	}
}

// directional is the derivative of the loss along a random direction: by the
// gradient and by central differences.
func directional(t *testing.T, e onnx.Engine, m *onnx.Model, g *graph, name string, gradient []float64) (slope, steps float64) {
	const h = 1e-6
	w := g.feeds[name]
	dir := make([]float64, w.Len())
	for i := range dir {
		dir[i] = g.rng.NormFloat64()
		slope += dir[i] * gradient[i]
	}
	at := func(step float64) float64 {
		moved := onnx.NewTensor(onnx.Double, w.Shape...)
		for i, v := range w.Floats() {
			onnx.View[float64](moved)[i] = float64(v) + step*dir[i]
		}
		g.feeds[name] = moved
		defer func() { g.feeds[name] = w }()
		return run(t, e, m, g.feeds)["loss"][0]
	}
	return slope, (at(h) - at(-h)) / (2 * h)
}

// library is the real engine with its block size, or skips the test.
func library(t *testing.T) (onnx.Engine, int) {
	t.Helper()
	rt, err := ort.Open(context.Background(), ort.Options{})
	if err != nil {
		t.Skipf("needs the ONNX Runtime library: %v", err)
	}
	t.Cleanup(func() { rt.Close() })
	engine := rt.Engine(ort.Settings{Level: ort.Basic, DisableQDQFusion: true})
	block, err := SelfTest(engine)
	if err != nil {
		t.Fatal(err)
	}
	if block == 0 {
		t.Skip("this library has no nchwc kernels")
	}
	return engine, block
}

func TestSelfTest(t *testing.T) {
	for _, block := range []int{16, 8} {
		if got, err := SelfTest(ref.Settings{Block: block}.Engine); err != nil || got != block {
			t.Errorf("found %d, %v; want %d", got, err, block)
		}
	}
	none := func(*onnx.Model) (onnx.Runner, error) { return nil, fmt.Errorf("unknown domain") }
	if got, err := SelfTest(none); err != nil || got != 0 {
		t.Errorf("found %d, %v without kernels", got, err)
	}
}

func TestBuildErrors(t *testing.T) {
	tests := []struct {
		name  string
		batch int
		block int
		wrt   string
		body  func(g *graph)
		want  string
	}{
		{"batch", 12, 16, "", func(g *graph) { g.conv("a", 4, 1, 1, 1) }, "multiple of 16"},
		{"block", 16, 4, "", func(g *graph) { g.conv("a", 4, 1, 1, 1) }, "block size 4"},
		{"groups", 16, 16, "", func(g *graph) { g.conv("a", 4, 1, 1, 1); g.conv("b", 4, 3, 1, 2) }, "group 2 of 4 channels"},
		{"wrt", 16, 16, "nothing", func(g *graph) { g.conv("a", 4, 1, 1, 1) }, `"nothing"`},
		{"unused", 16, 16, "idle", func(g *graph) { g.param("idle", 0, 2); g.conv("a", 4, 1, 1, 1) }, `does not depend on "idle"`},
		{"no convolution", 16, 16, "", func(g *graph) { g.op("Relu") }, "no convolution"},
	}
	for _, tt := range tests {
		m, g := write(t, tt.batch, tt.body)
		wrt := g.wrt
		if tt.wrt != "" {
			wrt = []string{tt.wrt}
		}
		if _, err := Build(m, "loss", wrt, tt.block); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want %q", tt.name, err, tt.want)
		}
	}
	m, g := write(t, 16, cases[0].body)
	if _, err := Build(m, "logits", g.wrt, 16); err == nil || !strings.Contains(err.Error(), "not a scalar") {
		t.Errorf("loss of 64 numbers: error %v", err)
	}
}

// TestInputUntouched: Build leaves its model alone, and gives the same bytes
// each time.
func TestInputUntouched(t *testing.T) {
	m, g := write(t, 16, cases[4].body)
	before, _ := onnx.Marshal(m)
	var first []byte
	for range 2 {
		low, err := Build(m, "loss", g.wrt, 16)
		if err != nil {
			t.Fatal(err)
		}
		data, err := onnx.Marshal(low)
		if err != nil {
			t.Fatal(err)
		}
		if first != nil && string(first) != string(data) {
			t.Error("two builds differ")
		}
		first = data
	}
	if after, _ := onnx.Marshal(m); string(after) != string(before) {
		t.Error("the model was changed")
	}
}
