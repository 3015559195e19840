package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"

	"hanas/onnx"
)

// stage is a run of inverted-residual blocks; the first has the stride.
type stage struct{ width, kernel, blocks, stride int }

// The net of trainstep.py: 32x32 images, stem of 16 channels, 11 blocks.
var stages = []stage{{24, 3, 2, 2}, {40, 5, 3, 2}, {80, 3, 3, 2}, {96, 5, 3, 1}}

const (
	size    = 32
	stem    = 16
	classes = 12
)

// net is the training graph and its parameters in input order.
type net struct {
	b      *onnx.Builder
	batch  int
	params []onnx.ValueInfo
	quant  bool
	x      onnx.Value
	c      int
}

// buildNet writes forward and loss of the net in plain ONNX. With quant every
// convolution's input is clipped and rounded to 8 bits (straight-through), in
// place of the Relu.
func buildNet(f flags, batch int) (*onnx.Model, []onnx.ValueInfo, error) {
	n := &net{b: onnx.NewBuilder("trainstep"), batch: batch, quant: f.quant, c: 3}
	n.x = n.b.Input("images", onnx.Float, batch, 3, size, size)
	labels := n.b.Input("labels", onnx.Float, batch, classes)
	n.conv("stem", stem, 3, 1, 1)
	n.activate("stem", 0)
	for i, s := range stages {
		for k := range s.blocks {
			stride := 1
			if k == 0 {
				stride = s.stride
			}
			n.block(fmt.Sprintf("s%d.b%d", i, k), s, f.expansion, stride)
		}
	}
	n.x = n.b.Op("Flatten", []onnx.Value{n.b.Op("GlobalAveragePool", []onnx.Value{n.x})})
	n.x = n.b.Op("Gemm", []onnx.Value{n.x, n.param("head.weight", classes, n.c), n.param("head.bias", classes)}, onnx.Int("transB", 1))
	logp := n.b.Op("LogSoftmax", []onnx.Value{n.x}, onnx.Int("axis", 1))
	per := n.b.Op("ReduceSum", []onnx.Value{n.b.Op("Mul", []onnx.Value{labels, logp}), n.b.ConstInts("axis", 1)}, onnx.Int("keepdims", 0))
	n.b.Output(n.b.Name(n.b.Op("Neg", []onnx.Value{n.b.Op("ReduceMean", []onnx.Value{per}, onnx.Int("keepdims", 0))}), "loss"))
	m, err := n.b.Build()
	return m, n.params, err
}

func (n *net) param(name string, shape ...int) onnx.Value {
	n.params = append(n.params, onnx.ValueInfo{Name: name, DType: onnx.Float, Shape: shape})
	return n.b.Input(name, onnx.Float, shape...)
}

// conv is a convolution without bias and its batch norm.
func (n *net) conv(name string, out, kernel, stride, group int) {
	w := n.param(name+".weight", out, n.c/group, kernel, kernel)
	p := kernel / 2
	y := n.b.Op("Conv", []onnx.Value{n.x, w}, onnx.Ints("kernel_shape", kernel, kernel),
		onnx.Ints("strides", stride, stride), onnx.Ints("pads", p, p, p, p), onnx.Int("group", group))
	zeros := n.b.Init(name+".zeros", onnx.NewTensor(onnx.Float, out))
	n.x = n.b.OpN("BatchNormalization", 3, []onnx.Value{y, n.param(name+".gamma", out), n.param(name+".beta", out), zeros, zeros},
		onnx.Float32("momentum", 0), onnx.Int("training_mode", 1))[0]
	n.c = out
}

func (n *net) block(name string, s stage, expansion, stride int) {
	in, c := n.x, n.c
	n.conv(name+".expand", c*expansion, 1, 1, 1)
	n.activate(name+".expand", 0)
	n.conv(name+".depth", n.c, s.kernel, stride, n.c)
	n.activate(name+".depth", 0)
	n.conv(name+".project", s.width, 1, 1, 1)
	if stride == 1 && c == s.width {
		n.x = n.b.Op("Add", []onnx.Value{n.x, in})
	}
	if n.quant {
		n.activate(name+".project", -top)
	}
}

// top is the largest activation that the quantisers represent.
const top = 6

// activate is a Relu, or a quantiser from lo to top whose range is given at
// run time.
func (n *net) activate(name string, lo float32) {
	if !n.quant {
		n.x = n.b.Op("Relu", []onnx.Value{n.x})
		return
	}
	in := func(part string) onnx.Value { return n.b.Input(fmt.Sprintf("%s.%s:%g", name, part, lo), onnx.Float) }
	zero := n.b.Init(name+".zero", onnx.From([]uint16{32768}))
	scale := in("scale")
	x := n.b.Op("Clip", []onnx.Value{n.x, in("lo"), in("hi")})
	q := n.b.Op("QuantizeLinear", []onnx.Value{x, scale, zero})
	n.x = n.b.Op("DequantizeLinear", []onnx.Value{q, scale, zero})
}

// quantiser is the value of a quantiser's input by its name.
func quantiser(name string) *onnx.Tensor {
	at := strings.LastIndexByte(name, ':')
	lo, _ := strconv.ParseFloat(name[at+1:], 32)
	v := map[string]float64{"lo": lo, "hi": top, "scale": (top - lo) / 255}
	return onnx.From([]float32{float32(v[name[strings.LastIndexByte(name, '.')+1:at]])})
}

// initial draws parameters as PyTorch would: gamma 1, beta and bias 0, weights
// normal with the variance of their fan-in.
func initial(params []onnx.ValueInfo, rng *rand.Rand) []*onnx.Tensor {
	out := make([]*onnx.Tensor, len(params))
	for i, p := range params {
		t := onnx.NewTensor(onnx.Float, p.Shape...)
		spread, mean := 0.0, 0.0
		switch {
		case len(p.Shape) > 1:
			spread = math.Sqrt(2 / float64(onnx.Elements(p.Shape[1:])))
		case p.Name[len(p.Name)-5:] == "gamma":
			mean = 1
		}
		for k := range t.Floats() {
			t.Floats()[k] = float32(mean + spread*rng.NormFloat64())
		}
		out[i] = t
	}
	return out
}
