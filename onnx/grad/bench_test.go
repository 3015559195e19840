package grad_test

import (
	"context"
	"strconv"
	"testing"

	"hanas/onnx"
	"hanas/onnx/ort"
)

// clipMasks are ways to write the gradient of y = Clip(x, 0, 6) given g. The
// rule uses the first, whose median was the best of five rounds at three of
// four sizes: ns an element, Clip included, one thread, ONNX Runtime 1.30,
// 2^16 / 2^18 / 2^20 / 2^22 elements:
//
//	equal       0.71  0.60  0.75  1.39
//	difference  0.64  0.67  0.96  1.93
//	where       about 2 at 2^18 and 2^20, as are the two steps at 2^20
//
// Relu's mask is a step of y, which takes 0.38 0.37 0.68 0.77; Cast(Greater)
// takes 0.71 0.50 1.04 1.11.
var clipMasks = map[string]func(b *onnx.Builder, x, y, g onnx.Value) onnx.Value{
	"equal": func(b *onnx.Builder, x, y, g onnx.Value) onnx.Value {
		return b.Op("Mul", []onnx.Value{g, b.Op("Cast", []onnx.Value{b.Op("Equal", []onnx.Value{x, y})}, onnx.Int("to", 1))})
	},
	"difference": func(b *onnx.Builder, x, y, g onnx.Value) onnx.Value {
		d := b.Op("Abs", []onnx.Value{b.Op("Sub", []onnx.Value{x, y})})
		return b.Op("Mul", []onnx.Value{g, b.Op("HardSigmoid", []onnx.Value{d}, onnx.Float32("alpha", -1e30), onnx.Float32("beta", 1))})
	},
	"where": func(b *onnx.Builder, x, y, g onnx.Value) onnx.Value {
		return b.Op("Where", []onnx.Value{b.Op("Equal", []onnx.Value{x, y}), g, b.ConstFloat("z", 0)})
	},
	"steps": func(b *onnx.Builder, _, y, g onnx.Value) onnx.Value {
		hi := stepOf(b, b.Op("Sub", []onnx.Value{b.ConstFloat("six", 6), y}))
		return b.Op("Mul", []onnx.Value{b.Op("Mul", []onnx.Value{g, stepOf(b, y)}), hi})
	},
	"relu": func(b *onnx.Builder, _, y, g onnx.Value) onnx.Value {
		return b.Op("Mul", []onnx.Value{g, stepOf(b, y)})
	},
}

func stepOf(b *onnx.Builder, v onnx.Value) onnx.Value {
	return b.Op("HardSigmoid", []onnx.Value{v}, onnx.Float32("alpha", 1e30), onnx.Float32("beta", 0))
}

func BenchmarkClipMask(b *testing.B) {
	rt, err := ort.Open(context.Background(), ort.Options{})
	if err != nil {
		b.Skipf("needs the ONNX Runtime library: %v", err)
	}
	defer rt.Close()
	for _, n := range []int{1 << 16, 1 << 18, 1 << 20} {
		for name, write := range clipMasks {
			b.Run(name+"/"+strconv.Itoa(n), func(b *testing.B) {
				g := onnx.NewBuilder("mask")
				x, gy := g.Input("x", onnx.Float, n), g.Input("g", onnx.Float, n)
				y := g.Op("Clip", []onnx.Value{x, g.ConstFloat("lo", 0), g.ConstFloat("hi", 6)})
				g.Output(g.Name(write(g, x, y, gy), "gx"))
				m, err := g.Build()
				if err != nil {
					b.Fatal(err)
				}
				r, err := rt.Engine(ort.Settings{Level: ort.Basic})(m)
				if err != nil {
					b.Fatal(err)
				}
				defer r.Close()
				in := []*onnx.Tensor{onnx.NewTensor(onnx.Float, n), onnx.NewTensor(onnx.Float, n)}
				for k := range in[0].Floats() {
					in[0].Floats()[k] = float32(k*7919%1000)/50 - 8
				}
				out := make([]*onnx.Tensor, 1)
				for b.Loop() {
					if err := r.Run(context.Background(), in, out); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/elem")
			})
		}
	}
}
