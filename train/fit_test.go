package train

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"hanas/onnx"
	"hanas/onnx/ref"
)

// regression is loss = mean((xw + b - y)^2) with a symbolic batch; b is an
// initialiser.
func regression(t *testing.T) *onnx.Model {
	t.Helper()
	g := onnx.NewBuilder("regression")
	x, y, w := g.Input("x", onnx.Float, -1, 2), g.Input("y", onnx.Float, -1, 1), g.Input("w", onnx.Float, 2, 1)
	p := g.Name(g.Op("Gemm", []onnx.Value{x, w, g.Init("b", onnx.From([]float32{0}, 1))}), "p")
	d := g.Op("Sub", []onnx.Value{p, y})
	g.Output(p)
	g.Output(g.Name(g.Op("ReduceMean", []onnx.Value{g.Op("Mul", []onnx.Value{d, d})}, onnx.Int("keepdims", 0)), "loss"))
	m, err := g.Build()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// points are noisy samples of y = 2*x0 - x1 + 0.5.
func points(n int) map[string]*onnx.Tensor {
	rng := rand.New(rand.NewPCG(3, 4))
	x, y := make([]float32, 2*n), make([]float32, n)
	for k := range y {
		x[2*k], x[2*k+1] = float32(rng.NormFloat64()), float32(rng.NormFloat64())
		y[k] = 2*x[2*k] - x[2*k+1] + 0.5 + 0.1*float32(rng.NormFloat64())
	}
	return map[string]*onnx.Tensor{"x": onnx.From(x, n, 2), "y": onnx.From(y, n, 1)}
}

// leastSquares solves the normal equations of [x 1] by Cramer's rule.
func leastSquares(in map[string]*onnx.Tensor) [3]float64 {
	var a [3][4]float64
	x, y := in["x"].Floats(), in["y"].Floats()
	for k := range y {
		row := [4]float64{float64(x[2*k]), float64(x[2*k+1]), 1, float64(y[k])}
		for i := range 3 {
			for j := range 4 {
				a[i][j] += row[i] * row[j]
			}
		}
	}
	det := func(c [3]int) float64 {
		m := func(i, j int) float64 { return a[i][c[j]] }
		return m(0, 0)*(m(1, 1)*m(2, 2)-m(1, 2)*m(2, 1)) - m(0, 1)*(m(1, 0)*m(2, 2)-m(1, 2)*m(2, 0)) + m(0, 2)*(m(1, 0)*m(2, 1)-m(1, 1)*m(2, 0))
	}
	d := det([3]int{0, 1, 2})
	return [3]float64{det([3]int{3, 1, 2}) / d, det([3]int{0, 3, 2}) / d, det([3]int{0, 1, 3}) / d}
}

// TestFitRegression against the closed form of least squares, for both
// optimizers.
func TestFitRegression(t *testing.T) {
	data := points(40)
	want := leastSquares(data)
	for name, set := range map[string]Settings{
		"adamw": {Steps: 400, Rate: 0.1}, "sgd": {Steps: 200, Rate: 0.05, SGD: true, Warmup: 0.1},
		"average": {Steps: 400, Rate: 0.1, Average: 0.9, ClipNorm: 10},
	} {
		params := map[string]*onnx.Tensor{"w": onnx.NewTensor(onnx.Float, 2, 1), "b": onnx.NewTensor(onnx.Float, 1)}
		m := regression(t)
		losses, err := Fit(context.Background(), ref.Engine, m, params, func(int) (map[string]*onnx.Tensor, bool) { return data, true }, set)
		if err != nil {
			t.Fatal(name, err)
		}
		got := append(params["w"].Floats(), params["b"].Floats()...)
		for k, w := range want {
			if math.Abs(float64(got[k])-w) > 1e-3 {
				t.Errorf("%s: parameter %d is %v, least squares say %v", name, k, got[k], w)
			}
		}
		if len(losses) != set.Steps || losses[len(losses)-1] > 0.02 {
			t.Errorf("%s: %d losses, last %v", name, len(losses), losses[len(losses)-1])
		}
		if m.Graph.Initializer("b").Floats()[0] != 0 {
			t.Errorf("%s: the model was changed", name)
		}
	}
}

// xor is a network of two layers with its cross-entropy.
func xor(t *testing.T) *onnx.Model {
	t.Helper()
	g := onnx.NewBuilder("xor")
	x, y := g.Input("x", onnx.Float, -1, 2), g.Input("y", onnx.Float, -1, 2)
	h := g.Op("Tanh", []onnx.Value{g.Op("Gemm", []onnx.Value{x, g.Input("w1", onnx.Float, 2, 8), g.Input("b1", onnx.Float, 8)})})
	z := g.Op("LogSoftmax", []onnx.Value{g.Op("Gemm", []onnx.Value{h, g.Input("w2", onnx.Float, 8, 2), g.Input("b2", onnx.Float, 2)})})
	z = g.Name(z, "log_p")
	g.Output(z)
	s := g.Op("ReduceSum", []onnx.Value{g.Op("Mul", []onnx.Value{z, y}), g.ConstInts("axes", 1)}, onnx.Int("keepdims", 0))
	g.Output(g.Name(g.Op("Neg", []onnx.Value{g.Op("ReduceMean", []onnx.Value{s}, onnx.Int("keepdims", 0))}), "loss"))
	m, err := g.Build()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func xorParams() map[string]*onnx.Tensor {
	rng := rand.New(rand.NewPCG(1, 2))
	params := map[string]*onnx.Tensor{}
	for _, p := range []struct {
		name  string
		shape []int
	}{{"w1", []int{2, 8}}, {"b1", []int{8}}, {"w2", []int{8, 2}}, {"b2", []int{2}}} {
		t := onnx.NewTensor(onnx.Float, p.shape...)
		for k := range t.Floats() {
			t.Floats()[k] = float32(rng.NormFloat64())
		}
		params[p.name] = t
	}
	return params
}

// xorBatches alternates batches of four and of two points, so that there are
// two sessions.
func xorBatches(step int) (map[string]*onnx.Tensor, bool) {
	x, y := []float32{0, 0, 0, 1, 1, 0, 1, 1}, []float32{1, 0, 0, 1, 0, 1, 1, 0}
	if step%2 == 1 {
		return map[string]*onnx.Tensor{"x": onnx.From(x[2:6], 2, 2), "y": onnx.From(y[2:6], 2, 2)}, true
	}
	return map[string]*onnx.Tensor{"x": onnx.From(x, 4, 2), "y": onnx.From(y, 4, 2)}, true
}

func TestFitLearnsXOR(t *testing.T) {
	m, params := xor(t), xorParams()
	losses, err := Fit(context.Background(), ref.Engine, m, params, xorBatches, Settings{Steps: 300, Rate: 0.05, WeightDecay: 1e-4})
	if err != nil {
		t.Fatal(err)
	}
	r, err := ref.Engine(Freeze(m, params))
	if err != nil {
		t.Fatal(err)
	}
	in, _ := xorBatches(0)
	out := make([]*onnx.Tensor, 2)
	if err := r.Run(context.Background(), []*onnx.Tensor{in["x"], in["y"]}, out); err != nil {
		t.Fatal(err)
	}
	for k, y := range in["y"].Floats() {
		if p := math.Exp(float64(out[0].Floats()[k])); math.Abs(p-float64(y)) > 0.1 {
			t.Errorf("probability %d is %.3f, label %v (losses %.3f to %.3f)", k, p, y, losses[0], losses[len(losses)-1])
		}
	}
	again := xorParams()
	same, err := Fit(context.Background(), ref.Engine, m, again, xorBatches, Settings{Steps: 300, Rate: 0.05, WeightDecay: 1e-4})
	if err != nil || same[299] != losses[299] {
		t.Errorf("the same fit again ends with %v, not %v (error %v)", same[299], losses[299], err)
	}
}

func TestFitErrors(t *testing.T) {
	data := points(4)
	bad := points(4)
	bad["x"].Floats()[0] = float32(math.NaN())
	stop := errors.New("stop here")
	w := func() map[string]*onnx.Tensor { return map[string]*onnx.Tensor{"w": onnx.NewTensor(onnx.Float, 2, 1)} }
	for _, c := range []struct {
		want   string
		params map[string]*onnx.Tensor
		data   map[string]*onnx.Tensor
		set    Settings
	}{
		{"no output \"cost\"", w(), data, Settings{Loss: "cost"}},
		{"schedule \"step\"", w(), data, Settings{Schedule: "step", Steps: 3}},
		{"neither an input", map[string]*onnx.Tensor{"v": onnx.NewTensor(onnx.Float, 1)}, data, Settings{}},
		{"not a Float tensor", map[string]*onnx.Tensor{"w": onnx.NewTensor(onnx.Int8, 2, 1)}, data, Settings{}},
		{"no input \"y\"", w(), map[string]*onnx.Tensor{"x": data["x"]}, Settings{}},
		{"loss is NaN", w(), bad, Settings{}},
		{"stop here", w(), data, Settings{OnStep: func(int, float64) error { return stop }}},
	} {
		_, err := Fit(context.Background(), ref.Engine, regression(t), c.params, func(int) (map[string]*onnx.Tensor, bool) { return c.data, true }, c.set)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v does not say %q", err, c.want)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Fit(ctx, ref.Engine, regression(t), w(), func(int) (map[string]*onnx.Tensor, bool) { return data, true }, Settings{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
