package surrogate

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"hanas/internal/realdata"
	"hanas/latency"
	"hanas/onnx"
	"hanas/onnx/ref"
	"hanas/predictor"
	"hanas/search"
	"hanas/search/nsga2"
	"hanas/space"
)

// note10 compiles Once-for-All's w1.2 space with the tables of the Note10.
func note10(t testing.TB) (*space.Space, Price, *Compiled) {
	t.Helper()
	sp, err := space.Preset("ofa-mbv3-w1.2")
	if err != nil {
		t.Fatal(err)
	}
	d, err := latency.FindDevice("note10")
	if err != nil {
		t.Fatal(err)
	}
	set, err := d.Open([]string{realdata.Path(t, "ofa/lut")})
	if err != nil {
		t.Fatal(err)
	}
	price := func(layers []space.Layer) (float64, error) {
		p, err := set.Price(layers)
		if err == nil && p.Interpolated > 0 {
			err = errors.New("between two tables")
		}
		return p.Ms, err
	}
	c, err := Compile(sp, price)
	if err != nil {
		t.Fatal(err)
	}
	return sp, price, c
}

// The sums of cells are the prices and costs that whole networks have, and the
// rows are the features that package space makes.
func TestArraysAgreeWithNetworks(t *testing.T) {
	sp, price, c := note10(t)
	if got := c.Resolutions(); !slices.Equal(got, []int{160, 176, 192, 208, 224}) {
		t.Errorf("image sizes %v", got)
	}
	rng := search.NewRand(4)
	row := make([]float32, sp.FeatureCount())
	for range 300 {
		a, b := c.Random(rng), c.Random(rng)
		for _, g := range []Genome{a, c.Crossover(rng, a, b), c.Mutate(rng, a, 0), c.Mutate(rng, b, 1)} {
			arch := c.Arch(g)
			layers := sp.Layers(arch)
			want, err := price(layers)
			if err != nil {
				t.Fatal(err)
			}
			costs := space.Cost(layers)
			ms, bytes := c.Cost(&g)
			if math.Abs(ms-want) > 1e-9*want || bytes != float64(costs.WeightBytes+costs.PeakActivationBytes) {
				t.Fatalf("%s: %v ms and %v bytes, want %v and %v", sp.Key(arch), ms, bytes, want, costs)
			}
			takes := c.Takes(&g)
			if takes != (Limits{ms, bytes, float64(costs.WeightBytes), float64(costs.MACs)}) {
				t.Fatalf("%s: %+v, want %v", sp.Key(arch), takes, costs)
			}
			for k, half := range []Limits{{LatencyMS: ms / 2}, {MemoryBytes: bytes / 2}, {WeightBytes: takes.WeightBytes / 2}, {MACs: takes.MACs / 2}} {
				x := c.cost(&g)
				if v := half.exceeded(&x); math.Abs(v-1) > 1e-9 {
					t.Fatalf("%s: limit %d at half of what it takes is exceeded by %g", sp.Key(arch), k, v)
				}
			}
			cost := c.cost(&g)
			c.row(row, &g, &cost)
			for i, v := range sp.Features(arch) {
				if math.Abs(float64(row[i]-v)) > 1e-6 {
					t.Fatalf("%s: feature %d is %v, want %v", sp.Key(arch), i, row[i], v)
				}
			}
		}
	}
}

// Equal networks have equal genomes: what is dead is 0 after every operator.
func TestGenomesAreCanonical(t *testing.T) {
	_, _, c := note10(t)
	rng := search.NewRand(9)
	seen := map[space.Arch]Genome{}
	g := c.Random(rng)
	for range 5000 {
		g = c.Mutate(rng, c.Crossover(rng, g, c.Random(rng)), 0.2)
		if old, ok := seen[c.Arch(g)]; ok && old != g {
			t.Fatalf("one network, genomes %v and %v", old, g)
		}
		seen[c.Arch(g)] = g
		for n := range c.stages {
			s := &c.stages[n]
			for b := s.depths[g[c.depth(n)]]; b < s.blocks; b++ {
				if g[c.block(s.first+b)] != 0 {
					t.Fatalf("dead gene in %v", g)
				}
			}
		}
	}
}

// imported is Once-for-All's predictor on the slow runner.
func imported(t *testing.T, sp *space.Space, change func(*onnx.Model)) *predictor.Predictor {
	t.Helper()
	m, err := predictor.ImportOnceForAll(realdata.Path(t, "ofa/acc_predictor.pth"), sp)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(m.Graph)
	}
	p, err := predictor.New(m.Graph, ref.Settings{}.Engine, sp)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// The search sees what Predict and the tables say, and says the same on any
// number of workers.
func TestSearchSeesThePredictor(t *testing.T) {
	sp, _, c := note10(t)
	p := imported(t, sp, nil)
	run := func(workers int) search.Front[Genome] {
		j := NewJudge(c, p, Limits{LatencyMS: 25})
		j.rows = make([]*predictor.Rows, workers)
		r, err := nsga2.Run(context.Background(), j.Problem(), nsga2.Settings{Population: 20, Evaluations: 200, Seed: 1}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return r.Front
	}
	front := run(1)
	if again := run(3); !slices.EqualFunc(front.Points, again.Points, func(a, b search.Candidate[Genome]) bool { return a.Genome == b.Genome }) {
		t.Error("another front with three workers")
	}
	var archs []space.Arch
	for _, x := range front.Points {
		if x.Objectives[1] > 25 {
			t.Errorf("a point of %v ms beyond the limit", x.Objectives[1])
		}
		archs = append(archs, c.Arch(x.Genome))
	}
	mean, _, err := p.Predict(context.Background(), archs)
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range mean {
		if got := 1 - front.Points[i].Objectives[0]; math.Abs(got-m) > 1e-6 {
			t.Errorf("accuracy %v, Predict says %v", got, m)
		}
	}
}

func TestImpossibleLimitNamesTheNearest(t *testing.T) {
	sp, _, c := note10(t)
	j := NewJudge(c, imported(t, sp, nil), Limits{LatencyMS: 1})
	r, err := nsga2.Run(context.Background(), j.Problem(), nsga2.Settings{Population: 10, Evaluations: 40}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Front.Err(); !errors.Is(err, search.ErrInfeasible) || !strings.Contains(err.Error(), "nearest") {
		t.Errorf("got %v", err)
	}
	least := Genome{}
	if ms, _ := c.Cost(&least); r.Front.Points[0].Objectives[1] != ms { // the smallest network of all is a seed
		t.Errorf("the nearest has %v ms, the least network %v", r.Front.Points[0].Objectives[1], ms)
	}
}

func TestNaNPredictionsAreRefused(t *testing.T) {
	sp, _, c := note10(t)
	p := imported(t, sp, func(g *onnx.Model) {
		for _, w := range g.Graph.Initializers {
			if w.Name == "b4" {
				w.Tensor.Floats()[0] = float32(math.NaN())
			}
		}
	})
	_, err := NewJudge(c, p, Limits{}).Problem().Evaluate(context.Background(), []Genome{{}})
	if err == nil || !strings.Contains(err.Error(), "NaN") || !strings.Contains(err.Error(), "r160") {
		t.Errorf("got %v", err)
	}
}

func TestForeignSpacesAndPricesAreRefused(t *testing.T) {
	quick, err := space.Preset("quick")
	if err != nil {
		t.Fatal(err)
	}
	ofa, err := space.Preset("ofa-mbv3-w1.0")
	if err != nil {
		t.Fatal(err)
	}
	flat := func([]space.Layer) (float64, error) { return 1, nil }
	if _, err := Compile(quick, flat); !errors.Is(err, ErrNotAdditive) {
		t.Errorf("a space with bits and widths: %v", err)
	}
	squared := func(layers []space.Layer) (float64, error) { return float64(len(layers) * len(layers)), nil }
	if _, err := Compile(ofa, squared); !errors.Is(err, ErrNotAdditive) {
		t.Errorf("a price that is not a sum: %v", err)
	}
	missing := errors.New("no row")
	if _, err := Compile(ofa, func([]space.Layer) (float64, error) { return 0, missing }); !errors.Is(err, missing) {
		t.Errorf("a table of another space: %v", err)
	}
	if c, err := Compile(ofa, flat); err != nil || len(c.Resolutions()) != 7 {
		t.Errorf("a constant price: %v", err)
	}
}
