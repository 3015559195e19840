package supernet

import (
	"math"
	"math/rand/v2"
)

// beta draws from the Beta distribution with both parameters alpha, in (0,1],
// by the rejection of Jöhnk (1964).
func beta(rng *rand.Rand, alpha float64) float64 {
	for {
		x, y := math.Pow(rng.Float64(), 1/alpha), math.Pow(rng.Float64(), 1/alpha)
		if s := x + y; s > 0 && s <= 1 {
			return x / s
		}
	}
}

// mix makes each of n images, and its targets, share of itself and 1-share of
// its counterpart from the other end of the batch.
func mix(images, targets []float32, n int, share float64) {
	for _, rows := range [][]float32{images, targets} {
		k := len(rows) / n
		for i := range n / 2 {
			a, b := rows[i*k:(i+1)*k], rows[(n-1-i)*k:(n-i)*k]
			for j := range a {
				x, y := a[j], b[j]
				a[j] = y + float32(share)*(x-y)
				b[j] = x + float32(share)*(y-x)
			}
		}
	}
}
