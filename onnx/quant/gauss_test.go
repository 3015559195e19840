package quant

import (
	"math"
	"testing"
)

// Max (1960), "Quantizing for minimum distortion", IRE Trans. IT-6, table II:
// steps and errors of uniform quantisers of N(0,1); 256 levels from Hui and
// Neuhoff (2001).
func TestStepsArePublishedOnes(t *testing.T) {
	for _, row := range []struct {
		levels      int
		step, error float64
	}{{2, 1.596, 0.3634}, {4, 0.9957, 0.1188}, {8, 0.5860, 0.03744}, {16, 0.3352, 0.01154}, {32, 0.1881, 0.003495}, {256, 0.030763, 0}} {
		step := leastError(row.levels)
		if math.Abs(step-row.step) > 6e-5*max(1, row.step*5) {
			t.Errorf("%d levels: step %.5f, published %.5f", row.levels, step, row.step)
		}
		if got := gaussError(step, row.levels); row.error > 0 && math.Abs(got-row.error) > 2e-3*row.error {
			t.Errorf("%d levels: error %.6f, published %.6f", row.levels, got, row.error)
		}
	}
}

// Banner et al. 2019 (arXiv:1810.05723, ACIQ) clip a Gaussian where an
// approximation of the same error is least: our exact steps lie nearby and are
// no worse.
func TestStepsAreNoWorseThanACIQ(t *testing.T) {
	for bits, alpha := range map[int]float64{2: 1.710635, 3: 2.151593, 4: 2.559136, 8: 3.924035} {
		levels := 1 << bits
		theirs, ours := 2*alpha/float64(levels), leastError(levels)
		if math.Abs(ours/theirs-1) > 0.17 || gaussError(ours, levels) > gaussError(theirs, levels) {
			t.Errorf("%d bits: step %.4f (error %.5f), ACIQ %.4f (error %.5f)", bits, ours, gaussError(ours, levels), theirs, gaussError(theirs, levels))
		}
	}
}

// slowError sums (x-Q(x))²φ(x) over a fine grid, codes lo … hi.
func slowError(step, lo, hi, from float64) float64 {
	const dx = 1e-3
	sum := 0.0
	for x := from + dx/2; x < 9; x += dx {
		e := x - step*min(max(math.RoundToEven(x/step), lo), hi)
		sum += e * e * math.Exp(-x*x/2) / math.Sqrt(2*math.Pi) * dx
	}
	return sum
}

func TestStepsHaveTheLeastError(t *testing.T) {
	for _, bits := range []int{2, 4, 8} {
		signed := func(step float64) float64 {
			l := float64(WeightLevels(bits))
			return slowError(step, -l, l, -9)
		}
		half := func(step float64) float64 { return slowError(step, 0, float64(int(1)<<bits-1), 0) }
		for name, f := range map[string]struct {
			err  func(float64) float64
			step float64
		}{"signed": {signed, gaussStep[bits]}, "rectified": {half, halfStep[bits]}} {
			best := f.err(f.step)
			for _, other := range []float64{0.5, 0.9, 0.98, 1.02, 1.1, 2} {
				if e := f.err(f.step * other); e < best {
					t.Errorf("%s, %d bits: step %.5f has error %.3g, %g times it %.3g", name, bits, f.step, best, other, e)
				}
			}
		}
	}
}
