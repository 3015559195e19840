package stages

import (
	"context"
	"fmt"

	"hanas/onnx"
	"hanas/pipeline"
	"hanas/predictor"
	"hanas/report"
	"hanas/samples"
)

// predictorRecord is predictor.json.
type predictorRecord struct {
	predictor.Assessment
	Fit  predictor.Report `json:"fit"`  // what the predictor file says of itself
	Arch []string         `json:"arch"` // the held-out samples
	Got  []float64        `json:"predicted"`
	Std  []float64        `json:"predicted_std"`
	Want []float64        `json:"measured"`
}

// runPredictor fits on most samples and judges on those held out by the hash
// of their Arch, by the code of `hanas predictor fit`.
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
	m, got, err := predictor.Assess(ctx, engine, e.Space, all, predictor.Trial{Curve: true, Settings: e.predictorSettings(info.SupernetHash)})
	if err != nil {
		return err
	}
	if why := got.Complaint(); why != "" {
		p.Log("warning: %s", why)
	}
	p.Summary(fmt.Sprintf("%s, on %d held-out sub-networks: tau %.3f, rho %.3f, RMSE %.2f points (MACs alone: tau %.3f)", got.Kind, got.NTest, got.Tau, got.Rho, got.RMSEpp, got.TauMACs))
	if err := onnx.WriteFile(p.Output(predictorFile), m.Graph); err != nil {
		return err
	}
	return writeJSON(p.Output(predictorJSON), predictorRecord{got, m.Report, got.Held.Arch, got.Held.Predicted, got.Held.Std, got.Held.Measured})
}

// predictorFit is the record as the report draws it.
func predictorFit(r predictorRecord) report.PredictorFit {
	f := report.PredictorFit{
		Kind: r.Kind, Tau: r.Tau, TauMACs: r.TauMACs, TauCeiling: r.TauCeiling, Rho: r.Rho, RMSEpp: r.RMSEpp, BiasPP: r.BiasPP,
		Coverage68: r.Coverage68, Coverage95: r.Coverage95, NTrain: r.NTrain, NTest: r.NTest,
	}
	for _, b := range r.Bands {
		f.Bands = append(f.Bands, report.FitBand(b))
	}
	for _, c := range r.Curve {
		f.Curve = append(f.Curve, report.CurvePoint{Rows: c.Rows, Tau: c.Tau, RMSEpp: c.RMSEpp})
	}
	return f
}
