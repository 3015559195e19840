package supernet

import (
	"context"
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
	FloatSteps   float64 // share of the steps at the start without quantisation; default 0.2
	Rate         float64 // learning rate at its peak; default 0.003 (AdamW)
	Warmup       float64 // share of the steps; default 0.05
	Decay        float64 // decoupled weight decay; default 0.01
	Smoothing    float64 // label smoothing; default 0.1
	ClipNorm     float64 // bound on the gradient's norm; default 5
	Distil       float64 // share of the largest network's outputs in the targets of the others at the end of training, beside the labels; it grows from 0
	Workers      int     // goroutines; does not change the result; default 2
	CheckpointAt int     // steps between checkpoints; default 100
	Seed         uint64
	Augment      datasets.Augment
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
	setf(&t.Epochs, 10)
	setf(&t.FloatSteps, 0.2)
	setf(&t.Rate, 0.003)
	setf(&t.Warmup, 0.05)
	setf(&t.Decay, 0.01)
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

	opt      *train.AdamW
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
	for step := from; step < steps; step++ {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("supernet: training stopped at step %d of %d: %w", step, steps, err)
		}
		p, err := t.step(ctx, step, steps)
		if err != nil {
			return err
		}
		if t.OnStep != nil {
			t.OnStep(p)
		}
		if t.Checkpoint != "" && (step+1)%t.Set.CheckpointAt == 0 {
			if err := t.save(step + 1); err != nil {
				return err
			}
		}
	}
	return nil
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
		t.grid = cells(largest)
		if t.Images.Located == nil {
			return fmt.Errorf("supernet: train: space %s makes detectors, the images have no boxes (use data of scenes)", sp.Name)
		}
	}
	t.grads, t.sessions = map[string][]float32{}, map[string]*session{}
	var params []train.Param
	for _, p := range t.Net.params {
		t.grads[p.Name] = make([]float32, len(p.Data))
		params = append(params, train.Param{Name: p.Name, Value: p.Data, Grad: t.grads[p.Name], Decay: p.Decay})
	}
	t.opt = train.NewAdamW(params, train.AdamWSettings{WeightDecay: set.Decay})
	for i := 0; i < set.Batch/set.MicroBatch; i++ {
		t.images = append(t.images, onnx.NewTensor(onnx.Float, set.MicroBatch, sp.Channels, t.Images.Size, t.Images.Size))
		t.labels = append(t.labels, onnx.NewTensor(onnx.Float, t.task.labels(largest, set.MicroBatch)...))
		t.soft = append(t.soft, onnx.NewTensor(onnx.Float, t.task.labels(largest, set.MicroBatch)...))
	}
	t.classes = make([]int32, set.Batch)
	t.epoch = -1
	return nil
}

// member is one sub-network of a step.
type member struct {
	arch    space.Arch
	layers  []space.Layer
	session *session
	outs    [][]*onnx.Tensor // by micro-batch
	loss    float64
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
			return p, fmt.Errorf("supernet: train: step %d: sub-network %s: loss is %v (lower supernet.rate; the last good checkpoint is kept)",
				step+1, t.Net.Space.Key(m.arch), m.loss)
		}
		if i == 0 {
			p.Largest = m.loss
		} else {
			p.Others += m.loss / float64(len(members)-1)
		}
	}
	t.reduce(members)
	p.Rate = train.Cosine(step, steps, t.Set.Rate, t.Set.Warmup)
	norm := t.opt.ClipGradNorm(t.Set.ClipNorm)
	if math.IsNaN(norm) || math.IsInf(norm, 0) {
		return p, fmt.Errorf("supernet: train: step %d: gradient norm is %v (lower supernet.rate; the last good checkpoint is kept)", step+1, norm)
	}
	t.opt.Step(p.Rate)
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
	}
	return nil
}

// members picks the step's sub-networks: largest, smallest, random. Bits are
// drawn once quantisation has begun; the largest stays in float, because it is
// the teacher.
func (t *Trainer) members(rng *rand.Rand, step, steps int) ([]*member, error) {
	sp := t.Net.Space
	quantised := float64(step) >= t.Set.FloatSteps*float64(steps)
	archs := []space.Arch{sp.Largest(), sp.Smallest()}
	for i := 0; i < t.Set.Random; i++ {
		generation := step / t.Set.PoolSteps
		pick := rng.IntN(t.Set.Pool)
		seed := t.Set.Seed ^ uint64(generation)<<32 ^ uint64(i)<<24 ^ uint64(pick)
		archs = append(archs, sp.Random(rand.New(rand.NewPCG(seed, 0xa2c4))))
	}
	if step%t.Set.PoolSteps == 0 {
		t.closeSessions()
	}
	out := make([]*member, len(archs))
	for i, a := range archs {
		bits := quantised && i > 0
		if bits {
			a = sp.RandomBits(a, rng)
		}
		layers := sp.Layers(a)
		n, err := t.session(sp.Topology(a), layers, i, bits)
		if err != nil {
			return nil, err
		}
		if !bits {
			for k := range layers {
				layers[k].WBits = 16 // float: neither weights nor activations are rounded
			}
		}
		n.set(t.Net, layers, t.Info.ImageHi())
		out[i] = &member{arch: a, layers: layers, session: n, outs: make([][]*onnx.Tensor, len(t.images))}
	}
	return out, nil
}

// session finds or makes the loaded graph of a topology. Sessions are kept per
// place in the step, so that two members never share weights buffers.
func (t *Trainer) session(topology space.Arch, layers []space.Layer, place int, quantised bool) (*session, error) {
	key := fmt.Sprintf("%d/%v/%s", place, quantised, t.Net.Space.Key(topology))
	if n := t.sessions[key]; n != nil {
		return n, nil
	}
	n, err := t.Net.newSession(t.Backend, layers, graphSettings{batch: t.Set.MicroBatch, quantised: quantised, loss: true})
	if err != nil {
		return nil, err
	}
	t.sessions[key] = n
	return n, nil
}

func (t *Trainer) closeSessions() {
	for k, n := range t.sessions {
		n.runner.Close()
		delete(t.sessions, k)
	}
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

// distil mixes the largest network's probabilities with the labels, share
// against 1-share, into the targets of the others. It returns the largest
// network's accuracy on the step's images.
func (t *Trainer) distil(largest *member, share float64) float64 {
	right, of := 0, 0
	for i, out := range largest.outs {
		logits, soft, labels := out[largest.session.logits].Floats(), t.soft[i].Floats(), t.labels[i].Floats()
		k, n := len(soft)/t.Set.MicroBatch, len(logits)/t.Set.MicroBatch
		for r := range t.Set.MicroBatch {
			x, y := t.task.distil(t, soft[r*k:(r+1)*k], labels[r*k:(r+1)*k], logits[r*n:(r+1)*n], share)
			right, of = right+x, of+y
		}
	}
	return float64(right) / float64(max(1, of))
}

// softmax writes the probabilities of logits and returns the largest one's index.
func softmax(dst, logits []float32) int {
	best := 0
	for i, v := range logits {
		if v > logits[best] {
			best = i
		}
	}
	sum := 0.0
	for i, v := range logits {
		e := math.Exp(float64(v - logits[best]))
		dst[i] = float32(e)
		sum += e
	}
	for i := range dst {
		dst[i] = float32(float64(dst[i]) / sum)
	}
	return best
}

// reduce averages the gradients in a fixed order and gives the output sets
// back to their sessions.
func (t *Trainer) reduce(members []*member) {
	for _, g := range t.grads {
		clear(g)
	}
	scale := 1 / float32(len(members)*len(t.images))
	for _, m := range members {
		for _, out := range m.outs {
			for k, v := range m.session.views {
				v.scatter(t.grads[v.spec.name], out[m.session.grads[k]].Floats(), scale)
			}
			m.session.release(out)
		}
	}
}
