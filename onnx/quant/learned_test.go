package quant

import (
	"math"
	"math/rand/v2"
	"testing"
)

func randomWeights(n int, rng *rand.Rand) []float32 {
	w := make([]float32, n)
	for i := range w {
		w[i] = float32(rng.NormFloat64())
	}
	return w
}

// At factor 1, learned steps round as FakeWeights does; the steps that a file
// is written with give the same values.
func TestFactorOneIsTheUsualStep(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	for _, bits := range []int{2, 4, 8} {
		w := randomWeights(6*18, rng)
		usual, learned := make([]float32, len(w)), make([]float32, len(w))
		FakeWeights(usual, w, 6, bits)
		FakeWeightsBy(learned, w, 6, bits, 1)
		for i := range w {
			if usual[i] != learned[i] {
				t.Fatalf("%d bits: value %d is %v, usually %v", bits, i, learned[i], usual[i])
			}
		}
		FakeWeightsBy(learned, w, 6, bits, .7)
		q := NewWeight("", w, []int{6, 18}, bits)
		q.Round(w, StepsBy(w, 6, bits, .7))
		for i := range w {
			if v := float32(q.Codes[i]) * q.Scale[i/18]; v != learned[i] {
				t.Fatalf("%d bits: value %d is %v in the file, %v in training", bits, i, v, learned[i])
			}
		}
	}
}

// The step's gradient equals central differences of the function that
// straight-through rounding stands for: codes that are limited move with the
// step; the others keep their rounding error in steps (x + s*(round(x/s) - x/s)
// with the error held).
func TestStepGradientByDifferences(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 5))
	const rows, per = 5, 40
	for _, bits := range []int{2, 4, 8} {
		for _, factor := range []float32{.4, 1, 1.6} {
			w, g := randomWeights(rows*per, rng), randomWeights(rows*per, rng)
			steps := StepsBy(w, rows, bits, factor)
			limit := float64(WeightLevels(bits))
			surrogate := func(move float64) float64 { // steps times e^move
				sum := 0.0
				for i, v := range w {
					at := float64(steps[i/per])
					x := float64(v) / at
					value := 0.0
					if held := math.RoundToEven(x) - x; math.Abs(math.RoundToEven(x)) <= limit {
						value = float64(v) + at*math.Exp(move)*held
					} else {
						value = math.Copysign(limit, x) * at * math.Exp(move)
					}
					sum += float64(g[i]) * value
				}
				return sum
			}
			const h = 1e-4
			want := (surrogate(h) - surrogate(-h)) / (2 * h)
			got := StepGradient(g, w, rows, bits, factor)
			if math.Abs(got-want) > 1e-3*(1+math.Abs(want)) {
				t.Errorf("%d bits at %g: %v, by differences %v", bits, factor, got, want)
			}
		}
	}
}

// Weights inside the range pass their gradient, those beyond it do not.
func TestLearnedGradientStopsBeyondTheRange(t *testing.T) {
	w := []float32{.1, -.3, 1, -5, 4, .2, 0, -.9}
	g := []float32{1, 2, 3, 4, 5, 6, 7, 8}
	s := float64(StepsBy(w, 1, 2, 1)[0])
	got := append([]float32{}, g...)
	scaled := LearnedGradient(got, w, 1, 2, 1)
	for i, v := range w {
		want := g[i]
		if math.Abs(float64(v)) > 1.5*s {
			want = 0
		}
		if got[i] != want {
			t.Errorf("weight %v at step %.3g: gradient %v, want %v", v, s, got[i], want)
		}
	}
	if plain := StepGradient(g, w, 1, 2, 1); math.Abs(scaled*math.Sqrt(8)-plain) > 1e-9 {
		t.Errorf("the step's gradient is %v, want %v/sqrt(8)", scaled, plain)
	}
	if got[3] != 0 || got[0] == 0 {
		t.Error("the test tests nothing")
	}
}
