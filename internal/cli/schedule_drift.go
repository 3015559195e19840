package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"slices"

	"github.com/spf13/pflag"

	"hanas/configs"
	"hanas/export"
	"hanas/internal/progress"
	"hanas/latency"
	"hanas/onnx"
	"hanas/onnx/ort"
	"hanas/pipeline"
	"hanas/predictor"
	"hanas/samples"
	"hanas/space"
)

// driftFlags say what besides the run folder calls for a run.
type driftFlags struct {
	anchors float64
	fresh   string
	minTau  float64
}

func (d *driftFlags) add(fl *pflag.FlagSet) {
	fl.Float64Var(&d.anchors, "anchors", 0, "time 16 layers again, at the pace of the table; due if in the middle they moved by more than this fraction (0 = do not time)")
	fl.StringVar(&d.fresh, "fresh", "", "samples evaluated since, which the predictor did not learn from")
	fl.Float64Var(&d.minTau, "min-tau", 0.7, "due if the predictor's tau on --fresh is below this")
}

// drifted says why a run is due, and which stages it must run though nothing in
// the folder changed.
func (a *app) drifted(ctx context.Context, f scheduleFlags, cfg *configs.Config, table []pipeline.Stage, c *progress.Console) (why, force []string, err error) {
	if why, err = planned(f.out, table); err != nil {
		return nil, nil, err
	}
	for _, stage := range f.force {
		why, force = append(why, stage+": forced"), append(force, stage)
	}
	if len(why) > len(f.force) || f.drift.anchors <= 0 && f.drift.fresh == "" {
		return why, force, nil // what is stale runs anyway: no need to measure
	}
	sp, err := cfg.Space.Resolve()
	if err != nil {
		return nil, nil, err
	}
	rt, err := openORT(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	defer rt.Close()
	if f.drift.anchors > 0 {
		moved, err := anchorsMoved(ctx, rt.Engine(ort.Settings{Threads: max(1, cfg.Lut.Threads)}), sp, filepath.Join(f.out, "lut.csv"))
		if err != nil {
			return nil, nil, err
		}
		if math.Abs(moved) > f.drift.anchors {
			why, force = append(why, fmt.Sprintf("lut: layers take %+.0f %% of their time on record, more than %.0f %%", 100*moved, 100*f.drift.anchors)), append(force, "lut")
		}
	}
	if f.drift.fresh != "" {
		tau, err := freshTau(ctx, rt.Engine(ort.Settings{}), sp, f)
		if err != nil {
			return nil, nil, badInput(err)
		}
		if tau < f.drift.minTau {
			why, force = append(why, fmt.Sprintf("predictor: tau %.3f on fresh samples is below %.3f", tau, f.drift.minTau)), append(force, "evaluate", "predictor")
		}
	}
	return why, force, nil
}

// anchorsMoved times some rows of a table again and gives the median of new
// over old, less 1, at the pace of the table: what slows all work alike, such as
// a busy neighbour, comes and goes and is no drift. A machine that has become
// slower for good cannot be told from it by one look.
func anchorsMoved(ctx context.Context, engine onnx.Engine, sp *space.Space, file string) (float64, error) {
	table, err := latency.ReadTable(file)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil // the plan says so
	}
	if err != nil {
		return 0, badInput(err)
	}
	all := sp.DistinctLayers()
	const anchors = 16
	var layers []space.Layer
	for i := range min(anchors, len(all)) {
		layers = append(layers, all[i*len(all)/min(anchors, len(all))])
	}
	again, err := latency.Profile(ctx, engine, layers, func(l space.Layer) (*onnx.Model, error) { return export.BuildLayer(l, 1) }, latency.Settings{Rounds: 4, Usual: table.PaceMs}, nil)
	if err != nil {
		return 0, err
	}
	var ratios []float64
	for _, l := range layers {
		before, ok := table.Row(l.Key())
		now, measured := again.Row(l.Key())
		if ok && measured && before.MeanMs > 0 {
			ratios = append(ratios, now.MeanMs/before.MeanMs-1)
		}
	}
	if len(ratios) == 0 {
		return 0, badInput(fmt.Errorf("schedule: %s has none of the layers of the space", file))
	}
	slices.Sort(ratios)
	return ratios[len(ratios)/2], nil
}

// freshTau is the predictor's rank correlation with samples evaluated since.
func freshTau(ctx context.Context, engine onnx.Engine, sp *space.Space, f scheduleFlags) (float64, error) {
	rows, _, err := samples.Read(f.drift.fresh)
	if err != nil {
		return 0, err
	}
	if len(rows) < 2 {
		return 0, fmt.Errorf("%s: %d samples, want two or more", f.drift.fresh, len(rows))
	}
	p, err := predictor.Load(filepath.Join(f.out, "predictor.onnx"), engine, sp)
	if err != nil {
		return 0, err
	}
	defer p.Close()
	m, err := p.Judge(ctx, rows)
	return m.Tau, err
}
