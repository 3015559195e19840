package ref

import (
	"fmt"
	"math"

	"hanas/onnx"
)

// array is a value during a run: any element type, held as float64, row-major.
// Arrays are not changed once they are another node's input.
type array struct {
	dtype onnx.DType
	shape []int
	data  []float64
}

// maxElements bounds one value (2 GB), so that a graph from a stranger cannot
// make us allocate at will.
const maxElements = 1 << 28

// newArray allocates zeros. A shape out of bounds ends the node; see runNode.
func newArray(d onnx.DType, shape ...int) *array {
	n := 1
	for _, s := range shape {
		if s < 0 || (s > 0 && n > maxElements/s) {
			panic(fault(fmt.Sprintf("a result of shape %v is refused: negative, or more than %d elements", shape, maxElements)))
		}
		n *= s
	}
	return &array{dtype: d, shape: append([]int{}, shape...), data: make([]float64, n)}
}

// view shares the data under another shape.
func (a *array) view(shape ...int) *array {
	if onnx.Elements(shape) != len(a.data) {
		panic(fault(fmt.Sprintf("%v does not have the %d elements of %v", shape, len(a.data), a.shape)))
	}
	return &array{dtype: a.dtype, shape: append([]int{}, shape...), data: a.data}
}

// strides are the distances between neighbours along each axis.
func strides(shape []int) []int {
	out := make([]int, len(shape))
	step := 1
	for i := len(shape) - 1; i >= 0; i-- {
		out[i] = step
		step *= shape[i]
	}
	return out
}

// axis makes a possibly negative axis of an array of this rank positive.
func axis(a, rank int) int {
	if a < 0 {
		a += rank
	}
	if a < 0 || a >= rank {
		panic(fault(fmt.Sprintf("axis %d does not fit rank %d", a, rank)))
	}
	return a
}

// around splits a shape at an axis: the sizes before, at and after it.
func around(shape []int, at int) (before, size, after int) {
	return onnx.Elements(shape[:at]), shape[at], onnx.Elements(shape[at+1:])
}

// ints reads an array as integers, saturating.
func (a *array) ints() []int {
	out := make([]int, len(a.data))
	for i, v := range a.data {
		switch {
		case v >= math.MaxInt64:
			out[i] = math.MaxInt64
		case v <= math.MinInt64:
			out[i] = math.MinInt64
		default:
			out[i] = int(v)
		}
	}
	return out
}

// fromTensor reads a tensor of any numeric type.
func fromTensor(t *onnx.Tensor) (*array, error) {
	a := newArray(t.DType, t.Shape...)
	switch t.DType {
	case onnx.Float:
		for i, v := range t.Floats() {
			a.data[i] = float64(v)
		}
	case onnx.Double:
		copy(a.data, onnx.View[float64](t))
	case onnx.Float16, onnx.BFloat16:
		widen := fromHalf
		if t.DType == onnx.BFloat16 {
			widen = fromBrain
		}
		b := t.Bytes()
		for i := range a.data {
			a.data[i] = widen(uint16(b[2*i]) | uint16(b[2*i+1])<<8)
		}
	default:
		v, err := t.Ints()
		if err != nil {
			return nil, err
		}
		for i, x := range v {
			a.data[i] = float64(x)
		}
	}
	return a, nil
}

// into writes the array to a tensor of its shape; the tensor's element type is
// the array's, or Double for a float.
func (a *array) into(t *onnx.Tensor) error {
	switch t.DType {
	case onnx.Float:
		out := t.Floats()
		for i, v := range a.data {
			out[i] = float32(v)
		}
	case onnx.Double:
		copy(onnx.View[float64](t), a.data)
	case onnx.Bool:
		out := t.Bytes()
		for i, v := range a.data {
			out[i] = 0
			if v != 0 {
				out[i] = 1
			}
		}
	case onnx.Float16, onnx.BFloat16:
		narrow := toHalf
		if t.DType == onnx.BFloat16 {
			narrow = toBrain
		}
		out := t.Bytes()
		for i, v := range a.data {
			h := narrow(v)
			out[2*i], out[2*i+1] = byte(h), byte(h>>8)
		}
	default:
		packed, err := onnx.PackInts(t.DType, a.ints(), t.Shape...)
		if err != nil {
			return err
		}
		copy(t.Bytes(), packed.Bytes())
	}
	return nil
}

// conform brings values to what their element type can hold: floats are
// rounded (unless wide), integers cut towards zero and wrapped as in C. Values
// that fit are not written: views of constants are shared between runs.
func (a *array) conform(wide bool) {
	fit := a.fit(wide)
	if fit == nil {
		return
	}
	for i, v := range a.data {
		if w := fit(v); w != v && v == v {
			a.data[i] = w
		}
	}
}

func (a *array) fit(wide bool) func(float64) float64 {
	switch d := a.dtype; {
	case d == onnx.Double || d == onnx.Float && wide:
		return nil
	case d == onnx.Float:
		return func(v float64) float64 { return float64(float32(v)) }
	case d == onnx.Float16:
		return func(v float64) float64 { return fromHalf(toHalf(v)) }
	case d == onnx.BFloat16:
		return func(v float64) float64 { return fromBrain(toBrain(v)) }
	case d == onnx.Bool:
		return func(v float64) float64 { return truth(v != 0) }
	default:
		return func(v float64) float64 { return wrap(d, v) }
	}
}

// limits are the smallest and largest value of an integer type.
func limits(d onnx.DType) (lo, hi float64) {
	span := math.Ldexp(1, d.Bits())
	switch d {
	case onnx.Int2, onnx.Int4, onnx.Int8, onnx.Int16, onnx.Int32, onnx.Int64:
		return -span / 2, span/2 - 1
	}
	return 0, span - 1
}

func wrap(d onnx.DType, v float64) float64 {
	v = math.Trunc(v)
	lo, hi := limits(d)
	if (v >= lo && v <= hi) || d.Bits() == 64 {
		return v
	}
	span := hi - lo + 1
	return v - span*math.Floor((v-lo)/span)
}
