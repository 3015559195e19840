package predictor

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"hanas/onnx"
	"hanas/onnx/grad"
	"hanas/space"
)

// Slope is a predictor that also tells how the accuracy changes with each
// feature, for features between those of networks too. It is not safe for
// concurrent use.
type Slope struct {
	runner   onnx.Runner
	in       *onnx.Tensor
	out      []*onnx.Tensor
	accuracy int // positions of outputs
	gradient int
}

// NewSlope differentiates a predictor's graph, which must be of sp, for n rows
// of features at a time.
func NewSlope(g *onnx.Model, engine onnx.Engine, sp *space.Space, n int) (*Slope, error) {
	if h := g.Meta("hanas.features_hash"); h != featuresHash(sp) {
		return nil, fmt.Errorf("predictor: slope: it was fitted on other features than those of space %q", sp.Name)
	}
	m, err := differentiated(g, n, sp.FeatureCount())
	if err != nil {
		return nil, fmt.Errorf("predictor: slope: %w", err)
	}
	s := &Slope{in: onnx.NewTensor(onnx.Float, n, sp.FeatureCount())}
	if s.runner, err = engine(m); err != nil {
		return nil, fmt.Errorf("predictor: slope: %w", err)
	}
	at := func(name string) int {
		return slices.IndexFunc(s.runner.Outputs(), func(v onnx.ValueInfo) bool { return v.Name == name })
	}
	s.accuracy, s.gradient = at("accuracy"), at(grad.Name("features"))
	s.out = make([]*onnx.Tensor, len(s.runner.Outputs()))
	if s.accuracy < 0 || s.gradient < 0 {
		s.runner.Close()
		return nil, fmt.Errorf("predictor: slope: its graph has no accuracy of features (fit it again)")
	}
	return s, nil
}

// differentiated is the graph with the gradient of the sum of accuracies: rows
// do not hear of each other, so that it holds each row's own.
func differentiated(g *onnx.Model, n, width int) (*onnx.Model, error) {
	m := g.Clone()
	m.Graph.Values = nil // shapes of any batch
	if len(m.Graph.Inputs) != 1 || m.Graph.Inputs[0].Name != "features" {
		return nil, fmt.Errorf("its graph has other inputs than features (fit it again)")
	}
	m.Graph.Inputs[0].Shape = []int{n, width}
	for i := range m.Graph.Outputs {
		m.Graph.Outputs[i].Shape = []int{n}
	}
	b := onnx.BuilderFrom(m)
	accuracy, known := b.Value("accuracy")
	if !known {
		return nil, errors.New("its graph gives no accuracy (fit it again)")
	}
	b.Output(b.Name(b.Op("ReduceSum", []onnx.Value{accuracy}, onnx.Int("keepdims", 0)), "sum"))
	summed, err := b.Build()
	if err != nil {
		return nil, err
	}
	return grad.Build(summed, "sum", []string{"features"})
}

// At takes rows of features, [n*F], and gives n accuracies (fractions) and the
// derivative of each with respect to its own row, [n*F]; both are valid until the
// next call.
func (s *Slope) At(ctx context.Context, features []float32) (accuracy, gradient []float32, err error) {
	if len(features) != s.in.Len() {
		return nil, nil, fmt.Errorf("predictor: slope: %d features, want %d", len(features), s.in.Len())
	}
	copy(s.in.Floats(), features)
	if err := s.runner.Run(ctx, []*onnx.Tensor{s.in}, s.out); err != nil {
		return nil, nil, fmt.Errorf("predictor: slope: %w", err)
	}
	accuracy, gradient = s.out[s.accuracy].Floats(), s.out[s.gradient].Floats()
	for i, v := range accuracy {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return nil, nil, fmt.Errorf("predictor: slope: accuracy of row %d is %v", i, v)
		}
	}
	return accuracy, gradient, nil
}

// Close frees the engine's session.
func (s *Slope) Close() error { return s.runner.Close() }
