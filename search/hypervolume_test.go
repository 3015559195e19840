package search

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// cells measures the dominated volume cell by cell over the grid that the
// coordinates span: slow, and nothing but the definition.
func cells(points [][]float64, reference []float64) float64 {
	m := len(reference)
	lines := make([][]float64, m)
	for k := range m {
		for _, p := range points {
			if p[k] < reference[k] {
				lines[k] = append(lines[k], p[k])
			}
		}
		lines[k] = append(lines[k], reference[k])
		slices.Sort(lines[k])
	}
	total := 0.0
	corner := make([]int, m)
	var walk func(k int)
	walk = func(k int) {
		if k < m {
			for corner[k] = 0; corner[k]+1 < len(lines[k]); corner[k]++ {
				walk(k + 1)
			}
			return
		}
		size := 1.0
		for k, c := range corner {
			size *= lines[k][c+1] - lines[k][c]
		}
		for _, p := range points {
			inside := true
			for k, c := range corner {
				inside = inside && p[k] <= lines[k][c]
			}
			if inside {
				total += size
				return
			}
		}
	}
	walk(0)
	return total
}

func randomFront(rng *rand.Rand, n, m int) [][]float64 {
	points := make([][]float64, n)
	for i := range points {
		for range m {
			v := rng.Float64() * 1.2 // some lie beyond the reference 1
			if i%2 == 0 {
				v = float64(rng.IntN(6)) / 5 // ties, equal points, points on the reference
			}
			points[i] = append(points[i], v)
		}
	}
	return points
}

func TestHypervolumeAgainstCells(t *testing.T) {
	for m, size := range map[int]int{1: 12, 2: 20, 3: 14, 4: 9, 5: 7} {
		t.Run(fmt.Sprint(m, " objectives"), func(t *testing.T) {
			rng := NewRand(uint64(m))
			for range 60 {
				points := randomFront(rng, rng.IntN(size), m)
				reference := slices.Repeat([]float64{1}, m)
				want := cells(points, reference)
				if got := Hypervolume(points, reference); math.Abs(got-want) > 1e-12 {
					t.Fatalf("hypervolume of %v: got %v, want %v", points, got, want)
				}
			}
		})
	}
}

// The two- and three-objective sweeps agree with WFG, which knows neither.
func TestSweepsAgainstWFG(t *testing.T) {
	rng := NewRand(8)
	for m := 2; m <= 3; m++ {
		reference := slices.Repeat([]float64{2}, m)
		points := randomFront(rng, 200, m)
		want := volumeWFG(slices.Clone(points), reference)
		if got := Hypervolume(points, reference); math.Abs(got-want) > 1e-9 {
			t.Errorf("%d objectives: got %v, WFG %v", m, got, want)
		}
	}
}

// Known properties: a permutation changes nothing; a dominated point adds
// nothing; any other point adds something; the input is left as it was.
func TestHypervolumeProperties(t *testing.T) {
	rng := NewRand(9)
	for m := 2; m <= 4; m++ {
		reference := slices.Repeat([]float64{1.5}, m)
		points := randomFront(rng, 20, m)
		before := fmt.Sprint(points)
		v := Hypervolume(points, reference)
		if fmt.Sprint(points) != before {
			t.Error("the points were changed")
		}
		shuffled := slices.Clone(points)
		rng.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		if w := Hypervolume(shuffled, reference); math.Abs(v-w) > 1e-12 {
			t.Errorf("%d objectives: %v, shuffled %v", m, v, w)
		}
		worse := slices.Clone(points[3])
		for k := range worse {
			worse[k] += 0.01
		}
		if w := Hypervolume(append(slices.Clone(points), worse), reference); math.Abs(v-w) > 1e-12 {
			t.Errorf("%d objectives: a dominated point changes %v to %v", m, v, w)
		}
		ideal := slices.Repeat([]float64{-0.1}, m)
		want := math.Pow(1.6, float64(m))
		if w := Hypervolume(append(slices.Clone(points), ideal), reference); math.Abs(w-want) > 1e-12 {
			t.Errorf("%d objectives: with the ideal point %v, want %v", m, w, want)
		}
	}
}

func TestReference(t *testing.T) {
	points := []Point{{Objectives: []float64{1, 7}}, {Objectives: []float64{3, 7}}}
	got := Reference(points, 0.5)
	if got[0] != 4 || got[1] != 10.5 { // 3 + half of 2; a range of nothing counts as the value
		t.Errorf("got %v", got)
	}
	if Reference(nil, 1) != nil {
		t.Error("no points have a reference")
	}
}

func BenchmarkHypervolume(b *testing.B) {
	for _, m := range []int{2, 3, 4} {
		rng := NewRand(1)
		points := make([][]float64, 200)
		for i := range points { // on a sphere: none is dominated
			norm := 0.0
			for range m {
				v := math.Abs(rng.NormFloat64())
				points[i] = append(points[i], v)
				norm += v * v
			}
			for k := range m {
				points[i][k] /= math.Sqrt(norm)
			}
		}
		b.Run(fmt.Sprintf("objectives=%d/points=200", m), func(b *testing.B) {
			for b.Loop() {
				Hypervolume(points, slices.Repeat([]float64{1.1}, m))
			}
		})
	}
}
