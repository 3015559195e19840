package pretrained

import (
	"math"
	"math/rand/v2"
	"testing"

	"hanas/export"
	"hanas/onnx/quant"
	"hanas/space"
)

// correlated draws inputs whose channels go together, and gives them with their spread.
func correlated(rng *rand.Rand, images, channels int) ([]float32, *spread) {
	values := make([]float32, images*channels)
	for i := range images {
		shared := rng.NormFloat64()
		for c := range channels {
			values[i*channels+c] = float32(shared*float64(c%3) + .5*rng.NormFloat64() + 1)
		}
	}
	s := &spread{}
	s.add(values, images, channels)
	return values, s
}

// TestCompensatedRoundingMovesTheOutputLess: on other inputs of the same kind
// the variance of the output's error is far below that of rounding to nearest,
// every weight is a whole number of steps, and none is beyond the limit.
func TestCompensatedRoundingMovesTheOutputLess(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	const in, out, bits = 24, 16, 4
	_, s := correlated(rng, 400, in)
	fresh, _ := correlated(rng, 400, in)
	u := export.Unit{Layer: space.Layer{Kind: space.Linear, In: in, Out: out, WBits: bits}}
	for range in * out {
		u.Weight = append(u.Weight, float32(rng.NormFloat64()))
	}
	u.Step = steps(u.Weight, out, bits)
	nearest := quant.NewWeight("", u.Weight, []int{out, in}, bits)
	nearest.Round(u.Weight, u.Step)
	got := compensated(&u, s)
	plain := make([]float32, len(got))
	for i, v := range got {
		step := float64(u.Step[i/in])
		plain[i] = float32(nearest.Codes[i]) * u.Step[i/in]
		if code := float64(v) / step; math.Abs(code-math.Round(code)) > 1e-4 || math.Abs(code) > float64(quant.WeightLevels(bits))+1e-4 {
			t.Fatalf("weight %d is %g steps", i, code)
		}
	}
	variance := func(w []float32) (total float64) {
		for o := range out {
			sum, square := 0.0, 0.0
			for k := 0; k < len(fresh); k += in {
				e := 0.0
				for c := range in {
					e += float64(w[o*in+c]-u.Weight[o*in+c]) * float64(fresh[k+c])
				}
				sum, square = sum+e, square+e*e
			}
			n := float64(len(fresh) / in)
			total += square/n - sum/n*sum/n
		}
		return total
	}
	if a, b := variance(got), variance(plain); a > .7*b {
		t.Errorf("the output's error has variance %.4g, to nearest %.4g", a, b)
	} else {
		t.Logf("variance %.4g, to nearest %.4g", a, b)
	}
}

// The factor's product with itself is the inverse.
func TestInverseFactor(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	const n = 12
	_, s := correlated(rng, 60, n)
	a := s.covariance()
	u := inverseFactor(a, n)
	for i := range n {
		for j := range n {
			sum := 0.0 // of a·UᵀU
			for k := range n {
				for l := range n {
					sum += a[i*n+k] * u[l*n+k] * u[l*n+j]
				}
			}
			want := 0.0
			if i == j {
				want = 1
			}
			if math.Abs(sum-want) > 1e-9 || i > j && u[i*n+j] != 0 {
				t.Fatalf("at %d, %d: %g, want %g (U has %g)", i, j, sum, want, u[i*n+j])
			}
		}
	}
}
