package main

import (
	"fmt"
	"math"

	"hanas/export"
	"hanas/onnx"
	"hanas/onnx/quant"
	"hanas/space"
)

// static writes n as onnxruntime.quantization.quantize_static does with
// per_channel=True, QuantFormat.QDQ, UINT8 activations and INT8 weights: every
// input and output of Conv, Gemm, Add, Mul and GlobalAveragePool passes
// QuantizeLinear and DequantizeLinear, ReLU and Clip behind a convolution stay
// before the quantiser's pair, the bias is INT32, and operators that it has no
// rule for (HardSigmoid) stay in float between such pairs.
func static(n *export.Network) (*onnx.Model, error) {
	s := &quantiser{b: onnx.NewBuilder("static"), scales: map[string]float32{}}
	first := n.Units[0].Layer
	x := s.pair(s.b.Input("image", onnx.Float, -1, first.In, first.InSize, first.InSize), n.Units[0].In)
	block := x
	for i, u := range n.Units {
		l := u.Layer
		s.b.Prefix(l.Name)
		if i > 0 && (n.Units[i-1].Layer.Stage != l.Stage || n.Units[i-1].Layer.Block != l.Block) {
			block = x
		}
		out := u.Out
		if i+1 < len(n.Units) && n.Units[i+1].Layer.Kind != space.Add {
			out = n.Units[i+1].In
		}
		switch l.Kind {
		case space.SE:
			x = s.gate(&u, x, out)
		case space.Add:
			x = s.pair(s.b.Op("Add", []onnx.Value{x, block}), out)
		case space.Pool:
			x = s.pair(s.b.Op("GlobalAveragePool", []onnx.Value{x}), out)
		case space.Linear:
			x = s.pair(s.b.Op("Flatten", []onnx.Value{x}), u.In)
			w, bias := s.weights(x, u.Weight, u.Bias, l.Out, []int{l.Out, l.In})
			x = s.pair(s.b.Op("Gemm", []onnx.Value{x, w, bias}, onnx.Int("transB", 1)), quant.Range{Lo: -8, Hi: 8})
		default:
			w, bias := s.weights(x, u.Weight, u.Bias, l.Out, []int{l.Out, l.In / l.Groups, l.Kernel, l.Kernel})
			p := l.Kernel / 2
			x = s.b.Op("Conv", []onnx.Value{x, w, bias}, onnx.Ints("kernel_shape", l.Kernel, l.Kernel), onnx.Ints("strides", l.Stride, l.Stride),
				onnx.Ints("pads", p, p, p, p), onnx.Int("group", l.Groups))
			x = s.pair(s.activate(x, l.Act), out)
		}
	}
	s.b.Output(s.b.Name(x, "logits"))
	s.b.Opset("", 13)
	return s.b.Build()
}

type quantiser struct {
	b      *onnx.Builder
	n      int
	scales map[string]float32 // of what a pair gave; the scale of a bias is made of it
}

// pair is QuantizeLinear and DequantizeLinear.
func (s *quantiser) pair(x onnx.Value, r quant.Range) onnx.Value {
	s.n++
	lo, hi := math.Min(float64(r.Lo), 0), math.Max(float64(r.Hi), 1e-3)
	scale := (hi - lo) / 255
	sc := s.b.Init(fmt.Sprintf("scale%d", s.n), onnx.From([]float32{float32(scale)}))
	zp := s.b.Init(fmt.Sprintf("zero%d", s.n), onnx.From([]uint8{uint8(math.Round(-lo / scale))}))
	q := s.b.Op("QuantizeLinear", []onnx.Value{x, sc, zp})
	v := s.b.Op("DequantizeLinear", []onnx.Value{q, sc, zp})
	s.scales[v.Name()] = float32(scale)
	return v
}

// weights are INT8 with a scale a row, and an INT32 bias.
func (s *quantiser) weights(x onnx.Value, w, bias []float32, out int, shape []int) (onnx.Value, onnx.Value) {
	s.n++
	per := len(w) / out
	codes, scales, ints := make([]int8, len(w)), make([]float32, out), make([]int32, out)
	for o := range out {
		peak := 1e-6
		for _, v := range w[o*per : (o+1)*per] {
			peak = math.Max(peak, math.Abs(float64(v)))
		}
		scales[o] = float32(peak / 127)
		for i := o * per; i < (o+1)*per; i++ {
			codes[i] = int8(math.RoundToEven(float64(w[i] / scales[o])))
		}
		if bias != nil {
			ints[o] = int32(bias[o] / scales[o] / s.scales[x.Name()])
		}
	}
	id := fmt.Sprint(s.n)
	sc := s.b.Init("wscale"+id, onnx.From(scales, out))
	v := s.b.Op("DequantizeLinear", []onnx.Value{s.b.Init("w"+id, onnx.From(codes, shape...)), sc}, onnx.Int("axis", 0))
	bs := make([]float32, out)
	for o := range bs {
		bs[o] = scales[o] * s.scales[x.Name()]
	}
	bv := s.b.Op("DequantizeLinear", []onnx.Value{s.b.Init("bias"+id, onnx.From(ints, out)), s.b.Init("bscale"+id, onnx.From(bs, out))}, onnx.Int("axis", 0))
	return v, bv
}

func (s *quantiser) activate(x onnx.Value, act string) onnx.Value {
	switch act {
	case "relu":
		return s.b.Op("Relu", []onnx.Value{x})
	case "relu6":
		return s.b.Op("Clip", []onnx.Value{x, s.b.ConstFloat("zero", 0), s.b.ConstFloat("six", 6)})
	case "hswish":
		x = s.pair(x, quant.Range{Lo: -4, Hi: 4})
		g := s.b.Op("HardSigmoid", []onnx.Value{x}, onnx.Float32("alpha", 1.0/6), onnx.Float32("beta", 0.5))
		return s.b.Op("Mul", []onnx.Value{x, s.pair(g, quant.Range{Lo: 0, Hi: 1})})
	}
	return x
}

// gate is a squeeze-excite.
func (s *quantiser) gate(u *export.Unit, x onnx.Value, out quant.Range) onnx.Value {
	l := u.Layer
	g := s.pair(s.b.Op("GlobalAveragePool", []onnx.Value{x}), u.In)
	wr, br := s.weights(g, u.SE.Reduce, u.SE.ReduceBias, l.Mid, []int{l.Mid, l.In, 1, 1})
	g = s.pair(s.b.Op("Relu", []onnx.Value{s.b.Op("Conv", []onnx.Value{g, wr, br})}), quant.Range{Lo: 0, Hi: 4})
	we, be := s.weights(g, u.SE.Expand, u.SE.ExpandBias, l.In, []int{l.In, l.Mid, 1, 1})
	g = s.pair(s.b.Op("Conv", []onnx.Value{g, we, be}), quant.Range{Lo: -4, Hi: 4})
	g = s.b.Op("HardSigmoid", []onnx.Value{g}, onnx.Float32("alpha", 1.0/6), onnx.Float32("beta", 0.5))
	return s.pair(s.b.Op("Mul", []onnx.Value{x, s.pair(g, quant.Range{Lo: 0, Hi: 1})}), out)
}
