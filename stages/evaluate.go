package stages

import (
	"context"
	"fmt"
	"time"

	"hanas/export"
	"hanas/onnx"
	"hanas/pipeline"
	"hanas/samples"
	"hanas/space"
	"hanas/supernet"
)

// scoring is what turns an Arch into a score: the same in the stages evaluate
// and export, so that what is scored is what ships.
type scoring struct {
	calibrator *supernet.Calibrator
	engine     onnx.Engine
	images     scorer
	device     string // that scores
}

func (e *Env) newScoring(ctx context.Context, checkpoint string) (*scoring, error) {
	net, err := supernet.Read(checkpoint, e.Space)
	if err != nil {
		return nil, err
	}
	cal, err := e.calibrator(ctx, net)
	if err != nil {
		return nil, err
	}
	engine, err := e.scoring(ctx)
	if err != nil {
		return nil, err
	}
	images, err := e.scorer(ctx, "val", e.Config.Evaluate.Images)
	if err != nil {
		return nil, err
	}
	rt, err := e.ort(ctx)
	if err != nil {
		return nil, err
	}
	return &scoring{cal, engine, images, "cpu, ONNX Runtime " + rt.Version()}, nil
}

// score writes the file of an Arch and runs it on the held-out images.
func (s *scoring) score(ctx context.Context, a space.Arch) (*onnx.Model, score, error) {
	network, err := s.calibrator.Network(ctx, a)
	if err != nil {
		return nil, score{}, err
	}
	m, err := export.Build(network, export.Settings{})
	if err != nil {
		return nil, score{}, err
	}
	r, err := s.engine(m)
	if err != nil {
		return nil, score{}, fmt.Errorf("stages: score %s: %w", network.Arch, err)
	}
	defer r.Close()
	res, err := s.images.Score(ctx, r)
	if err != nil {
		err = fmt.Errorf("stages: score %s: %w", network.Arch, err)
	}
	return m, res, err
}

// runEvaluate scores the sampled Archs; a killed run goes on where it was.
func (e *Env) runEvaluate(ctx context.Context, p *pipeline.Pass) error {
	archs, err := readArchs(p.Input(archsFile), e.Space)
	if err != nil {
		return err
	}
	s, err := e.newScoring(ctx, p.Input(supernetFile))
	if err != nil {
		return err
	}
	path := p.Work(samplesFile)
	w, _, err := samples.Resume(path, e.Space, samples.Info{SupernetHash: p.InputHash(supernetFile), DataHash: p.InputHash(dataFile), Device: s.device})
	if err != nil {
		return err
	}
	from := w.Rows()
	if from > 0 {
		p.Log("going on after %d sub-networks", from)
	}
	began := time.Now()
	err = ordered(ctx, e.workers(), len(archs)-from, func(ctx context.Context, i int) (samples.Sample, error) {
		row := samples.New(e.Space, archs[from+i])
		_, res, err := s.score(ctx, archs[from+i])
		row.Accuracy, row.Top5, row.Loss, row.Images, row.Seed = res.Value, res.Second, res.Loss, int64(res.N), e.Config.Seed
		return row, err
	}, func(i int, row samples.Sample) error {
		p.Progress(int64(from+i+1), int64(len(archs)), "sub-networks")
		return w.Append([]samples.Sample{row})
	})
	if cerr := w.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	rate := float64(len(archs)-from) / time.Since(began).Minutes()
	p.Summary(fmt.Sprintf("%d sub-networks on %d images each, %.0f a minute", len(archs), s.images.Len(), rate))
	return copyFile(path, p.Output(samplesFile))
}
