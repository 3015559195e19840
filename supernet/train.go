package supernet

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"

	"hanas/datasets"
	"hanas/onnx"
	"hanas/space"
	"hanas/train"
)

// TrainSettings says how the shared weights are trained. The zero value of a
// field means the default beside it.
type TrainSettings struct {
	Epochs       float64 // passes over the training images; default 10
	Batch        int     // images a step; default 128
	MicroBatch   int     // images a session run, a multiple of 16; default 64
	Random       int     // random sub-networks a step beside the largest and the smallest; default 1
	Pool         int     // topologies that the random ones are drawn from at a time; default 16
	PoolSteps    int     // steps until the pool is drawn anew; default 200
	FloatSteps   float64 // share of the steps at the start without quantisation; default 0.2, below 0 none
	Plain        float64 // chance of a pupil to stay in float after FloatSteps
	Alone        float64 // share of the steps at the start that train the largest sub-network alone: a teacher before there are pupils; default 0
	Optimizer    string  // one of Optimizers; default "adamw"
	Rate         float64 // learning rate at its peak; default that of the optimizer
	Warmup       float64 // share of the steps; default 0.05
	Decay        float64 // weight decay; default that of the optimizer
	Average      float64 // share of the old average that a step keeps of the weights that are given in the end (EMA); 0 = the last weights
	Smoothing    float64 // label smoothing; default 0.1
	ClipNorm     float64 // bound on the gradient's norm; default 5
	Distil       float64 // share of the largest network's outputs in the targets of the others at the end of training, beside the labels; it grows from 0
	Steps        bool    // quantisation steps of weights are trained (LSQ)
	FixedSteps   bool    // FineTune adds no learned ones
	Inherit      bool    // low widths of bits open one after another, from high to low
	Workers      int     // goroutines; does not change the result; default 2
	CheckpointAt int     // steps between checkpoints, which a training that diverges goes back to; default 100
	Retries      int     // times it goes back to the same one, each at half the rate; default 4
	Seed         uint64
	Augment      datasets.Augment
	Mixup        float64 // alpha, in [0,1], of the mixing of images and labels (Zhang et al. 2018); not for detectors
	Attentive    string  // which of two sub-networks each random one is: "worst" or "best" for its size, "" the first (Wang et al. 2021)
}

func (t *TrainSettings) defaults() {
	set := func(p *int, v int) {
		if *p == 0 {
			*p = v
		}
	}
	setf := func(p *float64, v float64) {
		if *p == 0 {
			*p = v
		}
	}
	set(&t.Batch, 128)
	set(&t.MicroBatch, 64)
	set(&t.Random, 1)
	set(&t.Pool, 16)
	set(&t.PoolSteps, 200)
	set(&t.Workers, 2)
	set(&t.CheckpointAt, 100)
	set(&t.Retries, 4)
	setf(&t.Epochs, 10)
	setf(&t.FloatSteps, 0.2)
	if t.Optimizer == "" {
		t.Optimizer = "adamw"
	}
	row := optimizers[t.Optimizer]
	setf(&t.Rate, row.rate)
	setf(&t.Warmup, 0.05)
	setf(&t.Decay, row.decay)
	setf(&t.Smoothing, 0.1)
	setf(&t.ClipNorm, 5)
}

// Point is one step of the training curve.
type Point struct {
	Step     int     `json:"step"`
	Steps    int     `json:"steps"`
	Largest  float64 `json:"loss_largest"` // cross-entropy of the largest sub-network on the step's images
	Others   float64 `json:"loss_others"`  // mean of the smallest and random ones
	Rate     float64 `json:"rate"`
	PerSec   float64 `json:"images_per_second"` // images x sub-networks
	Accuracy float64 `json:"batch_accuracy"`    // of the largest, on the step's (augmented) images
}

// Trainer runs the sandwich rule (Yu & Huang 2019): each step trains the
// largest, the smallest and some random sub-networks on the same images, the
// smaller ones with the labels and the largest one's outputs as targets
// (in-place distillation), and makes one optimizer step with the mean of their
// gradients. The largest network's share grows with the steps: at first it knows
// nothing to teach.
type Trainer struct {
	Net        *Supernet
	Backend    Backend
	Images     *datasets.Images
	Info       Preprocessing
	Set        TrainSettings
	Checkpoint string      // file to save to and to resume from; "" = none
	OnStep     func(Point) // called after every step
	OnRollback func(Rollback)
	// Arch, if there is one, is trained alone at its own bits, in place of the
	// sandwich: Subnet's weights are those to train.
	Arch *space.Arch

	guard    guard
	pool     []attention // of the random topologies
	widths   []int       // of bits in use, ascending
	opt      optimizer
	grads    map[string][]float32
	sessions map[string]*session
	images   []*onnx.Tensor // one a micro-batch
	labels   []*onnx.Tensor // targets from the labels
	soft     []*onnx.Tensor // targets from the largest network
	classes  []int32
	task     *task
	grid     []cell // of a detector
	perm     []int
	epoch    int
}

// Run trains from the checkpoint, if there is one, to the end. A killed run
// that is started again ends with the same bytes as one that was not: every
// random choice depends on the seed and the step alone.
func (t *Trainer) Run(ctx context.Context) error {
	if err := t.prepare(); err != nil {
		return err
	}
	defer t.closeSessions()
	steps := t.steps()
	from, err := t.resume()
	if err != nil {
		return err
	}
	t.hold(from)
	for step := from; step < steps; {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("supernet: training stopped at step %d of %d: %w", step, steps, err)
		}
		p, err := t.step(ctx, step, steps)
		if err == nil {
			err = t.guard.watch(p, t.Net.Space.Classes)
		}
		var lost *Diverged
		if errors.As(err, &lost) {
			if err := t.goBack(lost); err != nil {
				return err
			}
			step = t.guard.good
			continue
		}
		if err != nil {
			return err
		}
		step++
		if t.OnStep != nil {
			t.OnStep(p)
		}
		if step%t.Set.CheckpointAt == 0 {
			if err := t.keep(step); err != nil {
				return err
			}
		}
	}
	t.opt.finish()
	return nil
}

// keep makes the present state the last good one, in memory and on disk.
func (t *Trainer) keep(step int) error {
	t.hold(step)
	if t.Checkpoint == "" {
		return nil
	}
	return t.save(step)
}

func (t *Trainer) steps() int {
	return max(1, int(math.Round(t.Set.Epochs*float64(t.Images.Len())/float64(t.Set.Batch))))
}

// prepare checks the settings and allocates what a step needs.
func (t *Trainer) prepare() error {
	t.Set.defaults()
	set, sp := &t.Set, t.Net.Space
	if set.Batch%set.MicroBatch != 0 || set.MicroBatch%16 != 0 {
		return fmt.Errorf("supernet: train: batch %d and micro-batch %d (a micro-batch must be a multiple of 16 and divide the batch)", set.Batch, set.MicroBatch)
	}
	if t.Images.Len() < set.Batch {
		return fmt.Errorf("supernet: train: %d training images are fewer than a batch of %d (lower supernet.batch or add images)", t.Images.Len(), set.Batch)
	}
	if len(sp.Resolutions) != 1 || sp.Resolutions[0] != t.Images.Size {
		return fmt.Errorf("supernet: train: space %s has resolutions %v, the images %d (one equal resolution is needed)", sp.Name, sp.Resolutions, t.Images.Size)
	}
	largest := sp.Layers(sp.Largest())
	t.task = tasks[sp.Task()]
	if sp.Task() == space.Locate {
		if set.Mixup > 0 || set.Augment.Distort > 0 {
			return fmt.Errorf("supernet: train: space %s makes detectors, whose boxes would not follow mixup and distort (set supernet.mixup and supernet.distort to 0)", sp.Name)
		}
		t.grid = cells(largest)
		if t.Images.Located == nil {
			return fmt.Errorf("supernet: train: space %s makes detectors, the images have no boxes (use data of scenes)", sp.Name)
		}
	}
	err := t.everyClass()
	if err != nil {
		return err
	}
	if set.Steps {
		t.Net.addSteps()
	}
	t.widths = widths(sp)
	t.guard = guard{health: health{factor: 1}}
	t.pool = make([]attention, set.Random*set.Pool)
	if _, ok := attentions[set.Attentive]; !ok {
		return fmt.Errorf(`supernet: train: no attentive sampling %q (known: "worst", "best")`, set.Attentive)
	}
	t.images, t.labels, t.soft = nil, nil, nil
	t.grads, t.sessions = map[string][]float32{}, map[string]*session{}
	var params []train.Param
	for _, p := range t.Net.params {
		t.grads[p.Name] = make([]float32, len(p.Data))
		params = append(params, train.Param{Name: p.Name, Value: p.Data, Grad: t.grads[p.Name], Decay: p.Decay})
	}
	if t.opt, err = newOptimizer(params, set); err != nil {
		return err
	}
	for i := 0; i < set.Batch/set.MicroBatch; i++ {
		t.images = append(t.images, onnx.NewTensor(onnx.Float, set.MicroBatch, sp.Channels, t.Images.Size, t.Images.Size))
		t.labels = append(t.labels, onnx.NewTensor(onnx.Float, t.task.labels(largest, set.MicroBatch)...))
		t.soft = append(t.soft, onnx.NewTensor(onnx.Float, t.task.labels(largest, set.MicroBatch)...))
	}
	t.classes = make([]int32, set.Batch)
	t.epoch = -1
	return nil
}

func (t *Trainer) step(ctx context.Context, step, steps int) (Point, error) {
	began := time.Now()
	rng := rand.New(rand.NewPCG(t.Set.Seed, uint64(step)+1))
	if err := t.batch(rng, step); err != nil {
		return Point{}, err
	}
	members, err := t.members(rng, step, steps)
	if err != nil {
		return Point{}, err
	}
	if err := t.runAll(ctx, members[:1], t.labels); err != nil {
		return Point{}, err
	}
	correct := t.distil(members[0], t.Set.Distil*float64(step)/float64(steps))
	if err := t.runAll(ctx, members[1:], t.soft); err != nil {
		return Point{}, err
	}
	p := Point{Step: step + 1, Steps: steps, Accuracy: correct}
	for i, m := range members {
		if math.IsNaN(m.loss) || math.IsInf(m.loss, 0) {
			return p, &Diverged{step + 1, t.Net.Space.Key(m.arch), fmt.Sprintf("loss is %v", m.loss)}
		}
		if i == 0 {
			p.Largest = m.loss
		} else {
			p.Others += m.loss / float64(len(members)-1)
		}
	}
	t.observe(members)
	t.reduce(members)
	p.Rate = t.guard.factor * train.Cosine(step, steps, t.Set.Rate, t.Set.Warmup)
	norm := t.opt.ClipGradNorm(t.Set.ClipNorm)
	if math.IsNaN(norm) || math.IsInf(norm, 0) {
		return p, &Diverged{Step: step + 1, What: fmt.Sprintf("gradient norm is %v", norm)}
	}
	t.opt.Step(p.Rate)
	t.opt.follow()
	p.PerSec = float64(t.Set.Batch*len(members)) / time.Since(began).Seconds()
	return p, nil
}

// batch draws the step's images: a fresh permutation every epoch.
func (t *Trainer) batch(rng *rand.Rand, step int) error {
	n, b := t.Images.Len(), t.Set.Batch
	perEpoch := n / b
	if e := step / perEpoch; e != t.epoch {
		t.epoch = e
		t.perm = rand.New(rand.NewPCG(t.Set.Seed^0xdada, uint64(e))).Perm(n)
	}
	idx := t.perm[step%perEpoch*b:][:b]
	for m := range t.images {
		part := idx[m*t.Set.MicroBatch:][:t.Set.MicroBatch]
		classes := t.classes[m*t.Set.MicroBatch:][:t.Set.MicroBatch]
		seed := rng.Uint64()
		if err := t.Images.AugmentedBatch(t.images[m].Floats(), classes, part, t.Set.Augment, rand.New(rand.NewPCG(seed, 1))); err != nil {
			return err
		}
		row := t.labels[m].Floats()
		k := len(row) / t.Set.MicroBatch
		for i, c := range classes {
			t.task.fill(t, row[i*k:(i+1)*k], part[i], c)
		}
		if t.Set.Mixup > 0 {
			mix(t.images[m].Floats(), row, t.Set.MicroBatch, beta(rng, t.Set.Mixup))
		}
	}
	return nil
}

// runAll runs every micro-batch of every member, Workers at a time.
func (t *Trainer) runAll(ctx context.Context, members []*member, labels []*onnx.Tensor) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(t.Set.Workers)
	for _, m := range members {
		for i := range t.images {
			g.Go(func() (err error) {
				m.outs[i], err = m.session.run(ctx, t.images[i], labels[i])
				return err
			})
		}
	}
	if err := g.Wait(); err != nil {
		return fmt.Errorf("supernet: train: %w", err)
	}
	for _, m := range members {
		for _, out := range m.outs {
			m.loss += float64(out[m.session.losses].Floats()[0]) / float64(len(m.outs))
		}
	}
	return nil
}
