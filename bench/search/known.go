package main

import (
	"context"
	"fmt"

	"hanas/search"
	"hanas/search/nsga2"
	"hanas/search/searchtest"
)

// question asks DEAP for a front of a problem; its limits and operators are
// searchtest's: population 100, crossover 0.9 and mutation 1/variables, both
// with distribution index 20.
type knownQuestion struct {
	Known       string    `json:"known"`
	Lower       []float64 `json:"lower"`
	Upper       []float64 `json:"upper"`
	Evaluations int       `json:"evaluations"`
	Seed        int       `json:"seed"`
}

const knownBudget, knownSeeds = 25_000, 11

// known prints medians of 11 seeds; both contenders are measured here, ours by
// its last population's worth of points as DEAP's, so that no archive helps.
func (b *bench) known(ctx context.Context) error {
	fmt.Println("| problem | hypervolume: hanas, archive | hanas, population | DEAP | hanas population / DEAP | IGD: hanas, population | DEAP |")
	fmt.Println("|---|---|---|---|---|---|---|")
	for _, c := range searchtest.All()[:6] {
		var volume, archive, igd, theirVolume, theirIGD []float64
		truth := c.Front(1000)
		for seed := range knownSeeds {
			r, err := nsga2.Run(ctx, c.Problem(), nsga2.Settings{Evaluations: knownBudget, Seed: uint64(seed)}, nil)
			if err != nil {
				return err
			}
			mine := population(r.Archive)
			var theirs struct {
				Front [][]float64 `json:"front"`
			}
			if err := b.peer(ctx, knownQuestion{c.Name, c.Lower, c.Upper, knownBudget, seed}, &theirs); err != nil {
				return err
			}
			archive = append(archive, r.Front.Hypervolume(c.Reference))
			volume, igd = append(volume, search.Hypervolume(mine, c.Reference)), append(igd, searchtest.IGD(truth, mine))
			theirVolume, theirIGD = append(theirVolume, search.Hypervolume(theirs.Front, c.Reference)), append(theirIGD, searchtest.IGD(truth, theirs.Front))
		}
		fmt.Printf("| %s | %.5f | %.5f | %.5f | %.4f | %.5f | %.5f |\n", c.Name, median(archive), median(volume), median(theirVolume),
			median(volume)/median(theirVolume), median(igd), median(theirIGD))
	}
	return nil
}

// population is the front of everything, thinned to the 100 members that
// crowding keeps: NSGA-II's survivors of it.
func population(a *search.Archive[searchtest.Real]) [][]float64 {
	all := a.All()
	points := make([]search.Point, len(all))
	for i, c := range all {
		points[i] = c.Point
	}
	front := search.Nondominated(points)
	for len(front) > 100 {
		least, at := 0, search.Crowding(points, front)
		for i, d := range at {
			if d < at[least] {
				least = i
			}
		}
		front = append(front[:least], front[least+1:]...)
	}
	var out [][]float64
	for _, i := range front {
		out = append(out, points[i].Objectives)
	}
	return out
}
