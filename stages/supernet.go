package stages

import (
	"context"
	"fmt"

	"hanas/datasets"
	"hanas/pipeline"
	"hanas/supernet"
)

// trainingRecord is training.json.
type trainingRecord struct {
	Weights   string           `json:"weights,omitempty"` // the file that they were taken from: nothing was trained here
	Steps     int              `json:"steps"`
	Params    int              `json:"params"`
	PerSecond float64          `json:"images_per_second"` // images x sub-networks, mean over steps
	Curve     []supernet.Point `json:"curve"`             // at most 200 points, evenly spaced
	// Rollbacks are the times that training diverged and went back, since it last began or went on.
	Rollbacks []supernet.Rollback `json:"rollbacks,omitempty"`
}

// takeWeights takes the trained weights that the configuration names.
func (e *Env) takeWeights(p *pipeline.Pass) error {
	file := e.Config.Supernet.Weights
	net, err := supernet.Read(file, e.Space)
	if err != nil {
		return fmt.Errorf("stages: supernet.weights: %w (name a supernet.safetensors of the space %s)", err, e.Space.Name)
	}
	if err := supernet.WriteTensors(p.Output(supernetFile), net.Tensors()); err != nil {
		return err
	}
	p.Summary(fmt.Sprintf("%d shared weights, from %s", net.Count(), file))
	return writeJSON(p.Output(trainingFile), trainingRecord{Weights: file, Params: net.Count()})
}

// runSupernet trains the shared weights, from the checkpoint if there is one, or
// takes those that are given.
func (e *Env) runSupernet(ctx context.Context, p *pipeline.Pass) error {
	if e.Config.Supernet.Weights != "" {
		return e.takeWeights(p)
	}
	im, err := e.split(ctx, "train")
	if err != nil {
		return err
	}
	set, err := e.data(ctx)
	if err != nil {
		return err
	}
	backend, err := e.training(ctx)
	if err != nil {
		return err
	}
	net, err := supernet.New(e.Space, e.Config.Seed)
	if err != nil {
		return err
	}
	settings := e.trainSettings(set.Info.Augment)
	rec := trainingRecord{Params: net.Count()}
	sum := 0.0
	t := &supernet.Trainer{Net: net, Backend: backend, Images: im, Info: preprocessing(set.Info), Set: settings, Checkpoint: p.Work("checkpoint.safetensors")}
	t.OnStep = func(s supernet.Point) {
		rec.Steps = s.Steps
		sum += s.PerSec
		if every := max(1, s.Steps/200); s.Step%every == 0 || s.Step == s.Steps {
			rec.Curve = append(rec.Curve, s)
		}
		if s.Step%max(1, s.Steps/20) == 0 {
			p.Log("step %d of %d: loss %.3f largest, %.3f others, batch accuracy %.1f %%, %.0f images/s", s.Step, s.Steps, s.Largest, s.Others, 100*s.Accuracy, s.PerSec)
		}
		p.Progress(int64(s.Step), int64(s.Steps), "steps")
	}
	t.OnRollback = func(r supernet.Rollback) {
		rec.Rollbacks = append(rec.Rollbacks, r)
		p.Log("%s: back to step %d, at %.3g of the rate", r.Cause, r.To, r.Rate)
	}
	if err := t.Run(ctx); err != nil {
		return err
	}
	rec.PerSecond = sum / float64(max(1, rec.Steps))
	if err := supernet.WriteTensors(p.Output(supernetFile), net.Tensors()); err != nil {
		return err
	}
	p.Summary(fmt.Sprintf("%d steps, %d shared weights, %.0f images x sub-networks a second", rec.Steps, rec.Params, rec.PerSecond))
	return writeJSON(p.Output(trainingFile), rec)
}

// trainSettings are those of the configuration.
func (e *Env) trainSettings(augment datasets.Augment) supernet.TrainSettings {
	c := e.Config.Supernet
	augment.Distort, augment.Cutout = c.Distort, c.Cutout
	return supernet.TrainSettings{
		Mixup: c.Mixup, Attentive: c.Attentive,
		Epochs: c.Epochs, Batch: c.Batch, MicroBatch: c.MicroBatch, Random: c.Random, Pool: c.Pool, PoolSteps: c.PoolSteps,
		FloatSteps: c.FloatSteps, Plain: c.Plain, Alone: c.Alone, Optimizer: c.Optimizer, Average: c.Average, Rate: c.Rate, Warmup: c.Warmup, Decay: c.Decay, Smoothing: c.Smoothing, ClipNorm: c.ClipNorm, Distil: c.Distil,
		Steps: c.LearnSteps, Inherit: c.Inherit, CheckpointAt: c.Checkpoint, Seed: e.Config.Seed, Workers: e.workers(), Augment: augment,
	}
}
