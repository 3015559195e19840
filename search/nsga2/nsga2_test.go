package nsga2

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"hanas/search"
	"hanas/search/searchtest"
)

// known says what a run of 25,000 evaluations with a population of 100 must
// reach, for each test problem.
//
// deb is the mean convergence metric of real-coded NSGA-II with the same
// budget, Deb 2002, table II (0 = the table has no such row). share is of the
// true front's hypervolume; the loss of a front of finitely many points alone
// is under 1 % with two objectives, and 10 % with three.
var known = map[string]struct{ deb, share float64 }{
	"ZDT1":   {0.033482, 0.99},
	"ZDT2":   {0.072391, 0.985},
	"ZDT3":   {0.114500, 0.99},
	"ZDT4":   {0.513053, 0.95},
	"ZDT6":   {0.296564, 0.90},
	"DTLZ2":  {0, 0.95},
	"CONSTR": {0, 0.995},
	"SRN":    {0, 0.995},
	"TNK":    {0, 0.98},
}

func TestReachesKnownFronts(t *testing.T) {
	for _, c := range searchtest.All() {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			want, ok := known[c.Name]
			if !ok {
				t.Fatal("no row says what to reach")
			}
			r, err := Run(context.Background(), c.Problem(), Settings{Evaluations: 25_000, Seed: 1}, nil)
			if err != nil {
				t.Fatal(err)
			}
			found, truth := searchtest.Objectives(r.Front), c.Front(500)
			gamma := searchtest.Convergence(found, truth)
			share := r.Front.Hypervolume(c.Reference) / c.Hypervolume()
			t.Logf("convergence %.5f, IGD %.5f, hypervolume %.4f of the true front's, %d points",
				gamma, searchtest.IGD(truth, found), share, len(found))
			if want.deb > 0 && gamma > want.deb {
				t.Errorf("convergence metric %.5f, the paper has %.5f", gamma, want.deb)
			}
			if share < want.share || share > 1.0001 {
				t.Errorf("hypervolume is %.4f of the true front's, want %.3f to 1", share, want.share)
			}
			if igd := searchtest.IGD(truth, found); strings.Contains("CONSTR SRN TNK", c.Name) && igd > 0.005*diagonal(truth) {
				t.Errorf("IGD %.5f, want at most 0.005 of the front's diagonal %.3f", igd, diagonal(truth))
			}
			if r.Archive.Len() != 25_000 {
				t.Errorf("%d evaluations", r.Archive.Len())
			}
		})
	}
}

// diagonal is that of the box around a front.
func diagonal(front [][]float64) float64 {
	sum := 0.0
	for m := range front[0] {
		lo, hi := front[0][m], front[0][m]
		for _, x := range front {
			lo, hi = min(lo, x[m]), max(hi, x[m])
		}
		sum += (hi - lo) * (hi - lo)
	}
	return math.Sqrt(sum)
}

func TestBeatsRandom(t *testing.T) {
	for _, c := range searchtest.All()[:2] {
		found, err := Run(context.Background(), c.Problem(), Settings{Population: 40, Evaluations: 10_000}, nil)
		if err != nil {
			t.Fatal(err)
		}
		blind, err := search.Random(context.Background(), c.Problem(), search.RandomSettings{Evaluations: 10_000}, nil)
		if err != nil {
			t.Fatal(err)
		}
		truth := c.Front(200)
		a := searchtest.IGD(truth, searchtest.Objectives(found.Front))
		b := searchtest.IGD(truth, searchtest.Objectives(blind.Front))
		if a > b/2 {
			t.Errorf("%s: IGD %.4f, at random %.4f: want half at most", c.Name, a, b)
		}
	}
}

// print is everything that a run found, to the last bit.
func print(r *search.Result[searchtest.Real]) string {
	return fmt.Sprintf("%x %v", r.Archive.All(), r.Steps)
}

func TestSameSeedSameResult(t *testing.T) {
	c := searchtest.All()[0]
	run := func(seed uint64, workers int) string {
		p := c.Problem()
		p.Evaluate = search.Parallel(workers, p.Evaluate)
		r, err := Run(context.Background(), p, Settings{Population: 20, Evaluations: 450, Seed: seed, Reference: c.Reference}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return print(r)
	}
	first := run(7, 1)
	for _, workers := range []int{1, 2, 7} {
		if run(7, workers) != first {
			t.Errorf("another result with %d workers", workers)
		}
	}
	if run(8, 1) == first {
		t.Error("another seed gives the same result")
	}
}

func TestProgressTellsTheHistory(t *testing.T) {
	c := searchtest.All()[0]
	var steps []search.Step
	s := Settings{Population: 30, Evaluations: 310, Reference: []float64{2, 8}}
	r, err := Run(context.Background(), c.Problem(), s, func(step search.Step, f search.Front[searchtest.Real]) {
		if len(f.Points) != step.FrontSize || f.Hypervolume(s.Reference) != step.Hypervolume {
			t.Errorf("step %+v does not fit its front", step)
		}
		steps = append(steps, step)
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(steps) != 11 || fmt.Sprint(steps) != fmt.Sprint(r.Steps) {
		t.Fatalf("%d steps: %v", len(steps), steps)
	}
	for i, step := range steps {
		if step.Generation != i || step.Evaluations != min(30*(i+1), 310) || i > 0 && step.Hypervolume < steps[i-1].Hypervolume {
			t.Errorf("step %d: %+v", i, step)
		}
	}
}

// bits is a tiny space: ones against zeros of an 8-bit word, with a limit that
// nothing meets when it is above 8.
func bits(limit int) *search.Problem[uint8] {
	return &search.Problem[uint8]{
		Objectives: []string{"low", "high"},
		Random:     func(rng *rand.Rand) uint8 { return uint8(rng.Uint32()) },
		Mutate: func(rng *rand.Rand, g uint8, _ float64) uint8 {
			return g ^ 1<<rng.IntN(8)
		},
		Crossover: func(rng *rand.Rand, a, b uint8) uint8 {
			mask := uint8(rng.Uint32())
			return a&mask | b&^mask
		},
		Evaluate: func(_ context.Context, genomes []uint8) ([]search.Point, error) {
			points := make([]search.Point, len(genomes))
			for i, g := range genomes {
				low, high := float64(g&15), float64(15-g>>4)
				points[i] = search.Point{Objectives: []float64{low, high}, Violation: max(0, float64(limit)-low)}
			}
			return points, nil
		},
	}
}

// A space smaller than the budget is searched to its end, and then it ends.
func TestSmallSpaceIsExhausted(t *testing.T) {
	r, err := Run(context.Background(), bits(0), Settings{Population: 10, Evaluations: 1000}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !r.Exhausted || r.Archive.Len() != 256 {
		t.Errorf("exhausted %v after %d of 256", r.Exhausted, r.Archive.Len())
	}
	if len(r.Front.Points) != 1 || r.Front.Points[0].Genome != 0xf0 {
		t.Errorf("front %v", r.Front.Points)
	}
}

func TestNothingFeasible(t *testing.T) {
	r, err := Run(context.Background(), bits(20), Settings{Population: 10, Evaluations: 200}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.Front.Feasible || !errors.Is(r.Front.Err(), search.ErrInfeasible) {
		t.Fatalf("front %+v", r.Front)
	}
	for _, c := range r.Front.Points { // the nearest there is: 20 - 15
		if c.Violation != 5 {
			t.Errorf("violates by %v, the nearest by 5", c.Violation)
		}
	}
}

func TestRefusals(t *testing.T) {
	broken := bits(0)
	broken.Mutate = nil
	failing := bits(0)
	failing.Evaluate = func(context.Context, []uint8) ([]search.Point, error) { return nil, errors.New("the disk is full") }
	for _, c := range []struct {
		p    *search.Problem[uint8]
		s    Settings
		want string
	}{
		{bits(0), Settings{Population: 1}, "population of 1"},
		{bits(0), Settings{Population: -4}, "population of -4"},
		{bits(0), Settings{Evaluations: 50}, "lower the population"},
		{bits(0), Settings{CrossoverProb: 1.5}, "crossover 1.5"},
		{bits(0), Settings{MutationProb: -1}, "mutation -1"},
		{broken, Settings{}, "Mutate or Crossover"},
		{&search.Problem[uint8]{}, Settings{}, "no objectives"},
		{failing, Settings{}, "generation 0"},
		{failing, Settings{}, "the disk is full"},
	} {
		if _, err := Run(context.Background(), c.p, c.s, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: want %q, got %v", c.s, c.want, err)
		}
	}
}

func TestStopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	_, err := Run(ctx, bits(0), Settings{Population: 10, Evaluations: 100}, func(s search.Step, _ search.Front[uint8]) {
		if s.Generation == 3 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "generation 4") {
		t.Errorf("got %v", err)
	}
}

func BenchmarkRun(b *testing.B) {
	for _, c := range searchtest.All() {
		if c.Name != "ZDT1" && c.Name != "DTLZ2" {
			continue
		}
		b.Run(c.Name, func(b *testing.B) {
			const evaluations = 10_000
			for b.Loop() {
				if _, err := Run(context.Background(), c.Problem(), Settings{Evaluations: evaluations}, nil); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(evaluations*float64(b.N)/b.Elapsed().Seconds(), "evaluations/s")
		})
	}
}
