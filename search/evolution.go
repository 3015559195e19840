package search

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
)

// EvolutionSettings steers Regularised; the zero value works.
type EvolutionSettings struct {
	Population  int       // 0 = 100; at least 2
	Sample      int       // candidates of a tournament; 0 = 25, at most the population
	Evaluations int       // distinct genomes; 0 = 10,000
	Seed        uint64    // of the generator
	Reference   []float64 // for the hypervolumes of Result.Steps; nil = none
}

// Regularised is aging evolution (E. Real et al., Regularized Evolution for
// Image Classifier Architecture Search, AAAI 2019): the best of a sample gets a
// mutated child, and the oldest member dies, however good. Its fitness is the
// first objective within the limits; it finds one point of a front, and serves
// as a baseline. A child that was evaluated before is mutated anew. Children are
// evaluated one by one: each depends on the one before.
func Regularised[G comparable](ctx context.Context, p *Problem[G], s EvolutionSettings, progress Progress[G]) (*Result[G], error) {
	s, err := s.complete(p.Check())
	if err != nil {
		return nil, err
	}
	if p.Mutate == nil {
		return nil, errors.New("search: evolution: problem: Mutate is not set")
	}
	rng := NewRand(s.Seed)
	r := &Result[G]{Archive: NewArchive(p)}
	living, err := r.Archive.Evaluate(ctx, r.Archive.Fresh(rng, s.Population, p.Random))
	if err != nil {
		return nil, err
	}
	r.Exhausted = len(living) < s.Population
	for r.Record(s.Reference, progress); r.Archive.Len() < s.Evaluations && !r.Exhausted; {
		breed := func(rng *rand.Rand) G { return p.Mutate(rng, fittest(rng, living, s.Sample).Genome, 0) }
		child, err := r.Archive.Evaluate(ctx, r.Archive.Fresh(rng, 1, breed, p.Random))
		if err != nil {
			return nil, err
		}
		r.Exhausted = len(child) == 0
		living = append(living[min(1, len(child)):], child...) // a queue: the oldest is first
		if r.Archive.Len()%s.Population == 0 {
			r.Record(s.Reference, progress)
		}
	}
	return r.Finish(), nil
}

// complete fills in the defaults and refuses what cannot run.
func (s EvolutionSettings) complete(err error) (EvolutionSettings, error) {
	for _, d := range []struct {
		v    *int
		zero int
	}{{&s.Population, 100}, {&s.Sample, 25}, {&s.Evaluations, 10_000}} {
		if *d.v == 0 {
			*d.v = d.zero
		}
	}
	s.Sample = min(s.Sample, s.Population)
	switch {
	case err != nil:
	case s.Population < 2 || s.Sample < 1:
		err = fmt.Errorf("search: evolution: a population of %d with tournaments of %d (want at least 2 and 1)", s.Population, s.Sample)
	case s.Evaluations < s.Population:
		err = fmt.Errorf("search: evolution: %d evaluations do not fill a population of %d (lower the population)", s.Evaluations, s.Population)
	}
	return s, err
}

// fittest is the best of n members drawn at random: the least violation, then
// the least first objective.
func fittest[G comparable](rng *rand.Rand, living []Candidate[G], n int) Candidate[G] {
	best := living[rng.IntN(len(living))]
	for range n - 1 {
		c := living[rng.IntN(len(living))]
		if c.Violation < best.Violation || c.Violation == best.Violation && c.Objectives[0] < best.Objectives[0] {
			best = c
		}
	}
	return best
}
