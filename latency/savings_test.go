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
	var timed []Fusion
	rng := rand.New(rand.NewPCG(8, 1))
	var nets [][]space.Layer
	for range 200 {
		nets = append(nets, sp.Layers(sp.RandomBits(sp.Random(rng), rng)))
	}
	saves := map[string]float64{}
	for _, p := range Pairs(nets) {
		if _, ok := saves[p.Rule()]; !ok {
			saves[p.Rule()] = .0005 + .001*rng.NormFloat64()
		}
		timed = append(timed, fusion(p, .1, .1, .01, .2-saves[p.Rule()]))
	}
	var measured []Measured
	for _, layers := range nets {
		ms, _, err := tab.Sum(layers)
		if err != nil {
			t.Fatal(err)
		}
		for i := 1; i < len(layers); i++ { // by hand, not by savings
			ms -= saves[Pair{layers[i-1], layers[i]}.Rule()]
		}
		measured = append(measured, Measured{layers, ms})
	}
	plain, err := tab.Fit(measured[:60])
	if err != nil {
		t.Fatal(err)
	}
	fused, err := tab.FitFused(timed, measured[:60])
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
	timed[0].PairMs = math.NaN()
	if _, err := tab.FitFused(timed, measured); err == nil {
		t.Error("a saving that is no number")
	}
	if err := json.Unmarshal([]byte(`{"terms":{"scale":1},"networks":1,"mape":0,"pairs":[{"rule":"gelu, add"}]}`), &back); err == nil {
		t.Error("pairs of unknown operators")
	}
}

// TestFitFusedLeavesOut: pairs that mislead are not used.
func TestFitFusedLeavesOut(t *testing.T) {
	sp := preset(t, "quick")
	tab := modelTable(t, sp)
	nets := planted(t, tab, sp, Plain, 60, 0)
	layers := nets[0].Layers
	f := []Fusion{fusion(Pair{layers[0], layers[1]}, 2, 2, 0, .5), fusion(Pair{layers[1], layers[2]}, 2, 2, 0, 3.9)}
	c, err := tab.FitFused(f, nets)
	if err != nil || c.Fused() {
		t.Errorf("%+v, %v", c, err)
	}
	if c, err := tab.FitFused(nil, nets); err != nil || c.Fused() {
		t.Errorf("%+v, %v", c, err)
	}
}
