package latency

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"hanas/space"
)

// planted makes networks whose times follow c exactly, but for noise.
func planted(t testing.TB, tab *Table, sp *space.Space, c Correction, n int, noise float64) []Measured {
	t.Helper()
	rng := rand.New(rand.NewPCG(5, 5))
	var out []Measured
	for range n {
		layers := sp.Layers(sp.Random(rng))
		sum, _, err := tab.Sum(layers)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, Measured{layers, c.apply(sum, layers) * (1 + noise*rng.NormFloat64())})
	}
	return out
}

// TestFitFindsWhatWasPlanted: exact data gives the planted estimates back.
func TestFitFindsWhatWasPlanted(t *testing.T) {
	sp := preset(t, "quick")
	tab := modelTable(t, sp)
	for _, c := range []Correction{
		{Scale: 1},
		{Scale: .8, Offset: .05},
		{Scale: 1.1, PerBorder: .004, PerOpen: .01},
		{Scale: .9, Offset: .02, PerElement: 3e-7, PerLayer: .0005},
	} {
		c.Networks = 1 // not Plain
		got, err := tab.Fit(planted(t, tab, sp, c, 60, 0))
		if err != nil {
			t.Fatal(err)
		}
		r, err := NewEstimator(tab, got).Report(planted(t, tab, sp, c, 100, 0)[60:])
		if err != nil {
			t.Fatal(err)
		}
		if r.Corrected.MAPE > .005 || r.Corrected.Tau < .98 || r.N != 40 {
			t.Errorf("planted %+v, found %+v: held out %+v", c, got, r.Corrected)
		}
	}
}

func TestFitHelpsUnderNoise(t *testing.T) {
	sp := preset(t, "quick")
	tab := modelTable(t, sp)
	nets := planted(t, tab, sp, Correction{Scale: .8, Offset: .05, PerOpen: .01, Networks: 1}, 120, .05)
	c, err := tab.Fit(nets[:40])
	if err != nil {
		t.Fatal(err)
	}
	r, err := NewEstimator(tab, c).Report(nets[40:])
	if err != nil || r.Corrected.MAPE > .06 || r.Corrected.MAPE > r.Plain.MAPE/2 {
		t.Errorf("%+v, %v", r, err)
	}
	for _, w := range c.weights() {
		if w < 0 {
			t.Errorf("negative coefficient in %+v", c)
		}
	}
}

// TestNonNegativeIsOptimal checks the conditions of Karush, Kuhn and Tucker on
// random problems: the gradient vanishes where w > 0 and pushes down where w = 0.
func TestNonNegativeIsOptimal(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	prior := [terms]float64{1}
	for range 50 {
		x := make([][terms]float64, 12+rng.IntN(30))
		for i := range x {
			for k := range x[i] {
				x[i][k] = rng.NormFloat64() * math.Pow(10, float64(k-3))
			}
		}
		w := nonNegative(x, prior)
		for k := range w {
			size, grad := 0.0, 0.0
			for _, row := range x {
				size += row[k] * row[k]
				grad += row[k] * (1 - dot(row, w))
			}
			size = math.Sqrt(size)
			grad = grad/size - ridge*(w[k]-prior[k])*size
			if w[k] < 0 || w[k] > 0 && math.Abs(grad) > 1e-9 || w[k] == 0 && grad > 1e-9 {
				t.Fatalf("coefficient %d = %g has gradient %g", k, w[k], grad)
			}
		}
	}
}

func TestFitRefuses(t *testing.T) {
	sp := preset(t, "quick")
	tab := modelTable(t, sp)
	nets := planted(t, tab, sp, Plain, 20, 0)
	if _, err := tab.Fit(nets[:9]); err == nil {
		t.Error("nine networks are taken")
	}
	nets[3].Ms, nets[7].Ms = math.NaN(), 0
	if _, err := tab.Fit(nets); err == nil || !strings.Contains(err.Error(), "network 3") || !strings.Contains(err.Error(), "network 7") {
		t.Errorf("%v", err)
	}
	if _, err := NewEstimator(tab, Plain).Report(nil); err == nil {
		t.Error("a report of nothing")
	}
}

// TestCrossings counts by hand.
func TestCrossings(t *testing.T) {
	l := func(w, a int) space.Layer {
		return space.Layer{Kind: space.Pointwise, In: 3, InSize: 2, WBits: w, ABits: a}
	}
	for _, r := range []struct {
		layers                  []space.Layer
		borders, elements, open int
	}{
		{[]space.Layer{l(8, 8), l(8, 8)}, 0, 0, 0},
		{[]space.Layer{l(8, 8), l(8, 16), l(4, 4)}, 2, 24, 1},
		{[]space.Layer{l(8, 8), l(16, 8), l(8, 8)}, 2, 24, 0},
		{[]space.Layer{l(16, 8), l(16, 16)}, 0, 0, 0},
	} {
		if b, e, o := crossings(r.layers); b != r.borders || e != r.elements || o != r.open {
			t.Errorf("%+v: %d %d %d, want %d %d %d", r.layers, b, e, o, r.borders, r.elements, r.open)
		}
	}
}

// TestQuality: figures by hand; tau-b with ties from Kendall's definition.
func TestQuality(t *testing.T) {
	q := quality([]float64{1.04, 1.08, 0.8, 1}, []float64{1, 1, 1, 1})
	if math.Abs(q.MAPE-.08) > 1e-12 || math.Abs(q.Bias+.02) > 1e-12 || q.Within5 != .5 || q.Within10 != .75 || q.Tau != 0 {
		t.Errorf("%+v", q)
	}
	for _, r := range []struct {
		x, y []float64
		want float64
	}{
		{[]float64{1, 2, 3, 4}, []float64{2, 4, 6, 9}, 1},
		{[]float64{1, 2, 3, 4}, []float64{4, 3, 2, 1}, -1},
		{[]float64{12, 2, 1, 12, 2}, []float64{1, 4, 7, 1, 0}, -0.4714045207910316}, // scipy.stats.kendalltau's example
	} {
		if got := kendall(r.x, r.y); math.Abs(got-r.want) > 1e-12 {
			t.Errorf("tau of %v and %v is %g, want %g", r.x, r.y, got, r.want)
		}
	}
}
