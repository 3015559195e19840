package predictor

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"

	"hanas/onnx"
	"hanas/samples"
	"hanas/space"
	"hanas/train"
)

// Settings say how a predictor is fitted; zero fields take the defaults.
type Settings struct {
	Hidden  []int   // widths of the layers; default 128, 128
	Members int     // networks in the ensemble, whose spread is the uncertainty; default 3
	Epochs  int     // passes over the rows; default 120
	Batch   int     // rows a step; default 64
	Rate    float64 // learning rate at its peak; default 0.002
	Decay   float64 // decoupled weight decay; default 1e-4
	Seed    uint64
}

func (s *Settings) defaults() {
	if len(s.Hidden) == 0 {
		s.Hidden = []int{128, 128}
	}
	for _, d := range []struct {
		p *int
		v int
	}{{&s.Members, 3}, {&s.Epochs, 120}, {&s.Batch, 64}} {
		if *d.p == 0 {
			*d.p = d.v
		}
	}
	if s.Rate == 0 {
		s.Rate = 0.002
	}
	if s.Decay == 0 {
		s.Decay = 1e-4
	}
}

// Model is a trained predictor. Graph has input "features" [N, F] and outputs
// "accuracy" [N, 1], the mean over the members, and "std" [N, 1].
type Model struct {
	Graph *onnx.Model
}

// minRows is what a fit needs at least.
const minRows = 16

// scaling is how features and targets are brought to zero mean and unit size.
type scaling struct {
	mean, inverse     []float32 // of features; a constant one has inverse 0
	target, targetStd float64
}

// Fit trains an ensemble of small networks on rows: ReLU layers, standardised
// features and targets, AdamW with a cosine schedule, each member with its own
// start and order of rows. The same seed gives the same bytes.
func Fit(ctx context.Context, engine onnx.Engine, sp *space.Space, rows []samples.Sample, set Settings) (*Model, error) {
	set.defaults()
	if len(rows) < minRows {
		return nil, fmt.Errorf("predictor: fit: %d rows (needs %d or more: raise sample.count)", len(rows), minRows)
	}
	set.Batch = min(set.Batch, len(rows))
	x, y, err := table(sp, rows)
	if err != nil {
		return nil, err
	}
	sc := scale(x, y, sp.FeatureCount())
	members := make([]map[string]*onnx.Tensor, set.Members)
	for k := range members {
		if members[k], err = member(ctx, engine, x, y, set, k); err != nil {
			return nil, fmt.Errorf("predictor: fit: member %d: %w", k, err)
		}
	}
	g, err := assemble(members, sc, set)
	if err != nil {
		return nil, err
	}
	g.SetMeta("hanas.space", sp.Name)
	g.SetMeta("hanas.space_hash", sp.Hash())
	g.SetMeta("hanas.rows", fmt.Sprint(len(rows)))
	js, _ := json.Marshal(set)
	g.SetMeta("hanas.settings", string(js))
	return &Model{Graph: g}, nil
}

// table turns rows into features, [n*F], and accuracies.
func table(sp *space.Space, rows []samples.Sample) (x []float32, y []float64, err error) {
	for i, r := range rows {
		a, err := sp.Parse(r.Arch)
		if err != nil {
			return nil, nil, fmt.Errorf("predictor: row %d: %w", i, err)
		}
		if math.IsNaN(r.Accuracy) {
			return nil, nil, fmt.Errorf("predictor: row %d (%s): accuracy is NaN", i, r.Arch)
		}
		x = sp.AppendFeatures(x, a)
		y = append(y, r.Accuracy)
	}
	return x, y, nil
}

// scale standardises x and y in place.
func scale(x []float32, y []float64, f int) scaling {
	n := len(y)
	sc := scaling{mean: make([]float32, f), inverse: make([]float32, f), target: mean(y)}
	for j := range f {
		var sum, sq float64
		for i := range n {
			v := float64(x[i*f+j])
			sum += v
			sq += v * v
		}
		m := sum / float64(n)
		sc.mean[j] = float32(m)
		if std := math.Sqrt(max(0, sq/float64(n)-m*m)); std > 1e-6 {
			sc.inverse[j] = float32(1 / std)
		}
		for i := range n {
			x[i*f+j] = (x[i*f+j] - sc.mean[j]) * sc.inverse[j]
		}
	}
	for _, v := range y {
		sc.targetStd += (v - sc.target) * (v - sc.target) / float64(n)
	}
	sc.targetStd = max(math.Sqrt(sc.targetStd), 1e-6)
	for i := range y {
		y[i] = (y[i] - sc.target) / sc.targetStd
	}
	return sc
}

// member trains one network.
func member(ctx context.Context, engine onnx.Engine, x []float32, y []float64, set Settings, k int) (map[string]*onnx.Tensor, error) {
	n := len(y)
	f := len(x) / n
	rng := rand.New(rand.NewPCG(set.Seed, uint64(k)+1))
	params := map[string]*onnx.Tensor{}
	b := onnx.NewBuilder("member")
	in := b.Input("x", onnx.Float, set.Batch, f)
	target := b.Input("y", onnx.Float, set.Batch, 1)
	widths := append(append([]int{f}, set.Hidden...), 1)
	h := in
	for i := 1; i < len(widths); i++ {
		w, bias := onnx.NewTensor(onnx.Float, widths[i-1], widths[i]), onnx.NewTensor(onnx.Float, widths[i])
		std := math.Sqrt(2 / float64(widths[i-1])) // He et al. 2015
		if i == len(widths)-1 {
			std *= 0.1
		}
		for j := range w.Floats() {
			w.Floats()[j] = float32(rng.NormFloat64() * std)
		}
		params[layerName("w", i)], params[layerName("b", i)] = w, bias
		h = b.Op("Gemm", []onnx.Value{h, b.Input(layerName("w", i), onnx.Float, w.Shape...), b.Input(layerName("b", i), onnx.Float, bias.Shape...)})
		if i < len(widths)-1 {
			h = b.Op("Relu", []onnx.Value{h})
		}
	}
	d := b.Op("Sub", []onnx.Value{h, target})
	b.Output(b.Name(b.Op("ReduceMean", []onnx.Value{b.Op("Mul", []onnx.Value{d, d})}, onnx.Int("keepdims", 0)), "loss"))
	m, err := b.Build()
	if err != nil {
		return nil, err
	}
	xs, ys := onnx.NewTensor(onnx.Float, set.Batch, f), onnx.NewTensor(onnx.Float, set.Batch, 1)
	perEpoch := n / set.Batch
	var order []int
	_, err = train.Fit(ctx, engine, m, params, func(step int) (map[string]*onnx.Tensor, bool) {
		if step%perEpoch == 0 {
			order = rng.Perm(n)
		}
		for r, i := range order[step%perEpoch*set.Batch:][:set.Batch] {
			copy(xs.Floats()[r*f:(r+1)*f], x[i*f:])
			ys.Floats()[r] = float32(y[i])
		}
		return map[string]*onnx.Tensor{"x": xs, "y": ys}, true
	}, train.Settings{Steps: set.Epochs * perEpoch, Rate: set.Rate, Warmup: 0.05, WeightDecay: set.Decay, ClipNorm: 10})
	return params, err
}

func layerName(kind string, i int) string { return fmt.Sprintf("%s%d", kind, i) }

// assemble writes the ensemble as one graph over raw features.
func assemble(members []map[string]*onnx.Tensor, sc scaling, set Settings) (*onnx.Model, error) {
	b := onnx.NewBuilder("predictor")
	b.Opset("", 13)
	f := len(sc.mean)
	x := b.Input("features", onnx.Float, -1, f)
	x = b.Op("Mul", []onnx.Value{b.Op("Sub", []onnx.Value{x, b.Init("mean", onnx.From(sc.mean, f))}), b.Init("inverse", onnx.From(sc.inverse, f))})
	var outs []onnx.Value
	for k, params := range members {
		h := x
		for i := 1; i <= len(set.Hidden)+1; i++ {
			w := b.Init(fmt.Sprintf("m%d.%s", k, layerName("w", i)), params[layerName("w", i)])
			bias := b.Init(fmt.Sprintf("m%d.%s", k, layerName("b", i)), params[layerName("b", i)])
			h = b.Op("Gemm", []onnx.Value{h, w, bias})
			if i <= len(set.Hidden) {
				h = b.Op("Relu", []onnx.Value{h})
			}
		}
		outs = append(outs, h)
	}
	all := b.Op("Concat", outs, onnx.Int("axis", 1))
	avg := b.Op("ReduceMean", []onnx.Value{all}, onnx.Ints("axes", 1))
	d := b.Op("Sub", []onnx.Value{all, avg})
	variance := b.Op("ReduceMean", []onnx.Value{b.Op("Mul", []onnx.Value{d, d})}, onnx.Ints("axes", 1))
	size := b.ConstFloat("size", float32(sc.targetStd))
	b.Output(b.Name(b.Op("Add", []onnx.Value{b.Op("Mul", []onnx.Value{avg, size}), b.ConstFloat("centre", float32(sc.target))}), "accuracy"))
	b.Output(b.Name(b.Op("Mul", []onnx.Value{b.Op("Sqrt", []onnx.Value{variance}), size}), "std"))
	return b.Build()
}
