package export

import (
	"strconv"

	"hanas/onnx"
	"hanas/onnx/quant"
)

// hardSwish writes x·min(max(x+3, 0), 6)/6 on codes, for the output of a
// convolution on integer kernels. The codes of x reach from -3, below which
// the result is 0, to hi, and -3 is a whole number of steps: the same codes with
// zero point 0 are then x+3 without any operator, the upper clip is one Min of
// codes, and the product one QLinearMul.
func (w *writer) hardSwish(name string, hi float64) {
	g, three := hardSwishGrid(hi)
	scale := w.b.Init(name+".pre.scale", onnx.From([]float32{g.Scale}))
	zero := w.b.Init(name+".pre.zero", onnx.From([]uint8{g.Zero}))
	q := w.b.Op("QuantizeLinear", []onnx.Value{w.x.value, scale, zero})
	gate := q
	if 2*three < 255 {
		gate = w.b.Op("Min", []onnx.Value{q, w.b.Init(name+".pre.six", onnx.From([]uint8{uint8(2 * three)}))})
	}
	share := w.b.Init(name+".gate.scale", onnx.From([]float32{0.5 / float32(three)}))
	w.x = tensor{value: w.b.Op("Mul", []onnx.Value{
		w.b.Op("DequantizeLinear", []onnx.Value{q, scale, zero}),
		w.b.Op("DequantizeLinear", []onnx.Value{gate, share, w.code(0)}),
	})}
}

// hardSwishGrid are the codes of a hard-swish's input up to hi at least, and
// how many of their steps 3 has.
func hardSwishGrid(hi float64) (g quant.Grid, three int) {
	three = min(max(int(255*3/(3+max(hi, 0))), 1), 254)
	return quant.Grid{Scale: 3 / float32(three), Zero: uint8(three)}, three
}

// code is a UINT8 scalar, shared in the graph.
func (w *writer) code(c uint8) onnx.Value {
	name := "code." + strconv.Itoa(int(c))
	if v, ok := w.b.Value(name); ok {
		return v
	}
	return w.b.Init(name, onnx.From([]uint8{c}))
}
