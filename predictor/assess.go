package predictor

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"hanas/onnx"
	"hanas/samples"
	"hanas/space"
)

// Assessment is a fitted predictor's whole record: what it learned from, how it
// does on samples of the split test, and what further samples would be worth.
type Assessment struct {
	Judgement
	NTrain         int                `json:"n_train"` // distinct sub-networks learned from
	NTest          int                `json:"n_test"`  // distinct sub-networks judged on
	Kind           string             `json:"kind"`    // of the model that won
	CrossValidated map[string]Metrics `json:"cross_validated"`
	// Blessed says that the predictor ranks better than MACs alone; one that
	// does not is not to be searched by.
	Blessed bool         `json:"blessed"`
	Curve   []CurvePoint `json:"curve,omitempty"` // the learning curve, fewest rows first
	Held    Held         `json:"-"`
}

// Held are the samples that a predictor was judged on, element by element.
type Held struct {
	Arch                     []string
	Predicted, Measured, Std []float64 // fractions
}

// Trial says how a predictor is fitted and assessed.
type Trial struct {
	Settings Settings
	Curve    bool   // also fit on 50, 100, 200, … rows, without base
	Base     *Model // a predictor to Transfer from; nil = none
}

// ErrNothingHeldOut is the error of an Assess without samples to judge by.
var ErrNothingHeldOut = errors.New("predictor: assess: no sample of the split test to judge by (score more sub-networks)")

// Assess learns from the splits train and val of all, judges on the split test,
// whose networks no other split has, and takes the noise from the repeats of
// all. A predictor that is not Blessed is returned as well: whoever uses one
// says why.
func Assess(ctx context.Context, engine onnx.Engine, sp *space.Space, all []samples.Sample, t Trial) (*Model, Assessment, error) {
	var a Assessment
	test := samples.Select(all, samples.Test)
	learn := append(samples.Select(all, samples.Train), samples.Select(all, samples.Val)...)
	if len(test) == 0 {
		return nil, a, ErrNothingHeldOut
	}
	m, err := t.fit(ctx, engine, sp, learn)
	if err != nil {
		return nil, a, err
	}
	p, err := New(m.Graph, engine, sp)
	if err != nil {
		return nil, a, err
	}
	defer p.Close()
	if a.Judgement, a.Held, err = p.judge(ctx, test); err != nil {
		return nil, a, err
	}
	a.SetNoise(samples.NoiseOf(all), a.Held.Measured)
	a.NTrain, a.NTest, a.Kind, a.CrossValidated = m.Report.Rows, a.N, m.Report.Kind, m.Report.CrossValidated
	if a.Blessed = a.Useful(); t.Curve {
		a.Curve, err = learningCurve(ctx, engine, sp, learn, a, t)
	}
	return m, a, err
}

func (t Trial) fit(ctx context.Context, engine onnx.Engine, sp *space.Space, learn []samples.Sample) (*Model, error) {
	if t.Base != nil {
		return Transfer(ctx, engine, sp, t.Base, learn, t.Settings)
	}
	return Fit(ctx, engine, sp, learn, t.Settings)
}

// leastCurve is the number of rows that a learning curve begins at.
const leastCurve = 50

// learningCurve fits the kind that won on 50, 100, 200, … rows; its last point
// is the assessed predictor itself.
func learningCurve(ctx context.Context, engine onnx.Engine, sp *space.Space, learn []samples.Sample, a Assessment, t Trial) ([]CurvePoint, error) {
	study := Study{Train: samples.Distinct(learn), Settings: t.Settings}
	study.Settings.Kinds = []string{strings.TrimSuffix(a.Kind, onBaseSuffix)}
	for i, key := range a.Held.Arch {
		study.Test = append(study.Test, samples.Sample{Arch: key, Accuracy: a.Held.Measured[i]})
	}
	for n := leastCurve; n < a.NTrain; n *= 2 {
		study.Sizes = append(study.Sizes, n)
	}
	curve, err := Curve(ctx, engine, sp, study)
	if err != nil {
		return nil, err
	}
	return append(curve, CurvePoint{Rows: a.NTrain, Kind: a.Kind, Metrics: a.Metrics}), nil
}

// Complaint says why a predictor is not blessed; "" where it is.
func (a Assessment) Complaint() string {
	if a.Blessed {
		return ""
	}
	return fmt.Sprintf("the predictor ranks %d held-out sub-networks no better (tau %.3f) than MACs alone do (%.3f): what is searched by it is not to be trusted (score more samples)",
		a.NTest, a.Tau, a.TauMACs)
}
