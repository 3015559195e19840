package torchfile

import (
	"encoding/binary"
	"fmt"
	"math"
)

// DType is the type of a tensor's numbers.
type DType string

// The types of number.
const (
	Float64  DType = "float64"
	Float32  DType = "float32"
	Float16  DType = "float16"
	BFloat16 DType = "bfloat16"
	Int64    DType = "int64"
	Int32    DType = "int32"
	Int16    DType = "int16"
	Int8     DType = "int8"
	Uint8    DType = "uint8"
	Bool     DType = "bool"
)

// decoders say how many bytes a number has and what it is.
var decoders = map[DType]struct {
	size int
	read func([]byte) float64
}{
	Float64: {8, func(b []byte) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(b)) }},
	Float32: {4, func(b []byte) float64 { return float64(math.Float32frombits(binary.LittleEndian.Uint32(b))) }},
	Float16: {2, func(b []byte) float64 { return half(binary.LittleEndian.Uint16(b)) }},
	BFloat16: {2, func(b []byte) float64 {
		return float64(math.Float32frombits(uint32(binary.LittleEndian.Uint16(b)) << 16))
	}},
	Int64: {8, func(b []byte) float64 { return float64(int64(binary.LittleEndian.Uint64(b))) }},
	Int32: {4, func(b []byte) float64 { return float64(int32(binary.LittleEndian.Uint32(b))) }},
	Int16: {2, func(b []byte) float64 { return float64(int16(binary.LittleEndian.Uint16(b))) }},
	Int8:  {1, func(b []byte) float64 { return float64(int8(b[0])) }},
	Uint8: {1, func(b []byte) float64 { return float64(b[0]) }},
	Bool:  {1, func(b []byte) float64 { return float64(min(b[0], 1)) }},
}

// half is an IEEE 754 binary16 number.
func half(h uint16) float64 {
	sign, exponent, fraction := 1-2*float64(h>>15), int(h>>10&31), float64(h&1023)
	switch exponent {
	case 0:
		return sign * math.Ldexp(fraction, -24)
	case 31:
		if fraction != 0 {
			return math.NaN()
		}
		return math.Inf(int(sign))
	}
	return sign * math.Ldexp(1024+fraction, exponent-25)
}

// storage is a run of numbers in the file.
type storage struct {
	key   string
	dtype DType
	count int    // what the pickle claims
	raw   []byte // nil until found
}

// Tensor is a view of stored numbers.
type Tensor struct {
	Name  string // its key in the state dict; empty elsewhere
	Shape []int  // empty: one number
	DType DType

	offset  int // in numbers
	strides []int
	of      *storage
}

// Len is the number of elements, at most that of the storage.
func (t *Tensor) Len() int {
	n := 1
	for _, s := range t.Shape {
		n *= s
	}
	return n
}

// Floats decodes the elements, row-major. Integers beyond 2^24 lose digits.
func (t *Tensor) Floats() ([]float32, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	d := decoders[t.DType]
	out := make([]float32, t.Len())
	index := make([]int, len(t.Shape))
	at := t.offset
	for i := range out {
		out[i] = float32(d.read(t.of.raw[at*d.size:]))
		for axis := len(index) - 1; axis >= 0; axis-- { // the next element, as an odometer counts
			index[axis]++
			at += t.strides[axis]
			if index[axis] < t.Shape[axis] {
				break
			}
			at -= index[axis] * t.strides[axis]
			index[axis] = 0
		}
	}
	return out, nil
}

// check holds the view against the storage that was found.
func (t *Tensor) check() error {
	size := decoders[t.DType].size
	if t.of.raw == nil || len(t.of.raw) != t.of.count*size {
		return fmt.Errorf("torchfile: tensor %s: storage %.40q has %d bytes, want %d numbers of %s: %w", t.Name, t.of.key, len(t.of.raw), t.of.count, t.DType, errCut)
	}
	last, n := t.offset, 1
	for i, s := range t.Shape {
		if s == 0 {
			return nil
		}
		if n *= s; n > t.of.count { // both below 2^31
			return fmt.Errorf("torchfile: tensor %s: shape %v is larger than its storage of %d", t.Name, t.Shape, t.of.count)
		}
		last += (s - 1) * t.strides[i]
		if last >= t.of.count {
			break
		}
	}
	if last >= t.of.count {
		return fmt.Errorf("torchfile: tensor %s: shape %v, strides %v from %d on reach beyond its storage of %d", t.Name, t.Shape, t.strides, t.offset, t.of.count)
	}
	return nil
}

// newTensor is _rebuild_tensor_v2(storage, offset, size, stride, …).
func newTensor(args Tuple) (any, error) {
	if len(args) < 4 {
		return nil, fmt.Errorf("%d arguments, want 4 or more", len(args))
	}
	s, ok := args[0].(*storage)
	offset, ok2 := count(args[1])
	shape, ok3 := counts(args[2])
	strides, ok4 := counts(args[3])
	if !ok || !ok2 || !ok3 || !ok4 || len(shape) != len(strides) || len(shape) > 16 {
		return nil, fmt.Errorf("storage, offset, shape and strides are %T, %v, %.80v, %.80v", args[0], args[1], args[2], args[3])
	}
	return &Tensor{Shape: shape, DType: s.dtype, offset: offset, strides: strides, of: s}, nil
}

// count is a number in [0, 2^31).
func count(v any) (int, bool) {
	n, ok := v.(int64)
	return int(n), ok && n >= 0 && n <= math.MaxInt32
}

func counts(v any) ([]int, bool) {
	t, ok := v.(Tuple)
	out := make([]int, len(t))
	for i := range t {
		n, isCount := count(t[i])
		out[i], ok = n, ok && isCount
	}
	return out, ok
}
