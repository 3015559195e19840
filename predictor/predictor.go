package predictor

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"runtime"
	"sync"
	"sync/atomic"

	"hanas/onnx"
	"hanas/space"
)

// Predictor is a loaded Model. It may be used by several goroutines at once.
type Predictor struct {
	space  *space.Space
	runner onnx.Runner
	report Report
	width  int // of the features
}

// chunk is how many Archs one run predicts: what lies between two operators
// then stays in the cache.
const chunk = 256

// New loads a model for a space; a model of another space, or of features that
// the space no longer has, is refused.
func New(g *onnx.Model, engine onnx.Engine, sp *space.Space) (*Predictor, error) {
	if h := g.Meta("hanas.space_hash"); h != sp.Hash() {
		return nil, fmt.Errorf("predictor: it is of space %q (%.12s), not of %q (%.12s) (fit one on samples of this space)", g.Meta("hanas.space"), h, sp.Name, sp.Hash())
	}
	if h := g.Meta("hanas.features_hash"); h != featuresHash(sp) {
		return nil, fmt.Errorf("predictor: it was fitted on other features of space %q than this program makes (fit it again)", sp.Name)
	}
	p := &Predictor{space: sp, width: sp.FeatureCount()}
	if err := json.Unmarshal([]byte(g.Meta("hanas.fit")), &p.report); err != nil {
		return nil, fmt.Errorf("predictor: metadata hanas.fit: %w", err)
	}
	r, err := engine(g)
	if err != nil {
		return nil, fmt.Errorf("predictor: %w", err)
	}
	p.runner = r
	if in, out := r.Inputs(), r.Outputs(); len(in) != 1 || len(in[0].Shape) != 2 || in[0].Shape[1] != p.width || len(out) != 2 {
		r.Close()
		return nil, fmt.Errorf("predictor: its graph does not take [N,%d] features to an accuracy and a standard deviation (fit it again)", p.width)
	}
	return p, nil
}

// Load reads and loads a predictor file.
func Load(path string, engine onnx.Engine, sp *space.Space) (*Predictor, error) {
	g, err := onnx.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("predictor: %w", err)
	}
	p, err := New(g, engine, sp)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}

// Report says how the model was chosen when it was fitted.
func (p *Predictor) Report() Report { return p.report }

// Close frees the engine's session.
func (p *Predictor) Close() error { return p.runner.Close() }

// Predict gives mean and standard deviation of each Arch's top-1 accuracy,
// fractions, on all cores. A mean that is not finite is an error that names the
// Arch.
func (p *Predictor) Predict(ctx context.Context, archs []space.Arch) (mean, std []float64, err error) {
	mean, std = make([]float64, len(archs)), make([]float64, len(archs))
	chunks := (len(archs) + chunk - 1) / chunk
	errs := make([]error, chunks)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(chunks, runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			b := p.newBatch(chunk)
			for c := int(next.Add(1)) - 1; c < chunks; c = int(next.Add(1)) - 1 {
				from, to := c*chunk, min((c+1)*chunk, len(archs))
				if to-from < chunk { // the last one is smaller
					b = p.newBatch(to - from)
				}
				errs[c] = b.predict(ctx, archs[from:to], mean[from:to], std[from:to])
			}
		})
	}
	wg.Wait()
	for _, err := range errs { // the first, whoever found it
		if err != nil {
			return nil, nil, fmt.Errorf("predictor: %w", err)
		}
	}
	return mean, std, nil
}

// batch is the memory of one run.
type batch struct {
	of      *Predictor
	in, out []*onnx.Tensor
}

func (p *Predictor) newBatch(n int) *batch {
	return &batch{
		p,
		[]*onnx.Tensor{onnx.NewTensor(onnx.Float, n, p.width)},
		[]*onnx.Tensor{onnx.NewTensor(onnx.Float, n), onnx.NewTensor(onnx.Float, n)},
	}
}

// predict fills mean and std for as many archs as the batch has room for.
func (b *batch) predict(ctx context.Context, archs []space.Arch, mean, std []float64) error {
	rows := b.in[0].Floats()[:0]
	for _, a := range archs {
		rows = b.of.space.AppendFeatures(rows, a)
	}
	if err := b.of.runner.Run(ctx, b.in, b.out); err != nil {
		return err
	}
	m, s := b.out[0].Floats(), b.out[1].Floats()
	for i, a := range archs {
		mean[i], std[i] = float64(m[i]), float64(s[i])
		if math.IsNaN(mean[i]) || math.IsInf(mean[i], 0) {
			return fmt.Errorf("accuracy of %s is %v (fit the predictor again)", b.of.space.Key(a), m[i])
		}
	}
	return nil
}
