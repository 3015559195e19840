package search

import (
	"context"
	"fmt"
	"math/rand/v2"
)

// RandomSettings says how to search at random; the zero value works.
type RandomSettings struct {
	Evaluations int       // distinct genomes; 0 = 10,000
	Batch       int       // genomes a call of Evaluate; 0 = 100
	Seed        uint64    // of the generator
	Reference   []float64 // for the hypervolumes of Result.Steps; nil = none
}

// patience is how many draws in a row may yield nothing new, for each genome
// wanted, before a space counts as exhausted.
const patience = 100

// Random evaluates the problem's seeds and then genomes drawn at random: the
// baseline that any other search with the same budget must beat.
func Random[G comparable](ctx context.Context, p *Problem[G], s RandomSettings, progress Progress[G]) (*Result[G], error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	if s.Evaluations == 0 {
		s.Evaluations = 10_000
	}
	if s.Batch == 0 {
		s.Batch = 100
	}
	if s.Evaluations < 0 || s.Batch < 0 {
		return nil, fmt.Errorf("search: random: %d evaluations in batches of %d (want both above 0)", s.Evaluations, s.Batch)
	}
	rng := NewRand(s.Seed)
	r := &Result[G]{Archive: NewArchive(p)}
	for r.Archive.Len() < s.Evaluations && !r.Exhausted {
		want := min(s.Batch, s.Evaluations-r.Archive.Len())
		batch := r.Archive.Fresh(rng, want, p.Random)
		r.Exhausted = len(batch) < want
		if _, err := r.Archive.Evaluate(ctx, batch); err != nil {
			return nil, err
		}
		r.Record(s.Reference, progress)
	}
	return r.Finish(), nil
}

// NewRand is the generator that the searches of this module make of a seed.
func NewRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15)) }

// Fresh collects want genomes that differ from one another and from all in the
// archive: first the problem's seeds, then what the first of draws makes, and
// when that keeps repeating itself what the next one makes. It returns fewer
// when all of them do.
func (a *Archive[G]) Fresh(rng *rand.Rand, want int, draws ...func(*rand.Rand) G) []G {
	out := make([]G, 0, want)
	seen := a.drawn
	clear(seen)
	add := func(g G) {
		if len(out) < want && !seen[g] && !a.Has(g) {
			seen[g] = true
			out = append(out, g)
		}
	}
	for _, g := range a.problem.Seeds {
		add(g)
	}
	for _, draw := range draws {
		for tries := patience * want; tries > 0 && len(out) < want; tries-- {
			add(draw(rng))
		}
	}
	return out
}
