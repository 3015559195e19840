package search

import (
	"cmp"
	"math"
	"slices"
	"sort"
)

// Dominates says whether a constraint-dominates b (Deb 2002, definition 1): a
// is feasible and b is not; or both are infeasible and a violates less; or both
// are feasible and a is nowhere worse and somewhere better.
func Dominates(a, b Point) bool {
	if a.Feasible() && b.Feasible() {
		return dominates(a.Objectives, b.Objectives)
	}
	return a.Violation < b.Violation
}

func dominates(a, b []float64) bool {
	better := false
	for i, v := range a {
		if v > b[i] {
			return false
		}
		better = better || v < b[i]
	}
	return better
}

// Sort splits points into fronts by constraint domination and returns their
// indices, ascending within a front: nothing dominates the first front, only
// points of front k-1 and before dominate those of front k.
//
// Two objectives cost O(n log n) (M. Jensen, Reducing the Run-Time Complexity
// of Multiobjective EAs, IEEE TEC 7(5), 2003); more objectives use the
// efficient non-dominated sort ENS-BS (X. Zhang et al., IEEE TEC 19(2), 2015).
func Sort(points []Point) [][]int {
	order, feasible := lexicographic(points)
	place := placeByScan
	if len(points) > 0 && len(points[0].Objectives) == 2 {
		place = placeByTail
	}
	var fronts [][]int
	for _, i := range order[:feasible] {
		// Fronts are monotone: if front k does not dominate the point, no later one does.
		k := sort.Search(len(fronts), func(k int) bool { return !place(points, fronts[k], i) })
		if k == len(fronts) {
			fronts = append(fronts, nil)
		}
		fronts[k] = append(fronts[k], i)
	}
	for n := feasible; n < len(order); n++ { // equal violations share a front
		i := order[n]
		if n == feasible || points[order[n-1]].Violation < points[i].Violation {
			fronts = append(fronts, nil)
		}
		fronts[len(fronts)-1] = append(fronts[len(fronts)-1], i)
	}
	for _, f := range fronts {
		slices.Sort(f)
	}
	return fronts
}

// Ranks returns the number of each point's front, from 0.
func Ranks(points []Point) []int {
	ranks := make([]int, len(points))
	for k, front := range Sort(points) {
		for _, i := range front {
			ranks[i] = k
		}
	}
	return ranks
}

// Nondominated returns the indices, ascending, of the points that no other
// point dominates: the first front of Sort, at less cost.
func Nondominated(points []Point) []int {
	order, feasible := lexicographic(points)
	if feasible == 0 {
		end := 0
		for end < len(order) && points[order[end]].Violation == points[order[0]].Violation {
			end++
		}
		front := order[:end]
		slices.Sort(front)
		return front
	}
	place := placeByScan
	if len(points[0].Objectives) == 2 {
		place = placeByTail
	}
	var front []int
	for _, i := range order[:feasible] {
		if !place(points, front, i) {
			front = append(front, i)
		}
	}
	slices.Sort(front)
	return front
}

// lexicographic orders feasible points by their objectives, first to last, and
// after them the infeasible ones by violation. A point can then only be
// dominated by one before it. feasible is how many are.
func lexicographic(points []Point) (order []int, feasible int) {
	order = make([]int, len(points))
	for i := range points {
		order[i] = i
		if points[i].Feasible() {
			feasible++
		}
	}
	slices.SortFunc(order, func(a, b int) int {
		pa, pb := &points[a], &points[b]
		if fa, fb := pa.Feasible(), pb.Feasible(); fa != fb {
			if fa {
				return -1
			}
			return 1
		} else if !fa {
			return cmp.Or(cmp.Compare(pa.Violation, pb.Violation), cmp.Compare(a, b))
		}
		return comparePlaces(pa.Objectives, pb.Objectives, a, b)
	})
	return order, feasible
}

// comparePlaces compares by objectives, first to last, and then by place. The
// values are finite, so plain comparisons do.
func comparePlaces(x, y []float64, a, b int) int {
	for m, v := range x {
		switch w := y[m]; {
		case v < w:
			return -1
		case v > w:
			return 1
		}
	}
	return a - b
}

// placeByTail says whether a two-objective front, in lexicographic order,
// dominates point i. The front's last member has its least second objective,
// and a first objective that is not above i's: it alone decides.
func placeByTail(points []Point, front []int, i int) bool {
	return len(front) > 0 && dominates(points[front[len(front)-1]].Objectives, points[i].Objectives)
}

// placeByScan says whether any member dominates point i, latest first: those
// are the nearest in the order and the likeliest to.
func placeByScan(points []Point, front []int, i int) bool {
	for n := len(front) - 1; n >= 0; n-- {
		if dominates(points[front[n]].Objectives, points[i].Objectives) {
			return true
		}
	}
	return false
}

// Crowding returns the crowding distance of each member of a front (Deb 2002,
// section III-B): over the objectives, the sum of the gaps between its
// neighbours as a share of the front's range. The extremes have +Inf, as has a
// front of up to two.
func Crowding(points []Point, front []int) []float64 {
	distance := make([]float64, len(front))
	if len(front) == 0 {
		return distance
	}
	order := make([]int, len(front)) // positions in front
	for i := range order {
		order[i] = i
	}
	for m := range points[front[0]].Objectives {
		at := func(n int) float64 { return points[front[order[n]]].Objectives[m] }
		slices.SortFunc(order, func(a, b int) int {
			pa, pb := points[front[a]].Objectives, points[front[b]].Objectives
			switch {
			case pa[m] < pb[m]:
				return -1
			case pa[m] > pb[m]:
				return 1
			}
			return comparePlaces(pa, pb, a, b)
		})
		last := len(order) - 1
		span := at(last) - at(0)
		distance[order[0]], distance[order[last]] = math.Inf(1), math.Inf(1)
		if span <= 0 {
			continue
		}
		for n := 1; n < last; n++ {
			distance[order[n]] += (at(n+1) - at(n-1)) / span
		}
	}
	return distance
}
