package predictor

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"hanas/onnx"
	"hanas/samples"
	"hanas/space"
)

// Judgement is how well a predictor does on samples it has not learned from.
type Judgement struct {
	Metrics
	// TauMACs is tau of MACs alone on the same samples: a predictor that is not
	// above it is of no use.
	TauMACs float64 `json:"tau_macs"`
	// Coverage68 and 95 are the shares of the samples that lie within one and
	// within 1.96 of the predicted standard deviations; 0.68 and 0.95 is right.
	// Absent where the predictor gives none.
	Coverage68 float64 `json:"coverage_68,omitempty"`
	Coverage95 float64 `json:"coverage_95,omitempty"`
	// Noise is that of repeated measurements, and TauCeiling the tau that the
	// truth itself has with another measurement of it; absent without repeats.
	Noise      *samples.Noise `json:"noise,omitempty"`
	TauCeiling float64        `json:"tau_ceiling,omitempty"`
}

// Useful says whether the predictor ranks better than MACs alone, and than chance.
func (j Judgement) Useful() bool { return j.Tau > max(0, j.TauMACs) }

// Judge predicts test, whose repeats count once, and compares.
func (p *Predictor) Judge(ctx context.Context, test []samples.Sample) (Judgement, error) {
	j, _, err := p.judge(ctx, test)
	return j, err
}

func (p *Predictor) judge(ctx context.Context, test []samples.Sample) (Judgement, Held, error) {
	var j Judgement
	var h Held
	rows := samples.Distinct(test)
	archs := make([]space.Arch, len(rows))
	for i, s := range rows {
		var err error
		if archs[i], err = p.space.Parse(s.Arch); err != nil {
			return j, h, fmt.Errorf("predictor: judge: sample %d: %w", i+1, err)
		}
		h.Arch, h.Measured = append(h.Arch, s.Arch), append(h.Measured, s.Accuracy)
	}
	var err error
	if h.Predicted, h.Std, err = p.Predict(ctx, archs); err != nil {
		return j, h, err
	}
	j.Metrics, j.TauMACs = Compare(h.Predicted, h.Measured), tauMACs(rows, nil)
	j.Coverage68, j.Coverage95 = coverage(h.Predicted, h.Std, h.Measured, 1), coverage(h.Predicted, h.Std, h.Measured, 1.96)
	j.SetNoise(samples.NoiseOf(test), h.Measured)
	return j, h, nil
}

// SetNoise records the noise of repeats, which may be of other samples too.
func (j *Judgement) SetNoise(n samples.Noise, truth []float64) {
	if n.Repeated > 0 {
		j.Noise, j.TauCeiling = &n, Ceiling(truth, n.StdPP/100)
	}
}

// coverage is the share of the truth within so many standard deviations.
func coverage(mean, std, truth []float64, deviations float64) float64 {
	inside := 0
	for i := range truth {
		if math.Abs(mean[i]-truth[i]) <= deviations*std[i] {
			inside++
		}
	}
	return float64(inside) / float64(max(1, len(truth)))
}

// Ceiling is the tau that the best possible predictor, the truth, would have
// with measurements of standard deviation std (a fraction): the mean of 20
// simulated ones, with a fixed seed.
func Ceiling(truth []float64, std float64) float64 {
	const draws = 20
	rng := rand.New(rand.NewPCG(1, 2))
	sum := 0.0
	noisy := make([]float64, len(truth))
	for range draws {
		for i, v := range truth {
			noisy[i] = v + std*rng.NormFloat64()
		}
		sum += Kendall(noisy, truth)
	}
	return sum / draws
}

// JudgeModel loads a model, judges it and closes it.
func JudgeModel(ctx context.Context, engine onnx.Engine, m *Model, sp *space.Space, test []samples.Sample) (Judgement, error) {
	p, err := New(m.Graph, engine, sp)
	if err != nil {
		return Judgement{}, err
	}
	defer p.Close()
	return p.Judge(ctx, test)
}
