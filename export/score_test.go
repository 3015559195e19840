package export

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"hanas/onnx/ort"
	"hanas/space"
)

// What scoring a sub-network costs besides its images: building, loading, and
// a batch of 64, on one thread.
func BenchmarkScore(b *testing.B) {
	rt := openORT(b)
	sp := quickSpace(b)
	random := sp.Random(rand.New(rand.NewPCG(5, 6)))
	for _, row := range []struct {
		name string
		arch space.Arch
		set  Settings
	}{
		{"w16a16", sp.WithBits(random, 16, 16), Settings{}},
		{"w8a8", sp.WithBits(random, 8, 8), Settings{}},
		{"w8a8-integer-stem", sp.WithBits(random, 8, 8), Settings{AllInteger: true}},
		{"w4a4", sp.WithBits(random, 4, 4), Settings{}},
		{"w2a2", sp.WithBits(random, 2, 2), Settings{}},
		{"w16a8", sp.WithBits(random, 16, 8), Settings{}},
		{"mixed", random, Settings{}},
	} {
		m, err := Build(randomNetwork(sp, row.arch, rand.New(rand.NewPCG(1, 1))), row.set)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(row.name+"/load", func(b *testing.B) {
			for b.Loop() {
				r, err := rt.Engine(ort.Settings{})(m)
				if err != nil {
					b.Fatal(err)
				}
				r.Close()
			}
		})
		for _, batch := range []int{1, 64} {
			b.Run(fmt.Sprintf("%s/batch%d", row.name, batch), func(b *testing.B) {
				r, err := rt.Engine(ort.Settings{})(m)
				if err != nil {
					b.Fatal(err)
				}
				defer r.Close()
				x := images(r, batch, 1)
				for b.Loop() {
					run(b, r, x)
				}
				b.ReportMetric(float64(batch)*float64(b.N)/b.Elapsed().Seconds(), "images/s")
			})
		}
	}
}
