package latency

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"hanas/onnx"
	"hanas/space"
)

// TestFusionRule goes through the rule by hand, with and without a border.
func TestFusionRule(t *testing.T) {
	for _, c := range []struct {
		name                        string
		first, second, border, pair float64
		saved                       float64
		fused                       bool
	}{
		{"nothing saved", 3, 2, 0, 5, 0, false},
		{"all of the second is free", 3, 2, 0, 3, 2, true},
		{"half is not more than half", 3, 2, 0, 4, 1, false},
		{"a bit more than half", 3, 2, 0, 3.99, 1.01, true},
		{"what two calls pay twice is not saved", 3, 2, 1, 4, 0, false},
		{"slower together", 3, 2, 0, 6, -1, false},
		{"a border is no more than an operator", .5, 2, 1, 2, 0, false},
	} {
		f := fusion(Pair{}, c.first, c.second, c.border, c.pair)
		if math.Abs(f.SavedMs-c.saved) > 1e-12 || f.Fused != c.fused {
			t.Errorf("%s: %+v, want %g saved, fused %v", c.name, f, c.saved, c.fused)
		}
	}
}

// TestPairs: every neighbourhood of the networks has its rule, no rule more than
// three pairs, and the first of them is the cheapest.
func TestPairs(t *testing.T) {
	sp := preset(t, "quick")
	rng := rand.New(rand.NewPCG(1, 1))
	var nets [][]space.Layer
	want := map[string]bool{}
	cheapest := map[string]int64{}
	for range 40 {
		layers := sp.Layers(sp.Random(rng))
		nets = append(nets, layers)
		for i := 1; i < len(layers); i++ {
			p := Pair{layers[i-1], layers[i]}
			macs := p.First.MACs() + p.Second.MACs()
			if !want[p.Rule()] || macs < cheapest[p.Rule()] {
				cheapest[p.Rule()] = macs
			}
			want[p.Rule()] = true
		}
	}
	got := map[string]int{}
	for _, p := range Pairs(nets) {
		if got[p.Rule()] == 0 && p.First.MACs()+p.Second.MACs() != cheapest[p.Rule()] {
			t.Errorf("%s begins with %d MACs, want %d", p.Rule(), p.First.MACs()+p.Second.MACs(), cheapest[p.Rule()])
		}
		got[p.Rule()]++
	}
	if len(got) != len(want) || len(want) < 10 {
		t.Fatalf("%d rules, want %d", len(got), len(want))
	}
	for r, n := range got {
		if n > 3 || !want[r] {
			t.Errorf("%d pairs of %s", n, r)
		}
	}
}

// TestFusionsOfAStopwatch runs whole: models of no work, where only the count of
// timings and the names can be told.
func TestFusionsOfAStopwatch(t *testing.T) {
	sp := preset(t, "quick")
	pairs := Pairs([][]space.Layer{sp.Layers(sp.Largest())})
	b := &bench{loads: map[string]int{}}
	build := func(layers ...space.Layer) (*onnx.Model, error) {
		var keys []string
		for _, l := range layers {
			keys = append(keys, l.Key())
		}
		return &onnx.Model{Graph: &onnx.Graph{Name: strings.Join(keys, " ")}}, nil
	}
	fusions, _, err := Fusions(t.Context(), b.engine, pairs, build, brief, nil)
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, r := range FusionRules(fusions) {
		total += r.Pairs
	}
	if total != len(pairs) || b.open != 0 || b.loads[pairs[0].First.Key()+" "+pairs[0].Second.Key()] != 3 {
		t.Errorf("%d of %d pairs, %d runners left open, %d loads of the first", total, len(pairs), b.open, b.loads[pairs[0].First.Key()+" "+pairs[0].Second.Key()])
	}
}
