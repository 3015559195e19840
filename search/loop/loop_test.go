package loop

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hanas/search"
	"hanas/search/nsga2"
)

// genome has eight choices of four.
type genome [8]byte

// toy is two smooth objectives with a trade-off; the surrogates are the truth
// with an error that shrinks as more is known, and say so.
func toy(count *int) Problem[genome] {
	truth := func(g genome) []float64 {
		a, b := 0.0, 0.0
		for i, c := range g {
			x := float64(c)/3 - float64(i)/16
			a += x * x
			b += (1 - x) * (1 - x)
		}
		return []float64{a + .3*math.Sin(float64(g[0]+2*g[1])), b}
	}
	p := search.Problem[genome]{
		Objectives: []string{"a", "b"},
		Random: func(rng *rand.Rand) (g genome) {
			for i := range g {
				g[i] = byte(rng.IntN(4))
			}
			return g
		},
		Mutate: func(rng *rand.Rand, g genome, prob float64) genome {
			if prob == 0 {
				prob = 1. / 8
			}
			for i := range g {
				if rng.Float64() < prob {
					g[i] = byte(rng.IntN(4))
				}
			}
			return g
		},
		Crossover: func(rng *rand.Rand, a, b genome) genome {
			for i := range a {
				if rng.IntN(2) == 0 {
					a[i] = b[i]
				}
			}
			return a
		},
		Evaluate: func(_ context.Context, genomes []genome) (out []search.Point, err error) {
			for _, g := range genomes {
				*count++
				out = append(out, search.Point{Objectives: truth(g)})
			}
			return out, nil
		},
	}
	fit := func(_ context.Context, known []search.Candidate[genome]) (func(context.Context, []genome) ([]Guess, error), func(), error) {
		off := 2 / math.Sqrt(float64(len(known)))
		return func(_ context.Context, genomes []genome) (out []Guess, err error) {
			for _, g := range genomes {
				v := truth(g)
				noise := off * math.Sin(float64(g[0])+3*float64(g[3])+7*float64(g[5])+float64(len(known)))
				out = append(out, Guess{Point: search.Point{Objectives: []float64{v[0] + noise, v[1]}}, Std: []float64{off / 2, 0}})
			}
			return out, nil
		}, nil, nil
	}
	return Problem[genome]{Problem: p, Fit: fit, Spell: func(g genome) string { return fmt.Sprint(g) }}
}

var corner = []float64{6, 9}

// TestLoopSavesEvaluations: with surrogates that err, 120 real evaluations reach
// what NSGA-II alone needs several times as many for.
func TestLoopSavesEvaluations(t *testing.T) {
	var n int
	p := toy(&n)
	r, err := Run(t.Context(), p, Settings{Evaluations: 120, Seed: 1, Reference: corner})
	if err != nil {
		t.Fatal(err)
	}
	if n != 120 || r.Archive.Len() != 120 {
		t.Fatalf("%d evaluations, %d in the archive", n, r.Archive.Len())
	}
	alone, err := nsga2.Run(t.Context(), &p.Problem, nsga2.Settings{Population: 40, Evaluations: 360, Seed: 1, Reference: corner}, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, want := r.Front.Hypervolume(corner), alone.Front.Hypervolume(corner)
	t.Logf("loop after 120: %.3f, NSGA-II after 360: %.3f", got, want)
	if got < want {
		t.Errorf("loop after 120: %.3f, NSGA-II after 360: %.3f", got, want)
	}
}

// TestLoopGoesOn: killed after any number of evaluations, and with a cut last
// line, it ends with the bytes and the archive of a loop that was not, and
// evaluates nothing twice.
func TestLoopGoesOn(t *testing.T) {
	dir := t.TempDir()
	set := Settings{Evaluations: 60, Warm: 12, Inner: 300, Seed: 3, Reference: corner, Key: "k"}
	var all int
	set.File = filepath.Join(dir, "whole")
	whole, err := Run(t.Context(), toy(&all), set)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(set.File)
	if err != nil {
		t.Fatal(err)
	}
	for _, stop := range []int{0, 5, 12, 37, 59} {
		set.File = filepath.Join(dir, fmt.Sprint(stop))
		var n int
		p := toy(&n)
		real := p.Evaluate
		killed := errors.New("killed")
		p.Evaluate = func(ctx context.Context, g []genome) ([]search.Point, error) {
			if n == stop {
				return nil, killed
			}
			return real(ctx, g)
		}
		if _, err := Run(t.Context(), p, set); !errors.Is(err, killed) {
			t.Fatal(err)
		}
		f, err := os.OpenFile(set.File, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString(`{"genome":"[1 2`); err != nil {
			t.Fatal(err)
		}
		f.Close()
		p.Evaluate = real
		r, err := Run(t.Context(), p, set)
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(set.File)
		if err != nil || !bytes.Equal(got, want) || n != all {
			t.Errorf("stopped after %d: %d evaluations in all, want %d, files equal %v, %v", stop, n, all, bytes.Equal(got, want), err)
		}
		for i, c := range r.Archive.All() {
			if c.Genome != whole.Archive.All()[i].Genome {
				t.Fatalf("stopped after %d: evaluation %d differs", stop, i)
			}
		}
	}
}

// TestLoopInstead: where only even genomes can be evaluated, only they are.
func TestLoopInstead(t *testing.T) {
	var n int
	p := toy(&n)
	p.Instead = func(g genome, taken func(genome) bool) (genome, bool) {
		for i := range g {
			g[i] &^= 1
		}
		return g, !taken(g)
	}
	r, err := Run(t.Context(), p, Settings{Evaluations: 40, Warm: 10, Inner: 300, Seed: 1, Reference: corner})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range r.Archive.All() {
		for _, v := range c.Genome {
			if v&1 != 0 {
				t.Fatalf("%v was evaluated", c.Genome)
			}
		}
	}
}

func TestLoopRefuses(t *testing.T) {
	var n int
	dir := t.TempDir()
	for name, c := range map[string]struct{ text, want string }{
		"other":  {"{\"loop\":\"other\"}\n", "another search"},
		"none":   {"genome,a\n1,2\n", "no record"},
		"short":  {"{\"loop\":\"k\"}\n{\"genome\":\"x\",\"objectives\":[1]}\n", "line 2"},
		"fields": {"{\"loop\":\"k\"}\n{\"genome\":\"x\",\"b\":[1]}\n", "line 2"},
		"long":   {strings.Repeat("x", mostLine+1), "longer"},
	} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(c.text), 0o666); err != nil {
			t.Fatal(err)
		}
		_, err := Run(t.Context(), toy(&n), Settings{Reference: corner, File: file, Key: "k"})
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	for _, s := range []Settings{{}, {Reference: corner, Warm: 1}, {Reference: corner, Evaluations: 5}} {
		if _, err := Run(t.Context(), toy(&n), s); err == nil {
			t.Errorf("%+v runs", s)
		}
	}
	if _, err := Run(t.Context(), Problem[genome]{}, Settings{Reference: corner}); err == nil {
		t.Error("an empty problem runs")
	}
	if n != 0 {
		t.Errorf("%d evaluations", n)
	}
}
