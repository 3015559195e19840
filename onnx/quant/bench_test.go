package quant

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

func normal(rng *rand.Rand, n int) []float32 {
	w := make([]float32, n)
	for i := range w {
		w[i] = float32(rng.NormFloat64())
	}
	return w
}

func BenchmarkFakeWeights(b *testing.B) {
	for _, shape := range [][2]int{{96, 24}, {240, 25}, {64, 256}} {
		w := normal(rand.New(rand.NewPCG(1, 1)), shape[0]*shape[1])
		dst := make([]float32, len(w))
		for _, bits := range []int{2, 4, 8, 16} {
			b.Run(fmt.Sprintf("%dx%d/w%d", shape[0], shape[1], bits), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					FakeWeights(dst, w, shape[0], bits)
				}
				b.ReportMetric(float64(len(w))*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mweights/s")
			})
		}
	}
}
