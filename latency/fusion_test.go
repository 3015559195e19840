package latency

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"hanas/export"
	"hanas/onnx"
	"hanas/space"
)

// TestFusionRule by hand: a call costs 1, the layers 4 and 2 beside it.
func TestFusionRule(t *testing.T) {
	conv := space.Layer{Kind: space.Pointwise, In: 8, Out: 8, InSize: 4, OutSize: 4, Kernel: 1, Stride: 1, Groups: 1, Act: "relu", WBits: 8, ABits: 8}
	sum := space.Layer{Kind: space.Add, In: 8, Out: 8, InSize: 4, OutSize: 4, Kernel: 1, Stride: 1, Groups: 8, ABits: 8}
	f := Fusion{CallMs: 1}
	var pairs []PairTime
	for _, r := range []struct {
		both, saved float64
		fused       bool
	}{
		{7, 0, false},      // nothing but the call is saved
		{6.1, .9, false},   // less than half of the 2 of the cheaper
		{5.9, 1.1, true},   // more than half
		{5, 2, true},       // the second one is free
		{9.5, -2.5, false}, // a border
	} {
		p := f.judge(Pair{conv, sum}, 5, 3, r.both)
		if math.Abs(p.SavedMs-r.saved) > 1e-12 || p.Fused != r.fused {
			t.Errorf("together %g: saved %g, fused %t, want %g, %t", r.both, p.SavedMs, p.Fused, r.saved, r.fused)
		}
		pairs = append(pairs, p)
	}
	if p := f.judge(Pair{conv, sum}, 1, .9, 1); p.Fused && p.SavedMs <= 0 {
		t.Errorf("layers cheaper than a call: %+v", p)
	}
	rules := rulesOf(pairs)
	if len(rules) != 1 || rules[0].First != "pointwise relu integer" || rules[0].Second != "add integer" || rules[0].Fused || rules[0].Pairs != 5 ||
		math.Abs(rules[0].SavedMs-.3) > 1e-12 || math.Abs(rules[0].SavedOff-2.25) > 1e-12 {
		t.Errorf("%+v", rules)
	}
	if rules := rulesOf(pairs[2:4]); !rules[0].Fused {
		t.Errorf("all pairs are fused: %+v", rules)
	}
}

func TestPairsOfAreNeighbours(t *testing.T) {
	sp := preset(t, "quick")
	var nets [][]space.Layer
	neighbours := map[string]bool{}
	rng := rand.New(rand.NewPCG(2, 2))
	for range 50 {
		layers := sp.Layers(sp.RandomBits(sp.Random(rng), rng))
		nets = append(nets, layers)
		for i := 1; i < len(layers); i++ {
			neighbours[chainKey(layers[i-1:i+1])] = true
		}
	}
	pairs := PairsOf(nets, 2)
	count := map[[2]string]int{}
	for _, p := range pairs {
		if !neighbours[chainKey(p[:])] {
			t.Errorf("%s is in no network", chainKey(p[:]))
		}
		delete(neighbours, chainKey(p[:])) // no pair twice
		if count[p.rule()]++; count[p.rule()] > 2 {
			t.Errorf("%v has %d pairs", p.rule(), count[p.rule()])
		}
	}
	if len(count) < 20 {
		t.Errorf("only %d sorts of pairs", len(count))
	}
	if again := PairsOf(nets, 2); !slices.Equal(again, pairs) {
		t.Error("the same networks give other pairs")
	}
}

// TestFindFusionTimesEachOnce: layers that several pairs share are loaded once
// a round.
func TestFindFusionTimesEachOnce(t *testing.T) {
	b := &bench{loads: map[string]int{}}
	build := func(layers ...space.Layer) (*onnx.Model, error) {
		return &onnx.Model{Graph: &onnx.Graph{Name: chainKey(layers)}}, nil
	}
	layers := preset(t, "quick").Layers(preset(t, "quick").Smallest())
	pairs := []Pair{{layers[0], layers[1]}, {layers[1], layers[2]}}
	f, err := FindFusion(context.Background(), b.engine, pairs, build, brief, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Pairs) != 2 || !(f.CallMs > 0) {
		t.Errorf("%+v", f)
	}
	for _, key := range []string{callLayer.Key(), chainKey(layers[:1]), chainKey(layers[1:2]), chainKey(layers[:2])} {
		if b.loads[key] != 3 { // rounds
			t.Errorf("%s is loaded %d times", key, b.loads[key])
		}
	}
	if _, err := FindFusion(context.Background(), b.engine, nil, build, brief, nil); err == nil || !strings.Contains(err.Error(), "no pairs") {
		t.Error(err)
	}
}

// TestFusionWithORT: pairs of every sort build, load and run.
func TestFusionWithORT(t *testing.T) {
	eng := engine(t)
	sp := preset(t, "quick")
	rng := rand.New(rand.NewPCG(4, 4))
	var nets [][]space.Layer
	for range 40 {
		nets = append(nets, sp.Layers(sp.RandomBits(sp.Random(rng), rng)))
	}
	build := func(layers ...space.Layer) (*onnx.Model, error) { return export.BuildChain(layers, 1) }
	f, err := FindFusion(context.Background(), eng, PairsOf(nets, 1), build, brief, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Rules) < 20 || len(f.Rules) != len(f.Pairs) {
		t.Errorf("%d rules of %d pairs", len(f.Rules), len(f.Pairs))
	}
}
