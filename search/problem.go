package search

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
)

// Point is what an evaluation says of one genome.
type Point struct {
	Objectives []float64 // all minimised, finite, in the order of Problem.Objectives
	Violation  float64   // by how much the limits are exceeded in total; 0 = within all of them
}

// Feasible says whether the point is within all limits.
func (p Point) Feasible() bool { return p.Violation <= 0 }

// Candidate is a genome and what its evaluation said.
type Candidate[G comparable] struct {
	Genome G
	Point
}

// Problem says what to search. The functions that take an rng draw from it
// alone and are called from one goroutine, in a fixed order; Evaluate must be a
// pure function of each genome, whatever the batch it comes in.
type Problem[G comparable] struct {
	// Objectives names what is minimised; there is at least one.
	Objectives []string
	// Seeds are genomes that every search evaluates first, for example the
	// smallest and the largest architecture. May be empty.
	Seeds []G
	// Random draws a genome.
	Random func(rng *rand.Rand) G
	// Mutate changes each gene with the given probability; at 0 the problem
	// takes its own, usually 1/(number of genes). It must not change g itself.
	Mutate func(rng *rand.Rand, g G, prob float64) G
	// Crossover makes one child of two parents.
	Crossover func(rng *rand.Rand, a, b G) G
	// Evaluate returns one point a genome, in their order. The genomes of a
	// batch are distinct and have not been evaluated before.
	Evaluate func(ctx context.Context, genomes []G) ([]Point, error)
}

// Check says what the problem lacks.
func (p *Problem[G]) Check() error {
	switch {
	case len(p.Objectives) == 0:
		return errors.New("search: problem: no objectives are named")
	case p.Random == nil:
		return errors.New("search: problem: Random is not set")
	case p.Evaluate == nil:
		return errors.New("search: problem: Evaluate is not set")
	}
	return nil
}

// checkPoint refuses what cannot be ranked.
func (p *Problem[G]) checkPoint(pt *Point) error {
	if len(pt.Objectives) != len(p.Objectives) {
		return fmt.Errorf("%d objectives, want %d (%q)", len(pt.Objectives), len(p.Objectives), p.Objectives)
	}
	for i, v := range pt.Objectives {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("objective %q is %v (what cannot be built has a finite value and a Violation above 0)", p.Objectives[i], v)
		}
	}
	if !(pt.Violation >= 0) || math.IsInf(pt.Violation, 0) {
		return fmt.Errorf("violation is %v (want 0 for a feasible point, else how much the limits are exceeded)", pt.Violation)
	}
	return nil
}
