package search

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
)

// Hypervolume is the exact volume of the region that points dominate and that
// lies within the reference point, all objectives minimised. A point that is
// not below the reference in every objective adds nothing. Points of another
// length than the reference are a bug of the caller, and panic.
//
// Two objectives cost a sort; three a sweep over a staircase (N. Beume et al.,
// On the Complexity of Computing the Hypervolume Indicator, IEEE TEC 13(5),
// 2009); more use WFG (L. While et al., A Fast Way of Calculating Exact
// Hypervolumes, IEEE TEC 16(1), 2012).
func Hypervolume(points [][]float64, reference []float64) float64 {
	inside := make([][]float64, 0, len(points))
	for _, p := range points {
		if len(p) != len(reference) {
			panic(fmt.Sprintf("search: Hypervolume: a point of %d objectives, a reference of %d", len(p), len(reference)))
		}
		if below(p, reference) {
			inside = append(inside, p)
		}
	}
	return volume(inside, reference)
}

func below(p, reference []float64) bool {
	for i, v := range p {
		if !(v < reference[i]) {
			return false
		}
	}
	return true
}

// volume wants every point below the reference; it may reorder points.
func volume(points [][]float64, reference []float64) float64 {
	switch {
	case len(points) == 0 || len(reference) == 0:
		return 0
	case len(reference) == 1:
		return reference[0] - slices.MinFunc(points, slices.Compare[[]float64])[0]
	case len(reference) == 2:
		return volume2(points, reference)
	case len(reference) == 3:
		return volume3(points, reference)
	}
	return volumeWFG(points, reference)
}

// volume2 walks the points from left to right and adds a rectangle for each
// one that is lower than all before it.
func volume2(points [][]float64, reference []float64) float64 {
	slices.SortFunc(points, slices.Compare[[]float64])
	total, low := 0.0, reference[1]
	for _, p := range points {
		if p[1] < low {
			total += (reference[0] - p[0]) * (low - p[1])
			low = p[1]
		}
	}
	return total
}

// volume3 walks upward along the third objective. The slab between two points
// has the area that all points below it dominate in the first two.
func volume3(points [][]float64, reference []float64) float64 {
	slices.SortFunc(points, func(a, b []float64) int { return cmp.Or(cmp.Compare(a[2], b[2]), slices.Compare(a, b)) })
	s := staircase{reference: reference}
	total, area, floor := 0.0, 0.0, points[0][2]
	for _, p := range points {
		total += area * (p[2] - floor)
		floor = p[2]
		area += s.insert(p[0], p[1])
	}
	return total + area*(reference[2]-floor)
}

// staircase is a two-objective front: x ascending, y descending.
type staircase struct {
	reference []float64
	steps     [][2]float64
}

// insert adds a point and returns by how much the dominated area grows.
func (s *staircase) insert(x, y float64) float64 {
	i := sort.Search(len(s.steps), func(i int) bool { return s.steps[i][0] >= x })
	if i < len(s.steps) && s.steps[i][0] == x && s.steps[i][1] <= y {
		return 0
	}
	ceiling := s.reference[1]
	if i > 0 {
		ceiling = s.steps[i-1][1]
	}
	if ceiling <= y {
		return 0
	}
	grown, left, end := 0.0, x, i
	for ; end < len(s.steps) && s.steps[end][1] >= y; end++ {
		grown += (s.steps[end][0] - left) * (ceiling - y)
		left, ceiling = s.steps[end][0], s.steps[end][1]
	}
	right := s.reference[0]
	if end < len(s.steps) {
		right = s.steps[end][0]
	}
	grown += (right - left) * (ceiling - y)
	s.steps = slices.Replace(s.steps, i, end, [2]float64{x, y})
	return grown
}

// volumeWFG adds up what each point dominates beyond the points after it: its
// own box less the part of the box that those dominate.
func volumeWFG(points [][]float64, reference []float64) float64 {
	last := len(reference) - 1
	slices.SortFunc(points, func(a, b []float64) int { return cmp.Compare(b[last], a[last]) })
	total := 0.0
	for i, p := range points {
		box := 1.0
		for m, v := range p {
			box *= reference[m] - v
		}
		total += box - volume(clip(points[i+1:], p), reference)
	}
	return total
}

// clip moves points into the box of p and keeps those that nothing dominates.
func clip(points [][]float64, p []float64) [][]float64 {
	var kept [][]float64
next:
	for _, q := range points {
		c := make([]float64, len(p))
		for m := range p {
			c[m] = max(p[m], q[m])
		}
		for _, k := range kept {
			if dominates(k, c) || slices.Equal(k, c) {
				continue next
			}
		}
		kept = slices.DeleteFunc(kept, func(k []float64) bool { return dominates(c, k) })
		kept = append(kept, c)
	}
	return kept
}

// Reference returns a reference point just beyond the worst of points in each
// objective, by margin of their range (0.01 is usual): a point that a whole
// study then keeps fixed, so that its hypervolumes compare. Nil without points.
func Reference(points []Point, margin float64) []float64 {
	if len(points) == 0 {
		return nil
	}
	worst := slices.Clone(points[0].Objectives)
	best := slices.Clone(worst)
	for _, p := range points {
		for m, v := range p.Objectives {
			worst[m], best[m] = max(worst[m], v), min(best[m], v)
		}
	}
	for m := range worst {
		span := worst[m] - best[m]
		if span == 0 {
			span = max(1, worst[m], -worst[m])
		}
		worst[m] += margin * span
	}
	return worst
}
