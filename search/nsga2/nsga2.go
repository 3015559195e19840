// Package nsga2 is the elitist genetic algorithm NSGA-II (K. Deb, A. Pratap,
// S. Agarwal, T. Meyarivan, A Fast and Elitist Multiobjective Genetic
// Algorithm: NSGA-II, IEEE Transactions on Evolutionary Computation 6(2),
// 2002), with its constraint handling, on any genome.
//
//	result, err := nsga2.Run(ctx, problem, nsga2.Settings{Evaluations: 20000, Seed: 1}, nil)
//
// It differs from the paper in one point: a child that equals anything
// evaluated before is discarded and bred anew, so every evaluation counts.
package nsga2

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"hanas/search"
)

// Settings steers the search; the zero value works.
type Settings struct {
	Population    int       // 0 = 100; at least 2
	Evaluations   int       // distinct genomes evaluated; 0 = 10,000
	CrossoverProb float64   // that a child has two parents; 0 = 0.9, negative = never
	MutationProb  float64   // per gene; 0 = the problem's own, usually 1/genes
	Seed          uint64    // same seed, same result
	Reference     []float64 // for the hypervolumes of Result.Steps; nil = none
	// Targets are limits under which the least first objective is wanted most:
	// TargetShare of the children (0 = 0.5) are bred from the TargetParents (0 =
	// 25) best under each.
	Targets       []search.Limit
	TargetShare   float64
	TargetParents int
}

// member is a candidate with its standing in the population.
type member[G comparable] struct {
	search.Candidate[G]
	rank     int     // of its front, 0 = nothing dominates it
	crowding float64 // distance to its neighbours on that front
}

// Run searches until the budget is spent or nothing new can be bred. The front
// is that of everything evaluated. progress is called after each generation
// and may be nil. When no candidate is within the limits the result holds the
// nearest ones, and Front.Feasible is false.
func Run[G comparable](ctx context.Context, p *search.Problem[G], s Settings, progress search.Progress[G]) (*search.Result[G], error) {
	s, err := complete(p, s)
	if err != nil {
		return nil, err
	}
	rng := search.NewRand(s.Seed)
	result := &search.Result[G]{Archive: search.NewArchive(p)}
	result.Archive.Grow(s.Evaluations)
	var parents []member[G] // P_t
	near := newNiches[G](s)
	breed := func(rng *rand.Rand) G {
		if len(near) > 0 && rng.Float64() < s.TargetShare {
			if g, ok := near.child(rng, p, s); ok {
				return g
			}
		}
		return child(rng, p, s, parents)
	}
	for archive := result.Archive; archive.Len() < s.Evaluations && !result.Exhausted; {
		draws := []func(*rand.Rand) G{p.Random} // P_0
		if len(parents) > 0 {
			draws = []func(*rand.Rand) G{breed, p.Random} // random ones when it breeds nothing new
		}
		want := min(s.Population, s.Evaluations-archive.Len())
		genomes := archive.Fresh(rng, want, draws...)
		result.Exhausted = len(genomes) < want
		offspring, err := archive.Evaluate(ctx, genomes) // Q_t
		if err != nil {
			return nil, fmt.Errorf("nsga2: generation %d: %w", len(result.Steps), err)
		}
		parents = survive(parents, offspring, s.Population) // P_{t+1} from P_t and Q_t
		near.take(offspring)
		result.Record(s.Reference, progress)
	}
	return result.Finish(), nil
}

// complete fills in the defaults and refuses what cannot run.
func complete[G comparable](p *search.Problem[G], s Settings) (Settings, error) {
	if err := p.Check(); err != nil {
		return s, err
	}
	if p.Mutate == nil || p.Crossover == nil {
		return s, errors.New("nsga2: problem: Mutate or Crossover is not set")
	}
	s.Population = cmp.Or(s.Population, 100)
	s.Evaluations = cmp.Or(s.Evaluations, 10_000)
	s.CrossoverProb = cmp.Or(s.CrossoverProb, 0.9)
	s.TargetShare = cmp.Or(s.TargetShare, 0.5)
	s.TargetParents = cmp.Or(s.TargetParents, 25)
	switch {
	case s.Population < 2:
		return s, fmt.Errorf("nsga2: settings: a population of %d cannot breed (want at least 2)", s.Population)
	case s.Evaluations < s.Population:
		return s, fmt.Errorf("nsga2: settings: %d evaluations do not fill a population of %d (lower the population)", s.Evaluations, s.Population)
	case !(s.CrossoverProb <= 1) || !(s.MutationProb >= 0 && s.MutationProb <= 1):
		return s, fmt.Errorf("nsga2: settings: probabilities of crossover %v and mutation %v (want at most 1)", s.CrossoverProb, s.MutationProb)
	}
	return s, checkTargets(p.Objectives, s)
}

// child breeds one genome: tournaments choose its parents.
func child[G comparable](rng *rand.Rand, p *search.Problem[G], s Settings, parents []member[G]) G {
	g := tournament(rng, parents).Genome
	if rng.Float64() < s.CrossoverProb {
		g = p.Crossover(rng, g, tournament(rng, parents).Genome)
	}
	return p.Mutate(rng, g, s.MutationProb)
}

// tournament returns the better of two members drawn at random; of equals, the
// first drawn.
func tournament[G comparable](rng *rand.Rand, parents []member[G]) member[G] {
	a, b := parents[rng.IntN(len(parents))], parents[rng.IntN(len(parents))]
	if crowdedCompare(b, a) < 0 {
		return b
	}
	return a
}

// crowdedCompare is the crowded-comparison operator of section III-B: the lower
// rank first, and within a rank the emptier surroundings. Ranks are by
// constraint domination, so limits are obeyed before objectives.
func crowdedCompare[G comparable](a, b member[G]) int {
	return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(b.crowding, a.crowding))
}

// survive keeps the best n of parents and offspring together: front after
// front, and of the front that does not fit in whole the least crowded.
func survive[G comparable](parents []member[G], offspring []search.Candidate[G], n int) []member[G] {
	all := slices.Clone(parents) // R_t
	for _, c := range offspring {
		all = append(all, member[G]{Candidate: c})
	}
	points := make([]search.Point, len(all))
	for i, m := range all {
		points[i] = m.Point
	}
	next := make([]member[G], 0, n)
	for rank, front := range search.Sort(points) {
		start := len(next)
		for i, d := range search.Crowding(points, front) {
			m := all[front[i]]
			m.rank, m.crowding = rank, d
			next = append(next, m)
		}
		if len(next) >= n {
			slices.SortStableFunc(next[start:], crowdedCompare)
			return next[:n]
		}
	}
	return next
}
