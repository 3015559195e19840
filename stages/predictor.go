package stages

import (
	"context"
	"fmt"
	"math"

	"hanas/pipeline"
	"hanas/predictor"
	"hanas/samples"
	"hanas/space"

	"hanas/onnx"
)

// predictorRecord is predictor.json.
type predictorRecord struct {
	predictor.Metrics
	Fit      predictor.Report `json:"fit"` // which kind of model won, and against what
	NTrain   int              `json:"n_train"`
	NTest    int              `json:"n_test"`
	Baseline float64          `json:"tau_macs"` // tau of MACs alone on the same samples
	Arch     []string         `json:"arch"`     // the held-out samples
	Got      []float64        `json:"predicted"`
	Want     []float64        `json:"measured"`
}

// runPredictor fits on most samples and judges on those held out by the hash
// of their Arch.
func (e *Env) runPredictor(ctx context.Context, p *pipeline.Pass) error {
	engine, err := e.scoring(ctx)
	if err != nil {
		return err
	}
	all, info, err := samples.Read(p.Input(samplesFile))
	if err != nil {
		return err
	}
	if info.SpaceHash != e.Space.Hash() {
		return fmt.Errorf("stages: %s is of space %q, not of %q (evaluate again)", samplesFile, info.Space, e.Space.Name)
	}
	test := samples.Select(all, samples.Test)
	fit := append(samples.Select(all, samples.Train), samples.Select(all, samples.Val)...)
	c := e.Config.Predictor
	m, err := predictor.Fit(ctx, engine, e.Space, fit, predictor.Settings{
		Hidden: c.Hidden, Members: c.Members, Epochs: c.Epochs, Batch: c.Batch, Rate: c.Rate, Decay: c.Decay, Kinds: c.Kinds,
		Seed: e.Config.Seed, Supernet: info.SupernetHash,
	})
	if err != nil {
		return err
	}
	rec, err := e.judge(ctx, engine, m.Graph, test)
	if err != nil {
		return err
	}
	rec.NTrain, rec.NTest, rec.Fit = len(fit), len(test), m.Report
	if rec.Tau <= rec.Baseline {
		p.Log("warning: the predictor ranks no better (tau %.3f) than MACs alone (%.3f): search results are not to be trusted", rec.Tau, rec.Baseline)
	}
	p.Summary(fmt.Sprintf("%s, on %d held-out sub-networks: tau %.3f, rho %.3f, RMSE %.2f points (MACs alone: tau %.3f)", m.Report.Kind, rec.NTest, rec.Tau, rec.Rho, rec.RMSEpp, rec.Baseline))
	if err := onnx.WriteFile(p.Output(predictorFile), m.Graph); err != nil {
		return err
	}
	return writeJSON(p.Output(predictorJSON), rec)
}

// judge predicts held-out samples.
func (e *Env) judge(ctx context.Context, engine onnx.Engine, g *onnx.Model, test []samples.Sample) (predictorRecord, error) {
	var rec predictorRecord
	pr, err := predictor.New(g, engine, e.Space)
	if err != nil {
		return rec, err
	}
	defer pr.Close()
	var archs []space.Arch
	var macs []float64
	for _, s := range test {
		a, err := e.Space.Parse(s.Arch)
		if err != nil {
			return rec, err
		}
		archs, macs = append(archs, a), append(macs, math.Log(float64(s.MACs)))
		rec.Arch, rec.Want = append(rec.Arch, s.Arch), append(rec.Want, s.Accuracy)
	}
	if len(test) == 0 {
		return rec, fmt.Errorf("stages: predictor: no sample is held out to judge it by (raise sample.count)")
	}
	if rec.Got, _, err = pr.Predict(ctx, archs); err != nil {
		return rec, err
	}
	rec.Metrics = predictor.Compare(rec.Got, rec.Want)
	rec.Baseline = predictor.Kendall(macs, rec.Want)
	return rec, nil
}
