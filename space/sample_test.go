package space

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestCoverIsEvenOverEveryChoice(t *testing.T) {
	sp, err := Preset("ofa-mbv3-w1.0")
	if err != nil {
		t.Fatal(err)
	}
	const n = 50
	archs := sp.Cover(n, rand.New(rand.NewPCG(1, 1)))
	for i, slot := range sp.Slots() {
		if slot.Kind != SlotDepth && slot.Kind != SlotResolution { // those are never dead
			continue
		}
		count := make([]int, slot.Choices)
		for _, a := range archs {
			count[a.Genes()[i]]++
		}
		for v, c := range count {
			if c < n/slot.Choices || c > n/slot.Choices+1 {
				t.Errorf("%s: choice %d comes up %d times of %d", slot.Name, v, c, n)
			}
		}
	}
}

func TestBalancedFillsTheEnds(t *testing.T) {
	sp, err := Preset("ofa-mbv3-w1.0")
	if err != nil {
		t.Fatal(err)
	}
	macs := func(a Arch) float64 { return math.Log(float64(Cost(sp.Layers(a)).MACs)) }
	const n, buckets = 200, 8
	archs := sp.Balanced(n, Balance{Of: macs, Buckets: buckets}, rand.New(rand.NewPCG(1, 1)))
	if len(archs) != n {
		t.Fatalf("%d Archs, want %d", len(archs), n)
	}
	low, high := macs(sp.Smallest()), macs(sp.Largest())
	count := make([]int, buckets)
	seen := map[Arch]bool{}
	for _, a := range archs {
		if seen[a] {
			t.Errorf("%s twice", sp.Key(a))
		}
		seen[a] = true
		count[min(buckets-1, int((macs(a)-low)/(high-low)*buckets))]++
	}
	uniform := make([]int, buckets)
	rng := rand.New(rand.NewPCG(1, 1))
	for range n {
		uniform[min(buckets-1, int((macs(sp.Random(rng))-low)/(high-low)*buckets))]++
	}
	t.Logf("balanced %v, uniform %v", count, uniform)
	for i, c := range count {
		if c < n/buckets*8/10 {
			t.Errorf("bucket %d has %d of %d: %v", i, c, n, count)
		}
	}
	if uniform[0] >= count[0] && uniform[buckets-1] >= count[buckets-1] {
		t.Error("uniform draws fill the ends as well: the test shows nothing")
	}
}

// TestBalancedOverBits draws evenly over the mean width of the weights, which
// random choices keep in the middle.
func TestBalancedOverBits(t *testing.T) {
	sp, err := Preset("quick")
	if err != nil {
		t.Fatal(err)
	}
	low, high := sp.MeanBits(sp.Smallest()), sp.MeanBits(sp.Largest())
	if low >= high {
		t.Fatalf("bits from %g to %g", low, high)
	}
	const n, buckets = 100, 5
	count := make([]int, buckets)
	for _, a := range sp.Balanced(n, Balance{Of: sp.MeanBits, Buckets: buckets}, rand.New(rand.NewPCG(1, 1))) {
		sum, of := 0, 0
		for _, l := range sp.Layers(a) {
			if l.WBits > 0 {
				sum, of = sum+l.WBits, of+1
			}
		}
		mean := float64(sum) / float64(of)
		if math.Abs(mean-sp.MeanBits(a)) > 1e-12 {
			t.Fatalf("%s has %g bits in the mean, not %g", sp.Key(a), mean, sp.MeanBits(a))
		}
		count[min(buckets-1, int((mean-low)/(high-low)*buckets))]++
	}
	for i, c := range count {
		if c < n/buckets*8/10 {
			t.Errorf("bucket %d has %d of %d: %v", i, c, n, count)
		}
	}
}
