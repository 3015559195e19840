// Command sharing asks what sharing weights costs. It takes a finished supernet
// and prints, on test images, or with -split val on held-out ones that settings may be
// chosen by, each as the file that would ship:
//
//   - sub-networks of several sizes with the shared weights, in float and at 8,
//     4 and 2 bits of weights (activations 8);
//
//   - the same sub-networks trained alone, from random weights, for the same
//     epochs with the same settings (-alone).
//
//     go run ./bench/sharing -run runs/cifar10-large -archs 3 [-calibration 96,256,1024] [-alone]
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"hanas/configs"
	"hanas/datasets"
	"hanas/eval"
	"hanas/export"
	"hanas/onnx"
	"hanas/onnx/blocked"
	"hanas/onnx/ort"
	"hanas/space"
	"hanas/supernet"
)

func main() {
	dir := flag.String("run", "", "run folder with config.json and supernet.safetensors")
	archs := flag.Int("archs", 3, "sub-networks, evenly over the space's MACs")
	alone := flag.Bool("alone", false, "train them alone too")
	calibration := flag.String("calibration", "256", "images that statistics are taken from; several are compared")
	runs := flag.Int("runs", 16, "runs that those images are split into")
	split := flag.String("split", "test", "images that are scored: val or test")
	flag.Parse()
	if err := run(context.Background(), *dir, *archs, setup{*alone, *calibration, *split, *runs}); err != nil {
		fmt.Fprintln(os.Stderr, "sharing:", err)
		os.Exit(1)
	}
}

type setup struct {
	alone       bool
	calibration string
	split       string
	runs        int
}

// bench is what every score needs.
type bench struct {
	cfg           *configs.Config
	space         *space.Space
	backend       supernet.Backend
	scoring, cal  onnx.Engine
	train, scored *datasets.Images
	info          supernet.Preprocessing
	augment       datasets.Augment
	runs          int
}

func run(ctx context.Context, dir string, count int, set setup) error {
	b, done, err := open(ctx, dir, set.split)
	if err != nil {
		return err
	}
	defer done()
	b.runs = set.runs
	net, err := supernet.Read(filepath.Join(dir, "supernet.safetensors"), b.space)
	if err != nil {
		return err
	}
	var images []int
	for _, text := range strings.Split(set.calibration, ",") {
		n, err := strconv.Atoi(text)
		if err != nil {
			return err
		}
		images = append(images, n)
	}
	for _, arch := range b.archs(count) {
		float := b.space.WithBits(arch, 16, 16)
		fmt.Printf("%.1f MMACs %s\n", float64(space.Cost(b.space.Layers(float)).MACs)/1e6, b.space.Key(float))
		for _, n := range images {
			for _, bits := range [][2]int{{16, 16}, {8, 8}, {4, 8}, {2, 8}} {
				if err := b.report(ctx, "shared", net, b.space.WithBits(arch, bits[0], bits[1]), n); err != nil {
					return err
				}
			}
		}
		if set.alone {
			if err := b.alone(ctx, float, images[0]); err != nil {
				return err
			}
		}
	}
	return nil
}

func open(ctx context.Context, dir, split string) (*bench, func() error, error) {
	cfg, err := configs.Load(filepath.Join(dir, "config.json"), nil)
	if err != nil {
		return nil, nil, err
	}
	sp, err := cfg.Space.Resolve()
	if err != nil {
		return nil, nil, err
	}
	rt, err := ort.Open(ctx, ort.Options{Fetch: true})
	if err != nil {
		return nil, nil, err
	}
	d := cfg.Data
	set, err := datasets.Open(ctx, datasets.Settings{Kind: d.Kind, Path: d.Path, Train: d.Train, Val: d.Val, Test: d.Test, Size: sp.Resolutions[0], Seed: cfg.Seed, Difficulty: d.Difficulty})
	if err != nil {
		return nil, nil, err
	}
	b := &bench{cfg: cfg, space: sp, info: supernet.Preprocessing{Mean: set.Info.Mean[:], Std: set.Info.Std[:], Labels: set.Info.Classes}, augment: set.Info.Augment}
	if b.train, err = set.Load(ctx, set.Train, 2); err != nil {
		return nil, nil, err
	}
	scored := map[string]datasets.Dataset{"val": set.Val, "test": set.Test}[split]
	if scored == nil {
		return nil, nil, fmt.Errorf("-split %s (want val or test)", split)
	}
	if b.scored, err = set.Load(ctx, scored, 2); err != nil {
		return nil, nil, err
	}
	b.scoring = rt.Engine(ort.Settings{Threads: 2})
	b.cal = rt.Engine(ort.Settings{Threads: 2, DisableQDQFusion: true})
	b.backend.Engine = rt.Engine(ort.Settings{Threads: 1, Level: ort.Basic, DisableQDQFusion: true, SharedArena: true})
	if size, err := blocked.SelfTest(b.backend.Engine); err == nil && size > 0 {
		b.backend.Differentiate = func(m *onnx.Model, loss string, wrt []string) (*onnx.Model, error) {
			return blocked.Build(m, loss, wrt, size)
		}
	}
	return b, rt.Close, nil
}

// archs are the largest and the smallest, and random ones between, evenly by
// MACs.
func (b *bench) archs(count int) []space.Arch {
	rng := rand.New(rand.NewPCG(7, 7))
	var drawn []space.Arch
	for range 200 {
		drawn = append(drawn, b.space.Random(rng))
	}
	macs := func(a space.Arch) int64 { return space.Cost(b.space.Layers(a)).MACs }
	slices.SortFunc(drawn, func(x, y space.Arch) int { return cmp.Compare(macs(x), macs(y)) })
	out := []space.Arch{b.space.Largest()}
	for i := range count {
		out = append(out, drawn[(2*i+1)*len(drawn)/(2*count)])
	}
	return append(out, b.space.Smallest())
}

// alone trains arch from random weights as the supernet was trained: the same
// epochs, batches, optimizer and schedule.
func (b *bench) alone(ctx context.Context, arch space.Arch, calibration int) error {
	net, err := supernet.New(b.space, b.cfg.Seed)
	if err != nil {
		return err
	}
	sub, err := net.Subnet(arch)
	if err != nil {
		return err
	}
	c, began := b.cfg.Supernet, time.Now()
	t := &supernet.Trainer{Net: sub, Arch: &arch, Backend: b.backend, Images: b.train, Info: b.info, Set: supernet.TrainSettings{
		Epochs: c.Epochs, Batch: c.Batch, MicroBatch: c.MicroBatch, FloatSteps: 1, Optimizer: c.Optimizer, Average: c.Average, Rate: c.Rate,
		Warmup: c.Warmup, Decay: c.Decay, Smoothing: c.Smoothing, ClipNorm: c.ClipNorm, Seed: b.cfg.Seed, Augment: b.augment,
	}}
	t.OnStep = func(p supernet.Point) {
		if p.Step%100 == 0 {
			fmt.Fprintf(os.Stderr, "%5.0fs step %d of %d: loss %.3f, %.0f images/s\n", time.Since(began).Seconds(), p.Step, p.Steps, p.Largest, p.PerSec)
		}
	}
	if err := t.Run(ctx); err != nil {
		return err
	}
	return b.report(ctx, "alone", sub, arch, calibration)
}

// report runs the file of arch on the images that are scored.
func (b *bench) report(ctx context.Context, name string, net *supernet.Supernet, arch space.Arch, calibration int) error {
	x := onnx.NewTensor(onnx.Float, calibration, b.space.Channels, b.train.Size, b.train.Size)
	idx := make([]int, calibration)
	for i := range idx {
		idx[i] = i
	}
	rng := rand.New(rand.NewPCG(b.cfg.Seed, 0xca1b)) // varied as in training, as stages take them
	if err := b.train.AugmentedBatch(x.Floats(), nil, idx, b.augment, rng); err != nil {
		return err
	}
	network, err := (&supernet.Calibrator{Net: net, Engine: b.cal, Images: x, Batch: calibration / b.runs, Info: b.info}).Network(ctx, arch)
	if err != nil {
		return err
	}
	m, err := export.Build(network, export.Settings{})
	if err != nil {
		return err
	}
	r, err := b.scoring(m)
	if err != nil {
		return err
	}
	defer r.Close()
	e, err := eval.New(b.scored, eval.Settings{Batch: 16})
	if err != nil {
		return err
	}
	res, err := e.Run(ctx, r)
	if err != nil {
		return err
	}
	lo, hi := eval.Wilson(res.Correct1, res.N)
	l := b.space.Layers(arch)[1]
	fmt.Printf("  %-6s weights %2d bits, activations %2d: top-1 %.2f (%.2f to %.2f), loss %.3f, %d images for statistics\n",
		name, l.WBits, l.ABits, 100*res.Top1, 100*lo, 100*hi, res.Loss, calibration)
	return nil
}
