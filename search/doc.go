// Package search looks for the best trade-offs among several objectives that
// are all minimised. It knows nothing of networks: it is generic in the genome,
// so that the code which searches architectures is tested on problems whose
// true fronts are known (package searchtest).
//
// There are five nouns. A [Problem] draws, varies and evaluates genomes; a
// [Point] is what an evaluation says: objectives and how far the limits are
// exceeded; a [Candidate] is a genome with its point; an [Archive] evaluates
// each distinct genome once and remembers it; a [Front] is the set of
// candidates that nothing dominates, with the ways to pick from it.
//
//	p := &search.Problem[space.Arch]{
//		Objectives: []string{"error", "latency_ms"},
//		Random:     sp.Random,
//		Mutate:     mutate,
//		Crossover:  crossover,
//		Evaluate:   evaluate, // batches: []Arch -> []Point
//	}
//	result, err := nsga2.Run(ctx, p, nsga2.Settings{Evaluations: 20000, Seed: 1})
//	best, ok := result.Front.Best(0, search.Limit{Objective: 1, Max: 12})
//
// Limits are handled by constraint domination (K. Deb et al., A Fast and
// Elitist Multiobjective Genetic Algorithm: NSGA-II, IEEE TEC 6(2), 2002,
// section VI): a candidate within the limits beats one beyond them, and of two
// beyond them the one that exceeds them less wins.
package search
