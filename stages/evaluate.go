package stages

import (
	"context"
	"fmt"
	"time"

	"hanas/export"
	"hanas/onnx"
	"hanas/onnx/ort"
	"hanas/pipeline"
	"hanas/samples"
	"hanas/space"
	"hanas/supernet"
)

// scoring is what turns an Arch into a score: the same in the stages evaluate
// and export, so that what is scored is what ships.
type scoring struct {
	space      *space.Space
	calibrator *supernet.Calibrator
	engine     onnx.Engine
	images     scorer
	device     string // that scores
	profile    export.Profile
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
	return &scoring{e.Space, cal, engine, images, scoringDevice(rt), export.Quantised}, nil
}

// scoringDevice is what sample stores say has scored them.
func scoringDevice(rt *ort.Runtime) string { return "cpu, ONNX Runtime " + rt.Version() }

// score writes the file of an Arch and runs it on the held-out images.
func (s *scoring) score(ctx context.Context, a space.Arch) (*onnx.Model, score, error) {
	network, err := s.calibrator.Network(ctx, a)
	if err != nil {
		return nil, score{}, err
	}
	m, err := export.Build(network, export.Settings{Profile: s.profile})
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
	job, device, err := e.job(ctx, p, archs)
	if err != nil {
		return err
	}
	path := p.Work(samplesFile)
	w, _, err := samples.Resume(path, e.Space, samples.Info{SupernetHash: p.InputHash(supernetFile), DataHash: p.InputHash(dataFile), Device: device})
	if err != nil {
		return err
	}
	from, images := w.Rows(), int64(0)
	if from > 0 {
		p.Log("going on after %d sub-networks", from)
	}
	began := time.Now()
	if from < len(archs) {
		err = e.crew().Score(ctx, job, from, func(i int, s Score) error {
			row, err := e.sample(archs[i], s)
			if err != nil {
				return err
			}
			images = s.Images
			p.Progress(int64(i+1), int64(len(archs)), "sub-networks")
			return w.Append([]samples.Sample{row})
		})
	}
	if cerr := w.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	rate := float64(len(archs)-from) / time.Since(began).Minutes()
	p.Summary(fmt.Sprintf("%d sub-networks on %d images each, %.0f a minute", len(archs), images, rate))
	return copyFile(path, p.Output(samplesFile))
}

// job is the scoring of Archs for a stage, and what will score them.
func (e *Env) job(ctx context.Context, p *pipeline.Pass, archs []space.Arch) (Job, string, error) {
	rt, err := e.ort(ctx)
	if err != nil {
		return Job{}, "", err
	}
	cfg := *e.Config
	cfg.Workers = 0 // never changes a result
	job := Job{Stage: "evaluate", Version: scoringVersion, Machine: Kind(rt), Config: &cfg, Inputs: map[string]string{}}
	for _, name := range []string{dataFile, supernetFile} {
		job.Inputs[name] = p.Input(name)
	}
	for _, a := range archs {
		job.Archs = append(job.Archs, e.Space.Key(a))
	}
	return job, scoringDevice(rt), nil
}

// sample is the row of a score, which must be the Arch's.
func (e *Env) sample(a space.Arch, s Score) (samples.Sample, error) {
	row := samples.New(e.Space, a)
	if s.Arch != row.Arch {
		return row, fmt.Errorf("stages: evaluate: a score of %s where %s was due", s.Arch, row.Arch)
	}
	row.Accuracy, row.Top5, row.Loss, row.Images, row.Seed = s.Top1, s.Top5, s.Loss, s.Images, e.Config.Seed
	return row, nil
}

func (e *Env) crew() Crew {
	if e.Crew != nil {
		return e.Crew
	}
	return inProcess{e}
}
