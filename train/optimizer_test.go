package train

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
)

// recorded is testdata/optimizers.json, made by optimizers.py with PyTorch.
type recorded struct {
	Origin string
	Start  []float32
	Grads  [][]float32
	Rates  []float64
	Values map[string][][]float64
}

// optimizers are the recorded cases.
var optimizers = map[string]func([]Param) Optimizer{
	"sgd":            sgd(SGDSettings{}),
	"sgd decay":      sgd(SGDSettings{WeightDecay: 0.1}),
	"momentum":       sgd(SGDSettings{Momentum: 0.9}),
	"momentum decay": sgd(SGDSettings{Momentum: 0.9, WeightDecay: 0.1}),
	"nesterov":       sgd(SGDSettings{Momentum: 0.9, Nesterov: true}),
	"nesterov decay": sgd(SGDSettings{Momentum: 0.9, Nesterov: true, WeightDecay: 0.1}),
	"adamw":          adamw(AdamWSettings{}),
	"adamw decay":    adamw(AdamWSettings{WeightDecay: 0.1}),
	"adamw betas":    adamw(AdamWSettings{Beta1: 0.8, Beta2: 0.9, Epsilon: 1e-3, WeightDecay: 0.01}),
}

func sgd(s SGDSettings) func([]Param) Optimizer {
	return func(p []Param) Optimizer { return NewSGD(p, s) }
}

func adamw(s AdamWSettings) func([]Param) Optimizer {
	return func(p []Param) Optimizer { return NewAdamW(p, s) }
}

func record(t *testing.T) recorded {
	t.Helper()
	data, err := os.ReadFile("testdata/optimizers.json")
	if err != nil {
		t.Fatal(err)
	}
	var r recorded
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// one is a single parameter with decay.
func one(start []float32) []Param {
	return []Param{{Name: "w", Value: slices.Clone(start), Grad: make([]float32, len(start)), Decay: true}}
}

// TestAgainstPyTorch: the paths are float32, PyTorch's float64.
func TestAgainstPyTorch(t *testing.T) {
	r := record(t)
	if len(r.Values) != len(optimizers) {
		t.Errorf("%d recorded cases, %d tested", len(r.Values), len(optimizers))
	}
	for name, path := range r.Values {
		p := one(r.Start)
		opt := optimizers[name](p)
		for step, want := range path {
			copy(p[0].Grad, r.Grads[step])
			opt.Step(r.Rates[step])
			for k, w := range want {
				if d := math.Abs(float64(p[0].Value[k]) - w); d > 2e-6 {
					t.Errorf("%s: step %d: w[%d] is %v, %s has %v", name, step, k, p[0].Value[k], r.Origin, w)
				}
			}
		}
	}
}

// TestStateGoesOn: an optimizer that is stopped and restored continues with
// the same bytes.
func TestStateGoesOn(t *testing.T) {
	r := record(t)
	for name, makeOne := range optimizers {
		whole, first := one(r.Start), one(r.Start)
		a, b := makeOne(whole), makeOne(first)
		for step := range r.Grads {
			if step == 3 {
				saved := map[string][]float32{}
				for k, v := range b.State() {
					saved[k] = slices.Clone(v)
				}
				first = one(first[0].Value)
				b = makeOne(first)
				if err := b.SetState(saved); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
			}
			copy(whole[0].Grad, r.Grads[step])
			copy(first[0].Grad, r.Grads[step])
			a.Step(r.Rates[step])
			b.Step(r.Rates[step])
		}
		if !slices.Equal(whole[0].Value, first[0].Value) {
			t.Errorf("%s: %v in one go, %v after a restore", name, whole[0].Value, first[0].Value)
		}
	}
}

func TestSetStateErrors(t *testing.T) {
	o := NewAdamW(one([]float32{1, 2}), AdamWSettings{})
	good := o.State()
	o.m[0][0] = 7
	for want, s := range map[string]map[string][]float32{
		"is missing":    {"m/w": good["m/w"], "v/w": good["v/w"]},
		"has 1 values":  {"m/w": {0}, "v/w": good["v/w"], "steps": {3}},
		"not of this":   {"m/w": {0, 0}, "v/w": {0, 0}, "steps": {3}, "momentum/w": {0, 0}},
		`"m/w" is miss`: {"v/w": {0, 0}, "steps": {3}},
	} {
		if err := o.SetState(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not say %q", err, want)
		}
	}
	if o.m[0][0] != 7 || o.count[0] != 0 {
		t.Error("a failed SetState changed the optimizer")
	}
}

// TestDecoupled: without gradients, w shrinks by 1 - rate*decay a step, for
// parameters with Decay only; momentum does not see it.
func TestDecoupled(t *testing.T) {
	for name, makeOne := range map[string]func([]Param) Optimizer{
		"sgd":   sgd(SGDSettings{Momentum: 0.9, Nesterov: true, WeightDecay: 0.5, Decoupled: true}),
		"plain": sgd(SGDSettings{WeightDecay: 0.5, Decoupled: true}),
		"adamw": adamw(AdamWSettings{WeightDecay: 0.5}),
	} {
		p := []Param{{Name: "w", Value: []float32{1}, Grad: make([]float32, 1), Decay: true}, {Name: "b", Value: []float32{1}, Grad: make([]float32, 1)}}
		o := makeOne(p)
		o.Step(0.1)
		o.Step(0.1)
		if w := float64(p[0].Value[0]); math.Abs(w-0.95*0.95) > 1e-6 || p[1].Value[0] != 1 {
			t.Errorf("%s: w = %v, b = %v", name, w, p[1].Value[0])
		}
	}
}

func TestClipGradNorm(t *testing.T) {
	ps := newParams([]Param{{Name: "a", Value: make([]float32, 1), Grad: []float32{3}}, {Name: "b", Value: make([]float32, 1), Grad: []float32{-4}}})
	for _, c := range []struct{ bound, norm, a, b float64 }{{0, 5, 3, -4}, {10, 5, 3, -4}, {2.5, 5, 1.5, -2}, {2.5, 2.5, 1.5, -2}} {
		norm := ps.ClipGradNorm(c.bound)
		if norm != c.norm || ps[0].Grad[0] != float32(c.a) || ps[1].Grad[0] != float32(c.b) {
			t.Errorf("bound %v: norm %v, gradients %v %v", c.bound, norm, ps[0].Grad, ps[1].Grad)
		}
	}
	ps[0].Grad[0] = float32(math.Inf(1))
	if norm := ps.ClipGradNorm(1); !math.IsInf(norm, 1) || ps[1].Grad[0] != -2 {
		t.Errorf("infinite gradient: norm %v, gradients %v", norm, ps[1].Grad)
	}
}

func TestCheckFinite(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(-1))
	for _, c := range []struct {
		values []float32
		want   string
	}{{[]float32{1, -2, math.MaxFloat32, math.MaxFloat32}, ""}, {nil, ""}, {[]float32{1, nan}, "value 1 of 2 is NaN"}, {[]float32{inf, nan}, "value 0 of 2 is -Inf"}} {
		err := CheckFinite("w", c.values)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: error %v", c.values, err)
		}
	}
}

// TestSchedules at points worked by hand: 100 steps, 10 of them warm-up.
func TestSchedules(t *testing.T) {
	for _, c := range []struct {
		name   string
		step   int
		warmup float64
		want   float64
	}{
		{"cosine", 0, 0.1, 0.2},
		{"cosine", 4, 0.1, 1},
		{"cosine", 9, 0.1, 2},
		{"cosine", 10, 0.1, 2},
		{"cosine", 55, 0.1, 1},
		{"cosine", 100, 0.1, 0},
		{"cosine", 0, 0, 2},
		{"cosine", 50, 0, 1},
		{"cosine", 25, 0, 1 + math.Sqrt2/2},
		{"constant", 0, 0.1, 0.2},
		{"constant", 9, 0.1, 2},
		{"constant", 99, 0.1, 2},
		{"constant", 0, 0, 2},
	} {
		if got := Schedules[c.name](c.step, 100, 2, c.warmup); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%s at %d (warm-up %v): %v, not %v", c.name, c.step, c.warmup, got, c.want)
		}
	}
}

func TestEMA(t *testing.T) {
	p := []Param{{Name: "w", Value: []float32{1, 2}}}
	e := NewEMA(p, 0.75)
	p[0].Value[0], p[0].Value[1] = 5, 2
	e.Update() // 0.75*1 + 0.25*5
	e.Swap()
	if want := []float32{2, 2}; !slices.Equal(p[0].Value, want) {
		t.Errorf("average %v, not %v", p[0].Value, want)
	}
	e.Swap()
	if p[0].Value[0] != 5 {
		t.Errorf("swapping twice gives %v", p[0].Value)
	}
	f := NewEMA(p, 0.75)
	if err := f.SetState(e.State()); err != nil || f.average[0][0] != 2 {
		t.Errorf("restored average %v, error %v", f.average, err)
	}
}

func TestStepDoesNotAllocate(t *testing.T) {
	for name, makeOne := range optimizers {
		p := one(make([]float32, 100))
		o, e := makeOne(p), NewEMA(p, 0.9)
		if n := testing.AllocsPerRun(10, func() {
			params(p).ClipGradNorm(1)
			o.Step(0.1)
			e.Update()
			if CheckFinite("w", p[0].Value) != nil {
				t.Fail()
			}
		}); n != 0 {
			t.Errorf("%s: a step makes %v allocations", name, n)
		}
	}
}

func BenchmarkStep(b *testing.B) {
	const n = 1 << 20
	for _, name := range []string{"sgd", "nesterov decay", "adamw decay"} {
		b.Run(name, func(b *testing.B) {
			p := one(make([]float32, n))
			for k := range p[0].Grad {
				p[0].Grad[k] = float32(k%7) - 3
			}
			o := optimizers[name](p)
			for b.Loop() {
				o.Step(1e-3)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/param")
		})
	}
}

func ExampleCosine() {
	for _, step := range []int{0, 5, 9} {
		fmt.Printf("%.3f\n", Cosine(step, 10, 1, 0.2))
	}
	// Output:
	// 0.500
	// 0.691
	// 0.038
}
