// Package loop searches where an evaluation is dear: it fits surrogates to what
// was evaluated, searches on them with NSGA-II, evaluates the most promising
// genomes for real, and repeats (as LINAS does: D. Cummings et al., A Hardware-
// Aware Framework for Accelerating Neural Architecture Search Across Modalities,
// 2022, section 3.2), with the surrogates' uncertainty in the choice.
//
//	problem := loop.Problem[string]{Problem: p, Fit: fit, Spell: spell}
//	result, err := loop.Run(ctx, problem, loop.Settings{Evaluations: 150, Reference: corner})
//
// There are few types: Problem, Guess and Settings. What was evaluated is kept
// in a file, if one is named: a killed loop ends as one that was not.
package loop

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"hanas/search"
	"hanas/search/nsga2"
)

// Guess is what surrogates say of a genome.
type Guess struct {
	search.Point
	Std []float64 // standard deviation of each objective; nil = all certain
}

// Problem is a search.Problem whose Evaluate is dear.
type Problem[G comparable] struct {
	search.Problem[G]
	// Fit learns from all that was evaluated, and gives what guesses; release
	// (may be nil) is called when the next one takes its place.
	Fit func(ctx context.Context, known []search.Candidate[G]) (guess func(context.Context, []G) ([]Guess, error), release func(), err error)
	// Spell names a genome in the file; distinct genomes have distinct names.
	Spell func(G) string
	// Instead, if set, is what is evaluated in place of a wanted genome, where not
	// every genome can be: one that taken does not hold, or false.
	Instead func(g G, taken func(G) bool) (G, bool)
}

// Settings of a loop; zero fields take the defaults.
type Settings struct {
	Evaluations int     // real ones in all; 250
	Warm        int     // random ones before the first fit; 30
	Batch       int     // evaluated between two fits; 10
	Inner       int     // genomes that a search looks at on the surrogates; 4000
	Optimism    float64 // standard deviations that guesses are bettered by in the choice; 0.5, negative = none
	Seed        uint64
	Reference   []float64 // of hypervolumes, and of the choice; needed
	File        string    // what was evaluated, to go on from; "" = nowhere
	Key         string    // names everything that evaluations depend on: the file of another key is refused
}

func (s Settings) withDefaults() Settings {
	s.Evaluations, s.Warm, s.Batch = cmp.Or(s.Evaluations, 250), cmp.Or(s.Warm, 30), cmp.Or(s.Batch, 10)
	s.Inner, s.Optimism = cmp.Or(s.Inner, 4000), cmp.Or(s.Optimism, .5)
	return s
}

// Run evaluates until the budget is spent or nothing new is found. The result's
// archive holds real evaluations only, in their order.
func Run[G comparable](ctx context.Context, p Problem[G], s Settings) (*search.Result[G], error) {
	s = s.withDefaults()
	if err := check(&p, s); err != nil {
		return nil, err
	}
	real := p.Problem
	if s.File != "" {
		f, err := openRecord(s.File, s.Key, len(p.Objectives))
		if err != nil {
			return nil, err
		}
		defer f.Close()
		real.Evaluate = remembered(&p, f)
	}
	l := looper[G]{p: &p, s: s, result: &search.Result[G]{Archive: search.NewArchive(&real)}}
	rng := search.NewRand(s.Seed)
	if err := l.evaluate(ctx, l.warm(rng)); err != nil {
		return nil, err
	}
	for round := 0; l.result.Archive.Len() < s.Evaluations && !l.result.Exhausted; round++ {
		if err := l.round(ctx, round); err != nil {
			return nil, fmt.Errorf("loop: round %d: %w", round+1, err)
		}
	}
	return l.result.Finish(), nil
}

func check[G comparable](p *Problem[G], s Settings) error {
	if err := p.Check(); err != nil {
		return err
	}
	switch {
	case p.Fit == nil || p.Spell == nil || p.Mutate == nil || p.Crossover == nil:
		return errors.New("loop: problem: Fit, Spell, Mutate or Crossover is not set")
	case len(s.Reference) != len(p.Objectives):
		return fmt.Errorf("loop: settings: a reference of %d figures for %d objectives", len(s.Reference), len(p.Objectives))
	case s.Warm < 2 || s.Batch < 1 || s.Evaluations < s.Warm || s.Inner < 2:
		return fmt.Errorf("loop: settings: %d evaluations, of which %d before the first fit, %d a batch (want at least 2 before, and no more than all)", s.Evaluations, s.Warm, s.Batch)
	}
	return nil
}

// looper is a loop on its way.
type looper[G comparable] struct {
	p      *Problem[G]
	s      Settings
	result *search.Result[G]
}

func (l *looper[G]) taken(g G) bool { return l.result.Archive.Has(g) }

// warm are the first genomes: the problem's seeds, then random ones.
func (l *looper[G]) warm(rng *rand.Rand) []G {
	var out []G
	add := func(g G) {
		if g, ok := l.instead(g, out); ok && len(out) < l.s.Warm {
			out = append(out, g)
		}
	}
	for _, g := range l.p.Seeds {
		add(g)
	}
	for tries := 0; len(out) < l.s.Warm && tries < 100*l.s.Warm; tries++ {
		add(l.p.Random(rng))
	}
	return out
}

// instead is what can be evaluated for g: nothing that is known or chosen.
func (l *looper[G]) instead(g G, chosen []G) (G, bool) {
	taken := func(g G) bool { return l.taken(g) || slices.Contains(chosen, g) }
	if l.p.Instead != nil {
		return l.p.Instead(g, taken)
	}
	return g, !taken(g)
}

func (l *looper[G]) evaluate(ctx context.Context, genomes []G) error {
	if len(genomes) == 0 {
		l.result.Exhausted = true
		return nil
	}
	if _, err := l.result.Archive.Evaluate(ctx, genomes); err != nil {
		return err
	}
	l.result.Record(l.s.Reference, nil)
	return nil
}

// round fits, searches on the surrogates and evaluates a batch.
func (l *looper[G]) round(ctx context.Context, round int) error {
	guess, release, err := l.p.Fit(ctx, l.result.Archive.All())
	if err != nil {
		return err
	}
	if release != nil {
		defer release()
	}
	inner := l.p.Problem
	inner.Seeds = nil
	for _, c := range l.result.Archive.Front().Points {
		inner.Seeds = append(inner.Seeds, c.Genome)
	}
	inner.Evaluate = func(ctx context.Context, genomes []G) ([]search.Point, error) {
		guesses, err := guess(ctx, genomes)
		if err != nil {
			return nil, err
		}
		var out []search.Point
		for _, g := range guesses {
			out = append(out, l.hopeful(g))
		}
		return out, nil
	}
	set := nsga2.Settings{Population: min(100, l.s.Inner), Evaluations: l.s.Inner, Seed: l.s.Seed + uint64(round) + 1}
	found, err := nsga2.Run(ctx, &inner, set, nil)
	if err != nil {
		return err
	}
	return l.evaluate(ctx, l.choose(found.Archive.All()))
}

// hopeful is a guess bettered by its uncertainty.
func (l *looper[G]) hopeful(g Guess) search.Point {
	p := search.Point{Objectives: slices.Clone(g.Objectives), Violation: g.Violation}
	for i := range g.Std {
		p.Objectives[i] -= max(0, l.s.Optimism) * g.Std[i]
	}
	return p
}

// choose takes, one after the other, what would add most hypervolume to what is
// known and chosen; where nothing would add any, what is near the front.
func (l *looper[G]) choose(found []search.Candidate[G]) []G {
	want := min(l.s.Batch, l.s.Evaluations-l.result.Archive.Len())
	var points [][]float64
	for _, c := range l.result.Archive.Front().Points {
		if c.Feasible() {
			points = append(points, c.Objectives)
		}
	}
	pool := search.NewFront(l.p.Objectives, slices.DeleteFunc(slices.Clone(found), func(c search.Candidate[G]) bool { return l.p.Instead == nil && l.taken(c.Genome) })).Points
	var out []G
	for len(out) < want && len(pool) > 0 {
		volume, best, most := search.Hypervolume(points, l.s.Reference), 0, -1.0
		for i, c := range pool {
			if gain := search.Hypervolume(append(slices.Clone(points), c.Objectives), l.s.Reference) - volume; gain > most {
				best, most = i, gain
			}
		}
		if g, ok := l.instead(pool[best].Genome, out); ok {
			out = append(out, g)
			points = append(points, pool[best].Objectives)
		}
		pool = slices.Delete(pool, best, best+1)
	}
	return out
}
