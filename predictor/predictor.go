package predictor

import (
	"context"
	"fmt"
	"math"

	"hanas/onnx"
	"hanas/space"
)

// Predictor is a loaded Model. It may be used by several goroutines.
type Predictor struct {
	space  *space.Space
	runner onnx.Runner
}

// chunk is how many Archs one run predicts: features stay in cache.
const chunk = 256

// New loads a model for a space; another space's model is refused.
func New(g *onnx.Model, engine onnx.Engine, sp *space.Space) (*Predictor, error) {
	if h := g.Meta("hanas.space_hash"); h != sp.Hash() {
		return nil, fmt.Errorf("predictor: it is of space %q (%.12s), not of %q (%.12s) (fit one on samples of this space)", g.Meta("hanas.space"), h, sp.Name, sp.Hash())
	}
	r, err := engine(g)
	if err != nil {
		return nil, fmt.Errorf("predictor: %w", err)
	}
	return &Predictor{sp, r}, nil
}

// Load reads and loads a predictor file.
func Load(path string, engine onnx.Engine, sp *space.Space) (*Predictor, error) {
	g, err := onnx.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("predictor: %w", err)
	}
	return New(g, engine, sp)
}

// Close frees the engine's session.
func (p *Predictor) Close() error { return p.runner.Close() }

// Predict gives mean and standard deviation over the members of each Arch's
// top-1 accuracy, fractions. A NaN is an error that names the Arch.
func (p *Predictor) Predict(ctx context.Context, archs []space.Arch) (mean, std []float64, err error) {
	f := p.space.FeatureCount()
	var x []float32
	for len(archs) > 0 {
		n := min(chunk, len(archs))
		x = x[:0]
		for _, a := range archs[:n] {
			x = p.space.AppendFeatures(x, a)
		}
		out := make([]*onnx.Tensor, 2)
		if err := p.runner.Run(ctx, []*onnx.Tensor{onnx.From(x, n, f)}, out); err != nil {
			return nil, nil, fmt.Errorf("predictor: %w", err)
		}
		for i := range n {
			m, s := float64(out[0].Floats()[i]), float64(out[1].Floats()[i])
			if math.IsNaN(m) || math.IsInf(m, 0) {
				return nil, nil, fmt.Errorf("predictor: accuracy of %s is %v (fit the predictor again)", p.space.Key(archs[i]), m)
			}
			mean, std = append(mean, m), append(std, s)
		}
		archs = archs[n:]
	}
	return mean, std, nil
}
