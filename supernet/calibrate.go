package supernet

import (
	"context"
	"fmt"
	"math"

	"hanas/export"
	"hanas/onnx"
	"hanas/space"
)

// Calibrator turns an Arch into numbers fit to export: sliced weights with
// batch-norm statistics measured on training images, in one pass through the
// quantised sub-network where each layer is normalised by the batch's own
// statistics (batch-norm recalibration, Yu & Huang 2019; Once-for-All does it
// for every sub-network, peers without it lose most of the accuracy). It may
// be used by several goroutines.
type Calibrator struct {
	Net    *Supernet
	Engine onnx.Engine
	// Images are normalised training images [n, channels, size, size]. Without,
	// the statistics are those that came with imported weights: exact for the
	// largest network at the resolution of its training, poor for others.
	Images *onnx.Tensor
	// Batch is how many of Images are run at a time, as many as stay in the cache;
	// it must divide their number. 0 = all at once.
	Batch int
	// More are further images, of the same shape. Statistics are the means over batches, as
	// Once-for-All takes them.
	More []*onnx.Tensor
	Info Preprocessing
}

// Preprocessing is what an exported file must know about its input.
type Preprocessing struct {
	Mean, Std []float32 // of RGB in [0,1]
	Labels    []string
}

// ImageHi is the largest absolute value of a normalised pixel.
func (p Preprocessing) ImageHi() float64 {
	hi := 0.0
	for c := range p.Mean {
		hi = math.Max(hi, math.Max(float64(p.Mean[c]), 1-float64(p.Mean[c]))/float64(p.Std[c]))
	}
	return hi
}

// Network measures the batch-norm statistics of arch and returns its layers
// with weights, folded batch norm and ranges.
func (c *Calibrator) Network(ctx context.Context, arch space.Arch) (*export.Network, error) {
	return c.layers(ctx, arch, c.Net.Space.Layers(arch))
}

// NetworkAt is Network for square images of another size than arch says, which
// the space need not list.
func (c *Calibrator) NetworkAt(ctx context.Context, arch space.Arch, resolution int) (*export.Network, error) {
	layers, err := space.Resize(c.Net.Space.Layers(arch), resolution)
	if err != nil {
		return nil, err
	}
	return c.layers(ctx, arch, layers)
}

func (c *Calibrator) layers(ctx context.Context, arch space.Arch, layers []space.Layer) (*export.Network, error) {
	f := moments(layers, c.Info.ImageHi(), c.Net.values)
	var stats map[int]norm
	var err error
	if c.Images == nil {
		stats, err = c.Net.stored(layers)
	} else {
		stats, err = c.measure(ctx, layers, f)
	}
	if err != nil {
		return nil, fmt.Errorf("supernet: calibrate %s: %w", c.Net.Space.Key(arch), err)
	}
	return c.network(arch, layers, f, stats)
}

// measure runs the sub-network on the images, batch by batch.
func (c *Calibrator) measure(ctx context.Context, layers []space.Layer, f flow) (map[int]norm, error) {
	var batches []*onnx.Tensor
	for _, x := range append([]*onnx.Tensor{c.Images}, c.More...) {
		parts, err := parted(x, c.Batch)
		if err != nil {
			return nil, err
		}
		batches = append(batches, parts...)
	}
	plan, err := c.Net.graph(layers, graphSettings{batch: batches[0].Shape[0], quantised: true, exact: true, stats: true})
	if err != nil {
		return nil, err
	}
	c.bind(plan, layers, f)
	r, err := c.Engine(plan.model)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	sum := map[int]norm{}
	for batch, images := range batches {
		out := make([]*onnx.Tensor, len(r.Outputs()))
		if err := r.Run(ctx, []*onnx.Tensor{images}, out); err != nil {
			return nil, err
		}
		for k, i := range plan.norms {
			mean, variance := out[1+2*k].Floats(), out[2+2*k].Floats()
			if batch == 0 {
				sum[i] = norm{mean, variance}
				continue
			}
			join(sum[i].mean, mean, batch)
			join(sum[i].variance, variance, batch)
		}
	}
	return sum, nil
}

// parted is x in parts of n images, without a copy.
func parted(x *onnx.Tensor, n int) ([]*onnx.Tensor, error) {
	if n == 0 || n == x.Shape[0] {
		return []*onnx.Tensor{x}, nil
	}
	if n < 0 || x.Shape[0]%n != 0 {
		return nil, fmt.Errorf("%d images in batches of %d (the batch must divide them)", x.Shape[0], n)
	}
	var out []*onnx.Tensor
	shape := append([]int{n}, x.Shape[1:]...)
	one := x.Len() / x.Shape[0] * n
	for i := range x.Shape[0] / n {
		out = append(out, onnx.From(x.Floats()[i*one:][:one], shape...))
	}
	return out, nil
}

// join takes one more vector into the mean of n.
func join(mean, next []float32, n int) {
	for i, v := range next {
		mean[i] = float32((float64(mean[i])*float64(n) + float64(v)) / float64(n+1))
	}
}

// norm is the measured statistics of one batch norm, per channel.
type norm struct{ mean, variance []float32 }

func (s *Supernet) values(name string) []float32 { return s.index[name].Data }

// bind turns the varying inputs of a statistics graph into constants.
func (c *Calibrator) bind(plan *blueprint, layers []space.Layer, f flow) {
	values, bits := map[string]*onnx.Tensor{}, weightBits(layers)
	for _, v := range plan.views {
		t := onnx.NewTensor(onnx.Float, v.spec.shape...)
		v.slice(t.Floats())
		if b, ok := bits[v.spec.name]; ok {
			c.Net.round(t.Floats(), t.Floats(), v, b)
		}
		values[v.spec.name] = t
	}
	for i, l := range layers {
		lo, hi, scale := grid(f.in[i].Range(l.ABits), l.ABits)
		values[l.Name+".in.lo"] = onnx.From([]float32{lo})
		values[l.Name+".in.hi"] = onnx.From([]float32{hi})
		values[l.Name+".in.scale"] = onnx.From([]float32{scale})
		zero := uint8(0)
		if lo < 0 {
			zero = 128
		}
		values[l.Name+".in.zero"] = onnx.From([]uint8{zero})
	}
	m := plan.model
	kept := m.Graph.Inputs[:0]
	for _, in := range m.Graph.Inputs {
		if t := values[in.Name]; t != nil {
			m.Graph.Initializers = append(m.Graph.Initializers, onnx.Initializer{Name: in.Name, Tensor: t})
		} else {
			kept = append(kept, in)
		}
	}
	m.Graph.Inputs = kept
}

// network gathers the export form: batch norm folded to a gain and a bias.
func (c *Calibrator) network(arch space.Arch, layers []space.Layer, f flow, stats map[int]norm) (*export.Network, error) {
	n := &export.Network{
		Arch: c.Net.Space.Key(arch), Space: c.Net.Space.Name, Resolution: layers[0].InSize,
		Labels: c.Info.Labels, Mean: c.Info.Mean, Std: c.Info.Std,
	}
	for i, l := range layers {
		u := export.Unit{Layer: l, In: f.in[i].Range(l.ABits), Out: f.out[i].Range(8)}
		views, err := c.Net.views(l)
		if err != nil {
			return nil, err
		}
		parts := make([][]float32, len(views))
		for k, v := range views {
			parts[k] = make([]float32, v.size())
			v.slice(parts[k])
		}
		switch l.Kind {
		case space.Linear:
			u.Weight, u.Bias = parts[0], parts[1]
			u.Step = c.Net.exportSteps(l, u.Weight)
		case space.SE:
			u.SE = &export.SEWeights{Reduce: parts[0], ReduceBias: parts[1], Expand: parts[2], ExpandBias: parts[3]}
		case space.Conv, space.Pointwise, space.Depthwise:
			u.Weight = parts[0]
			u.Step = c.Net.exportSteps(l, u.Weight)
			if l.NoNorm {
				break
			}
			u.Gain, u.Bias = export.FoldNorm(parts[1], parts[2], stats[i].mean, stats[i].variance, normEpsilon)
		}
		n.Units = append(n.Units, u)
	}
	return n, nil
}

// Untrained returns arch with the supernet's weights and unit batch-norm
// statistics: the right shapes to time, the wrong numbers to classify with.
func (s *Supernet) Untrained(arch space.Arch, info Preprocessing) (*export.Network, error) {
	layers := s.Space.Layers(arch)
	stats := map[int]norm{}
	for i, l := range layers {
		if normed(l) {
			n := norm{make([]float32, l.Out), make([]float32, l.Out)}
			for c := range n.variance {
				n.variance[c] = 1
			}
			stats[i] = n
		}
	}
	c := &Calibrator{Net: s, Info: info}
	return c.network(arch, layers, moments(layers, info.ImageHi(), s.values), stats)
}
