package predictor

import (
	"context"
	"fmt"

	"hanas/onnx"
	"hanas/samples"
	"hanas/space"
)

// CurvePoint is how well a predictor of so many rows does.
type CurvePoint struct {
	Rows int    `json:"rows"`
	Kind string `json:"kind"` // of the model that won with as many rows
	Metrics
}

// Study is what Curve learns from and is judged by.
type Study struct {
	Train, Test []samples.Sample
	Sizes       []int // numbers of rows, ascending
	Settings    Settings
}

// Curve fits predictors on the first rows of s.Train, as many as each size
// says, and judges each on s.Test: it shows what further samples would be
// worth. Sizes beyond the rows there are count as all of them, once.
func Curve(ctx context.Context, engine onnx.Engine, sp *space.Space, s Study) ([]CurvePoint, error) {
	train, test := s.Train, s.Test
	archs, truth := make([]space.Arch, len(test)), make([]float64, len(test))
	for i, row := range test {
		var err error
		if archs[i], err = sp.Parse(row.Arch); err != nil {
			return nil, fmt.Errorf("predictor: curve: test row %d: %w", i, err)
		}
		truth[i] = row.Accuracy
	}
	var out []CurvePoint
	for _, n := range s.Sizes {
		if n = min(n, len(train)); len(out) > 0 && out[len(out)-1].Rows >= n {
			continue
		}
		m, err := Fit(ctx, engine, sp, train[:n], s.Settings)
		if err != nil {
			return out, fmt.Errorf("predictor: curve: %d rows: %w", n, err)
		}
		got, err := m.predict(ctx, engine, sp, archs)
		if err != nil {
			return out, fmt.Errorf("predictor: curve: %d rows: %w", n, err)
		}
		out = append(out, CurvePoint{Rows: n, Kind: m.Report.Kind, Metrics: Compare(got, truth)})
	}
	return out, nil
}

// predict loads the model, predicts and closes it.
func (m *Model) predict(ctx context.Context, engine onnx.Engine, sp *space.Space, archs []space.Arch) ([]float64, error) {
	p, err := New(m.Graph, engine, sp)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	mean, _, err := p.Predict(ctx, archs)
	return mean, err
}
