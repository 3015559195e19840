package ort

import (
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"unsafe"

	"github.com/yalue/onnxruntime_go"

	"hanas/onnx"
)

// elements has a row for each element type (the numbers of ORT's C API are
// ONNX's), with the way to wrap what the byte-slice wrapper cannot: scalars and
// tensors without elements.
var elements = map[onnx.DType]struct {
	scalar func([]byte) (onnxruntime_go.Value, error)
	empty  func(onnxruntime_go.Shape) (onnxruntime_go.Value, error)
}{
	onnx.Float:    {scalar[float32], empty[float32]},
	onnx.Uint8:    {scalar[uint8], empty[uint8]},
	onnx.Int8:     {scalar[int8], empty[int8]},
	onnx.Uint16:   {scalar[uint16], empty[uint16]},
	onnx.Int16:    {scalar[int16], empty[int16]},
	onnx.Int32:    {scalar[int32], empty[int32]},
	onnx.Int64:    {scalar[int64], empty[int64]},
	onnx.Bool:     {scalar[bool], empty[bool]},
	onnx.Float16:  {},
	onnx.Double:   {scalar[float64], empty[float64]},
	onnx.Uint32:   {scalar[uint32], empty[uint32]},
	onnx.Uint64:   {scalar[uint64], empty[uint64]},
	onnx.BFloat16: {},
	onnx.Uint4:    {},
	onnx.Int4:     {},
	onnx.Uint2:    {},
	onnx.Int2:     {},
}

func scalar[T onnxruntime_go.TensorData](data []byte) (onnxruntime_go.Value, error) {
	return onnxruntime_go.NewScalar(*(*T)(unsafe.Pointer(&data[0])))
}

func empty[T onnxruntime_go.TensorData](shape onnxruntime_go.Shape) (onnxruntime_go.Value, error) {
	return onnxruntime_go.NewTensor(shape, []T{})
}

// slot is one input or output position of a frame: the value that was wrapped
// last, and what it wraps.
type slot struct {
	value  onnxruntime_go.Value
	dtype  onnx.DType
	shape  []int
	data   *byte // nil for a scalar, which ORT's wrapper copies
	bits   [8]byte
	pinner runtime.Pinner // ORT keeps the address between calls
}

func (s *slot) drop() {
	if s.value != nil {
		s.value.Destroy()
	}
	s.value, s.data = nil, nil
	s.pinner.Unpin()
}

// wrap returns an ORT value over t's memory, the last one when it fits. A
// scalar's value is copied in when asked for, and out by copyOut.
func (s *slot) wrap(t *onnx.Tensor, copyIn bool) (onnxruntime_go.Value, error) {
	row, ok := elements[t.DType]
	if !ok {
		return nil, fmt.Errorf("element type %v is not supported", t.DType)
	}
	data := t.Bytes()
	if s.value != nil && s.dtype == t.DType && slices.Equal(s.shape, t.Shape) {
		if len(t.Shape) == 0 && (!copyIn || string(s.bits[:len(data)]) == string(data)) {
			return s.value, nil
		}
		if len(data) > 0 && s.data == &data[0] {
			return s.value, nil
		}
	}
	s.drop()
	var err error
	var v onnxruntime_go.Value
	shape := make(onnxruntime_go.Shape, len(t.Shape))
	for i, n := range t.Shape {
		shape[i] = int64(n)
	}
	switch {
	case len(t.Shape) == 0 && row.scalar != nil:
		v, err = row.scalar(data)
		copy(s.bits[:], data)
	case len(data) == 0 && row.empty != nil:
		v, err = row.empty(shape)
	case len(t.Shape) > 0 && len(data) > 0:
		s.pinner.Pin(&data[0])
		s.data = &data[0]
		v, err = onnxruntime_go.NewCustomDataTensor(shape, data, onnxruntime_go.TensorElementDataType(t.DType))
	default:
		err = fmt.Errorf("a scalar or empty %v is not supported (give it shape [1])", t.DType)
	}
	if err != nil {
		s.pinner.Unpin()
		return nil, err
	}
	s.value, s.dtype, s.shape = v, t.DType, slices.Clone(t.Shape)
	return v, nil
}

// copyOut brings a scalar output into t; other outputs are there already.
func (s *slot) copyOut(t *onnx.Tensor) {
	if len(t.Shape) == 0 {
		copy(t.Bytes(), scalarBytes(s.value))
	}
}

// scalarBytes reads the memory of an onnxruntime_go.Scalar of any type.
func scalarBytes(v onnxruntime_go.Value) []byte {
	switch v := v.(type) {
	case *onnxruntime_go.Scalar[float32]:
		return bytesOf(v.GetData())
	case *onnxruntime_go.Scalar[float64]:
		return bytesOf(v.GetData())
	case *onnxruntime_go.Scalar[int8]:
		return bytesOf(v.GetData())
	case *onnxruntime_go.Scalar[uint8]:
		return bytesOf(v.GetData())
	case *onnxruntime_go.Scalar[int16]:
		return bytesOf(v.GetData())
	case *onnxruntime_go.Scalar[uint16]:
		return bytesOf(v.GetData())
	case *onnxruntime_go.Scalar[int32]:
		return bytesOf(v.GetData())
	case *onnxruntime_go.Scalar[uint32]:
		return bytesOf(v.GetData())
	case *onnxruntime_go.Scalar[int64]:
		return bytesOf(v.GetData())
	case *onnxruntime_go.Scalar[uint64]:
		return bytesOf(v.GetData())
	case *onnxruntime_go.Scalar[bool]:
		return bytesOf(v.GetData())
	}
	panic(fmt.Sprintf("ort: scalar of type %v", reflect.TypeOf(v)))
}

func bytesOf[T onnx.Element](v T) []byte { return onnx.From([]T{v}).Bytes() }
