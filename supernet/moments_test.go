package supernet

import (
	"math"
	"math/rand/v2"
	"testing"
)

// The closed form against a Monte-Carlo mean over 400,000 draws (its standard
// error is below 1 % for these cases).
func TestRectifiedSquareAgainstSampling(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	for _, c := range []struct{ mean, std float64 }{{0, 1}, {1, 0.5}, {-0.5, 1}, {0.3, 2}} {
		const n = 400000
		sum := 0.0
		for i := 0; i < n; i++ {
			z := math.Max(0, c.mean+c.std*rng.NormFloat64())
			sum += z * z
		}
		if got, want := rectifiedSquare(c.mean, c.std), sum/n; math.Abs(got-want) > 0.02*want {
			t.Errorf("mean %v std %v: closed form %v, sampled %v", c.mean, c.std, got, want)
		}
	}
	if got := rectifiedSquare(2, 0); got != 4 {
		t.Errorf("std 0: got %v, want 4", got)
	}
	if got := rectifiedSquare(-2, 0); got != 0 {
		t.Errorf("std 0, negative mean: got %v, want 0", got)
	}
}
