package supernet

import (
	"fmt"

	"hanas/onnx"
	"hanas/space"
)

// Names of the graph inputs and outputs that every graph of this package has.
const (
	inputImages = "images" // [batch, channels, size, size], normalised
	inputLabels = "labels" // [batch, classes], rows sum to 1; of a detector see cellLabels
	outputLoss  = "loss"   // scalar
	outputLogit = "logits" // [batch, classes]; of a detector [batch, classes+space.BoxChannels, cells]
)

// normEpsilon is batch norm's epsilon, in training as in the folded files
// (PyTorch's and Once-for-All's value).
const normEpsilon = 1e-5

// graphSettings says which graph to write for a list of layers.
type graphSettings struct {
	batch     int
	quantised bool // input quantisers with their ranges as graph inputs
	exact     bool // layers with 16-bit input have no quantiser, as in the exported file
	loss      bool // labels in, loss out
	stats     bool // batch mean and variance of every batch norm out
}

// blueprint is a graph with the order of its varying inputs: the parameters of
// views, then lo, hi and scale of each quantiser, named by layer index.
type blueprint struct {
	model  *onnx.Model
	views  []view
	quants []int // layers whose input is quantised
	norms  []int // layers with batch norm, in order of the stats outputs
}

// graph writes the forward graph of layers in training mode: batch norm uses
// the statistics of the batch, weights are graph inputs in their sliced shapes
// (already fake-quantised by the caller), activations pass Clip, QuantizeLinear
// and DequantizeLinear with the range as graph inputs, so that one graph serves
// every choice of bits.
func (s *Supernet) graph(layers []space.Layer, set graphSettings) (*blueprint, error) {
	t := &tracer{
		b: onnx.NewBuilder("subnet"), set: set, layers: layers, task: taskOf(layers),
		plan: &blueprint{}, consts: map[string]onnx.Value{}, taps: map[string]onnx.Value{},
	}
	first := layers[0]
	t.x = t.b.Input(inputImages, onnx.Float, set.batch, first.In, first.InSize, first.InSize)
	var labels onnx.Value
	if set.loss {
		labels = t.b.Input(inputLabels, onnx.Float, t.task.labels(layers, set.batch)...)
	}
	for i, l := range layers {
		views, err := s.views(l)
		if err != nil {
			return nil, err
		}
		if err := t.layer(i, views); err != nil {
			return nil, err
		}
		t.keep(i)
	}
	t.predictions()
	if set.loss {
		t.b.Output(t.task.loss(t, labels))
	}
	t.b.Output(t.b.Name(t.x, outputLogit))
	for _, v := range t.stats {
		t.b.Output(v)
	}
	m, err := t.b.Build()
	if err != nil {
		return nil, fmt.Errorf("supernet: graph: %w", err)
	}
	t.plan.model = m
	return t.plan, nil
}

// tracer writes one layer after another; x is the value that travels.
type tracer struct {
	b      *onnx.Builder
	set    graphSettings
	layers []space.Layer
	plan   *blueprint
	x      onnx.Value
	block  onnx.Value // input of the current block, as its first layer sees it
	stats  []onnx.Value
	consts map[string]onnx.Value
	task   *task
	taps   map[string]onnx.Value // what heads will read, by layer
	heads  []onnx.Value          // predictions of the heads
}

// constant adds an initialiser once.
func (t *tracer) constant(name string, make func() *onnx.Tensor) onnx.Value {
	v, ok := t.consts[name]
	if !ok {
		v = t.b.Init(name, make())
		t.consts[name] = v
	}
	return v
}

func (t *tracer) layer(i int, views []view) error {
	l := t.layers[i]
	t.b.Prefix(l.Name)
	t.source(i)
	params := make([]onnx.Value, len(views))
	for k, v := range views {
		params[k] = t.b.Input(v.spec.name, onnx.Float, v.spec.shape...)
		t.plan.views = append(t.plan.views, v)
	}
	if t.quantises(i) {
		t.quantise(i)
	}
	if startsBlock(t.layers, i) {
		t.block = t.x
	}
	switch l.Kind {
	case space.Conv, space.Pointwise, space.Depthwise:
		pad := l.Kernel / 2
		t.x = t.b.Op("Conv", []onnx.Value{t.x, params[0]}, onnx.Ints("kernel_shape", l.Kernel, l.Kernel),
			onnx.Ints("strides", l.Stride, l.Stride), onnx.Ints("pads", pad, pad, pad, pad), onnx.Int("group", l.Groups))
		if !l.NoNorm {
			t.norm(i, params[1], params[2])
		}
		return t.activate(i)
	case space.Add:
		t.x = t.b.Op("Add", []onnx.Value{t.x, t.block})
	case space.SE:
		t.squeezeExcite(params)
	case space.Pool:
		t.x = t.b.Op("GlobalAveragePool", []onnx.Value{t.x})
		if next := t.layers[i+1:]; len(next) > 0 && next[0].Kind == space.Linear {
			t.x = t.b.Op("Flatten", []onnx.Value{t.x})
		}
	case space.Linear:
		if len(t.x.Shape()) > 2 { // behind a feature mix
			t.x = t.b.Op("Flatten", []onnx.Value{t.x})
		}
		t.x = t.b.Op("Gemm", []onnx.Value{t.x, params[0], params[1]}, onnx.Int("transB", 1))
	default:
		return fmt.Errorf("supernet: graph: layer %s: unknown kind %q", l.Name, l.Kind)
	}
	return nil
}

// norm adds batch norm in training mode; with momentum 0 its running outputs
// are the batch's own statistics.
func (t *tracer) norm(i int, gamma, beta onnx.Value) {
	c := t.layers[i].Out
	zero := t.constant(fmt.Sprintf("zeros%d", c), func() *onnx.Tensor { return onnx.NewTensor(onnx.Float, c) })
	attrs := []onnx.Attr{onnx.Float32("epsilon", normEpsilon), onnx.Float32("momentum", 0), onnx.Int("training_mode", 1)}
	ys := t.b.OpN("BatchNormalization", 3, []onnx.Value{t.x, gamma, beta, zero, zero}, attrs...)
	t.x = ys[0]
	if t.set.stats {
		t.plan.norms = append(t.plan.norms, i)
		name := t.layers[i].Name
		t.stats = append(t.stats, t.b.Name(ys[1], name+".mean"), t.b.Name(ys[2], name+".var"))
	}
}

// activate applies the layer's activation unless the next quantiser's Clip
// does the same.
func (t *tracer) activate(i int) error {
	clipped := t.quantises(i + 1)
	switch act := t.layers[i].Act; act {
	case "":
	case "relu":
		if !clipped {
			t.x = t.b.Op("Relu", []onnx.Value{t.x})
		}
	case "relu6":
		if !clipped {
			t.x = t.b.Op("Clip", []onnx.Value{t.x, t.b.ConstFloat("zero", 0), t.b.ConstFloat("six", 6)})
		}
	case "hswish":
		t.x = t.b.Op("HardSwish", []onnx.Value{t.x})
	default:
		return fmt.Errorf("supernet: graph: layer %s: unknown activation %q", t.layers[i].Name, act)
	}
	return nil
}

// quantises says whether layer i has an input quantiser. An add takes the
// block input as its first layer saw it, and a gate the activated tensor.
func (t *tracer) quantises(i int) bool {
	if !t.set.quantised || i >= len(t.layers) {
		return false
	}
	l := t.layers[i]
	if l.Kind == space.Linear && !t.set.exact { // pooled means at 8 bits: nothing to learn from
		return false
	}
	return l.Kind != space.Add && l.Kind != space.SE && !(t.set.exact && l.ABits == 16)
}

// quantise passes x through the input quantiser of layer i: the range clips,
// rounding is straight-through. UINT16 codes around 32768 hold every grid of
// 2 to 16 bits exactly, so bits are data, not structure.
func (t *tracer) quantise(i int) {
	name := t.layers[i].Name + ".in"
	lo := t.b.Input(name+".lo", onnx.Float)
	hi := t.b.Input(name+".hi", onnx.Float)
	scale := t.b.Input(name+".scale", onnx.Float)
	zero := t.constant("zero_point", func() *onnx.Tensor { return onnx.From([]uint16{32768}) })
	if t.set.exact { // at most 8 bits, and the engine's bytes are faster
		zero = t.b.Input(name+".zero", onnx.Uint8)
	}
	x := t.b.Op("Clip", []onnx.Value{t.x, lo, hi})
	q := t.b.Op("QuantizeLinear", []onnx.Value{x, scale, zero})
	t.x = t.b.Op("DequantizeLinear", []onnx.Value{q, scale, zero})
	t.plan.quants = append(t.plan.quants, i)
}

// squeezeExcite multiplies x by a gate per channel (Hu et al. 2018, with
// MobileNetV3's hard sigmoid).
func (t *tracer) squeezeExcite(p []onnx.Value) {
	s := t.b.Op("GlobalAveragePool", []onnx.Value{t.x})
	s = t.b.Op("Relu", []onnx.Value{t.b.Op("Conv", []onnx.Value{s, p[0], p[1]})})
	s = t.b.Op("Conv", []onnx.Value{s, p[2], p[3]})
	gate := t.b.Op("HardSigmoid", []onnx.Value{s}, onnx.Float32("alpha", 1.0/6), onnx.Float32("beta", 0.5))
	t.x = t.b.Op("Mul", []onnx.Value{t.x, gate})
}

// crossEntropy is the cross-entropy against soft labels, averaged over the batch.
func (t *tracer) crossEntropy(labels onnx.Value) onnx.Value {
	t.b.Prefix("loss")
	logp := t.b.Op("LogSoftmax", []onnx.Value{t.x}, onnx.Int("axis", 1))
	perImage := t.b.Op("ReduceSum", []onnx.Value{t.b.Op("Mul", []onnx.Value{labels, logp}), t.b.ConstInts("axis", 1)}, onnx.Int("keepdims", 0))
	mean := t.b.Op("ReduceMean", []onnx.Value{perImage}, onnx.Int("keepdims", 0))
	return t.b.Name(t.b.Op("Neg", []onnx.Value{mean}), outputLoss)
}
