package onnx

import (
	"fmt"
	"math"
	"unsafe"
)

// Tensor is a dense array in row-major order. Its bytes are little-endian and
// packed as ONNX packs them (two INT4 or four INT2 values a byte, low bits
// first). The typed views share the tensor's memory.
type Tensor struct {
	DType DType
	Shape []int // no negative sizes; empty = scalar
	data  []byte
}

// NewTensor allocates a zero tensor.
func NewTensor(d DType, shape ...int) *Tensor {
	n := d.ByteLen(Elements(shape))
	words := make([]uint64, (n+7)/8) // 8-byte aligned, so that every typed view is legal
	t := &Tensor{DType: d, Shape: append([]int{}, shape...)}
	if n > 0 {
		t.data = unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), n)
	}
	return t
}

// Elements is the product of the sizes: 1 for a scalar.
func Elements(shape []int) int {
	n := 1
	for _, s := range shape {
		n *= s
	}
	return n
}

// elements is Elements for a shape from outside: every size and the product
// must be sizes that memory could have.
func elements(shape []int) (int, error) {
	for _, s := range shape {
		if s < 0 || s > maxSize {
			return 0, fmt.Errorf("shape %v has a size of %d", shape, s)
		}
	}
	n := 1
	for _, s := range shape {
		if s > 0 && n > maxSize/s {
			return 0, fmt.Errorf("shape %v is too large", shape)
		}
		n *= s
	}
	return n, nil
}

// RawTensor makes a tensor from packed little-endian bytes, which are copied.
func RawTensor(d DType, data []byte, shape ...int) (*Tensor, error) {
	n, err := elements(shape)
	if err != nil {
		return nil, fmt.Errorf("onnx: tensor: %w", err)
	}
	if want := d.ByteLen(n); d.Bits() == 0 || want != len(data) {
		return nil, fmt.Errorf("onnx: tensor: %v%v needs %d bytes, has %d", d, shape, want, len(data))
	}
	t := NewTensor(d, shape...)
	copy(t.data, data)
	return t, nil
}

// Element is a Go type that has the memory layout of an ONNX element type.
type Element interface {
	~float32 | ~float64 | ~int8 | ~uint8 | ~int16 | ~uint16 | ~int32 | ~uint32 | ~int64 | ~uint64 | ~bool
}

func dtypeOf[T Element]() DType {
	var z T
	switch any(z).(type) {
	case float32:
		return Float
	case float64:
		return Double
	case int8:
		return Int8
	case uint8:
		return Uint8
	case int16:
		return Int16
	case uint16:
		return Uint16
	case int32:
		return Int32
	case uint32:
		return Uint32
	case int64:
		return Int64
	case uint64:
		return Uint64
	case bool:
		return Bool
	}
	return Undefined
}

// From makes a tensor that shares the memory of values; it panics if the
// number of values is not the product of shape (a bug of the caller). Without
// a shape and with other than one value it is a vector.
func From[T Element](values []T, shape ...int) *Tensor {
	if len(shape) == 0 && len(values) != 1 {
		shape = []int{len(values)}
	}
	if Elements(shape) != len(values) {
		panic(fmt.Sprintf("onnx: From: %d values for shape %v", len(values), shape))
	}
	t := &Tensor{DType: dtypeOf[T](), Shape: append([]int{}, shape...)}
	if len(values) > 0 {
		t.data = unsafe.Slice((*byte)(unsafe.Pointer(&values[0])), len(values)*int(unsafe.Sizeof(values[0])))
	}
	return t
}

// View returns the elements of t as []T sharing memory; it panics when T is
// not t's element type (a bug of the caller: check t.DType first on data from outside).
func View[T Element](t *Tensor) []T {
	if d := dtypeOf[T](); d != t.DType {
		panic(fmt.Sprintf("onnx: View: tensor is %v, not %v", t.DType, d))
	}
	if len(t.data) == 0 {
		return nil
	}
	var z T
	return unsafe.Slice((*T)(unsafe.Pointer(&t.data[0])), len(t.data)/int(unsafe.Sizeof(z)))
}

// Floats is View[float32].
func (t *Tensor) Floats() []float32 { return View[float32](t) }

// Int64s is View[int64].
func (t *Tensor) Int64s() []int64 { return View[int64](t) }

// Bytes is the packed memory of t, shared.
func (t *Tensor) Bytes() []byte { return t.data }

// Len is the number of elements.
func (t *Tensor) Len() int { return Elements(t.Shape) }

// Clone copies t and its memory.
func (t *Tensor) Clone() *Tensor {
	c := NewTensor(t.DType, t.Shape...)
	copy(c.data, t.data)
	return c
}

// PackInts makes an integer tensor of type d (any integer width, also 2 and 4
// bits) from values, which must lie in the type's range.
func PackInts[T ~int8 | ~int16 | ~int32 | ~int64 | ~int](d DType, values []T, shape ...int) (*Tensor, error) {
	if Elements(shape) != len(values) {
		return nil, fmt.Errorf("onnx: pack %v: %d values for shape %v", d, len(values), shape)
	}
	lo, hi, ok := intRange(d)
	if !ok {
		return nil, fmt.Errorf("onnx: pack: %v is no integer type", d)
	}
	t := NewTensor(d, shape...)
	bits := d.Bits()
	for i, v := range values {
		if int64(v) < lo || int64(v) > hi {
			return nil, fmt.Errorf("onnx: pack %v: value %d at %d is outside [%d,%d]", d, int64(v), i, lo, hi)
		}
		if bits < 8 {
			per := 8 / bits
			t.data[i/per] |= byte(v) & (1<<bits - 1) << (i % per * bits)
			continue
		}
		for k := 0; k < bits/8; k++ {
			t.data[i*bits/8+k] = byte(int64(v) >> (8 * k))
		}
	}
	return t, nil
}

// Ints returns the elements of an integer or bool tensor of any width as int64.
func (t *Tensor) Ints() ([]int64, error) {
	_, _, ok := intRange(t.DType)
	if !ok && t.DType != Bool {
		return nil, fmt.Errorf("onnx: tensor is %v, not an integer type", t.DType)
	}
	bits, signed := t.DType.Bits(), isSigned(t.DType)
	out := make([]int64, t.Len())
	for i := range out {
		var v uint64
		if bits < 8 {
			per := 8 / bits
			v = uint64(t.data[i/per]>>(i%per*bits)) & (1<<bits - 1)
		} else {
			for k := 0; k < bits/8; k++ {
				v |= uint64(t.data[i*bits/8+k]) << (8 * k)
			}
		}
		if signed {
			out[i] = int64(v<<(64-bits)) >> (64 - bits)
		} else {
			out[i] = int64(v)
		}
	}
	return out, nil
}

func isSigned(d DType) bool {
	return d == Int8 || d == Int16 || d == Int32 || d == Int64 || d == Int4 || d == Int2
}

// intRange gives the smallest and largest value of an integer type (UINT64 is
// cut at MaxInt64: no graph of ours needs more).
func intRange(d DType) (lo, hi int64, ok bool) {
	switch d {
	case Int2, Int4, Int8, Int16, Int32, Int64:
		return -1 << (d.Bits() - 1), 1<<(d.Bits()-1) - 1, true
	case Uint2, Uint4, Uint8, Uint16, Uint32:
		return 0, 1<<d.Bits() - 1, true
	case Uint64:
		return 0, math.MaxInt64, true
	}
	return 0, 0, false
}
