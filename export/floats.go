package export

import (
	"slices"

	"hanas/onnx"
	"hanas/onnx/quant"
	"hanas/space"
)

// trained says whether l's weights are written as they were trained, without
// rounding to codes.
func (w *writer) trained(l space.Layer) bool {
	return l.WBits == 16 && (w.set.Float32 || w.set.Profile == Half)
}

// floats is an initialiser of the profile's float type.
func (w *writer) floats(name string, v []float32, shape []int) onnx.Value {
	if w.set.Profile != Half {
		return w.b.Init(name, onnx.From(v, shape...))
	}
	bits := make([]uint16, len(v))
	for i, x := range v {
		bits[i] = onnx.HalfBits(min(max(float64(x), -mostHalf), mostHalf))
	}
	t := onnx.From(bits, shape...)
	t.DType = onnx.Float16
	return w.b.Init(name, t)
}

// mostHalf is the largest finite FLOAT16.
const mostHalf = 65504

// decoded writes rounded weights for float kernels.
func (w *writer) decoded(q *quant.Weight) onnx.Value {
	if w.set.Profile != Half {
		return q.EmitFloat(w.b)
	}
	v := make([]float32, len(q.Codes))
	per := len(v) / len(q.Scale)
	for i, c := range q.Codes {
		v[i] = float32(c) * q.Scale[i/per]
	}
	return w.floats(q.Name, v, q.Shape)
}

// half turns a float into the profile's float type, full turns it back.
func (w *writer) half(x onnx.Value) onnx.Value { return w.cast(x, onnx.Float16) }

func (w *writer) full(x onnx.Value) onnx.Value { return w.cast(x, onnx.Float) }

func (w *writer) cast(x onnx.Value, to onnx.DType) onnx.Value {
	if w.set.Profile != Half {
		return x
	}
	return w.b.Op("Cast", []onnx.Value{x}, onnx.Int("to", int(to)))
}

// scalar is a constant of the profile's float type.
func (w *writer) scalar(name string, v float32) onnx.Value {
	if w.set.Profile != Half {
		return w.b.ConstFloat(name, v)
	}
	if c, ok := w.b.Value("half." + name); ok {
		return c
	}
	return w.floats("half."+name, []float32{v}, nil)
}

// folded is a copy of weights with each row times its gain; nil is 1.
func folded(weight, gain []float32) []float32 {
	out := slices.Clone(weight)
	if gain == nil {
		return out
	}
	per := len(out) / len(gain)
	for i := range out {
		out[i] *= gain[i/per]
	}
	return out
}
