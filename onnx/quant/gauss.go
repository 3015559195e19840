package quant

import "math"

// gaussStep[b] is the step of the uniform quantiser with codes -L … L, L =
// 2^(b-1)-1, that has the least mean square error on N(0,1); halfStep[b] that
// of codes 0 … 2^b-1 on a rectified N(0,1). Both are computed, not tabulated:
// Max (1960), "Quantizing for minimum distortion", has the even numbers of
// levels, we need odd ones.
var gaussStep, halfStep = map[int]float64{}, map[int]float64{}

func init() {
	for _, b := range []int{2, 4, 8} {
		gaussStep[b] = leastError(1<<b - 1)
		// A rectified Gaussian is exact where it is 0, and its positive half
		// sees the positive codes of a symmetric quantiser.
		halfStep[b] = leastError(1<<(b+1) - 1)
	}
}

// leastError is the best step of a uniform quantiser of N(0,1) with the given
// number of levels, placed symmetrically; by golden section, as the error has
// one minimum.
func leastError(levels int) float64 {
	lo, hi := 0.2/float64(levels), 16/float64(levels)
	ratio := (math.Sqrt(5) - 1) / 2
	for hi-lo > 1e-10 {
		a, b := hi-ratio*(hi-lo), lo+ratio*(hi-lo)
		if gaussError(a, levels) < gaussError(b, levels) {
			hi = b
		} else {
			lo = a
		}
	}
	return (lo + hi) / 2
}

// gaussError is E[(x-Q(x))²] for x ~ N(0,1): twice the sum over the cells of
// the positive half.
func gaussError(step float64, levels int) float64 {
	sum, first := 0.0, 0.5 // an even number of levels has none at 0
	if levels%2 == 1 {
		sum, first = cell(0, 0, step/2), 1
	}
	for k := range levels / 2 {
		at := (first + float64(k)) * step
		hi := at + step/2
		if k == levels/2-1 {
			hi = math.Inf(1)
		}
		sum += cell(at, at-step/2, hi)
	}
	return 2 * sum
}

// cell is ∫(x-a)²φ(x)dx from lo to hi, in closed form.
func cell(a, lo, hi float64) float64 {
	xphi := func(x float64) float64 {
		if math.IsInf(x, 0) {
			return 0
		}
		return x * density(x)
	}
	mass := below(-lo) - below(-hi)
	return (1+a*a)*mass - (xphi(hi) - xphi(lo)) + 2*a*(density(hi)-density(lo))
}

// density is φ, that of N(0,1); below is Φ, its integral up to x.
func density(x float64) float64 { return math.Exp(-x*x/2) / math.Sqrt(2*math.Pi) }
func below(x float64) float64   { return 0.5 * math.Erfc(-x/math.Sqrt2) }
