package search

import (
	"fmt"
	"math"
	"slices"
)

// Front is a set of candidates none of which dominates another, ordered by
// their objectives, first to last.
type Front[G comparable] struct {
	Objectives []string // names, in the order of Point.Objectives
	Points     []Candidate[G]
	// Feasible says that the points are within all limits. Where it is false
	// nothing was, and Points are those that exceed the limits least.
	Feasible bool
}

// Limit is an upper bound on one objective.
type Limit struct {
	Objective int     // index into Front.Objectives
	Max       float64 // inclusive, in the objective's unit
}

// NewFront keeps of candidates what nothing among them dominates.
func NewFront[G comparable](objectives []string, candidates []Candidate[G]) Front[G] {
	a := NewArchive(&Problem[G]{Objectives: objectives})
	a.all = candidates
	for i := range candidates {
		a.front = append(a.front, i)
	}
	points := make([]Point, len(candidates))
	for i, c := range candidates {
		points[i] = c.Point
	}
	a.front = Nondominated(points)
	return a.Front()
}

// Err is nil for a feasible front; else it wraps ErrInfeasible and says by how
// much the nearest candidate exceeds the limits.
func (f Front[G]) Err() error {
	if f.Feasible {
		return nil
	}
	if len(f.Points) == 0 {
		return fmt.Errorf("%w: nothing was evaluated", ErrInfeasible)
	}
	near := f.Points[0]
	return fmt.Errorf("%w: the nearest exceeds them by %.4g in total, with %v = %.4g (raise a limit)",
		ErrInfeasible, near.Violation, f.Objectives, near.Objectives)
}

// Best returns the candidate that is least in one objective among those within
// the limits; of equals the one that is less in the other objectives. It is
// false when none is within them.
func (f Front[G]) Best(objective int, limits ...Limit) (best Candidate[G], ok bool) {
	for _, c := range f.Points {
		inside := c.Feasible()
		for _, l := range limits {
			inside = inside && c.Objectives[l.Objective] <= l.Max
		}
		if inside && (!ok || c.Objectives[objective] < best.Objectives[objective]) {
			best, ok = c, true
		}
	}
	return best, ok
}

// Knee returns the candidate that is nearest to having it all: with every
// objective scaled to [0,1] over the front, the least sum. In two dimensions
// that is the point farthest below the line through the two extremes (I. Das,
// On characterizing the knee of the Pareto curve, Structural Optimization 18,
// 1999). It is false for an empty front.
func (f Front[G]) Knee() (knee Candidate[G], ok bool) {
	least := math.Inf(1)
	for i, x := range f.scaled() {
		sum := 0.0
		for _, v := range x {
			sum += v
		}
		if sum < least {
			knee, ok, least = f.Points[i], true, sum
		}
	}
	return knee, ok
}

// Diverse returns at most k candidates that lie far apart, in the front's
// order: first the best of each objective, then always the one farthest from
// all chosen so far, in objectives scaled to [0,1] (T. Gonzalez, Clustering to
// Minimize the Maximum Intercluster Distance, 1985).
func (f Front[G]) Diverse(k int) []Candidate[G] {
	x := f.scaled()
	away := make([]float64, len(x)) // squared distance to the nearest chosen one
	for i := range away {
		away[i] = math.Inf(1)
	}
	var chosen []int
	choose := func(i int) {
		if slices.Contains(chosen, i) || len(chosen) >= k {
			return
		}
		chosen = append(chosen, i)
		for j := range x {
			away[j] = min(away[j], squaredDistance(x[i], x[j]))
		}
	}
	for m := 0; m < len(f.Objectives) && len(x) > 0; m++ {
		best := 0
		for i := range x {
			if x[i][m] < x[best][m] {
				best = i
			}
		}
		choose(best)
	}
	for len(chosen) < min(k, len(x)) {
		far := 0
		for i := range away {
			if away[i] > away[far] {
				far = i
			}
		}
		if away[far] == 0 { // what remains equals what is chosen
			break
		}
		choose(far)
	}
	slices.Sort(chosen)
	out := make([]Candidate[G], len(chosen))
	for i, n := range chosen {
		out[i] = f.Points[n]
	}
	return out
}

// Hypervolume is the volume that the front dominates within the reference
// point; 0 for an infeasible front.
func (f Front[G]) Hypervolume(reference []float64) float64 {
	if !f.Feasible {
		return 0
	}
	objectives := make([][]float64, len(f.Points))
	for i, c := range f.Points {
		objectives[i] = c.Objectives
	}
	return Hypervolume(objectives, reference)
}

// scaled returns the objectives over the front's own range, each in [0,1]; an
// objective without a range is 0.
func (f Front[G]) scaled() [][]float64 {
	out := make([][]float64, len(f.Points))
	for i := range out {
		out[i] = make([]float64, len(f.Objectives))
	}
	for m := range f.Objectives {
		lo, hi := math.Inf(1), math.Inf(-1)
		for _, c := range f.Points {
			lo, hi = min(lo, c.Objectives[m]), max(hi, c.Objectives[m])
		}
		for i, c := range f.Points {
			if hi > lo {
				out[i][m] = (c.Objectives[m] - lo) / (hi - lo)
			}
		}
	}
	return out
}

func squaredDistance(a, b []float64) float64 {
	sum := 0.0
	for i := range a {
		sum += (a[i] - b[i]) * (a[i] - b[i])
	}
	return sum
}
