package predictor

import (
	"context"
	"fmt"

	"hanas/onnx"
)

// Rows is the memory of a fixed number of predictions, for callers that make
// features by themselves and many times over: nothing is allocated per
// prediction. One goroutine uses it at a time.
type Rows struct {
	of      *Predictor
	in, out []*onnx.Tensor
}

// NewRows makes room for n predictions.
func (p *Predictor) NewRows(n int) *Rows {
	b := p.newBatch(n)
	return &Rows{p, b.in, b.out}
}

// Len is the number of predictions there is room for.
func (r *Rows) Len() int { return len(r.out[0].Floats()) }

// Features is the input, row by row in the columns of Space.FeatureNames.
func (r *Rows) Features() []float32 { return r.in[0].Floats() }

// Run predicts all rows: mean and standard deviation of the top-1 accuracy,
// fractions, valid until the next Run. They may not be finite: the caller knows
// of which Arch and checks.
func (r *Rows) Run(ctx context.Context) (mean, std []float32, err error) {
	if err := r.of.runner.Run(ctx, r.in, r.out); err != nil {
		return nil, nil, fmt.Errorf("predictor: %w", err)
	}
	return r.out[0].Floats(), r.out[1].Floats(), nil
}
