package quant

import (
	"fmt"
	"math"

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

// EmitQuantize is the first half of EmitActivation: UINT8 codes.
func EmitQuantize(b *onnx.Builder, name string, x onnx.Value, r Range, bits int) (onnx.Value, Grid) {
	g, err := NewGrid(r, bits)
	if err != nil {
		b.Fail(fmt.Errorf("%s: %w", name, err))
		return x, g
	}
	scale, zero := g.values(b, name)
	q := b.Op("QuantizeLinear", []onnx.Value{x, scale, zero})
	if g.Low > 0 {
		low := b.Init(name+".low", onnx.From([]uint8{g.Low}))
		q = b.Op("Max", []onnx.Value{q, low})
	}
	return q, g
}

// EmitDequantize gives codes their values.
func EmitDequantize(b *onnx.Builder, name string, q onnx.Value, g Grid) onnx.Value {
	scale, zero := g.values(b, name)
	return b.Op("DequantizeLinear", []onnx.Value{q, scale, zero})
}

// values are the grid's scale and zero point as initialisers, made once a name.
func (g Grid) values(b *onnx.Builder, name string) (scale, zero onnx.Value) {
	scale, ok := b.Value(name + ".scale")
	if !ok {
		scale = b.Init(name+".scale", onnx.From([]float32{g.Scale}))
	}
	if zero, ok = b.Value(name + ".zero"); !ok {
		zero = b.Init(name+".zero", onnx.From([]uint8{g.Zero}))
	}
	return scale, zero
}

// carriers are the packed integer types of weights.
var carriers = map[int]onnx.DType{2: onnx.Int2, 4: onnx.Int4, 8: onnx.Int8, 16: onnx.Int16}

// MinOpset is the lowest opset whose Cast carries weights of the given bits.
func MinOpset(bits int) int { return map[int]int{2: 25, 4: 21}[bits] }

// Weight is rounded weights on the way into a graph: value = Codes*Scale, one
// scale a row of Shape[0].
type Weight struct {
	Name  string
	Bits  int
	Codes []int16
	Scale []float32
	Shape []int
}

// EmitInteger writes w for integer kernels: packed initialiser, Cast to INT8
// (folded when the file is loaded), DequantizeLinear along axis 0.
func (w Weight) EmitInteger(b *onnx.Builder) onnx.Value {
	v := w.carrier(b)
	if w.Bits < 8 {
		v = b.Op("Cast", []onnx.Value{v}, onnx.Int("to", int(onnx.Int8)))
	}
	zero := b.Init(w.Name+".zero", onnx.NewTensor(onnx.Int8, len(w.Scale)))
	scale := b.Init(w.Name+".scale", onnx.From(w.Scale, len(w.Scale)))
	return b.Op("DequantizeLinear", []onnx.Value{v, scale, zero}, onnx.Int("axis", 0))
}

// EmitFloat writes w for float kernels: packed initialiser, Cast to FLOAT,
// Mul with the scale; all folded when the file is loaded.
func (w Weight) EmitFloat(b *onnx.Builder) onnx.Value {
	v := b.Op("Cast", []onnx.Value{w.carrier(b)}, onnx.Int("to", int(onnx.Float)))
	shape := []int{len(w.Scale)}
	for range w.Shape[1:] {
		shape = append(shape, 1)
	}
	return b.Op("Mul", []onnx.Value{v, b.Init(w.Name+".scale", onnx.From(w.Scale, shape...))})
}

func (w Weight) carrier(b *onnx.Builder) onnx.Value {
	t, err := onnx.PackInts(carriers[w.Bits], w.Codes, w.Shape...)
	if err != nil {
		b.Fail(fmt.Errorf("%s: %w", w.Name, err))
		return onnx.Value{}
	}
	return b.Init(w.Name, t)
}

// Fold multiplies each row by gain: the scale takes its size, the codes its
// sign. A gain of 0 makes zeros.
func (w *Weight) Fold(gain []float32) {
	per := len(w.Codes) / len(w.Scale)
	for o, g := range gain {
		row := w.Codes[o*per : (o+1)*per]
		if g == 0 || math.Abs(float64(w.Scale[o]*g)) < 1e-30 {
			clear(row)
			w.Scale[o] = 1
			continue
		}
		w.Scale[o] *= float32(math.Abs(float64(g)))
		if g < 0 {
			for i := range row {
				row[i] = -row[i]
			}
		}
	}
}

// EmitBias writes a bias for integer kernels: INT32 codes with the scale of
// input times weight. Where a row's step is so small that a code would
// overflow, the row's step is raised first.
func (w *Weight) EmitBias(b *onnx.Builder, bias []float32, input float32) onnx.Value {
	codes, scale := make([]int32, len(bias)), make([]float32, len(bias))
	for o, v := range bias {
		scale[o] = input * w.Scale[o]
		codes[o] = int32(min(max(math.RoundToEven(float64(v)/float64(scale[o])), -1<<30), 1<<30))
	}
	name := w.Name + ".bias"
	return b.Op("DequantizeLinear", []onnx.Value{b.Init(name, onnx.From(codes, len(codes))),
		b.Init(name+".scale", onnx.From(scale, len(scale))), b.Init(name+".zero", onnx.NewTensor(onnx.Int32, len(codes)))}, onnx.Int("axis", 0))
}

// Raise makes the steps of rows large enough that bias fits INT32 codes: rows
// whose weights are next to nothing beside their bias.
func (w *Weight) Raise(bias []float32, input float32) {
	per := len(w.Codes) / len(w.Scale)
	for o, v := range bias {
		least := float32(math.Abs(float64(v)) / (1 << 29) / float64(input))
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
