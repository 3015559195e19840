// Command lowbits trains one sub-network of the cifar10 space in float, and
// then at 8, 4 and 2 bits of weights: with the steps that follow from the
// weights (fixed), and with steps that are trained (learned). Float training
// that goes on for as long is what they are held against.
//
//	go run ./bench/lowbits --data DIR --train 20000 --epochs 8 --tune 3
//
// DIR holds CIFAR-10 as Hugging Face Parquet. Activations have 8 bits at every
// width below 16. Each line is the file that would ship, run on the test images.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"time"

	"hanas/datasets"
	"hanas/eval"
	"hanas/export"
	"hanas/onnx"
	"hanas/onnx/blocked"
	"hanas/onnx/ort"
	"hanas/space"
	"hanas/supernet"
)

type bench struct {
	backend     supernet.Backend
	score, cal  onnx.Engine
	train, test *datasets.Images
	info        supernet.Preprocessing
	augment     datasets.Augment
	began       time.Time
}

func main() {
	data := flag.String("data", "", "folder of CIFAR-10 as Parquet")
	train := flag.Int("train", 20000, "training images")
	epochs := flag.Float64("epochs", 8, "of float training")
	tune := flag.Float64("tune", 3, "epochs at each width")
	seed := flag.Uint64("seed", 1, "of weights and batches")
	flag.Parse()
	if err := run(context.Background(), *data, *train, [2]float64{*epochs, *tune}, *seed); err != nil {
		fmt.Fprintln(os.Stderr, "lowbits:", err)
		os.Exit(1)
	}
}

func open(ctx context.Context, path string, train int) (*bench, func() error, error) {
	rt, err := ort.Open(ctx, ort.Options{Fetch: true})
	if err != nil {
		return nil, nil, err
	}
	set, err := datasets.Open(ctx, datasets.Settings{Kind: "parquet", Path: path, Train: train, Val: 5000, Size: 32, Seed: 1})
	if err != nil {
		return nil, nil, err
	}
	b := &bench{info: supernet.Preprocessing{Mean: set.Info.Mean[:], Std: set.Info.Std[:], Labels: set.Info.Classes}, augment: set.Info.Augment, began: time.Now()}
	if b.train, err = set.Load(ctx, set.Train, 2); err != nil {
		return nil, nil, err
	}
	if b.test, err = set.Load(ctx, set.Test, 2); err != nil {
		return nil, nil, err
	}
	b.score = rt.Engine(ort.Settings{Threads: 1})
	b.cal = rt.Engine(ort.Settings{Threads: 1, DisableQDQFusion: true})
	b.backend.Engine = rt.Engine(ort.Settings{Threads: 1, Level: ort.Basic, DisableQDQFusion: true, SharedArena: true})
	size, err := blocked.SelfTest(b.backend.Engine)
	if err == nil && size > 0 {
		b.backend.Differentiate = func(m *onnx.Model, loss string, wrt []string) (*onnx.Model, error) {
			return blocked.Build(m, loss, wrt, size)
		}
	}
	return b, rt.Close, nil
}

func run(ctx context.Context, path string, train int, epochs [2]float64, seed uint64) error {
	b, done, err := open(ctx, path, train)
	if err != nil {
		return err
	}
	defer done()
	sp, err := space.Preset("cifar10")
	if err != nil {
		return err
	}
	arch := sp.WithBits(sp.Smallest(), 16, 16)
	fmt.Printf("%s\n%.1f MMACs, %d training and %d test images, %g + %g epochs\n", sp.Key(arch), float64(space.Cost(sp.Layers(arch)).MACs)/1e6, b.train.Len(), b.test.Len(), epochs[0], epochs[1])
	net, err := supernet.New(sp, seed)
	if err != nil {
		return err
	}
	float, err := b.tune(ctx, net, arch, supernet.TrainSettings{Epochs: epochs[0], Rate: .006, Seed: seed, FixedSteps: true})
	if err != nil {
		return err
	}
	if err := b.report(ctx, "float", float, arch); err != nil {
		return err
	}
	more, err := b.tune(ctx, float, arch, supernet.TrainSettings{Epochs: epochs[1], Rate: .002, Seed: seed + 1, FixedSteps: true})
	if err != nil {
		return err
	}
	if err := b.report(ctx, "float, as long", more, arch); err != nil {
		return err
	}
	return b.widths(ctx, float, arch, supernet.TrainSettings{Epochs: epochs[1], Rate: .002, Seed: seed + 1})
}

// widths goes from float to 8, 4 and 2 bits of weights.
func (b *bench) widths(ctx context.Context, float *supernet.Supernet, arch space.Arch, set supernet.TrainSettings) error {
	sp := float.Space
	var inherited *supernet.Supernet
	for _, bits := range []int{8, 4, 2} {
		low := sp.WithBits(arch, bits, 8)
		if err := b.report(ctx, fmt.Sprintf("%d bits, rounded", bits), float, low); err != nil {
			return err
		}
		fixed := set
		fixed.FixedSteps = true
		plain, err := b.tune(ctx, float, low, fixed)
		if err != nil {
			return err
		}
		if err := b.report(ctx, fmt.Sprintf("%d bits, fixed steps", bits), plain, low); err != nil {
			return err
		}
		learned, err := b.tune(ctx, float, low, set)
		if err != nil {
			return err
		}
		if err := b.report(ctx, fmt.Sprintf("%d bits, learned steps", bits), learned, low); err != nil {
			return err
		}
		if bits == 8 {
			inherited = learned
			continue
		}
		if inherited, err = b.tune(ctx, inherited, low, set); err != nil {
			return err
		}
		if err := b.report(ctx, fmt.Sprintf("%d bits, learned, after the width above", bits), inherited, low); err != nil {
			return err
		}
	}
	return nil
}

// tune trains net's weights of arch alone.
func (b *bench) tune(ctx context.Context, net *supernet.Supernet, arch space.Arch, set supernet.TrainSettings) (*supernet.Supernet, error) {
	set.Augment = b.augment
	t := &supernet.Trainer{Net: net, Backend: b.backend, Images: b.train, Info: b.info, Set: set}
	t.OnStep = func(p supernet.Point) {
		if p.Step%100 == 0 {
			fmt.Fprintf(os.Stderr, "%5.0fs step %d of %d: loss %.3f, %.0f images/s\n", time.Since(b.began).Seconds(), p.Step, p.Steps, p.Largest, p.PerSec)
		}
	}
	return t.FineTune(ctx, arch)
}

// report runs the file of arch on the test images.
func (b *bench) report(ctx context.Context, name string, net *supernet.Supernet, arch space.Arch) error {
	x := onnx.NewTensor(onnx.Float, 512, 3, 32, 32)
	idx := make([]int, 512)
	for i := range idx {
		idx[i] = i
	}
	if err := b.train.Batch(x.Floats(), nil, idx); err != nil {
		return err
	}
	network, err := (&supernet.Calibrator{Net: net, Engine: b.cal, Images: x, Info: b.info}).Network(ctx, arch)
	if err != nil {
		return err
	}
	m, err := export.Build(network, export.Settings{})
	if err != nil {
		return err
	}
	r, err := b.score(m)
	if err != nil {
		return err
	}
	defer r.Close()
	e, err := eval.New(b.test, eval.Settings{})
	if err != nil {
		return err
	}
	res, err := e.Run(ctx, r)
	if err != nil {
		return err
	}
	fmt.Printf("%-40s top-1 %.2f %%  loss %.4f  (%.0f s)\n", name, 100*res.Top1, res.Loss, time.Since(b.began).Seconds())
	return nil
}
