package export

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"hanas/onnx"
	"hanas/onnx/quant"
	"hanas/space"
)

// Names of the exported graph's input and output.
const (
	Input  = "image"  // float [N, channels, size, size], normalised
	Output = "logits" // float [N, classes]
)

// Settings say how a network is written; the zero value is the quantised file.
type Settings struct {
	// Float writes the same rounded weights for float kernels and leaves
	// activations alone: what quantised activations cost is the difference.
	Float bool
}

// Build writes n. Weights are packed INT2/INT4/INT8/INT16 initialisers. A
// layer whose input and weights have at most 8 bits is written so that ONNX
// Runtime runs it on integer kernels; one with 16 bits on either side computes
// in float. The opset is the lowest that carries the types (13, 21 or 25).
func Build(n *Network, s Settings) (*onnx.Model, error) {
	if len(n.Units) == 0 {
		return nil, fmt.Errorf("export: network %s has no layers", n.Arch)
	}
	w := &writer{b: onnx.NewBuilder("network"), n: n, set: s, opset: 13}
	first := n.Units[0].Layer
	w.x = w.b.Input(Input, onnx.Float, -1, first.In, first.InSize, first.InSize)
	for i := range n.Units {
		if err := w.unit(i); err != nil {
			return nil, fmt.Errorf("export: %s: layer %s: %w", n.Arch, n.Units[i].Layer.Name, err)
		}
	}
	w.b.Output(w.b.Name(w.x, Output))
	w.b.Opset("", w.opset)
	w.metadata()
	m, err := w.b.Build()
	if err != nil {
		return nil, fmt.Errorf("export: %s: %w", n.Arch, err)
	}
	return m, nil
}

// writer writes one unit after another; x is the float (or dequantised) value
// that travels.
type writer struct {
	b     *onnx.Builder
	n     *Network
	set   Settings
	x     onnx.Value
	block onnx.Value
	scale float32 // of x's codes, when x was just dequantised
	opset int
}

// integer says whether a layer runs on integer kernels.
func (w *writer) integer(l space.Layer) bool { return !w.set.Float && l.ABits < 16 && l.WBits <= 8 }

func (w *writer) unit(i int) error {
	u := &w.n.Units[i]
	l := u.Layer
	w.b.Prefix(l.Name)
	if l.Kind != space.Add && l.Kind != space.SE {
		w.quantise(l.Name+".in", u.In, l.ABits)
	}
	if w.n.startsBlock(i) {
		w.block = w.x
	}
	switch l.Kind {
	case space.Conv, space.Pointwise, space.Depthwise:
		if err := w.conv(u, w.saturates(i)); err != nil {
			return err
		}
		if next := i + 1; next < len(w.n.Units) && w.n.Units[next].Layer.Kind == space.Add && l.ABits < 16 && w.n.Units[next].Layer.ABits < 16 {
			w.quantise(l.Name+".out", u.Out, 8) // codes for the integer add
		}
	case space.Add:
		w.x = w.b.Op("Add", []onnx.Value{w.x, w.block})
	case space.SE:
		return w.gate(u)
	case space.Pool:
		w.x = w.b.Op("Flatten", []onnx.Value{w.b.Op("GlobalAveragePool", []onnx.Value{w.x})})
	case space.Linear:
		weight, bias, err := w.weights(u, []int{l.Out, l.In})
		if err != nil {
			return err
		}
		w.x = w.b.Op("Gemm", []onnx.Value{w.x, weight, bias}, onnx.Int("transB", 1))
	default:
		return fmt.Errorf("unknown kind %q", l.Kind)
	}
	return nil
}

// quantise passes x through a range at bits.
func (w *writer) quantise(name string, r quant.Range, bits int) {
	if w.set.Float || bits == 16 {
		return
	}
	q, g := quant.EmitQuantize(w.b, name, w.x, r, bits)
	w.x, w.scale = quant.EmitDequantize(w.b, name, q, g), g.Scale
}

// saturates says whether the quantiser behind layer i does the work of its
// ReLU: codes below that of 0 do not exist, those above the range are cut. The
// ReLU must then be left out, or the convolution would not fuse with codes of
// fewer than 8 bits.
func (w *writer) saturates(i int) bool {
	if w.set.Float || i+1 >= len(w.n.Units) {
		return false
	}
	next := w.n.Units[i+1]
	if next.Layer.Kind == space.Add || next.Layer.Kind == space.SE || next.Layer.ABits == 16 || next.In.Lo < 0 {
		return false
	}
	act := w.n.Units[i].Layer.Act
	return act == "relu" || act == "relu6" && next.In.Hi <= 6
}

func (w *writer) conv(u *Unit, saturated bool) error {
	l := u.Layer
	weight, bias, err := w.weights(u, []int{l.Out, l.In / l.Groups, l.Kernel, l.Kernel})
	if err != nil {
		return err
	}
	p := l.Kernel / 2
	w.x = w.b.Op("Conv", []onnx.Value{w.x, weight, bias}, onnx.Ints("kernel_shape", l.Kernel, l.Kernel),
		onnx.Ints("strides", l.Stride, l.Stride), onnx.Ints("pads", p, p, p, p), onnx.Int("group", l.Groups))
	if saturated {
		return nil
	}
	switch l.Act {
	case "":
	case "relu":
		w.x = w.b.Op("Relu", []onnx.Value{w.x})
	case "relu6":
		w.x = w.b.Op("Clip", []onnx.Value{w.x, w.b.ConstFloat("zero", 0), w.b.ConstFloat("six", 6)})
	case "hswish": // written out: HardSwish itself needs opset 14
		h := w.b.Op("HardSigmoid", []onnx.Value{w.x}, onnx.Float32("alpha", 1.0/6), onnx.Float32("beta", 0.5))
		w.x = w.b.Op("Mul", []onnx.Value{w.x, h})
	default:
		return fmt.Errorf("unknown activation %q", l.Act)
	}
	return nil
}

// weights rounds, folds and writes a unit's weights and bias.
func (w *writer) weights(u *Unit, shape []int) (weight, bias onnx.Value, err error) {
	l := u.Layer
	if len(u.Weight) != onnx.Elements(shape) {
		return weight, bias, fmt.Errorf("%d weights for shape %v", len(u.Weight), shape)
	}
	q := quant.Weight{Name: l.Name + ".weight", Bits: l.WBits, Shape: shape}
	q.Codes, q.Scale = quant.Weights(u.Weight, l.Out, l.WBits)
	if u.Gain != nil {
		q.Fold(u.Gain)
	}
	w.opset = max(w.opset, quant.MinOpset(l.WBits))
	b := u.Bias
	if b == nil {
		b = make([]float32, l.Out)
	}
	if w.integer(l) {
		q.Raise(b, w.scale)
		return q.EmitInteger(w.b), q.EmitBias(w.b, b, w.scale), nil
	}
	return q.EmitFloat(w.b), w.b.Init(l.Name+".bias", onnx.From(slices.Clone(b), l.Out)), nil
}

// gate writes squeeze-excite: its two tiny convolutions compute in float on
// weights packed at the layer's bits.
func (w *writer) gate(u *Unit) error {
	l := u.Layer
	if u.SE == nil {
		return fmt.Errorf("has no gate weights")
	}
	conv := func(name string, x onnx.Value, weight, bias []float32, in, out int) onnx.Value {
		q := quant.Weight{Name: l.Name + "." + name, Bits: l.WBits, Shape: []int{out, in, 1, 1}}
		q.Codes, q.Scale = quant.Weights(weight, out, l.WBits)
		return w.b.Op("Conv", []onnx.Value{x, q.EmitFloat(w.b), w.b.Init(q.Name+".bias", onnx.From(slices.Clone(bias), out))})
	}
	w.opset = max(w.opset, quant.MinOpset(l.WBits))
	s := w.b.Op("GlobalAveragePool", []onnx.Value{w.x})
	s = w.b.Op("Relu", []onnx.Value{conv("reduce", s, u.SE.Reduce, u.SE.ReduceBias, l.In, l.Mid)})
	s = conv("expand", s, u.SE.Expand, u.SE.ExpandBias, l.Mid, l.In)
	s = w.b.Op("HardSigmoid", []onnx.Value{s}, onnx.Float32("alpha", 1.0/6), onnx.Float32("beta", 0.5))
	w.x = w.b.Op("Mul", []onnx.Value{w.x, s})
	return nil
}

// metadata says what a user of the file must know.
func (w *writer) metadata() {
	n := w.n
	bits := map[string]string{}
	for _, u := range n.Units {
		if l := u.Layer; l.WBits > 0 {
			bits[l.Name] = fmt.Sprintf("w%da%d", l.WBits, l.ABits)
		}
	}
	js, _ := json.Marshal(bits) // keys sorted
	for _, e := range []onnx.Entry{{Key: "hanas.arch", Value: n.Arch}, {Key: "hanas.space", Value: n.Space}, {Key: "hanas.bits", Value: string(js)},
		{Key: "hanas.resolution", Value: fmt.Sprint(n.Resolution)}, {Key: "hanas.mean", Value: floats(n.Mean)}, {Key: "hanas.std", Value: floats(n.Std)},
		{Key: "hanas.labels", Value: strings.Join(n.Labels, "\n")}} {
		w.b.Meta(e.Key, e.Value)
	}
	var extra []string
	for k := range n.Metadata {
		extra = append(extra, k)
	}
	slices.Sort(extra)
	for _, k := range extra {
		w.b.Meta(k, n.Metadata[k])
	}
}

func floats(v []float32) string {
	parts := make([]string, len(v))
	for i, x := range v {
		parts[i] = fmt.Sprint(x)
	}
	return strings.Join(parts, " ")
}
