package search_test

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"hanas/search"
	"hanas/search/searchtest"
)

// CONSTR's least first objective within the limits is known: 7/18, where its
// two limits meet. Evolution comes close, and closer than random search.
func TestEvolutionFindsTheLeast(t *testing.T) {
	for _, c := range searchtest.All() {
		if c.Name != "CONSTR" {
			continue
		}
		r, err := search.Regularised(context.Background(), c.Problem(), search.EvolutionSettings{Evaluations: 2000, Seed: 3}, nil)
		if err != nil {
			t.Fatal(err)
		}
		blind, err := search.Random(context.Background(), c.Problem(), search.RandomSettings{Evaluations: 2000, Seed: 3}, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, _ := r.Front.Best(0)
		random, _ := blind.Front.Best(0)
		if want := 7. / 18; got.Objectives[0] < want-1e-12 || got.Objectives[0]-want > math.Min(2e-3, random.Objectives[0]-want) {
			t.Errorf("least %v, at random %v, want %v", got.Objectives[0], random.Objectives[0], want)
		}
		if r.Archive.Len() != 2000 || len(r.Steps) != 20 {
			t.Errorf("%d evaluations in %d steps", r.Archive.Len(), len(r.Steps))
		}
		again, err := search.Regularised(context.Background(), c.Problem(), search.EvolutionSettings{Evaluations: 2000, Seed: 3}, nil)
		if err != nil || !slices.EqualFunc(r.Archive.All(), again.Archive.All(), func(a, b search.Candidate[searchtest.Real]) bool { return a.Genome == b.Genome }) {
			t.Errorf("the same seed gives another run: %v", err)
		}
	}
}

func TestEvolutionRefuses(t *testing.T) {
	p := searchtest.All()[0].Problem()
	for want, s := range map[string]search.EvolutionSettings{
		"population of 1": {Population: 1},
		"lower the":       {Evaluations: 50},
	} {
		if _, err := search.Regularised(context.Background(), p, s, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	if _, err := search.Regularised(context.Background(), &search.Problem[int]{}, search.EvolutionSettings{}, nil); err == nil {
		t.Error("an empty problem is not refused")
	}
}
