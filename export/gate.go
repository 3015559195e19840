package export

import (
	"fmt"
	"slices"

	"hanas/onnx"
	"hanas/onnx/quant"
)

// gate writes squeeze-excite. Its two tiny convolutions compute in float on
// weights packed at the layer's bits unless SEWeights.Hidden is known; between
// codes, the gate becomes codes of [0,1] so that the multiply stays in integers.
func (w *writer) gate(u *Unit) error {
	l := u.Layer
	if u.SE == nil || len(u.SE.Reduce) != l.Mid*l.In || len(u.SE.Expand) != l.In*l.Mid || len(u.SE.ReduceBias) != l.Mid || len(u.SE.ExpandBias) != l.In {
		return fmt.Errorf("its gate weights are missing or do not fit %d channels and %d between", l.In, l.Mid)
	}
	whole := w.float()
	codes := !w.x.codes.IsZero()
	w.pool()
	if codes && l.WBits <= 8 && u.SE.Hidden.Hi > 0 {
		w.integerGate(u)
	} else {
		w.floatGate(u)
		if codes {
			w.quantise(l.Name+".gate", quant.Range{Lo: 0, Hi: 1}, 8)
		}
	}
	w.x = tensor{value: w.b.Op("Mul", []onnx.Value{whole, w.float()})}
	return nil
}

func (w *writer) floatGate(u *Unit) {
	l := u.Layer
	conv := func(name string, x onnx.Value, weight, bias []float32, in, out int) onnx.Value {
		shape, full := []int{out, in, 1, 1}, l.Name+"."+name
		var v onnx.Value
		if w.trained(l) {
			v = w.floats(full, folded(weight, nil), shape)
		} else {
			v = w.decoded(w.rounded(full, weight, shape, l.WBits))
		}
		return w.b.Op("Conv", []onnx.Value{x, v, w.floats(full+".bias", slices.Clone(bias), []int{out})})
	}
	w.hidden = w.b.Op("Relu", []onnx.Value{conv("reduce", w.float(), u.SE.Reduce, u.SE.ReduceBias, l.In, l.Mid)})
	s := conv("expand", w.hidden, u.SE.Expand, u.SE.ExpandBias, l.Mid, l.In)
	w.x = tensor{value: w.b.Op("HardSigmoid", []onnx.Value{s}, onnx.Float32("alpha", 1.0/6), onnx.Float32("beta", 0.5))}
}

// integerGate writes both convolutions for integer kernels. The 3 of the hard
// sigmoid min(max(x+3, 0), 6)/6 is in the second one's bias, its clips are the
// saturation of codes from 0 to 6, and read with a sixth of their scale the
// codes are the gate.
func (w *writer) integerGate(u *Unit) {
	l := u.Layer
	conv := func(name string, weight, bias []float32, in, out int, extra [2]int) onnx.Value {
		q, b := w.rounded(l.Name+"."+name, weight, []int{out, in, 1, 1}, l.WBits), slices.Clone(bias)
		q.Extra = extra
		q.Raise(b, w.x.grid.Scale)
		return w.b.Op("Conv", []onnx.Value{w.float(), q.EmitInteger(w.b), q.EmitBias(w.b, b, w.x.grid.Scale)})
	}
	w.x = tensor{value: conv("reduce", u.SE.Reduce, u.SE.ReduceBias, l.In, l.Mid, [2]int{0, w.more})}
	w.quantise(l.Name+".hidden", quant.Range{Lo: 0, Hi: u.SE.Hidden.Hi}, 8)
	raised := slices.Clone(u.SE.ExpandBias)
	for i := range raised {
		raised[i] += 3
	}
	w.x = tensor{value: conv("expand", u.SE.Expand, raised, l.Mid, l.In, [2]int{w.more, 0})}
	w.quantise(l.Name+".six", quant.Range{Lo: 0, Hi: 6}, 8)
	w.x.grid.Scale = 1.0 / 255
	w.x.name = l.Name + ".gate"
}
