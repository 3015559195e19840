package stages

import (
	"math"
	"math/rand/v2"
	"testing"

	"hanas/configs"
	"hanas/space"
)

func quickEnv(t *testing.T) *Env {
	t.Helper()
	cfg, err := configs.Load("quick", nil)
	if err != nil {
		t.Fatal(err)
	}
	e, err := NewEnv(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestFreedomsKeepWhatIsFixed: an architecture-only search has one width
// everywhere and any topology, a bits-only search the largest topology and any
// width, each from whatever it starts, mutates and crosses.
func TestFreedomsKeepWhatIsFixed(t *testing.T) {
	e := quickEnv(t)
	free, err := e.freedoms(4)
	if err != nil {
		t.Fatal(err)
	}
	sp := e.Space
	rng := rand.New(rand.NewPCG(1, 1))
	bare := func(a space.Arch) space.Arch { return sp.WithBits(a, 2, 2) }
	widths, topologies := map[int]bool{}, map[space.Arch]bool{}
	for range 200 {
		a := free[1].within(sp.Random(rng))
		topologies[bare(a)] = true
		for _, l := range sp.Layers(a) {
			if l.WBits > 0 && l.Name != "stem" && l.Name != "classifier" && (l.WBits != 4 || l.ABits != 4) {
				t.Fatalf("%s: layer %s has %d and %d bits", sp.Key(a), l.Name, l.WBits, l.ABits)
			}
		}
		for _, b := range []space.Arch{free[2].random(rng), free[2].within(sp.Random(rng)), free[2].within(sp.Mutate(free[2].random(rng), .3, rng))} {
			if bare(b) != bare(sp.Largest()) {
				t.Fatalf("%s is not the largest topology", sp.Key(b))
			}
		}
		for _, l := range sp.Layers(free[2].random(rng)) {
			widths[l.WBits] = true
		}
		if a := sp.Random(rng); free[0].within(a) != a {
			t.Fatal("the joint search is not free")
		}
	}
	if len(topologies) < 50 {
		t.Errorf("only %d topologies", len(topologies))
	}
	for _, w := range sp.WBits {
		if !widths[w] {
			t.Errorf("no layer of %d bits in 200 draws", w)
		}
	}
}

// TestFreedomLimitsAndGain goes through three fronts of two seeds by hand.
func TestFreedomLimitsAndGain(t *testing.T) {
	e := quickEnv(t)
	front := func(pairs ...float64) (out []frontPoint) {
		for i := 0; i < len(pairs); i += 2 {
			out = append(out, frontPoint{Arch: "x", LatencyMS: pairs[i], Accuracy: pairs[i+1]})
		}
		return out
	}
	fronts := map[string][][]frontPoint{
		freedomJoint: {front(1, .5, 3, .8, 9, .9), front(1, .5, 4, .7, 8, .9)},
		freedomArch:  {front(2, .5, 4, .6), front(2, .5, 5, .6)},
		freedomBits:  {front(3, .6, 20, .9), front(3.5, .7, 20, .9)},
	}
	limits := e.freedomLimits(fronts, FreedomSettings{Limits: 2})
	// from 2 ms, where the last front of the first two begins, to 4, where the first of them ends
	if len(limits) != 2 || limits[0].LatencyMS != 2 || math.Abs(limits[1].LatencyMS-4) > 1e-12 {
		t.Fatalf("%+v", limits)
	}
	if len(limits[0].Winners[freedomBits]) != 0 || limits[1].Winners[freedomJoint][0].Predicted != .8 || limits[1].Winners[freedomJoint][1].Predicted != .7 || limits[1].Winners[freedomBits][1].LatencyMS != 3.5 {
		t.Fatalf("%+v", limits)
	}
	f := &Freedoms{Seeds: 2, Limits: limits}
	g := gain(f, freedomArch)
	// seeds: (0 + 20)/2 and (0 + 20)/2 = 10 (the second: .7 against .5, as 5 ms is above the limit)
	if g.Limits != 2 || math.Abs(g.Predicted-10) > 1e-9 || math.Abs(g.Low-10) > 1e-9 {
		t.Errorf("%+v", g)
	}
	g = gain(f, freedomBits)
	// at one limit: 20 and 0; mean 10, deviation 14.14, Student's factor for one degree of freedom 12.706
	if g.Limits != 1 || math.Abs(g.Predicted-10) > 1e-9 || math.Abs(g.High-10-127.06) > .01 {
		t.Errorf("%+v", g)
	}
}
