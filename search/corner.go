package search

import (
	"context"
	"fmt"
	"slices"
)

// cornerGenomes are how many random genomes a Corner is taken from.
const cornerGenomes = 1000

// Corner is where hypervolumes are measured from: the worst of each objective
// among the problem's seeds and 1,000 random genomes, within the limits or not.
// It is the same for every search of a problem, whatever its seed.
func Corner[G comparable](ctx context.Context, p *Problem[G]) ([]float64, error) {
	rng := NewRand(0)
	seen := map[G]bool{}
	var genomes []G
	add := func(g G) {
		if !seen[g] {
			seen[g] = true
			genomes = append(genomes, g)
		}
	}
	for _, g := range p.Seeds {
		add(g)
	}
	for range cornerGenomes {
		add(p.Random(rng))
	}
	points, err := p.Evaluate(ctx, genomes)
	if err != nil {
		return nil, fmt.Errorf("search: corner: %w", err)
	}
	corner := slices.Clone(points[0].Objectives)
	for _, pt := range points {
		for m, v := range pt.Objectives {
			corner[m] = max(corner[m], v)
		}
	}
	return corner, nil
}
