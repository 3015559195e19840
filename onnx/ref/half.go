package ref

import (
	"math"

	"hanas/onnx"
)

// The 16-bit float formats: IEEE 754 binary16 (package onnx has it), and
// bfloat16, which is the upper half of a float32. Both round half to even.

func fromHalf(h uint16) float64 { return onnx.HalfValue(h) }

func toHalf(v float64) uint16 { return onnx.HalfBits(v) }

func fromBrain(b uint16) float64 { return float64(math.Float32frombits(uint32(b) << 16)) }

func toBrain(v float64) uint16 {
	bits := math.Float32bits(float32(v))
	if v != v {
		return uint16(bits>>16) | 0x40
	}
	return uint16((bits + 0x7fff + bits>>16&1) >> 16)
}
