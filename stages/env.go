package stages

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"

	"hanas/configs"
	"hanas/datasets"
	"hanas/eval"
	"hanas/onnx"
	"hanas/onnx/blocked"
	"hanas/onnx/ort"
	"hanas/space"
	"hanas/supernet"
)

// Env is what the adapters share: the configuration, and what is costly to
// open, opened once and only when a stage really runs.
type Env struct {
	Config *configs.Config
	Space  *space.Space
	Log    func(string)
	Crew   Crew // that scores sub-networks; nil = this process

	mu      sync.Mutex
	runtime *ort.Runtime
	backend *supernet.Backend
	set     *datasets.Set
	images  map[string]*datasets.Images
}

// NewEnv checks the configuration against its space.
func NewEnv(cfg *configs.Config, log func(string)) (*Env, error) {
	sp, err := cfg.Space.Resolve()
	if err != nil {
		return nil, err
	}
	if log == nil {
		log = func(string) {}
	}
	return &Env{Config: cfg, Space: sp, Log: log, images: map[string]*datasets.Images{}}, nil
}

// workers is how many goroutines a heavy stage uses.
func (e *Env) workers() int {
	if e.Config.Workers > 0 {
		return e.Config.Workers
	}
	return runtime.NumCPU()
}

// ort opens ONNX Runtime, fetching it when it is not on this machine.
func (e *Env) ort(ctx context.Context) (*ort.Runtime, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.runtime == nil {
		rt, err := ort.Open(ctx, ort.Options{Fetch: true, Log: e.Log})
		if err != nil {
			return nil, err
		}
		e.runtime = rt
	}
	return e.runtime, nil
}

// scoring is the engine that scores, validates and times: the defaults of a
// user's own session, one thread.
func (e *Env) scoring(ctx context.Context) (onnx.Engine, error) {
	rt, err := e.ort(ctx)
	if err != nil {
		return nil, err
	}
	return rt.Engine(ort.Settings{Threads: 1}), nil
}

// training is the backend of training graphs: the blocked layout where the
// library's self-test passes, plain operators elsewhere.
func (e *Env) training(ctx context.Context) (supernet.Backend, error) {
	rt, err := e.ort(ctx)
	if err != nil {
		return supernet.Backend{}, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.backend != nil {
		return *e.backend, nil
	}
	b := supernet.Backend{Engine: rt.Engine(ort.Settings{Threads: 1, Level: ort.Basic, DisableQDQFusion: true, SharedArena: true})}
	size, err := blocked.SelfTest(b.Engine)
	if err != nil {
		e.Log(fmt.Sprintf("blocked layout is not usable here, training with plain operators: %v", err))
	}
	if size > 0 && err == nil {
		b.Differentiate = func(m *onnx.Model, loss string, wrt []string) (*onnx.Model, error) {
			return blocked.Build(m, loss, wrt, size)
		}
	}
	e.backend = &b
	return b, nil
}

// data opens the data set.
func (e *Env) data(ctx context.Context) (*datasets.Set, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.set == nil {
		d := e.Config.Data
		size := d.Size
		if size == 0 {
			size = e.Space.Resolutions[len(e.Space.Resolutions)-1]
		}
		set, err := datasets.Open(ctx, datasets.Settings{
			Kind: d.Kind, Path: d.Path, Train: d.Train, Val: d.Val, Test: d.Test,
			Size: size, Resize: d.Resize, Seed: e.Config.Seed, Difficulty: d.Difficulty,
		})
		if err != nil {
			return nil, err
		}
		if len(set.Info.Classes) != e.Space.Classes {
			return nil, fmt.Errorf("stages: data has %d classes, space %s classifies %d (set space.classes)", len(set.Info.Classes), e.Space.Name, e.Space.Classes)
		}
		e.set = set
	}
	return e.set, nil
}

// split decodes a split once: "train", "val" or "test".
func (e *Env) split(ctx context.Context, name string) (*datasets.Images, error) {
	set, err := e.data(ctx)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if im := e.images[name]; im != nil {
		return im, nil
	}
	ds := map[string]datasets.Dataset{"train": set.Train, "val": set.Val, "test": set.Test}[name]
	im, err := set.Load(ctx, ds, e.workers())
	if err != nil {
		return nil, err
	}
	e.images[name] = im
	return im, nil
}

// preprocessing is what exported files say about their input.
func preprocessing(info datasets.Info) supernet.Preprocessing {
	return supernet.Preprocessing{Mean: info.Mean[:], Std: info.Std[:], Labels: info.Classes}
}

// scorer scores networks on the first images of a split.
func (e *Env) scorer(ctx context.Context, split string, limit int) (scorer, error) {
	im, err := e.split(ctx, split)
	if err != nil {
		return nil, err
	}
	return e.task().scorer(im, eval.Settings{Limit: limit, Batch: e.Config.Evaluate.Batch, PerImage: true})
}

// statisticsBatch is how many images are normalised by one another at a time when
// statistics are measured. 16 stay in the cache: 256 of them in batches of 16 take
// 0.6 of the time of all at once (bench/README.md, scoring).
const statisticsBatch = 16

// calibrator measures batch-norm statistics on the first training images, varied
// as they are in training: the weights know no others. On images as they are the
// largest network of cifar10-large has 84.3 % on the test images, on varied ones 87.5.
func (e *Env) calibrator(ctx context.Context, net *supernet.Supernet) (*supernet.Calibrator, error) {
	rt, err := e.ort(ctx)
	if err != nil {
		return nil, err
	}
	set, err := e.data(ctx)
	if err != nil {
		return nil, err
	}
	im, err := e.split(ctx, "train")
	if err != nil {
		return nil, err
	}
	n := min(e.Config.Evaluate.Calibration, im.Len()) / statisticsBatch * statisticsBatch
	if n == 0 {
		return nil, fmt.Errorf("stages: evaluate.calibration: %d images are too few (%d or more)", im.Len(), statisticsBatch)
	}
	idx := make([]int, n)
	for i := range idx {
		idx[i] = i
	}
	x := onnx.NewTensor(onnx.Float, n, e.Space.Channels, im.Size, im.Size)
	rng := rand.New(rand.NewPCG(e.Config.Seed, 0xca1b))
	if err := im.AugmentedBatch(x.Floats(), nil, idx, set.Info.Augment, rng); err != nil {
		return nil, err
	}
	return &supernet.Calibrator{Net: net, Engine: rt.Engine(ort.Settings{Threads: 1, DisableQDQFusion: true, SharedArena: true}), Images: x, Batch: statisticsBatch, Info: preprocessing(set.Info)}, nil
}
