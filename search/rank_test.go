package search

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// clouds returns random point sets of m objectives: continuous ones, ones on a
// coarse grid (ties and equal points) and ones with violations.
func clouds(rng *rand.Rand, m int) [][]Point {
	var sets [][]Point
	for _, kind := range []string{"smooth", "grid", "limits"} {
		for range 30 {
			points := make([]Point, rng.IntN(60))
			for i := range points {
				points[i].Objectives = make([]float64, m)
				for k := range m {
					points[i].Objectives[k] = rng.Float64()
					if kind == "grid" {
						points[i].Objectives[k] = float64(rng.IntN(4))
					}
				}
				if kind == "limits" && rng.IntN(3) > 0 {
					points[i].Violation = float64(rng.IntN(4))
				}
			}
			sets = append(sets, points)
		}
	}
	return sets
}

// peel is the definition: take away what nothing left dominates, again and again.
func peel(points []Point) []int {
	ranks := make([]int, len(points))
	for i := range ranks {
		ranks[i] = -1
	}
	for rank, left := 0, len(points); left > 0; rank++ {
		var front []int
		for i := range points {
			free := ranks[i] < 0
			for j := range points {
				free = free && !(ranks[j] < 0 && Dominates(points[j], points[i]))
			}
			if free {
				front = append(front, i)
			}
		}
		for _, i := range front {
			ranks[i] = rank
		}
		left -= len(front)
	}
	return ranks
}

func TestSortAgainstDefinition(t *testing.T) {
	for m := 1; m <= 5; m++ {
		t.Run(fmt.Sprint(m, " objectives"), func(t *testing.T) {
			rng := NewRand(uint64(m))
			for _, points := range clouds(rng, m) {
				want := peel(points)
				if got := Ranks(points); !slices.Equal(got, want) {
					t.Fatalf("ranks of %v:\n got %v\nwant %v", points, got, want)
				}
				var first []int
				for i, r := range want {
					if r == 0 {
						first = append(first, i)
					}
				}
				if got := Nondominated(points); !slices.Equal(got, first) {
					t.Fatalf("nondominated of %v:\n got %v\nwant %v", points, got, first)
				}
			}
		})
	}
}

// The order in which points are given does not matter.
func TestSortAndCrowdingUnderPermutation(t *testing.T) {
	rng := NewRand(3)
	for m := 2; m <= 3; m++ {
		for _, points := range clouds(rng, m) {
			perm := rng.Perm(len(points))
			moved := make([]Point, len(points))
			for i, p := range perm {
				moved[p] = points[i]
			}
			a, b := Ranks(points), Ranks(moved)
			for i, p := range perm {
				if a[i] != b[p] {
					t.Fatalf("point %d has rank %d, and %d when moved", i, a[i], b[p])
				}
			}
			if len(points) == 0 {
				continue
			}
			da, db := Crowding(points, Sort(points)[0]), Crowding(moved, Sort(moved)[0])
			slices.Sort(da)
			slices.Sort(db)
			for i := range da {
				if da[i] != db[i] && math.Abs(da[i]-db[i]) > 1e-12 {
					t.Fatalf("crowding %v, and %v when moved", da, db)
				}
			}
		}
	}
}

// Growing an objective by a positive factor and an offset changes no rank and
// no crowding distance.
func TestSortAndCrowdingUnderScaling(t *testing.T) {
	rng := NewRand(4)
	for _, points := range clouds(rng, 2) {
		scaled := make([]Point, len(points))
		for i, p := range points {
			scaled[i] = Point{[]float64{8 * p.Objectives[0], p.Objectives[1]/4 - 2}, p.Violation}
		}
		if a, b := Ranks(points), Ranks(scaled); !slices.Equal(a, b) {
			t.Fatalf("ranks %v, scaled %v", a, b)
		}
		for _, front := range Sort(points) {
			a, b := Crowding(points, front), Crowding(scaled, front)
			for i := range a {
				if a[i] != b[i] && math.Abs(a[i]-b[i]) > 1e-9 {
					t.Fatalf("crowding %v, scaled %v", a, b)
				}
			}
		}
	}
}

func TestDominates(t *testing.T) {
	at := func(violation float64, objectives ...float64) Point { return Point{objectives, violation} }
	for _, c := range []struct {
		name string
		a, b Point
		want bool
	}{
		{"better in one", at(0, 1, 2), at(0, 1, 3), true},
		{"equal", at(0, 1, 2), at(0, 1, 2), false},
		{"trade-off", at(0, 1, 2), at(0, 2, 1), false},
		{"feasible beats infeasible", at(0, 9, 9), at(0.1, 1, 1), true},
		{"infeasible never beats feasible", at(0.1, 1, 1), at(0, 9, 9), false},
		{"less violation wins", at(1, 9, 9), at(2, 1, 1), true},
		{"equal violation ties", at(1, 1, 1), at(1, 9, 9), false},
	} {
		if got := Dominates(c.a, c.b); got != c.want {
			t.Errorf("%s: got %v", c.name, got)
		}
	}
}

// Worked by hand after Deb 2002, III-B: range 4 in both objectives, so the
// middle ones have (3-0)/4 + (4-1)/4 and (4-1)/4 + (3-0)/4.
func TestCrowdingByHand(t *testing.T) {
	var points []Point
	for _, o := range [][]float64{{0, 4}, {1, 3}, {3, 1}, {4, 0}} {
		points = append(points, Point{Objectives: o})
	}
	inf := math.Inf(1)
	if got := Crowding(points, []int{0, 1, 2, 3}); !slices.Equal(got, []float64{inf, 1.5, 1.5, inf}) {
		t.Errorf("got %v", got)
	}
	if got := Crowding(points, nil); len(got) != 0 {
		t.Errorf("empty front: got %v", got)
	}
}

func BenchmarkSort(b *testing.B) {
	for _, m := range []int{2, 3} {
		rng := NewRand(1)
		points := make([]Point, 1000)
		for i := range points {
			for range m {
				points[i].Objectives = append(points[i].Objectives, rng.Float64())
			}
		}
		b.Run(fmt.Sprintf("objectives=%d/points=1000", m), func(b *testing.B) {
			for b.Loop() {
				Sort(points)
			}
		})
	}
}
