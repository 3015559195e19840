package predictor

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"

	"hanas/onnx"
	"hanas/train"
)

// fitMLP trains one small network a member, each on all folds but its own
// (A. Krogh, J. Vedelsby, Neural Network Ensembles, Cross Validation, and
// Active Learning, NIPS 1995): ReLU layers, AdamW with a cosine schedule. The
// prediction is the members' mean.
func fitMLP(ctx context.Context, engine onnx.Engine, d *data, set Settings) (*fitted, error) {
	nets := make([]map[string]*onnx.Tensor, set.Members)
	members := make([][]float64, set.Members)
	errs := make([]error, set.Members)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(set.Members, runtime.GOMAXPROCS(0)) { // a step is too small for a runtime to share among cores
		wg.Go(func() {
			for k := int(next.Add(1)) - 1; k < set.Members; k = int(next.Add(1)) - 1 {
				if nets[k], errs[k] = trainMLP(ctx, engine, d, set, k); errs[k] == nil {
					members[k], errs[k] = runMLP(ctx, engine, nets[k], d)
				}
			}
		})
	}
	wg.Wait()
	for k, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("member %d: %w", k, err)
		}
	}
	f := &fitted{emit: func(b *onnx.Builder, x onnx.Value) (onnx.Value, onnx.Value) {
		var outs []onnx.Value
		for k, params := range nets {
			outs = append(outs, stack(b, x, len(set.Hidden)+1, func(name string) onnx.Value {
				return b.Init(fmt.Sprintf("m%d.%s", k, name), params[name])
			}))
		}
		all := b.Op("Concat", outs, onnx.Int("axis", 1))
		return b.Op("ReduceMean", []onnx.Value{all}, onnx.Ints("axes", 1)), all
	}}
	f.unseen, f.spread = d.judge(members)
	return f, nil
}

// stack writes the layers, ReLU between them.
func stack(b *onnx.Builder, h onnx.Value, layers int, param func(name string) onnx.Value) onnx.Value {
	for i := 1; i <= layers; i++ {
		if i > 1 {
			h = b.Op("Relu", []onnx.Value{h})
		}
		h = b.Op("Gemm", []onnx.Value{h, param(layerName("w", i)), param(layerName("b", i))})
	}
	return h
}

func layerName(of string, i int) string { return fmt.Sprintf("%s%d", of, i) }

// newMLP draws initial weights (K. He et al., 2015), the last layer's small.
func newMLP(rng *rand.Rand, widths []int) map[string]*onnx.Tensor {
	params := map[string]*onnx.Tensor{}
	for i := 1; i < len(widths); i++ {
		w := onnx.NewTensor(onnx.Float, widths[i-1], widths[i])
		std := math.Sqrt(2 / float64(widths[i-1]))
		if i == len(widths)-1 {
			std *= 0.1
		}
		for j := range w.Floats() {
			w.Floats()[j] = float32(rng.NormFloat64() * std)
		}
		params[layerName("w", i)], params[layerName("b", i)] = w, onnx.NewTensor(onnx.Float, widths[i])
	}
	return params
}

// trainMLP trains member k.
func trainMLP(ctx context.Context, engine onnx.Engine, d *data, set Settings, k int) (map[string]*onnx.Tensor, error) {
	rows := d.learns(k)
	batch := min(set.Batch, len(rows))
	rng := rand.New(rand.NewPCG(set.Seed, uint64(k)+1))
	params := newMLP(rng, append(append([]int{d.width}, set.Hidden...), 1))
	b := onnx.NewBuilder("member")
	x, y := b.Input("x", onnx.Float, batch, d.width), b.Input("y", onnx.Float, batch, 1)
	out := stack(b, x, len(set.Hidden)+1, func(name string) onnx.Value {
		return b.Input(name, onnx.Float, params[name].Shape...)
	})
	diff := b.Op("Sub", []onnx.Value{out, y})
	b.Output(b.Name(b.Op("ReduceMean", []onnx.Value{b.Op("Mul", []onnx.Value{diff, diff})}, onnx.Int("keepdims", 0)), "loss"))
	m, err := b.Build()
	if err != nil {
		return nil, err
	}
	xs, ys := onnx.NewTensor(onnx.Float, batch, d.width), onnx.NewTensor(onnx.Float, batch, 1)
	perEpoch := len(rows) / batch
	var order []int
	_, err = train.Fit(ctx, engine, m, params, func(step int) (map[string]*onnx.Tensor, bool) {
		if step%perEpoch == 0 {
			order = rng.Perm(len(rows))
		}
		for r, i := range order[step%perEpoch*batch:][:batch] {
			copy(xs.Floats()[r*d.width:(r+1)*d.width], d.row(rows[i]))
			ys.Floats()[r] = float32(d.y[rows[i]])
		}
		return map[string]*onnx.Tensor{"x": xs, "y": ys}, true
	}, train.Settings{Steps: set.Epochs * perEpoch, Rate: set.Rate, Warmup: 0.05, WeightDecay: set.Decay, ClipNorm: 10})
	return params, err
}

// runMLP predicts all rows.
func runMLP(ctx context.Context, engine onnx.Engine, params map[string]*onnx.Tensor, d *data) ([]float64, error) {
	b := onnx.NewBuilder("member")
	b.Opset("", 13)
	x := b.Input("x", onnx.Float, -1, d.width)
	b.Output(b.Name(stack(b, x, len(params)/2, func(name string) onnx.Value { return b.Init(name, params[name]) }), "y"))
	m, err := b.Build()
	if err != nil {
		return nil, err
	}
	r, err := engine(m)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var out []float64
	for from := 0; from < len(d.y); from += chunk {
		n := min(chunk, len(d.y)-from)
		in := onnx.From(d.x[from*d.width:(from+n)*d.width], n, d.width)
		got := onnx.NewTensor(onnx.Float, n, 1)
		if err := r.Run(ctx, []*onnx.Tensor{in}, []*onnx.Tensor{got}); err != nil {
			return nil, err
		}
		out = append(out, wide(got.Floats())...)
	}
	return out, nil
}
