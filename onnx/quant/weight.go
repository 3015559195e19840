package quant

import (
	"fmt"
	"math"
	"slices"

	"hanas/onnx"
)

// Weight is rounded weights on the way into a graph: value = Codes*Scale, one
// scale a row of Shape[0].
type Weight struct {
	Name  string
	Bits  int
	Codes []int16
	Scale []float32
	Shape []int
	// Wide stores codes of 2 and 4 bits in INT8: a larger file of the same
	// numbers for runtimes older than the packed types.
	Wide bool
	// Extra are rows and columns (Shape[0] and Shape[1]) of zeros that EmitInteger
	// and EmitBias add behind these: Pad makes them when the file is loaded.
	Extra [2]int
}

// NewWeight rounds w, of the given shape, at bits.
func NewWeight(name string, w []float32, shape []int, bits int) *Weight {
	q := &Weight{Name: name, Bits: bits, Shape: shape}
	q.Codes, q.Scale = Weights(w, shape[0], bits)
	return q
}

// Round rounds w anew with the given step of each output channel (all above 0).
func (w *Weight) Round(values, step []float32) {
	per, limit := channel(values, len(step)), int32(WeightLevels(w.Bits))
	copy(w.Scale, step)
	for i, v := range values {
		w.Codes[i] = int16(code(v, 1/step[i/per], limit))
	}
}

// carriers are the packed integer types of weights and the lowest opset that
// has them.
var carriers = map[int]struct {
	dtype onnx.DType
	opset int
}{2: {onnx.Int2, 25}, 4: {onnx.Int4, 21}, 8: {onnx.Int8, 13}, 16: {onnx.Int16, 13}}

// carrier is how many bits a code takes in the file.
func (w *Weight) carrier() int {
	if w.Wide {
		return max(w.Bits, 8)
	}
	return w.Bits
}

// MinOpset is the lowest opset that the weight can be written in.
func (w *Weight) MinOpset() int { return carriers[w.carrier()].opset }

// EmitInteger writes w, of at most 8 bits, for integer kernels: packed
// initialiser, Cast to INT8 (folded when the file is loaded), DequantizeLinear
// along axis 0. A bare low-bit DequantizeLinear would run, slowly, every time.
func (w *Weight) EmitInteger(b *onnx.Builder) onnx.Value {
	v := w.emitCodes(b)
	if v.DType() != onnx.Int8 {
		v = b.Op("Cast", []onnx.Value{v}, onnx.Int("to", int(onnx.Int8)))
	}
	if w.Extra != [2]int{} {
		pads := make([]int, 2*len(w.Shape))
		copy(pads[len(w.Shape):], w.Extra[:])
		v = b.Op("Pad", []onnx.Value{v, b.ConstInts("pads", pads...)})
	}
	scales := slices.Concat(w.Scale, slices.Repeat([]float32{1}, w.Extra[0]))
	scale := b.Init(w.Name+".scale", onnx.From(scales, len(scales)))
	inputs := []onnx.Value{v, scale}
	if len(w.Shape) == 2 { // ONNX Runtime fuses a convolution without, a Gemm only with zero points
		inputs = append(inputs, b.Init(w.Name+".zero", onnx.NewTensor(onnx.Int8, len(w.Scale))))
	}
	return b.Op("DequantizeLinear", inputs, onnx.Int("axis", 0))
}

// EmitFloat writes w for float kernels: packed initialiser, Cast to FLOAT, Mul
// with the scale; both folded when the file is loaded.
func (w *Weight) EmitFloat(b *onnx.Builder) onnx.Value {
	v := b.Op("Cast", []onnx.Value{w.emitCodes(b)}, onnx.Int("to", int(onnx.Float)))
	shape := make([]int, len(w.Shape))
	for i := range shape {
		shape[i] = 1
	}
	shape[0] = len(w.Scale)
	return b.Op("Mul", []onnx.Value{v, b.Init(w.Name+".scale", onnx.From(w.Scale, shape...))})
}

// emitCodes writes the packed initialiser.
func (w *Weight) emitCodes(b *onnx.Builder) onnx.Value {
	bits := w.carrier()
	t, err := onnx.RawTensor(carriers[bits].dtype, pack(w.Codes, bits), w.Shape...)
	if err != nil {
		b.Fail(fmt.Errorf("%s: %w", w.Name, err))
		return onnx.Value{}
	}
	return b.Init(w.Name, t)
}

// pack lays codes out as ONNX does: low bits first, the last byte padded.
func pack(codes []int16, bits int) []byte {
	out := make([]byte, (len(codes)*bits+7)/8)
	switch bits {
	case 16:
		for i, c := range codes {
			out[2*i], out[2*i+1] = byte(c), byte(c>>8)
		}
	case 8:
		for i, c := range codes {
			out[i] = byte(c)
		}
	default:
		per := 8 / bits
		mask := byte(1)<<bits - 1
		for i := range out {
			v := byte(0)
			for k, c := range codes[i*per : min(len(codes), (i+1)*per)] {
				v |= byte(c) & mask << (k * bits)
			}
			out[i] = v
		}
	}
	return out
}

// Fold multiplies each row by gain: the scale takes its size, the codes its
// sign. A gain of next to nothing makes zeros.
func (w *Weight) Fold(gain []float32) {
	per := len(w.Codes) / len(w.Scale)
	for o, g := range gain {
		row := w.Codes[o*per : (o+1)*per]
		s := float32(math.Abs(float64(w.Scale[o] * g)))
		if s < 1e-30 {
			clear(row)
			s = 1
		}
		w.Scale[o] = s
		if g < 0 {
			for i := range row {
				row[i] = -row[i]
			}
		}
	}
}

// EmitBias writes a bias for integer kernels: INT32 codes with the scale of
// input times weight, so that they add to the sums. Call Raise first.
func (w *Weight) EmitBias(b *onnx.Builder, bias []float32, input float32) onnx.Value {
	codes, scale := w.biasCodes(bias, input)
	name := w.Name + ".bias"
	return b.Op("DequantizeLinear", []onnx.Value{
		b.Init(name, onnx.From(codes, len(codes))),
		b.Init(name+".scale", onnx.From(scale, len(scale))),
	}, onnx.Int("axis", 0))
}

// biasLimit bounds the codes of a bias, with room for the sums of a layer
// (below 2^29 for up to 16,000 weights an output).
const biasLimit = 1 << 30

func (w *Weight) biasCodes(bias []float32, input float32) (codes []int32, scale []float32) {
	codes, scale = make([]int32, len(bias)), make([]float32, len(bias))
	for o, v := range bias {
		scale[o] = input * w.Scale[o]
		codes[o] = int32(min(max(math.RoundToEven(float64(v)/float64(scale[o])), -biasLimit), biasLimit))
	}
	for range w.Extra[0] {
		codes, scale = append(codes, 0), append(scale, input)
	}
	return codes, scale
}

// Raise makes the steps of rows large enough that bias fits INT32 codes: rows
// whose weights are next to nothing beside their bias.
func (w *Weight) Raise(bias []float32, input float32) {
	per := len(w.Codes) / len(w.Scale)
	for o, v := range bias {
		least := float32(math.Abs(float64(v)) / (biasLimit / 2) / float64(input))
		if w.Scale[o] >= least {
			continue
		}
		ratio := float64(w.Scale[o] / least)
		for i, c := range w.Codes[o*per : (o+1)*per] {
			w.Codes[o*per+i] = int16(math.RoundToEven(float64(c) * ratio))
		}
		w.Scale[o] = least
	}
}
