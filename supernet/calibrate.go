package supernet

import (
	"context"
	"fmt"
	"math"

	"hanas/export"
	"hanas/onnx"
	"hanas/onnx/quant"
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
	Images *onnx.Tensor // [n, channels, size, size], normalised training images
	Info   Preprocessing
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
	layers := c.Net.Space.Layers(arch)
	f := moments(layers, c.Info.ImageHi(), c.Net.values)
	plan, err := c.Net.graph(layers, graphSettings{batch: c.Images.Shape[0], quantised: true, exact: true, stats: true})
	if err != nil {
		return nil, err
	}
	c.bind(plan, layers, f)
	stats, err := c.run(ctx, plan.model)
	if err != nil {
		return nil, fmt.Errorf("supernet: calibrate %s: %w", c.Net.Space.Key(arch), err)
	}
	byLayer := map[int]norm{}
	for k, i := range plan.norms {
		byLayer[i] = norm{stats[1+2*k].Floats(), stats[2+2*k].Floats()}
	}
	return c.network(arch, layers, f, byLayer)
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
			quant.FakeWeights(t.Floats(), t.Floats(), v.out, b)
		}
		values[v.spec.name] = t
	}
	for i, l := range layers {
		lo, hi, scale := grid(f.in[i].Range(l.ABits), l.ABits)
		values[l.Name+".in.lo"] = onnx.From([]float32{lo})
		values[l.Name+".in.hi"] = onnx.From([]float32{hi})
		values[l.Name+".in.scale"] = onnx.From([]float32{scale})
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

func (c *Calibrator) run(ctx context.Context, m *onnx.Model) ([]*onnx.Tensor, error) {
	r, err := c.Engine(m)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	out := make([]*onnx.Tensor, len(r.Outputs()))
	if err := r.Run(ctx, []*onnx.Tensor{c.Images}, out); err != nil {
		return nil, err
	}
	return out, nil
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
		case space.SE:
			u.SE = &export.SEWeights{Reduce: parts[0], ReduceBias: parts[1], Expand: parts[2], ExpandBias: parts[3]}
		case space.Conv, space.Pointwise, space.Depthwise:
			u.Weight = parts[0]
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
		if l.Kind == space.Conv || l.Kind == space.Pointwise || l.Kind == space.Depthwise {
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
