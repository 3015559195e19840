// Command loop plays the measured loop (search/loop) on DyNAS-T's recorded
// ImageNet accuracies of Once-for-All sub-networks: an evaluation is looked up
// instead of made, and where a wanted sub-network was not recorded the nearest
// recorded one is evaluated in its place. It tells after how many evaluations
// the loop has the hypervolume that DyNAS-T's NSGA-II had after 500.
//
//	go run ./bench/loop -data ../shared/data
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"math/rand/v2"
	"path/filepath"
	"slices"

	"hanas/onnx"
	"hanas/onnx/ort"
	"hanas/predictor"
	"hanas/samples"
	"hanas/search"
	"hanas/search/loop"
	"hanas/space"
)

// corner is what the published hypervolumes are counted from: 70 %, 450 MMACs.
var corner = []float64{.30, 450}

func main() {
	log.SetFlags(0)
	data := flag.String("data", filepath.Join("..", "shared", "data"), "folder of the shared data")
	seeds := flag.Int("seeds", 11, "loops")
	budget := flag.Int("evaluations", 250, "of each")
	optimism := flag.Float64("optimism", 0, "see loop.Settings; 0 = its default")
	flag.Parse()
	if err := run(context.Background(), *data, *seeds, *budget, *optimism); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, data string, seeds, budget int, optimism float64) error {
	sp, err := space.Preset("ofa-mbv3-w1.0")
	if err != nil {
		return err
	}
	rec, err := newRecorded(data, sp)
	if err != nil {
		return err
	}
	rt, err := ort.Open(ctx, ort.Options{})
	if err != nil {
		return err
	}
	defer rt.Close()
	for _, n := range []int{50, 100, 250, 500} {
		fmt.Printf("DyNAS-T's NSGA-II after %d: %.3f\n", n, rec.published(n))
	}
	goal := rec.published(500)
	var needed []int
	for seed := range seeds {
		p := rec.problem(rt.Engine(ort.Settings{Threads: 1}))
		r, err := loop.Run(ctx, p, loop.Settings{Evaluations: budget, Optimism: optimism, Seed: uint64(seed), Reference: corner})
		if err != nil {
			return err
		}
		at := budget + 1
		for _, s := range r.Steps {
			if s.Hypervolume >= goal && s.Evaluations < at {
				at = s.Evaluations
			}
		}
		needed = append(needed, at)
		fmt.Printf("seed %d: %d evaluations; %.3f after %d\n", seed, at, r.Front.Hypervolume(corner), r.Archive.Len())
	}
	slices.Sort(needed)
	fmt.Printf("in the middle %d, at most %d evaluations for NSGA-II's hypervolume after 500 (%.3f)\n", needed[len(needed)/2], needed[len(needed)-1], goal)
	return nil
}

// recorded is the truth.
type recorded struct {
	space *space.Space
	archs []space.Arch
	rows  map[space.Arch]samples.Sample
	order []space.Arch // of NSGA-II's evaluations
}

func newRecorded(data string, sp *space.Space) (*recorded, error) {
	files, err := filepath.Glob(filepath.Join(data, "dynast", "*.csv"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("no recorded sub-networks in %s: %w", data, err)
	}
	r := &recorded{space: sp, rows: map[space.Arch]samples.Sample{}}
	var all []samples.Sample
	for _, f := range files {
		rows, _, err := samples.ImportDynasT(f, sp)
		if err != nil {
			return nil, err
		}
		all = append(all, rows...)
		if filepath.Base(f) == "mbnv3w10_evonsga2_acc_macs.csv" {
			for _, row := range rows {
				a, err := sp.Parse(row.Arch)
				if err != nil {
					return nil, err
				}
				r.order = append(r.order, a)
			}
		}
	}
	for _, row := range samples.Distinct(all) {
		a, err := sp.Parse(row.Arch)
		if err != nil {
			return nil, err
		}
		r.archs, r.rows[a] = append(r.archs, a), row
	}
	return r, nil
}

func (r *recorded) point(a space.Arch) search.Point {
	row := r.rows[a]
	return search.Point{Objectives: []float64{1 - row.Accuracy, float64(row.MACs) / 1e6}}
}

// published is the hypervolume of NSGA-II's first n evaluations, as a share of
// accuracies from 70 to 80 % and of 450 MMACs.
func (r *recorded) published(n int) float64 {
	var points [][]float64
	for _, a := range r.order[:min(n, len(r.order))] {
		points = append(points, r.point(a).Objectives)
	}
	return search.Hypervolume(points, corner)
}

// nearest is the recorded sub-network, of those that are not taken, with most
// genes in common; of equals the first.
func (r *recorded) nearest(g space.Arch, taken func(space.Arch) bool) (best space.Arch, ok bool) {
	least := 1 << 30
	want := g.Genes()
	for _, a := range r.archs {
		if taken(a) {
			continue
		}
		off := 0
		for i, v := range a.Genes() {
			if v != want[i] {
				off++
			}
		}
		if off < least {
			best, least, ok = a, off, true
		}
	}
	return best, ok
}

// problem has the recorded accuracies as its evaluations and a predictor fitted
// to them as its surrogate; MACs are counted.
func (r *recorded) problem(engine onnx.Engine) loop.Problem[space.Arch] {
	sp := r.space
	p := search.Problem[space.Arch]{
		Objectives: []string{"error", "mmacs"},
		Random:     sp.Random,
		Mutate: func(rng *rand.Rand, a space.Arch, prob float64) space.Arch {
			if prob == 0 {
				prob = 1 / float64(sp.GeneCount())
			}
			return sp.Mutate(a, prob, rng)
		},
		Crossover: func(rng *rand.Rand, a, b space.Arch) space.Arch { return sp.Crossover(a, b, rng) },
		Evaluate: func(_ context.Context, archs []space.Arch) (out []search.Point, err error) {
			for _, a := range archs {
				out = append(out, r.point(a))
			}
			return out, nil
		},
	}
	// The networks were all measured at 224 pixels.
	full := func(a space.Arch) space.Arch {
		g := slices.Clone(a.Genes())
		g[0] = byte(len(sp.Resolutions) - 1)
		a, _ = sp.New(g)
		return a
	}
	random, mutate, cross := p.Random, p.Mutate, p.Crossover
	p.Random = func(rng *rand.Rand) space.Arch { return full(random(rng)) }
	p.Mutate = func(rng *rand.Rand, a space.Arch, prob float64) space.Arch { return full(mutate(rng, a, prob)) }
	p.Crossover = func(rng *rand.Rand, a, b space.Arch) space.Arch { return full(cross(rng, a, b)) }
	return loop.Problem[space.Arch]{Problem: p, Spell: sp.Key, Instead: r.nearest, Fit: func(ctx context.Context, known []search.Candidate[space.Arch]) (func(context.Context, []space.Arch) ([]loop.Guess, error), func(), error) {
		var rows []samples.Sample
		for _, c := range known {
			rows = append(rows, r.rows[c.Genome])
		}
		m, err := predictor.Fit(ctx, engine, sp, rows, predictor.Settings{Kinds: []string{"ridge", "kernel"}})
		if err != nil {
			return nil, nil, err
		}
		pr, err := predictor.New(m.Graph, engine, sp)
		if err != nil {
			return nil, nil, err
		}
		return func(ctx context.Context, archs []space.Arch) (out []loop.Guess, err error) {
			mean, std, err := pr.Predict(ctx, archs)
			if err != nil {
				return nil, err
			}
			for i, a := range archs {
				out = append(out, loop.Guess{Point: search.Point{Objectives: []float64{1 - mean[i], float64(sp.CostOf(a).MACs) / 1e6}}, Std: []float64{std[i], 0}})
			}
			return out, nil
		}, func() { pr.Close() }, nil
	}}
}
