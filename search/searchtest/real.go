package searchtest

import (
	"context"
	"math"
	"math/rand/v2"

	"hanas/search"
)

// The distribution indices of Deb 2002, section V: the larger, the nearer a
// child is to its parents.
const (
	crossoverIndex = 20
	mutationIndex  = 20
)

// Problem makes the case a search problem with the operators of Deb 2002:
// simulated binary crossover and polynomial mutation, within the bounds.
func (c Case) Problem() *search.Problem[Real] {
	n := len(c.Lower)
	return &search.Problem[Real]{
		Objectives: c.Objectives,
		Random: func(rng *rand.Rand) (x Real) {
			for i := range n {
				x[i] = c.Lower[i] + rng.Float64()*(c.Upper[i]-c.Lower[i])
			}
			return x
		},
		Mutate: func(rng *rand.Rand, x Real, prob float64) Real {
			if prob == 0 {
				prob = 1 / float64(n)
			}
			for i := range n {
				if rng.Float64() < prob {
					x[i] = mutate(rng, x[i], c.Lower[i], c.Upper[i])
				}
			}
			return x
		},
		Crossover: func(rng *rand.Rand, a, b Real) Real {
			first := rng.Float64() < 0.5 // which of the two children
			for i := range n {
				if rng.Float64() < 0.5 {
					continue
				}
				p, q := cross(rng, a[i], b[i], c.Lower[i], c.Upper[i])
				if a[i] = q; first {
					a[i] = p
				}
			}
			return a
		},
		Evaluate: func(_ context.Context, xs []Real) ([]search.Point, error) {
			points := make([]search.Point, len(xs))
			for i := range xs {
				points[i] = c.Evaluate(xs[i][:n])
			}
			return points, nil
		},
	}
}

// cross is bounded simulated binary crossover of one variable (K. Deb, R.
// Agrawal, Simulated Binary Crossover for Continuous Search Space, Complex
// Systems 9, 1995): two children, the first on a's side.
func cross(rng *rand.Rand, a, b, lower, upper float64) (float64, float64) {
	if math.Abs(a-b) < 1e-14 {
		return a, b
	}
	u := rng.Float64()
	spread := func(room float64) float64 { // room: from a parent to its bound
		beta := 1 + 2*room/math.Abs(a-b)
		alpha := 2 - math.Pow(beta, -(crossoverIndex+1))
		if u <= 1/alpha {
			return math.Pow(u*alpha, 1.0/(crossoverIndex+1))
		}
		return math.Pow(1/(2-u*alpha), 1.0/(crossoverIndex+1))
	}
	lo, hi := min(a, b), max(a, b)
	mid, half := (lo+hi)/2, (hi-lo)/2
	low := max(lower, mid-spread(lo-lower)*half)
	high := min(upper, mid+spread(upper-hi)*half)
	if a > b {
		return high, low
	}
	return low, high
}

// mutate is bounded polynomial mutation of one variable (K. Deb,
// Multi-Objective Optimization using Evolutionary Algorithms, 2001, 4.3).
func mutate(rng *rand.Rand, x, lower, upper float64) float64 {
	span := upper - lower
	u := rng.Float64()
	var step float64
	if u < 0.5 {
		rest := 1 - (x-lower)/span
		step = math.Pow(2*u+(1-2*u)*math.Pow(rest, mutationIndex+1), 1.0/(mutationIndex+1)) - 1
	} else {
		rest := 1 - (upper-x)/span
		step = 1 - math.Pow(2*(1-u)+2*(u-0.5)*math.Pow(rest, mutationIndex+1), 1.0/(mutationIndex+1))
	}
	return min(max(x+step*span, lower), upper)
}
