package gradient

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// knapsack is a problem with a known answer: each slot's choices have a value
// and a weight, the loss is minus the values with a wall at a limit of weight of
// each start's own.
type knapsack struct {
	value, weight [][]float64
	limit         []float64
}

func newKnapsack(seed uint64, starts int) knapsack {
	rng := rand.New(rand.NewPCG(seed, 1))
	k := knapsack{}
	for range 8 {
		v, w := []float64{0, 0, 0}, []float64{0, 0, 0}
		for c := range v {
			v[c], w[c] = rng.Float64(), rng.Float64()
		}
		k.value, k.weight = append(k.value, v), append(k.weight, w)
	}
	for i := range starts {
		k.limit = append(k.limit, 2.5+4*float64(i)/float64(starts))
	}
	return k
}

func (k knapsack) loss(_ context.Context, p, grad []Relaxed) ([]float64, error) {
	out := make([]float64, len(p))
	for s := range p {
		value, weight := 0.0, 0.0
		for i := range p[s] {
			for c, v := range p[s][i] {
				value, weight = value+v*k.value[i][c], weight+v*k.weight[i][c]
			}
		}
		over := max(0, weight-k.limit[s])
		out[s] = -value + 4*over
		for i := range p[s] {
			for c := range p[s][i] {
				grad[s][i][c] = -k.value[i][c]
				if over > 0 {
					grad[s][i][c] += 4 * k.weight[i][c]
				}
			}
		}
	}
	return out, nil
}

// exhaustive is the best value within a limit, over all 3^8 genomes.
func (k knapsack) exhaustive(limit float64) float64 {
	best := math.Inf(-1)
	for code := range 6561 {
		value, weight := 0.0, 0.0
		for i, rest := 0, code; i < 8; i, rest = i+1, rest/3 {
			value, weight = value+k.value[i][rest%3], weight+k.weight[i][rest%3]
		}
		if weight <= limit {
			best = max(best, value)
		}
	}
	return best
}

// TestDescendNearExhaustive: what each start ends at, if it keeps its limit, is
// near the best of all genomes, and most keep it or exceed it by little.
func TestDescendNearExhaustive(t *testing.T) {
	const starts = 12
	kept, near := 0, 0
	for seed := range uint64(4) {
		k := newKnapsack(seed, starts)
		found, err := Descend(t.Context(), Problem{Choices: []int{3, 3, 3, 3, 3, 3, 3, 3}, Loss: k.loss}, Settings{Starts: starts, Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		for s, f := range found {
			value, weight := 0.0, 0.0
			for i, c := range f.Genes {
				value, weight = value+k.value[i][c], weight+k.weight[i][c]
			}
			best := k.exhaustive(k.limit[s] + .25)
			if weight <= k.limit[s]+.25 {
				kept++
				if value > .93*best {
					near++
				}
			}
			if value > best && weight <= k.limit[s]+.25 {
				t.Fatalf("better than the best: %g over %g", value, best)
			}
		}
	}
	t.Logf("of %d starts %d keep the limit, %d of these come within 7 %%", 4*starts, kept, near)
	if kept < 40 || near < kept*8/10 {
		t.Errorf("of %d starts %d keep the limit, %d of these come within 7 %%", 4*starts, kept, near)
	}
}

// TestDescendIsRepeatable: same seed, same genes; and starts do not hear of
// each other.
func TestDescendIsRepeatable(t *testing.T) {
	k := newKnapsack(1, 6)
	run := func(seed uint64) []Found {
		found, err := Descend(t.Context(), Problem{Choices: []int{3, 3, 3, 3, 3, 3, 3, 3}, Loss: k.loss}, Settings{Starts: 6, Steps: 50, Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	a, b := run(5), run(5)
	for i := range a {
		if !slices.Equal(a[i].Genes, b[i].Genes) || a[i].Loss != b[i].Loss {
			t.Errorf("start %d differs", i)
		}
	}
}

func TestDescendRefuses(t *testing.T) {
	bad := func(loss, gradient float64) Problem {
		return Problem{Choices: []int{2}, Loss: func(_ context.Context, p, grad []Relaxed) ([]float64, error) {
			grad[1][0][1] = gradient
			return []float64{0, loss}, nil
		}}
	}
	for _, c := range []struct {
		problem Problem
		want    string
	}{
		{Problem{}, "no choices"},
		{bad(math.NaN(), 0), "loss of start 1"},
		{bad(0, math.Inf(1)), "start 1, slot 0"},
	} {
		if _, err := Descend(t.Context(), c.problem, Settings{Starts: 2}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Descend(ctx, bad(0, 0), Settings{}); err == nil {
		t.Error("a cancelled descent ends well")
	}
}
