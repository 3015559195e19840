package space

import (
	"math"
	"math/rand/v2"
	"testing"
)

// Buckets come up as often as at random, every draw is in its bucket's share,
// and the best, or worst, of three is taken.
func TestAttentive(t *testing.T) {
	sp, err := Preset("ofa-mbv3-w1.0")
	if err != nil {
		t.Fatal(err)
	}
	macs := func(a Arch) float64 { return math.Log(float64(sp.CostOf(a).MACs)) }
	kernels := func(a Arch) float64 { // of the first block of stage 1, always live
		return float64(a.genes[sp.slot(t, "s1.b0.kernel")])
	}
	const n = 3000
	mean := func(set Attention) (score float64, buckets []float64) {
		rng := rand.New(rand.NewPCG(1, 2))
		s := sp.Attentive(set, rng)
		buckets = make([]float64, s.set.Buckets)
		for range n {
			a := s.Draw(rng)
			buckets[s.bucket(a)] += 1. / n
			score += kernels(a) / n
		}
		return score, buckets
	}
	set := Attention{Of: macs, Buckets: 10, Table: 5000}
	plain, got := mean(set)
	set.Score = kernels
	best, _ := mean(set)
	set.Worst = true
	worst, _ := mean(set)
	// The mean of the largest of three uniform choices of 0, 1, 2 is 5/3 - 3/27 … exactly 2 - (1 + 8)/27.
	if math.Abs(plain-1) > .05 || math.Abs(best-(2-9./27)) > .05 || math.Abs(worst-9./27) > .05 {
		t.Errorf("mean choice %.3f, best of three %.3f, worst %.3f; want 1, %.3f, %.3f", plain, best, worst, 2-9./27, 9./27)
	}
	rng := rand.New(rand.NewPCG(3, 2))
	s := sp.Attentive(Attention{Of: macs, Buckets: 10, Table: 1}, rng)
	want := make([]float64, 10)
	for range n {
		want[s.bucket(sp.Random(rng))] += 1. / n
	}
	for b := range want {
		if math.Abs(got[b]-want[b]) > .05 {
			t.Errorf("bucket %d: share %.3f, at random %.3f", b, got[b], want[b])
		}
	}
	archs := s.Draws(50, rng)
	seen := map[Arch]bool{}
	for _, a := range archs {
		seen[a] = true
	}
	if len(seen) != len(archs) {
		t.Errorf("%d of %d draws are distinct", len(seen), len(archs))
	}
}

// slot is the place of a gene.
func (s *Space) slot(t *testing.T, name string) int {
	for i, sl := range s.Slots() {
		if sl.Name == name {
			return i
		}
	}
	t.Fatalf("no slot %s", name)
	return 0
}

func TestUniform(t *testing.T) {
	sp, err := Preset("ofa-mbv3-w1.0")
	if err != nil {
		t.Fatal(err)
	}
	a, b := sp.Uniform(500, rand.New(rand.NewPCG(5, 2))), sp.Uniform(500, rand.New(rand.NewPCG(5, 2)))
	seen := map[Arch]bool{}
	for i := range a {
		if seen[a[i]] = true; a[i] != b[i] {
			t.Fatal("the same seed draws others")
		}
	}
	if len(seen) != 500 {
		t.Errorf("%d of 500 are distinct", len(seen))
	}
	sp.Resolutions = []int{128}
	for i := range sp.Stages { // a space of one Arch
		sp.Stages[i].Depths, sp.Stages[i].Kernels, sp.Stages[i].Expands = sp.Stages[i].Depths[:1], sp.Stages[i].Kernels[:1], sp.Stages[i].Expands[:1]
	}
	if got := sp.Uniform(10, rand.New(rand.NewPCG(1, 1))); len(got) != 1 {
		t.Errorf("%d Archs of a space of one", len(got))
	}
}

// Costs without layers are those of the layers.
func TestCostOf(t *testing.T) {
	for _, name := range Presets() {
		sp, err := Preset(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range sp.Uniform(20, rand.New(rand.NewPCG(1, 1))) {
			if got, want := sp.CostOf(a), Cost(sp.Layers(a)); got != want {
				t.Errorf("%s: %+v, of its layers %+v", sp.Key(a), got, want)
			}
		}
	}
}
