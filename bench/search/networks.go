package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"hanas/latency"
	"hanas/onnx/ort"
	"hanas/predictor"
	"hanas/search"
	"hanas/search/nsga2"
	"hanas/space"
	"hanas/surrogate"
)

// limits in ms of the Note10.
var limits = []float64{15, 20, 25, 30, 35}

// networksQuestion is Once-for-All's space as a peer needs it: genes are image
// size, depth of each stage, choice of each block.
type networksQuestion struct {
	Sizes   int            `json:"sizes"`
	Depths  [][]int        `json:"depths"`
	Choices []int          `json:"choices"` // of the blocks of each stage
	Base    []float64      `json:"base"`    // ms of the shallowest network of first choices, by size
	Cells   [][][]float64  `json:"cells"`   // ms that a choice adds: size, block, choice
	Columns [][]int        `json:"columns"` // that a choice sets: [block*9+choice], then [size]
	W       [][][]float32  `json:"w"`
	B       [][]float32    `json:"b"`
	Add     float32        `json:"add"`
	Checks  []networkCheck `json:"checks"`
	Limits  []float64      `json:"limits"`

	Evaluations int    `json:"evaluations"`
	Seed        uint64 `json:"seed"`
}

// networkCheck is a genome with what it must come to: the peer refuses to run
// if it disagrees.
type networkCheck struct {
	Genome   []int   `json:"genome"`
	Accuracy float64 `json:"accuracy"`
	MS       float64 `json:"ms"`
}

// figure is what a search did.
type figure struct {
	Evaluations int       `json:"evaluations"`
	Seconds     float64   `json:"seconds"`
	Best        []float64 `json:"best"` // accuracy under each limit
}

func (f figure) rate() float64 { return float64(f.Evaluations) / f.Seconds }

// networks runs all contenders in turns.
func (b *bench) networks(ctx context.Context) error {
	sp, err := space.Preset("ofa-mbv3-w1.2")
	if err != nil {
		return err
	}
	device, err := latency.FindDevice("note10")
	if err != nil {
		return err
	}
	tables, err := device.Open([]string{filepath.Join(b.data, "ofa", "lut")})
	if err != nil {
		return err
	}
	price := func(layers []space.Layer) (float64, error) {
		p, err := tables.Price(layers)
		if err == nil && p.Interpolated > 0 {
			err = fmt.Errorf("no table of this image size")
		}
		return p.Ms, err
	}
	compiled, err := surrogate.Compile(sp, price)
	if err != nil {
		return err
	}
	model, err := predictor.ImportOnceForAll(filepath.Join(b.data, "ofa", "acc_predictor.pth"), sp)
	if err != nil {
		return err
	}
	rt, err := ort.Open(ctx, ort.Options{})
	if err != nil {
		return err
	}
	defer rt.Close()
	p, err := predictor.New(model.Graph, rt.Engine(ort.Settings{}), sp)
	if err != nil {
		return err
	}
	defer p.Close()
	problem := surrogate.NewJudge(compiled, p, surrogate.Limits{LatencyMS: limits[len(limits)-1]}).Problem()
	q := spell(compiled, model)
	if q.Checks, err = checks(ctx, compiled, p); err != nil {
		return err
	}
	var deap, ofa []float64
	for seed := range uint64(b.seeds) {
		q.Seed, q.Evaluations = seed+1, b.evaluations
		mine, err := ours(ctx, problem, b.evaluations, q.Seed)
		if err != nil {
			return err
		}
		var theirs struct{ Deap, Ofa figure }
		if err := b.peer(ctx, q, &theirs); err != nil {
			return err
		}
		fmt.Printf("seed %d: hanas %.0f/s %.4f; DEAP %.0f/s %.4f; Once-for-All (each limit anew) %.0f/s %.4f\n", q.Seed,
			mine.rate(), mine.Best, theirs.Deap.rate(), theirs.Deap.Best, theirs.Ofa.rate(), theirs.Ofa.Best)
		deap, ofa = append(deap, mine.rate()/theirs.Deap.rate()), append(ofa, mine.rate()/theirs.Ofa.rate())
	}
	fmt.Printf("median of the rounds' ratios: %.1f x DEAP, %.1f x Once-for-All's evolution\n", median(deap), median(ofa))
	return nil
}

func ours(ctx context.Context, problem *search.Problem[surrogate.Genome], evaluations int, seed uint64) (figure, error) {
	s := nsga2.Settings{Evaluations: evaluations, Seed: seed}
	for _, l := range limits {
		s.Targets = append(s.Targets, search.Limit{Objective: 1, Max: l})
	}
	begin := time.Now()
	r, err := nsga2.Run(ctx, problem, s, nil)
	if err != nil {
		return figure{}, err
	}
	f := figure{Evaluations: r.Archive.Len(), Seconds: time.Since(begin).Seconds()}
	for _, t := range s.Targets {
		best, _ := r.Front.Best(0, t)
		f.Best = append(f.Best, 1-best.Objectives[0])
	}
	return f, nil
}
