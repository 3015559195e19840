package search

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// line is a problem over the integers 0 to 999: small against large, with a
// limit below which nothing is allowed.
func line(limit int) *Problem[int] {
	return &Problem[int]{
		Objectives: []string{"size", "error"},
		Random:     func(rng *rand.Rand) int { return rng.IntN(1000) },
		Evaluate: func(_ context.Context, genomes []int) ([]Point, error) {
			points := make([]Point, len(genomes))
			for i, g := range genomes {
				points[i] = Point{[]float64{float64(g), float64(1000 - g/10*10)}, float64(max(0, limit-g))}
			}
			return points, nil
		},
	}
}

func TestArchiveEvaluatesOnce(t *testing.T) {
	p := line(0)
	calls := map[int]int{}
	inner := p.Evaluate
	p.Evaluate = func(ctx context.Context, genomes []int) ([]Point, error) {
		for _, g := range genomes {
			calls[g]++
		}
		return inner(ctx, genomes)
	}
	a := NewArchive(p)
	for _, batch := range [][]int{{1, 2, 1}, {2, 3}, {3, 1}, {}} {
		got, err := a.Evaluate(context.Background(), batch)
		if err != nil {
			t.Fatal(err)
		}
		for i, g := range batch {
			if got[i].Genome != g || got[i].Objectives[0] != float64(g) {
				t.Errorf("batch %v: candidate %d is %+v", batch, i, got[i])
			}
		}
	}
	if a.Len() != 3 || calls[1] != 1 || calls[2] != 1 || calls[3] != 1 {
		t.Errorf("%d evaluations, calls %v", a.Len(), calls)
	}
}

// The front kept up batch by batch is that of everything at once.
func TestArchiveFrontIsOfEverything(t *testing.T) {
	a := NewArchive(line(100))
	rng := NewRand(2)
	for range 20 {
		if _, err := a.Evaluate(context.Background(), a.Fresh(rng, 17, a.problem.Random)); err != nil {
			t.Fatal(err)
		}
	}
	got, want := a.Front(), NewFront(a.problem.Objectives, a.All())
	if len(got.Points) < 5 || !got.Feasible || len(got.Points) != len(want.Points) {
		t.Fatalf("front of %d points, want %d", len(got.Points), len(want.Points))
	}
	for i := range got.Points {
		if got.Points[i].Genome != want.Points[i].Genome {
			t.Errorf("point %d is %v, want %v", i, got.Points[i], want.Points[i])
		}
	}
}

func TestInfeasibleFrontIsTheNearest(t *testing.T) {
	a := NewArchive(line(5000))
	if err := a.Front().Err(); !errors.Is(err, ErrInfeasible) {
		t.Errorf("empty: %v", err)
	}
	if _, err := a.Evaluate(context.Background(), []int{10, 900, 20}); err != nil {
		t.Fatal(err)
	}
	f := a.Front()
	if f.Feasible || len(f.Points) != 1 || f.Points[0].Genome != 900 || f.Hypervolume([]float64{2000, 2000}) != 0 {
		t.Errorf("front %+v", f)
	}
	if err := f.Err(); !errors.Is(err, ErrInfeasible) || !strings.Contains(err.Error(), "4100") {
		t.Errorf("error %v", err)
	}
	if _, ok := f.Best(0); ok {
		t.Error("an infeasible candidate is called best")
	}
}

func TestPointsThatCannotBeRanked(t *testing.T) {
	for want, point := range map[string]Point{
		`objective "error" is NaN`: {[]float64{1, math.NaN()}, 0},
		`objective "size" is +Inf`: {[]float64{math.Inf(1), 1}, 0},
		"1 objectives, want 2":     {[]float64{1}, 0},
		"violation is NaN":         {[]float64{1, 2}, math.NaN()},
		"violation is -1":          {[]float64{1, 2}, -1},
		"violation is +Inf":        {[]float64{1, 2}, math.Inf(1)},
	} {
		p := line(0)
		p.Evaluate = func(_ context.Context, genomes []int) ([]Point, error) {
			return slices.Repeat([]Point{point}, len(genomes)), nil
		}
		a := NewArchive(p)
		_, err := a.Evaluate(context.Background(), []int{42})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "42") {
			t.Errorf("want %q, got %v", want, err)
		}
		if a.Len() != 0 {
			t.Errorf("%s: it was kept", want)
		}
	}
}

func TestArchiveStopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Random(ctx, line(0), RandomSettings{}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestRandom(t *testing.T) {
	p := line(0)
	p.Seeds = []int{999, 0}
	settings := RandomSettings{Evaluations: 130, Batch: 50, Seed: 3, Reference: []float64{1000, 1001}}
	var seen []Step
	r, err := Random(context.Background(), p, settings, func(s Step, _ Front[int]) { seen = append(seen, s) })
	if err != nil {
		t.Fatal(err)
	}
	if r.Archive.Len() != 130 || r.Exhausted || !slices.Equal(seen, r.Steps) || len(seen) != 3 || seen[2].Evaluations != 130 {
		t.Errorf("%d evaluations, steps %+v", r.Archive.Len(), seen)
	}
	if all := r.Archive.All(); all[0].Genome != 999 || all[1].Genome != 0 {
		t.Errorf("the seeds do not come first: %v", all[:2])
	}
	for i := 1; i < len(seen); i++ {
		if seen[i].Hypervolume < seen[i-1].Hypervolume {
			t.Errorf("the hypervolume falls: %+v", seen)
		}
	}
	whole, err := Random(context.Background(), p, RandomSettings{Evaluations: 2000}, nil)
	if err != nil || !whole.Exhausted || whole.Archive.Len() < 990 {
		t.Errorf("a space of 1000 genomes: %d evaluations, exhausted %v, %v", whole.Archive.Len(), whole.Exhausted, err)
	}
	if _, err := Random(context.Background(), p, RandomSettings{Evaluations: -1}, nil); err == nil {
		t.Error("a negative budget is not refused")
	}
	if _, err := Random(context.Background(), &Problem[int]{}, RandomSettings{}, nil); err == nil {
		t.Error("an empty problem is not refused")
	}
}

func TestParallelKeepsOrder(t *testing.T) {
	p := line(7)
	genomes := NewRand(1).Perm(57)
	want, _ := p.Evaluate(context.Background(), genomes)
	for _, workers := range []int{0, 1, 2, 5, 100} {
		got, err := Parallel(workers, p.Evaluate)(context.Background(), genomes)
		if err != nil || !slices.EqualFunc(got, want, func(a, b Point) bool {
			return slices.Equal(a.Objectives, b.Objectives) && a.Violation == b.Violation
		}) {
			t.Errorf("%d workers: %v, %v", workers, got, err)
		}
	}
}

func TestParallelReturnsTheCause(t *testing.T) {
	cause := errors.New("out of memory")
	evaluate := Parallel(4, func(ctx context.Context, genomes []int) ([]Point, error) {
		if slices.Contains(genomes, 30) {
			return nil, cause
		}
		<-ctx.Done() // the others wait until they are cancelled
		return nil, ctx.Err()
	})
	if _, err := evaluate(context.Background(), []int{1, 10, 20, 30}); !errors.Is(err, cause) {
		t.Errorf("got %v", err)
	}
	short := Parallel(2, func(context.Context, []int) ([]Point, error) { return nil, nil })
	if _, err := short(context.Background(), []int{1, 2}); err == nil {
		t.Error("missing points are not refused")
	}
}

// The staircase that the archive keeps for two objectives is what the full sort
// finds, after each of many points with many ties, infeasible ones among them.
func TestStaircaseIsTheFront(t *testing.T) {
	rng := NewRand(11)
	p := &Problem[int]{Objectives: []string{"x", "y"}}
	a := NewArchive(p)
	for n := range 600 {
		point := Point{Objectives: []float64{float64(rng.IntN(30)), float64(rng.IntN(30))}}
		if n < 20 || rng.IntN(4) == 0 {
			point.Violation = float64(1 + rng.IntN(3))
		}
		a.all = append(a.all, Candidate[int]{n, point})
		a.place(n)
		got, want := a.Front(), NewFront(p.Objectives, a.all)
		if len(got.Points) != len(a.front) || len(got.Points) != len(want.Points) || got.Feasible != want.Feasible {
			t.Fatalf("after %d: %d points of %d kept, want %d", n, len(got.Points), len(a.front), len(want.Points))
		}
		for i := range got.Points {
			if got.Points[i].Genome != want.Points[i].Genome {
				t.Fatalf("after %d: point %d is %v, want %v", n, i, got.Points[i], want.Points[i])
			}
		}
	}
}
