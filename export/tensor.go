package export

import (
	"hanas/onnx"
	"hanas/onnx/quant"
)

// tensor is the value on its way through the network: a float, codes, or both.
type tensor struct {
	value onnx.Value // float; zero while only codes are written
	act   string     // activation of value that is not written yet
	codes onnx.Value // UINT8; zero in float
	grid  quant.Grid // of codes
	name  string     // of grid's constants
}

// quantise passes the travelling tensor through a range at bits: 16 leaves it
// in float. Codes saturate at 0 and at the range's end, which makes a ReLU or
// ReLU6 before them redundant, and ONNX Runtime's integer convolutions want
// nothing between them and the codes.
func (w *writer) quantise(name string, r quant.Range, bits int) {
	if w.set.Profile.plain() || bits > 8 {
		return
	}
	if g, err := quant.NewGrid(r, bits); err == nil && !w.x.codes.IsZero() && g == w.x.grid {
		return
	}
	if w.x.act == "relu" && r.Lo == 0 || w.x.act == "relu6" && r.Lo == 0 && r.Hi <= 6 {
		w.x.act = ""
	}
	q, g := quant.EmitQuantize(w.b, name, w.float(), r, bits)
	w.x = tensor{codes: q, grid: g, name: name}
}

// requantise gives the travelling tensor codes of a grid that another tensor
// has already.
func (w *writer) requantise(name string, g quant.Grid) {
	w.x = tensor{codes: quant.EmitCodes(w.b, name, w.x.value, g), grid: g, name: name}
}

// float is the travelling tensor as floats.
func (w *writer) float() onnx.Value { return w.floatOf(&w.x) }

// blockFloat is the block's input as floats.
func (w *writer) blockFloat() onnx.Value { return w.floatOf(&w.block) }

func (w *writer) floatOf(x *tensor) onnx.Value {
	if x.value.IsZero() && !x.codes.IsZero() {
		x.value = quant.EmitDequantize(w.b, x.name, x.codes, x.grid)
	}
	x.value = w.activate(x.value, x.act)
	x.act = ""
	return x.value
}

// floatOnly is the travelling tensor for a convolution that computes in float.
func (w *writer) floatOnly() onnx.Value {
	if w.x.codes.IsZero() {
		return w.float()
	}
	return quant.EmitDequantizeFloat(w.b, w.x.name, w.x.codes, w.x.grid)
}

// activations are the operators of each activation, in opset 13 (HardSwish
// itself came with 14).
var activations = map[string]func(w *writer, x onnx.Value) onnx.Value{
	"relu": func(w *writer, x onnx.Value) onnx.Value { return w.b.Op("Relu", []onnx.Value{x}) },
	"relu6": func(w *writer, x onnx.Value) onnx.Value {
		return w.b.Op("Clip", []onnx.Value{x, w.scalar("zero", 0), w.scalar("six", 6)})
	},
	"hswish": func(w *writer, x onnx.Value) onnx.Value {
		gate := w.b.Op("HardSigmoid", []onnx.Value{x}, onnx.Float32("alpha", 1.0/6), onnx.Float32("beta", 0.5))
		return w.b.Op("Mul", []onnx.Value{x, gate})
	},
}

func (w *writer) activate(x onnx.Value, act string) onnx.Value {
	if act == "" {
		return x
	}
	return activations[act](w, x)
}
