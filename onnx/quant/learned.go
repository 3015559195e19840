package quant

import "math"

// Learned steps (LSQ: Esser et al. 2020, arXiv:1902.08153) in relative form: the
// step of output channel o is factor*Scale(row o), with one factor a tensor, so
// that it holds for every slice of shared weights. Scale counts as a constant.

// StepsBy are the steps of rows at a factor; at 1 they are Scale's.
func StepsBy(w []float32, out, bits int, factor float32) []float32 {
	per := channel(w, out)
	steps := make([]float32, out)
	for o := range steps {
		steps[o] = stepBy(w[o*per:(o+1)*per], bits, factor)
	}
	return steps
}

func stepBy(row []float32, bits int, factor float32) float32 {
	return max(Scale(row, bits)*factor, smallestNormal)
}

// FakeWeightsBy is FakeWeights with learned steps: codes beyond the largest
// are limited at every width. dst may be w.
func FakeWeightsBy(dst, w []float32, out, bits int, factor float32) {
	per, limit := channel(w, out), int32(WeightLevels(bits))
	for o := range out {
		row := w[o*per : (o+1)*per]
		to := dst[o*per:][:len(row)]
		s := stepBy(row, bits, factor)
		inverse := 1 / s
		for i, v := range row {
			to[i] = float32(code(v, inverse, limit)) * s
		}
	}
}

// LearnedGradient turns the gradient g by the rounded weights into that by the
// weights, in place, and returns that by the logarithm of the factor. A weight
// inside the range passes its gradient and moves the step by its rounding
// error; one beyond it stays, and moves the step by the largest code (Esser et
// al., equations 3 and 5). The step's gradient is scaled by 1/sqrt(N*largest
// code), as their section 2.2 does.
func LearnedGradient(g, w []float32, out, bits int, factor float32) float64 {
	sum := StepGradient(g, w, out, bits, factor)
	per, limit := channel(w, out), float32(WeightLevels(bits))
	for o := range out {
		row := w[o*per : (o+1)*per]
		beyond := (limit + .5) * stepBy(row, bits, factor)
		for i, v := range row {
			if v > beyond || v < -beyond {
				g[o*per+i] = 0
			}
		}
	}
	return sum / math.Sqrt(float64(len(w))*float64(limit))
}

// StepGradient is the derivative of sum(g*rounded) by the logarithm of the
// factor, codes held where they are limited and straight-through elsewhere.
func StepGradient(g, w []float32, out, bits int, factor float32) float64 {
	per, limit := channel(w, out), int32(WeightLevels(bits))
	sum := 0.0
	for o := range out {
		row := w[o*per : (o+1)*per]
		s := stepBy(row, bits, factor)
		inverse, part := 1/s, float32(0)
		for i, v := range row {
			x := v * inverse
			c := float32(code(v, inverse, limit))
			if d := c - x; d <= .5 && d >= -.5 {
				part += g[o*per+i] * d
			} else { // beyond the largest code
				part += g[o*per+i] * c
			}
		}
		sum += float64(part) * float64(s)
	}
	return sum
}
