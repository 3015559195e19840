package latency

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"

	"hanas/space"
)

// TestFitFusedUsesPairs: times that lack what pairs save are predicted better
// with the measured pairs, from few networks, and the estimator is stored whole.
func TestFitFusedUsesPairs(t *testing.T) {
	sp := preset(t, "quick")
	tab := modelTable(t, sp)
	f := &Fusion{CallMs: .0005}
	rng := rand.New(rand.NewPCG(8, 1))
	var nets [][]space.Layer
	for range 200 {
		nets = append(nets, sp.Layers(sp.RandomBits(sp.Random(rng), rng)))
	}
	for _, p := range PairsOf(nets, 1) {
		f.Rules = append(f.Rules, FusionRule{First: p.rule()[0], Second: p.rule()[1], Pairs: 1, SavedMs: .001 * rng.NormFloat64()})
	}
	var measured []Measured
	for _, layers := range nets {
		ms, _, err := tab.Sum(layers)
		if err != nil {
			t.Fatal(err)
		}
		for i := 1; i < len(layers); i++ { // by hand, not by savings
			for _, r := range f.Rules {
				if r.First == fusionKind(&layers[i-1]) && r.Second == fusionKind(&layers[i]) {
					ms -= r.SavedMs
				}
			}
			ms -= f.CallMs
		}
		measured = append(measured, Measured{layers, ms})
	}
	plain, err := tab.Fit(measured[:60])
	if err != nil {
		t.Fatal(err)
	}
	fused, err := tab.FitFused(f, measured[:60])
	if err != nil || !fused.Fused() {
		t.Fatalf("%+v, %v", fused, err)
	}
	a, _ := NewEstimator(tab, plain).Report(measured[60:])
	b, err := NewEstimator(tab, fused).Report(measured[60:])
	if err != nil || b.Corrected.MAPE > 1e-6 || a.Corrected.MAPE < 1e-3 {
		t.Errorf("without pairs %+v, with %+v, %v", a.Corrected, b.Corrected, err)
	}
	text, err := json.Marshal(fused)
	if err != nil {
		t.Fatal(err)
	}
	var back Correction
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	for _, m := range measured {
		sum, _, _ := tab.Sum(m.Layers)
		if x, y := fused.apply(sum, m.Layers), back.apply(sum, m.Layers); math.Abs(x-y) > 1e-12 {
			t.Fatalf("%g ms, stored %g", x, y)
		}
	}
	f.Rules[0].SavedMs = math.NaN()
	if _, err := tab.FitFused(f, measured); err == nil {
		t.Error("a saving that is no number")
	}
	if err := json.Unmarshal([]byte(`{"terms":{"scale":1},"networks":1,"mape":0,"pairs":[{"first":"gelu","second":"add"}]}`), &back); err == nil {
		t.Error("pairs of unknown operators")
	}
}

// TestFitFusedLeavesOut: pairs that mislead are not used.
func TestFitFusedLeavesOut(t *testing.T) {
	sp := preset(t, "quick")
	tab := modelTable(t, sp)
	nets := planted(t, tab, sp, Plain, 60, 0)
	f := &Fusion{Rules: []FusionRule{{First: "pointwise relu integer", Second: "depthwise relu integer", SavedMs: 3}}}
	c, err := tab.FitFused(f, nets)
	if err != nil || c.Fused() {
		t.Errorf("%+v, %v", c, err)
	}
	if c, err := tab.FitFused(nil, nets); err != nil || c.Fused() {
		t.Errorf("%+v, %v", c, err)
	}
}
