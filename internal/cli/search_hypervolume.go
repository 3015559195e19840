package cli

import (
	"context"
	"errors"
	"slices"

	"hanas/search"
	"hanas/search/nsga2"
	"hanas/space"
	"hanas/surrogate"
)

// nsga2 is how the flags search: children are bred for each latency limit.
func (f *searchFlags) nsga2() nsga2.Settings {
	s := nsga2.Settings{Population: f.population, Evaluations: f.evaluations, Seed: f.seed}
	for _, limit := range slices.Sorted(slices.Values(f.limits)) { // the order in which they were said is no matter
		s.Targets = append(s.Targets, search.Limit{Objective: 1, Max: limit})
	}
	return s
}

// hypervolumes compares what was found with as many sub-networks at random, by
// the area within the worst of 1,000 random sub-networks and the two ends: the
// same corner for every search of a space and its tables. Where a limit is so
// tight that nothing random meets it, random search has 0.
func hypervolumes(ctx context.Context, p *search.Problem[surrogate.Genome], r *search.Result[surrogate.Genome], seed uint64) (found, random float64, err error) {
	corner, err := search.Corner(ctx, p)
	if err != nil {
		return 0, 0, err
	}
	blind, err := search.Random(ctx, p, search.RandomSettings{Evaluations: r.Archive.Len(), Seed: seed}, nil)
	if err != nil {
		return 0, 0, err
	}
	return r.Front.Hypervolume(corner), blind.Front.Hypervolume(corner), nil
}

// checkBits refuses a space with bit widths that the device was said not to
// run: the tables of whole blocks have one width, so none can be left out.
func (f *searchFlags) checkBits(sp *space.Space, a space.Arch) error {
	if len(f.bits) == 0 {
		return nil
	}
	for _, l := range sp.Layers(a) {
		if l.WBits != 0 && !slices.Contains(f.bits, l.WBits) {
			return usage("--bits %v: layer %s of space %s has weights of %d bits and no other choice (leave --bits out, or choose another space)", f.bits, l.Name, sp.Name, l.WBits)
		}
	}
	return nil
}

// errCorrected says why tables of other tools take no correction of ours.
var errCorrected = errors.New("--estimator corrects hanas's own tables (lut.csv); tables of blocks are summed as they are: leave it out")
