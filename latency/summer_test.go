package latency

import (
	"math/rand/v2"
	"testing"

	"hanas/space"
)

// TestSummer: straight from the genes comes the table's own sum, without
// allocation.
func TestSummer(t *testing.T) {
	quick := preset(t, "quick")
	cases := []struct {
		sp  *space.Space
		tab *Table
	}{{quick, randomTable(t, quick)}, {preset(t, "cifar10"), randomTable(t, preset(t, "cifar10"))}}
	for _, c := range cases {
		s, err := c.tab.Summer(c.sp)
		if err != nil {
			t.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(8, 8))
		for range 300 {
			a := c.sp.Random(rng)
			want, _, err := c.tab.Sum(c.sp.Layers(a))
			if err != nil {
				t.Fatal(err)
			}
			near(t, c.sp.Key(a), s.Ms(a), want, 1e-9)
		}
		a := c.sp.Random(rng)
		if n := testing.AllocsPerRun(100, func() { s.Ms(a) }); n != 0 {
			t.Errorf("%s: %g allocations", c.sp.Name, n)
		}
	}
}

// BenchmarkSummer sums the Note10 table over Once-for-All's space.
func BenchmarkSummer(b *testing.B) {
	tab := imported(b, "ofa/lut/note10_224.yaml", "ofa-mbv3")
	sp, err := space.Preset("ofa-mbv3-w1.2")
	if err != nil {
		b.Fatal(err)
	}
	sp.Resolutions = []int{224}
	s, err := tab.Summer(sp)
	if err != nil {
		b.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	var archs []space.Arch
	for range 4096 {
		archs = append(archs, sp.Random(rng))
	}
	b.ReportAllocs()
	b.ResetTimer()
	sum := 0.0
	for i := range b.N {
		sum += s.Ms(archs[i&4095])
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Minutes()/1e6, "million/min")
}
