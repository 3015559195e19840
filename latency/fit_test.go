package latency

import (
	"math"
	"math/rand/v2"
	"slices"
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

// correction sets some terms by their names.
func correction(t testing.TB, set map[string]float64) Correction {
	t.Helper()
	c := Plain
	for name, v := range set {
		k := slices.Index(termNames[:], name)
		if k < 0 {
			t.Fatalf("no term %q", name)
		}
		c.weights[k] = v
	}
	return c
}

// TestFitFindsWhatWasPlanted: exact data gives the planted estimates back.
func TestFitFindsWhatWasPlanted(t *testing.T) {
	sp := preset(t, "quick")
	tab := modelTable(t, sp)
	for _, set := range []map[string]float64{
		nil,
		{"scale": .8, "offset_ms": .05},
		{"scale": 1.1, "border_ms float to integer": .004, "layer_ms depthwise float": .01},
		{"scale": .9, "offset_ms": .02, "element_ms integer to mixed": 3e-7, "layer_ms pointwise integer": -.0005, "layer_ms add mixed": -.0005},
	} {
		c := correction(t, set)
		nets := planted(t, tab, sp, c, 200, 0)
		got, err := tab.Fit(nets[:160])
		if err != nil {
			t.Fatal(err)
		}
		r, err := NewEstimator(tab, got).Report(nets[160:])
		if err != nil {
			t.Fatal(err)
		}
		if r.Corrected.MAPE > .005 || r.Corrected.Tau < .98 || r.N != 40 || got.Networks != 160 {
			t.Errorf("planted %v, found %+v: held out %+v", set, got, r.Corrected)
		}
		if len(set) > 0 && r.Corrected.MAPE > r.Plain.MAPE/4 {
			t.Errorf("planted %v: %+v, plain %+v", set, r.Corrected, r.Plain)
		}
	}
}

// TestFitHelpsUnderNoise, also when there are fewer networks than terms, and
// says of itself about what held-out networks say.
func TestFitHelpsUnderNoise(t *testing.T) {
	sp := preset(t, "quick")
	tab := modelTable(t, sp)
	c := correction(t, map[string]float64{"scale": .8, "offset_ms": .05, "border_ms float to integer": .01})
	nets := planted(t, tab, sp, c, 300, .05)
	for _, n := range []int{minNetworks, 30, 100} {
		c, err := tab.Fit(nets[:n])
		if err != nil {
			t.Fatal(err)
		}
		r, err := NewEstimator(tab, c).Report(nets[100:])
		if err != nil || r.Corrected.MAPE > .7*r.Plain.MAPE || n == 100 && r.Corrected.MAPE > .06 {
			t.Errorf("%d networks: %+v, %v", n, r, err)
		}
		if n == 100 && math.Abs(c.MAPE-r.Corrected.MAPE) > .01 {
			t.Errorf("cross-validation says %.3f, held-out networks %.3f", c.MAPE, r.Corrected.MAPE)
		}
	}
}

// TestSolveIsOptimal: the gradient of the objective vanishes.
func TestSolveIsOptimal(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	for range 20 {
		x := make([][terms]float64, 12+rng.IntN(80))
		for i := range x {
			for k := range x[i] {
				if k%7 != 3 { // terms that never occur
					x[i][k] = rng.NormFloat64() * math.Pow(10, float64(k%4-3))
				}
			}
		}
		const ridge = 1e-2
		w, err := solve(x, ridge)
		if err != nil {
			t.Fatal(err)
		}
		for k := range w {
			size, grad := 0.0, 0.0
			for i := range x {
				size += x[i][k] * x[i][k]
				grad += x[i][k] * (dot(&x[i], &w) - 1)
			}
			if size == 0 {
				if w[k] != Plain.weights[k] {
					t.Fatalf("term %q, which never occurs, is %g", termNames[k], w[k])
				}
				continue
			}
			if grad = (grad + ridge*size*(w[k]-Plain.weights[k])) / math.Sqrt(size); math.Abs(grad) > 1e-9 {
				t.Fatalf("term %q = %g has gradient %g", termNames[k], w[k], grad)
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

// TestFeatures counts by hand.
func TestFeatures(t *testing.T) {
	l := func(kind space.Kind, w, a int) space.Layer {
		return space.Layer{Kind: kind, In: 3, InSize: 2, WBits: w, ABits: a}
	}
	p, add := space.Pointwise, space.Add
	for _, r := range []struct {
		layers []space.Layer
		want   map[string]float64
	}{
		{[]space.Layer{l(p, 8, 8), l(p, 2, 4)}, map[string]float64{"layer_ms pointwise integer": 2, "border_ms integer to integer": 1, "element_ms integer to integer": 12}},
		{[]space.Layer{l(p, 8, 8), l(p, 8, 16), l(add, 0, 4)}, map[string]float64{
			"layer_ms pointwise integer": 1, "layer_ms pointwise float": 1, "layer_ms add integer": 1,
			"border_ms integer to float": 1, "element_ms integer to float": 12, "border_ms float to integer": 1, "element_ms float to integer": 12,
		}},
		{[]space.Layer{l(p, 16, 8), l(p, 16, 16)}, map[string]float64{"layer_ms pointwise mixed": 1, "layer_ms pointwise float": 1, "border_ms mixed to float": 1, "element_ms mixed to float": 12}},
	} {
		r.want["scale"], r.want["offset_ms"] = 7, 1
		for k, v := range features(7, r.layers) {
			if v != r.want[termNames[k]] {
				t.Errorf("%+v: %s is %g, want %g", r.layers, termNames[k], v, r.want[termNames[k]])
			}
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
