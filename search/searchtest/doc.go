// Package searchtest holds test problems with known answers: the ZDT and DTLZ
// problems and three constrained ones, each with its true Pareto front, and the
// real-coded operators that its authors searched them with. A search method is
// tested with one loop over [All]:
//
//	for _, tp := range searchtest.All() {
//		result, err := nsga2.Run(ctx, tp.Problem(), settings, nil)
//		share := result.Front.Hypervolume(tp.Reference) / tp.Hypervolume()
//	}
package searchtest

import (
	"math"

	"hanas/search"
)

// MaxVariables is the most variables that a test problem has.
const MaxVariables = 30

// Real is a vector of variables; those that a problem does not have are 0. It
// is an array, so that it compares and can be a map key.
type Real [MaxVariables]float64

// Case is a test problem.
type Case struct {
	Name         string
	Source       string                         // the paper that defines it
	Lower, Upper []float64                      // bounds; their length is the number of variables
	Objectives   []string                       // all minimised
	Evaluate     func(x []float64) search.Point // x has as many values as there are bounds
	Front        func(n int) [][]float64        // about n points spread over the true front
	Reference    []float64                      // for hypervolumes
	Volume       float64                        // of the true front within Reference, where it has a closed form; else 0
}

// Hypervolume is that of the true front within Reference: the closed form or,
// where there is none, that of a dense sample.
func (c Case) Hypervolume() float64 {
	if c.Volume > 0 {
		return c.Volume
	}
	return search.Hypervolume(c.Front(20_000), c.Reference)
}

// IGD is the inverted generational distance: the mean Euclidean distance from a
// point of the true front to the nearest point found (C. Coello, M. Reyes,
// 2004). It is small only when the whole front is covered.
func IGD(truth, found [][]float64) float64 { return meanDistance(truth, found) }

// Convergence is the metric Υ of Deb 2002, section V: the mean Euclidean
// distance from a point found to the nearest of the true front.
func Convergence(found, truth [][]float64) float64 { return meanDistance(found, truth) }

func meanDistance(from, to [][]float64) float64 {
	sum := 0.0
	for _, p := range from {
		nearest := math.Inf(1)
		for _, q := range to {
			d := 0.0
			for m := range p {
				d += (p[m] - q[m]) * (p[m] - q[m])
			}
			nearest = min(nearest, d)
		}
		sum += math.Sqrt(nearest)
	}
	return sum / float64(len(from))
}

// Objectives returns the objective vectors of a front.
func Objectives[G comparable](f search.Front[G]) [][]float64 {
	out := make([][]float64, len(f.Points))
	for i, c := range f.Points {
		out[i] = c.Objectives
	}
	return out
}
