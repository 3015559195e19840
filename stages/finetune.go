package stages

import (
	"context"
	"fmt"
	"strings"

	"hanas/eval"
	"hanas/onnx"
	"hanas/pipeline"
	"hanas/space"
	"hanas/supernet"
)

// fineTune trains an Arch alone, at its own bits, and scores what it became as
// the file that would ship; from its checkpoint, if there is one.
func (e *Env) fineTune(ctx context.Context, p *pipeline.Pass, s *scoring, m modelRecord) (*onnx.Model, eval.Result, error) {
	fail := func(err error) (*onnx.Model, eval.Result, error) {
		return nil, eval.Result{}, fmt.Errorf("stages: fine-tune %s: %w", m.File, err)
	}
	arch, err := e.Space.Parse(m.Arch)
	if err != nil {
		return fail(err)
	}
	im, err := e.split(ctx, "train")
	if err != nil {
		return fail(err)
	}
	set, err := e.data(ctx)
	if err != nil {
		return fail(err)
	}
	backend, err := e.training(ctx)
	if err != nil {
		return fail(err)
	}
	settings := e.trainSettings(set.Info.Augment)
	settings.Epochs, settings.Rate = e.Config.Export.FineTune, e.Config.Export.FineTuneRate
	if settings.Rate == 0 {
		settings.Rate = 0.001
	}
	settings.Inherit, settings.Workers = true, 1 // models are trained side by side
	t := &supernet.Trainer{
		Net: s.calibrator.Net, Backend: backend, Images: im, Info: preprocessing(set.Info), Set: settings,
		Checkpoint: p.Work("finetune-" + strings.TrimSuffix(m.File, ".onnx") + ".safetensors"),
	}
	t.OnStep = func(at supernet.Point) {
		if at.Step%max(1, at.Steps/5) == 0 {
			p.Log("%s: fine-tuning, step %d of %d: loss %.3f", m.File, at.Step, at.Steps, at.Largest)
		}
	}
	net, err := t.FineTune(ctx, arch)
	if err != nil {
		return fail(err)
	}
	return s.with(net).score(ctx, arch)
}

// with scores sub-networks of other weights.
func (s *scoring) with(net *supernet.Supernet) *scoring {
	cal, out := *s.calibrator, *s
	cal.Net = net
	out.calibrator = &cal
	return &out
}

// written is the model of an Arch that ships, with its score: as the supernet
// left it, or fine-tuned where that scores no worse on the held-out images.
func (e *Env) written(ctx context.Context, p *pipeline.Pass, s *scoring, m modelRecord, arch space.Arch) (*onnx.Model, modelRecord, error) {
	model, res, err := s.score(ctx, arch)
	if err != nil {
		return nil, m, err
	}
	if e.Config.Export.FineTune > 0 {
		tuned, again, err := e.fineTune(ctx, p, s, m)
		if err != nil {
			return nil, m, err
		}
		inherited := res.Top1
		m.Inherited = &inherited
		if m.FineTuned = again.Correct1 >= res.Correct1; m.FineTuned {
			model, res = tuned, again
		}
		p.Log("%s: top-1 %.2f %% fine-tuned, %.2f %% inherited, on %d held-out images", m.File, 100*again.Top1, 100*inherited, again.N)
	}
	m.Top1, m.Images = res.Top1, res.N
	return model, m, nil
}

// tuningNotes tell what fine-tuning did, for the report.
func tuningNotes(models []checkedModel) []string {
	var notes []string
	for _, m := range models {
		switch {
		case m.Inherited == nil:
		case m.FineTuned:
			notes = append(notes, fmt.Sprintf("%s was fine-tuned at its own bits: %.1f %% on the held-out images, %.1f %% as the supernet left it.", m.File, 100*m.Top1Scored, 100**m.Inherited))
		default:
			notes = append(notes, fmt.Sprintf("%s was fine-tuned and scored no better than the %.1f %% that the supernet left it with, which ships.", m.File, 100**m.Inherited))
		}
	}
	return notes
}
