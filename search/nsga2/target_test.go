package nsga2

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"hanas/search"
	"hanas/search/searchtest"
)

// What a niche keeps is what a sort of everything within its limit begins with.
func TestNicheKeepsTheBest(t *testing.T) {
	rng := search.NewRand(3)
	s := Settings{Targets: []search.Limit{{Objective: 1, Max: 0.6}, {Objective: 1, Max: -1}}, TargetParents: 7}
	n := newNiches[int](s)
	var inside []float64
	for batch := range 30 {
		var cs []search.Candidate[int]
		for i := range 10 {
			c := search.Candidate[int]{Genome: 10*batch + i, Point: search.Point{Objectives: []float64{rng.Float64(), rng.Float64()}}}
			if i%3 == 0 {
				c.Violation = 0.1
			} else if c.Objectives[1] <= 0.6 {
				inside = append(inside, c.Objectives[0])
			}
			cs = append(cs, c)
		}
		n.take(cs)
	}
	slices.Sort(inside)
	var kept []float64
	for _, c := range n[0].members {
		kept = append(kept, c.Objectives[0])
	}
	if !slices.Equal(kept, inside[:7]) {
		t.Errorf("kept %v, want %v", kept, inside[:7])
	}
	if len(n[1].members) != 0 {
		t.Errorf("%d members beyond the limit", len(n[1].members))
	}
}

// Half of the children go to the targets, and the other half still finds the
// whole front, if not as well: seen are 0.979 of the hypervolume of ZDT2, where
// the whole search reaches 0.985 and more.
func TestTargetsLeaveTheFront(t *testing.T) {
	for _, c := range searchtest.All()[:2] {
		targets := []search.Limit{{Objective: 1, Max: 0.3}, {Objective: 1, Max: 0.7}}
		r, err := Run(context.Background(), c.Problem(), Settings{Evaluations: 25_000, Targets: targets}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if share := r.Front.Hypervolume(c.Reference) / c.Hypervolume(); share < 0.97 || share > 1.0001 {
			t.Errorf("%s: hypervolume is %.4f of the true front's", c.Name, share)
		}
	}
}

func TestTargetsNobodyMeets(t *testing.T) {
	s := Settings{Population: 10, Evaluations: 200, Targets: []search.Limit{{Objective: 1, Max: -1}}}
	r, err := Run(context.Background(), bits(0), s, nil)
	if err != nil || r.Archive.Len() != 200 {
		t.Fatalf("%v after %d", err, r.Archive.Len())
	}
}

func TestTargetRefusals(t *testing.T) {
	for _, c := range []struct {
		s    Settings
		want string
	}{
		{Settings{Targets: []search.Limit{{Objective: 2}}}, "not of the objectives"},
		{Settings{Targets: []search.Limit{{Max: math.NaN()}}}, "not of the objectives"},
		{Settings{TargetShare: 2}, "a share 2"},
		{Settings{TargetParents: -3}, "of -3 parents"},
	} {
		if _, err := Run(context.Background(), bits(0), c.s, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: want %q, got %v", c.s, c.want, err)
		}
	}
}
