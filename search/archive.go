package search

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
)

// Archive evaluates genomes and remembers them all: no genome is evaluated
// twice, so Len is the number of distinct evaluations, which is what a budget
// counts.
type Archive[G comparable] struct {
	problem *Problem[G]
	all     []Candidate[G]
	index   map[G]int
	front   []int      // indices into all: what nothing dominates
	drawn   map[G]bool // by Fresh, kept for its room
}

// NewArchive makes an empty archive of a problem.
func NewArchive[G comparable](p *Problem[G]) *Archive[G] {
	return &Archive[G]{problem: p, index: map[G]int{}, drawn: map[G]bool{}}
}

// Len is the number of distinct genomes evaluated.
func (a *Archive[G]) Len() int { return len(a.all) }

// All returns every candidate in the order of evaluation; the slice is the
// archive's own and must not be changed.
func (a *Archive[G]) All() []Candidate[G] { return a.all }

// Has says whether a genome has been evaluated.
func (a *Archive[G]) Has(g G) bool { _, ok := a.index[g]; return ok }

// Grow makes room for n evaluations in all, of a search that will make so many.
func (a *Archive[G]) Grow(n int) {
	n = min(n, mostRoom)
	if len(a.index) > 0 || n <= 0 {
		return
	}
	a.index = make(map[G]int, n)
	a.all = make([]Candidate[G], 0, n)
}

// mostRoom is what a budget is believed: a larger archive grows as it fills.
const mostRoom = 1 << 20

// Evaluate returns the candidates of the genomes, in their order; those not yet
// known go to the problem as one batch, each once. On an error nothing of the
// batch is kept.
func (a *Archive[G]) Evaluate(ctx context.Context, genomes []G) ([]Candidate[G], error) {
	before := len(a.all)
	fresh := make([]G, 0, len(genomes))
	at := make([]int, len(genomes))
	for i, g := range genomes {
		n, known := a.index[g]
		if !known {
			n = before + len(fresh)
			a.index[g] = n // taken back if the evaluation fails
			fresh = append(fresh, g)
		}
		at[i] = n
	}
	if err := a.evaluate(ctx, fresh); err != nil {
		for _, g := range fresh {
			delete(a.index, g)
		}
		return nil, err
	}
	out := make([]Candidate[G], len(genomes))
	for i, n := range at {
		out[i] = a.all[n]
	}
	return out, nil
}

// evaluate adds candidates that the index has already.
func (a *Archive[G]) evaluate(ctx context.Context, fresh []G) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("search: after %d evaluations: %w", len(a.all), err)
	}
	if len(fresh) == 0 {
		return nil
	}
	points, err := a.problem.Evaluate(ctx, fresh)
	if err != nil {
		return fmt.Errorf("search: evaluate %d genomes: %w", len(fresh), err)
	}
	if len(points) != len(fresh) {
		return fmt.Errorf("search: evaluate: %d points for %d genomes", len(points), len(fresh))
	}
	for i := range points {
		if err := a.problem.checkPoint(&points[i]); err != nil {
			return fmt.Errorf("search: evaluate: genome %v: %w", fresh[i], err)
		}
	}
	for i, p := range points {
		a.all = append(a.all, Candidate[G]{fresh[i], p})
		a.place(len(a.all) - 1)
	}
	return nil
}

// place puts candidate n on the front, if nothing there dominates or equals it,
// and takes off what it dominates.
func (a *Archive[G]) place(n int) {
	p := a.all[n].Point
	if len(p.Objectives) == 2 && p.Feasible() && len(a.front) > 0 && a.all[a.front[0]].Feasible() {
		a.placeOnStairs(n)
		return
	}
	for _, f := range a.front {
		if Dominates(a.all[f].Point, p) || equal(a.all[f].Point, p) {
			return
		}
	}
	a.front = slices.DeleteFunc(a.front, func(f int) bool { return Dominates(p, a.all[f].Point) })
	a.front = append(a.front, n)
}

// placeOnStairs is place for two objectives: the front is kept in the order of
// the first, in which the second falls, so one binary search finds the only
// member that can dominate n, and what n dominates follows it.
func (a *Archive[G]) placeOnStairs(n int) {
	at := func(i int) []float64 { return a.all[a.front[i]].Objectives }
	p := a.all[n].Objectives
	i := sort.Search(len(a.front), func(i int) bool { return at(i)[0] > p[0] })
	if i > 0 && at(i - 1)[1] <= p[1] {
		return
	}
	end := i
	for end < len(a.front) && at(end)[1] >= p[1] {
		end++
	}
	if i > 0 && at(i - 1)[0] == p[0] {
		i--
	}
	a.front = slices.Replace(a.front, i, end, n)
}

func equal(a, b Point) bool {
	return a.Violation == b.Violation && slices.Equal(a.Objectives, b.Objectives)
}

// Front returns what nothing in the archive dominates, of equal points the
// first evaluated.
func (a *Archive[G]) Front() Front[G] {
	f := Front[G]{Objectives: a.problem.Objectives, Feasible: len(a.front) > 0}
	for _, n := range a.front {
		f.Points = append(f.Points, a.all[n])
		f.Feasible = f.Feasible && a.all[n].Feasible()
	}
	slices.SortStableFunc(f.Points, func(x, y Candidate[G]) int { return slices.Compare(x.Objectives, y.Objectives) })
	f.Points = slices.CompactFunc(f.Points, func(x, y Candidate[G]) bool {
		return equal(x.Point, y.Point)
	})
	return f
}

// ErrInfeasible says that no candidate was within the limits; the front that
// comes with it holds the nearest ones.
var ErrInfeasible = errors.New("search: no candidate is within the limits")
