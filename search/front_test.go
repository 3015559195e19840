package search

import (
	"fmt"
	"testing"
)

func frontOf(points ...[]float64) Front[int] {
	var all []Candidate[int]
	for i, p := range points {
		all = append(all, Candidate[int]{i, Point{Objectives: p}})
	}
	return NewFront([]string{"error", "ms"}, all)
}

func genomes(cs []Candidate[int]) string {
	var out []int
	for _, c := range cs {
		out = append(out, c.Genome)
	}
	return fmt.Sprint(out)
}

func TestFrontIsSortedWithoutDominatedOrEqual(t *testing.T) {
	f := frontOf([]float64{3, 1}, []float64{1, 3}, []float64{3, 3}, []float64{1, 3}, []float64{2, 2})
	if got := genomes(f.Points); got != "[1 4 0]" {
		t.Errorf("got %v", got)
	}
}

func TestBest(t *testing.T) {
	f := frontOf([]float64{1, 30}, []float64{2, 20}, []float64{3, 10})
	for _, c := range []struct {
		limits []Limit
		want   int
	}{{nil, 0}, {[]Limit{{1, 25}}, 1}, {[]Limit{{1, 20}}, 1}, {[]Limit{{1, 19.9}, {0, 5}}, 2}, {[]Limit{{1, 9}}, -1}} {
		got, ok := f.Best(0, c.limits...)
		if ok != (c.want >= 0) || ok && got.Genome != c.want {
			t.Errorf("%v: got %v %v, want %d", c.limits, got, ok, c.want)
		}
	}
}

// The knee does not depend on the units: (1,1) of a 10 by 10 front is the bend.
func TestKnee(t *testing.T) {
	for _, unit := range []float64{1, 1000} {
		f := frontOf([]float64{0, 10 * unit}, []float64{1, 1 * unit}, []float64{4, 0.5 * unit}, []float64{10, 0})
		if k, ok := f.Knee(); !ok || k.Genome != 1 {
			t.Errorf("unit %v: knee %v", unit, k)
		}
	}
	if _, ok := frontOf().Knee(); ok {
		t.Error("an empty front has a knee")
	}
}

func TestDiverse(t *testing.T) {
	f := frontOf([]float64{0, 10}, []float64{1, 9}, []float64{5, 5}, []float64{5.2, 4.9}, []float64{10, 0})
	for k, want := range map[int]string{0: "[]", 1: "[0]", 2: "[0 4]", 3: "[0 2 4]", 4: "[0 1 2 4]", 9: "[0 1 2 3 4]"} {
		if got := genomes(f.Diverse(k)); got != want {
			t.Errorf("%d of them: got %v, want %v", k, got, want)
		}
	}
	if got := frontOf().Diverse(3); len(got) != 0 {
		t.Errorf("of an empty front: %v", got)
	}
}
