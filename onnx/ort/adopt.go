package ort

import (
	"fmt"

	"github.com/yalue/onnxruntime_go"

	"hanas/onnx"
)

// adopt makes a tensor of a value that ORT allocated. The binding has copied
// it to Go memory already, which the tensor shares; the caller destroys the
// value.
func adopt(v onnxruntime_go.Value) (*onnx.Tensor, error) {
	for _, try := range adopters {
		if t := try(v); t != nil {
			return t, nil
		}
	}
	// For other types the binding copies one byte an element, too few or many.
	return nil, fmt.Errorf("is %T, which must be preallocated", v)
}

var adopters = []func(onnxruntime_go.Value) *onnx.Tensor{
	adopter[float32], adopter[float64], adopter[int64], adopter[int32], adopter[uint8], adopter[int8],
	adopter[bool], adopter[int16], adopter[uint16], adopter[uint32], adopter[uint64],
}

type element interface {
	onnx.Element
	onnxruntime_go.TensorData
}

func adopter[T element](v onnxruntime_go.Value) *onnx.Tensor {
	t, ok := v.(*onnxruntime_go.Tensor[T])
	if !ok {
		return nil
	}
	shape := make([]int, len(t.GetShape()))
	for i, n := range t.GetShape() {
		shape[i] = int(n)
	}
	return onnx.From(t.GetData(), shape...)
}
