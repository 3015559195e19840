package quant

import (
	"fmt"
	"strconv"

	"hanas/onnx"
)

// EmitActivation passes x through a range: QuantizeLinear to UINT8, Max with
// the smallest code when there are fewer than 256, DequantizeLinear. ONNX
// Runtime keeps this form in its integer kernels. 16 bits leave x alone.
func EmitActivation(b *onnx.Builder, name string, x onnx.Value, r Range, bits int) onnx.Value {
	if bits == 16 {
		return x
	}
	q, g := EmitQuantize(b, name, x, r, bits)
	return EmitDequantize(b, name, q, g)
}

// EmitQuantize is the first half of EmitActivation: UINT8 codes. A ReLU before
// it may be left out when the range starts at 0: the codes saturate there.
func EmitQuantize(b *onnx.Builder, name string, x onnx.Value, r Range, bits int) (onnx.Value, Grid) {
	g, err := NewGrid(r, bits)
	if err != nil {
		b.Fail(fmt.Errorf("%s: %w", name, err))
		return x, g
	}
	return EmitCodes(b, name, x, g), g
}

// EmitCodes is EmitQuantize for a grid at hand. Tensors that share a grid may
// share the name, and with it the constants.
func EmitCodes(b *onnx.Builder, name string, x onnx.Value, g Grid) onnx.Value {
	q := b.Op("QuantizeLinear", []onnx.Value{x, g.scale(b, name), codeConst(b, g.Zero)})
	if g.Low > 0 {
		q = b.Op("Max", []onnx.Value{q, codeConst(b, g.Low)})
	}
	return q
}

// EmitDequantize gives codes their values.
func EmitDequantize(b *onnx.Builder, name string, q onnx.Value, g Grid) onnx.Value {
	return b.Op("DequantizeLinear", []onnx.Value{q, g.scale(b, name), codeConst(b, g.Zero)})
}

// EmitDequantizeFloat is EmitDequantize for a convolution that must compute in
// float. It spells the same scale once a channel, which keeps ONNX Runtime
// (since 1.21, WeightBiasQuantization) from rounding the float weights of
// convolutions between one-scale DequantizeLinear and QuantizeLinear to INT8.
func EmitDequantizeFloat(b *onnx.Builder, name string, q onnx.Value, g Grid) onnx.Value {
	channels := q.Shape()[1]
	scales, ok := b.Value(name + ".scales")
	if !ok {
		v := make([]float32, channels)
		for i := range v {
			v[i] = g.Scale
		}
		scales = b.Init(name+".scales", onnx.From(v, channels))
	}
	inputs := []onnx.Value{q, scales}
	if g.Zero != 0 {
		zeros, ok := b.Value(name + ".zeros")
		if !ok {
			v := make([]uint8, channels)
			for i := range v {
				v[i] = g.Zero
			}
			zeros = b.Init(name+".zeros", onnx.From(v, channels))
		}
		inputs = append(inputs, zeros)
	}
	return b.Op("DequantizeLinear", inputs, onnx.Int("axis", 1))
}

// scale is the grid's scale as an initialiser, made once a name.
func (g Grid) scale(b *onnx.Builder, name string) onnx.Value {
	if v, ok := b.Value(name + ".scale"); ok {
		return v
	}
	return b.Init(name+".scale", onnx.From([]float32{g.Scale}))
}

// codeConst is a UINT8 scalar, shared in the graph.
func codeConst(b *onnx.Builder, code uint8) onnx.Value {
	name := "code." + strconv.Itoa(int(code))
	if v, ok := b.Value(name); ok {
		return v
	}
	return b.Init(name, onnx.From([]uint8{code}))
}
