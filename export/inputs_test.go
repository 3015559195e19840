package export

import (
	"math/rand/v2"
	"slices"

	"hanas/onnx"
)

// deviates fills an input: normal deviates, or all codes of UINT8.
func deviates(info onnx.ValueInfo, batch int, seed uint64) *onnx.Tensor {
	rng := rand.New(rand.NewPCG(seed, 5))
	shape := slices.Clone(info.Shape)
	for i, n := range shape {
		if n < 0 {
			shape[i] = batch
		}
	}
	t := onnx.NewTensor(info.DType, shape...)
	switch info.DType {
	case onnx.Float:
		for i := range t.Floats() {
			t.Floats()[i] = float32(rng.NormFloat64())
		}
	case onnx.Uint8:
		for i := range t.Bytes() {
			t.Bytes()[i] = byte(rng.Uint32())
		}
	}
	return t
}
