package ref

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"hanas/onnx"
	"hanas/onnx/ort"
)

// scene is a graph under construction with random inputs.
type scene struct {
	*onnx.Builder
	rng    *rand.Rand
	inputs []*onnx.Tensor
}

// rnd is a Float input of normal random numbers.
func (s *scene) rnd(shape ...int) onnx.Value {
	t := onnx.NewTensor(onnx.Float, shape...)
	for i := range t.Floats() {
		t.Floats()[i] = float32(s.rng.NormFloat64())
	}
	s.inputs = append(s.inputs, t)
	return s.Input(fmt.Sprintf("x%d", len(s.inputs)), onnx.Float, shape...)
}

// whole is an initialiser of random values of any integer type.
func (s *scene) whole(d onnx.DType, shape ...int) onnx.Value {
	lo, hi := limits(d)
	v := make([]int64, onnx.Elements(shape))
	for i := range v {
		v[i] = int64(lo) + s.rng.Int64N(int64(hi-lo)+1)
	}
	t, err := onnx.PackInts(d, v, shape...)
	if err != nil {
		s.Fail(err)
		return onnx.Value{}
	}
	return s.Init(fmt.Sprintf("w%d", s.rng.Uint64()), t)
}

func (s *scene) op(op string, in []onnx.Value, a ...onnx.Attr) {
	s.Output(s.Op(op, in, a...))
}

func in(v ...onnx.Value) []onnx.Value { return v }

var quantised = []onnx.DType{onnx.Int8, onnx.Uint8, onnx.Int16, onnx.Uint16, onnx.Int4, onnx.Uint4, onnx.Int2, onnx.Uint2}

// scenes are graphs of what the recorded cases of PyTorch do not have: integer
// types, shapes, quantisation, blocked convolutions, older forms.
var scenes = map[string]func(s *scene){
	"quantize all types": func(s *scene) {
		x := s.rnd(3, 4, 5)
		for _, d := range quantised {
			zero, _ := onnx.PackInts(d, []int64{1})
			q := s.Op("QuantizeLinear", in(x, s.ConstFloat("scale", 0.31), s.Init("zero."+d.String(), zero)))
			s.op("DequantizeLinear", in(q, s.ConstFloat("scale", 0.31), s.Init("zero2."+d.String(), zero)))
		}
	},
	"dequantize weights by axis": func(s *scene) {
		for i, d := range quantised {
			scale := s.ConstFloats("scale", 0.1, 0.2, 0.3+float32(i))
			s.op("DequantizeLinear", in(s.whole(d, 3, 5), scale), onnx.Int("axis", 0))
			s.op("DequantizeLinear", in(s.whole(d, 2, 3, 3), scale, s.whole(d, 3)), onnx.Int("axis", -2))
		}
	},
	"quantize by axis": func(s *scene) {
		zero, _ := onnx.PackInts(onnx.Int8, []int64{-3, 0, 4}, 3)
		q := s.Op("QuantizeLinear", in(s.rnd(2, 3, 4), s.ConstFloats("scale", 0.05, 0.01, 0.002), s.Init("zero", zero)), onnx.Int("axis", 1))
		s.Output(q)
	},
	"dequantize by block": func(s *scene) {
		s.op("DequantizeLinear", in(s.whole(onnx.Int4, 4, 6), s.rnd(4, 2)), onnx.Int("axis", 1), onnx.Int("block_size", 3))
	},
	"ties": func(s *scene) {
		t := onnx.From([]float32{0.5, 1.5, 2.5, -0.5, -1.5, 300, -300, 127.5, 0.49999997}, 9)
		s.inputs = append(s.inputs, t)
		zero, _ := onnx.PackInts(onnx.Int8, []int64{0})
		s.op("QuantizeLinear", in(s.Input("x", onnx.Float, 9), s.ConstFloat("scale", 1), s.Init("zero", zero)))
	},
	"cast": func(s *scene) {
		x := s.Op("Mul", in(s.rnd(4, 5), s.ConstFloat("three", 3)))
		for _, d := range []onnx.DType{onnx.Int8, onnx.Int32, onnx.Int64, onnx.Bool, onnx.Float16, onnx.BFloat16, onnx.Double} {
			s.op("Cast", in(s.Op("Cast", in(x), onnx.Int("to", int(d)))), onnx.Int("to", int(onnx.Float)))
		}
	},
	"integer arithmetic": func(s *scene) {
		a, b := s.ConstInts("a", 7, -7, 7, -7), s.ConstInts("b", 2, 2, -2, -2)
		for _, op := range []string{"Add", "Sub", "Mul", "Div", "Max", "Min", "Equal", "Greater", "LessOrEqual"} {
			s.op(op, in(a, b))
		}
	},
	"logic": func(s *scene) {
		a := s.Op("Greater", in(s.rnd(3, 4), s.ConstFloat("z", 0)))
		b := s.Op("Less", in(s.rnd(4), s.ConstFloat("z", 0)))
		s.op("And", in(a, b))
		s.op("Or", in(a, b))
		s.op("Not", in(a))
		s.op("Where", in(a, s.rnd(3, 1), s.rnd()))
		s.op("GreaterOrEqual", in(s.rnd(3), s.rnd(2, 1)))
	},
	"constants": func(s *scene) {
		for _, a := range []onnx.Attr{onnx.TensorAttr("value", onnx.From([]float32{1, 2}, 2)), onnx.Float32("value_float", 3), onnx.Int("value_int", 4), onnx.Ints("value_ints", 5, 6)} {
			s.op("Constant", nil, a)
		}
	},
	"shapes": func(s *scene) {
		x := s.rnd(2, 3, 4)
		s.op("Shape", in(x))
		s.op("Shape", in(x), onnx.Int("start", 1))
		s.op("Shape", in(x), onnx.Int("start", -2), onnx.Int("end", -1))
		s.op("ConstantOfShape", in(s.ConstInts("s", 2, 3)), onnx.TensorAttr("value", onnx.From([]float32{4}, 1)))
		s.op("Reshape", in(x, s.ConstInts("s", 0, -1)))
		s.op("Tile", in(x, s.ConstInts("r", 1, 2, 3)))
		s.op("Split", in(s.rnd(5)), onnx.Int("num_outputs", 1))
		for _, p := range s.OpN("Split", 3, in(s.rnd(7, 2)), onnx.Int("num_outputs", 3)) {
			s.Output(p)
		}
	},
	"slices": func(s *scene) {
		x := s.rnd(5, 6)
		slice := func(v ...[]int) {
			operands := in(x)
			for _, list := range v {
				operands = append(operands, s.ConstInts("s", list...))
			}
			s.op("Slice", operands)
		}
		slice([]int{1, 2}, []int{4, 5})
		slice([]int{-1}, []int{-6}, []int{1}, []int{-2})
		slice([]int{10}, []int{math.MinInt64}, []int{0}, []int{-1})
		slice([]int{2}, []int{math.MaxInt64}, []int{-1}, []int{3})
	},
	"pads": func(s *scene) {
		x, pads := s.rnd(3, 4), s.ConstInts("p", 1, 2, 0, 1)
		s.op("Pad", in(x, pads, s.ConstFloat("v", 7)))
		s.op("Pad", in(x, s.ConstInts("p", 1, 2), onnx.Value{}, s.ConstInts("a", -1)))
		s.op("Pad", in(x, pads), onnx.Str("mode", "edge"))
		s.op("Pad", in(x, pads), onnx.Str("mode", "reflect"))
		s.op("Pad", in(x, s.ConstInts("p", 0, -1, -1, 0)))
	},
	"gather and argmax": func(s *scene) {
		x := s.rnd(4, 5)
		s.op("Gather", in(x, s.ConstInts("i", 3, -1, 0)), onnx.Int("axis", 1))
		s.op("ArgMax", in(x), onnx.Int("axis", 1))
		s.op("ArgMax", in(s.ConstInts("ties", 1, 3, 3, 2)), onnx.Int("select_last_index", 1), onnx.Int("keepdims", 0))
		s.op("ReduceMin", in(x, s.ConstInts("a", 0)))
		s.op("ReduceSumSquare", in(x, s.ConstInts("a")), onnx.Int("noop_with_empty_axes", 1))
	},
	"clip and dropout": func(s *scene) {
		x := s.rnd(20)
		s.op("Clip", in(x, s.ConstFloat("lo", -0.5), s.ConstFloat("hi", 0.5)))
		s.op("Clip", in(x, s.ConstFloat("hi", 0.5), s.ConstFloat("lo", -0.5))) // crossed bounds: the upper one wins
		for _, v := range s.OpN("Dropout", 2, in(x)) {
			s.Output(v)
		}
	},
	"bits": func(s *scene) {
		x := s.whole(onnx.Uint8, 3, 5)
		for _, d := range []string{"LEFT", "RIGHT"} {
			s.op("BitShift", in(x, s.Init("by."+d, onnx.From([]uint8{0, 1, 2, 5, 7}, 5))), onnx.Str("direction", d))
		}
		s.op("BitwiseAnd", in(x, s.Init("mask", onnx.From([]uint8{3}, 1))))
		s.op("Erf", in(s.rnd(9)))
	},
	"top and range": func(s *scene) {
		x := s.rnd(3, 6)
		for _, a := range [][]onnx.Attr{nil, {onnx.Int("largest", 0)}, {onnx.Int("axis", 0)}} {
			for _, v := range s.OpN("TopK", 2, in(x, s.ConstInts("k", 2)), a...) {
				s.Output(v)
			}
		}
		s.op("Range", in(s.ConstFloat("from", 1), s.ConstFloat("to", 3.2), s.ConstFloat("by", 0.5)))
		s.op("OneHot", in(s.ConstInts("i", 1, -1, 0), s.ConstInts("depth", 4), s.ConstFloats("values", 0, 1)))
		s.op("OneHot", in(s.ConstInts("i", 1, -1, 0), s.ConstInts("depth", 4), s.ConstFloats("values", 0, 1)), onnx.Int("axis", 0))
	},
	"einsum": func(s *scene) {
		a, b := s.rnd(2, 3, 4), s.rnd(4, 5)
		s.op("Einsum", in(a, b), onnx.Str("equation", "nij,jk->nik"))
		s.op("Einsum", in(a, b), onnx.Str("equation", "nij,jk"))
		s.op("Einsum", in(a), onnx.Str("equation", "abc->ca"))
		s.op("Einsum", in(s.rnd(3, 3)), onnx.Str("equation", "ii->i"))
	},
	"resize": func(s *scene) {
		x := s.rnd(1, 2, 4, 5)
		for _, mode := range []string{"nearest", "linear"} {
			for _, at := range []string{"half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"} {
				m, w := onnx.Str("mode", mode), onnx.Str("coordinate_transformation_mode", at)
				s.op("Resize", in(x, onnx.Value{}, s.ConstFloats("scales", 1, 1, 2, 2)), m, w)
				s.op("Resize", in(x, onnx.Value{}, onnx.Value{}, s.ConstInts("sizes", 1, 2, 3, 7)), m, w)
			}
		}
		s.op("Resize", in(x, onnx.Value{}, s.ConstFloats("scales", 1, 1, 2, 2)), onnx.Str("nearest_mode", "floor"), onnx.Str("coordinate_transformation_mode", "asymmetric"))
	},
	"boxes": func(s *scene) {
		boxes := onnx.NewTensor(onnx.Float, 2, 30, 4)
		for i := range boxes.Floats() {
			boxes.Floats()[i] = s.rng.Float32()
		}
		s.inputs = append(s.inputs, boxes)
		b := s.Input("boxes", onnx.Float, 2, 30, 4)
		score := s.rnd(2, 3, 30)
		s.op("NonMaxSuppression", in(b, score, s.ConstInts("limit", 5), s.ConstFloat("iou", 0.2), s.ConstFloat("least", -0.5)))
		s.op("NonMaxSuppression", in(b, score, s.ConstInts("limit", 7), s.ConstFloat("iou", 0.4)), onnx.Int("center_point_box", 1))
	},
	"integer convolution": func(s *scene) {
		for _, group := range []int{1, 4} {
			num := func(v float32) onnx.Value { return s.ConstFloat("s", v) }
			zero := s.Init(fmt.Sprintf("zero%d", group), onnx.From([]uint8{120}))
			s.op("QLinearConv", in(s.whole(onnx.Uint8, 2, 4, 6, 5), num(0.02), zero, s.whole(onnx.Int8, 4, 4/group, 3, 3),
				s.ConstFloats("ws", 0.01, 0.02, 0.003, 0.004), s.Init(fmt.Sprintf("wz%d", group), onnx.NewTensor(onnx.Int8, 4)), num(0.7*0.3), zero,
				s.Init(fmt.Sprintf("b%d", group), onnx.From([]int32{5, -100, 2000, 0}, 4))), onnx.Int("group", group), onnx.Ints("pads", 1, 1, 1, 1), onnx.Ints("strides", 1, 2))
		}
	},
	"auto pads": func(s *scene) {
		x, w := s.rnd(1, 2, 6, 5), s.rnd(3, 2, 3, 2)
		for _, mode := range []string{"SAME_UPPER", "SAME_LOWER", "VALID"} {
			s.op("Conv", in(x, w), onnx.Str("auto_pad", mode), onnx.Ints("strides", 2, 2))
		}
	},
	"old forms": func(s *scene) { // opset 11: attributes for axes, softmax over all axes from one on
		s.Opset("", 11)
		x := s.rnd(2, 3, 4)
		s.op("Softmax", in(x))
		s.op("Softmax", in(x), onnx.Int("axis", 2))
		s.op("ReduceSum", in(x), onnx.Ints("axes", 1))
		s.op("ReduceMean", in(x), onnx.Ints("axes", -1, 0), onnx.Int("keepdims", 0))
		s.op("Unsqueeze", in(x), onnx.Ints("axes", 0))
		s.op("Squeeze", in(s.rnd(2, 1)), onnx.Ints("axes", 1))
		s.op("Split", in(s.rnd(4)), onnx.Ints("split", 4))
	},
	"normalisation outputs": func(s *scene) {
		for _, v := range s.OpN("LayerNormalization", 3, in(s.rnd(3, 5), s.rnd(5))) {
			s.Output(v)
		}
	},
	"quantised convolution": func(s *scene) { // as exported: QDQ around Conv, folded into integer kernels by ORT
		scale, zero := s.ConstFloat("scale", 0.02), s.Init("zero", onnx.From([]uint8{128}))
		x := s.Op("DequantizeLinear", in(s.Op("QuantizeLinear", in(s.rnd(1, 4, 6, 6), scale, zero)), scale, zero))
		w := s.Op("DequantizeLinear", in(s.whole(onnx.Int8, 4, 4, 3, 3), s.ConstFloats("ws", 0.01, 0.02, 0.03, 0.04)), onnx.Int("axis", 0))
		s.op("Conv", in(x, w), onnx.Ints("pads", 1, 1, 1, 1))
	},
}

// tolerance is 1e-5 of the largest value; integers must be equal.
func near(got, want *onnx.Tensor) error {
	if got.DType != want.DType || !slices.Equal(got.Shape, want.Shape) {
		return fmt.Errorf("%v%v, ONNX Runtime has %v%v", got.DType, got.Shape, want.DType, want.Shape)
	}
	a, b, size := values(got), values(want), 1.0
	for _, v := range b {
		size = max(size, math.Abs(v))
	}
	if want.DType != onnx.Float {
		size = 0
	}
	for i := range a {
		if d := math.Abs(a[i] - b[i]); !(d <= 1e-5*size) {
			return fmt.Errorf("element %d is %v, ONNX Runtime has %v", i, a[i], b[i])
		}
	}
	return nil
}

func compareWith(t *testing.T, s *scene, set Settings, engine onnx.Engine) {
	t.Helper()
	m, err := s.Build()
	if err != nil {
		t.Fatal(err)
	}
	r, err := engine(m)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	want := make([]*onnx.Tensor, len(r.Outputs()))
	if err := r.Run(context.Background(), s.inputs, want); err != nil {
		t.Fatal(err)
	}
	for i, got := range runBuilt(t, s.Builder, set, s.inputs...) {
		if err := near(got, want[i]); err != nil {
			t.Errorf("output %d (%s): %v", i, m.Graph.Outputs[i].Name, err)
		}
	}
}

func library(t *testing.T) *ort.Runtime {
	t.Helper()
	rt, err := ort.Open(context.Background(), ort.Options{})
	if err != nil {
		t.Skipf("needs the ONNX Runtime library: %v", err)
	}
	t.Cleanup(func() { rt.Close() })
	return rt
}

func TestAgainstORT(t *testing.T) {
	rt := library(t)
	for name, write := range scenes {
		t.Run(name, func(t *testing.T) {
			s := &scene{Builder: onnx.NewBuilder(name), rng: rand.New(rand.NewPCG(5, 6))}
			s.Opset("", 25)
			write(s)
			compareWith(t, s, Settings{}, rt.Engine(ort.Settings{Level: ort.Basic}))
		})
	}
}

// TestBlockedConv compares with ONNX Runtime's own kernels, in the block size
// that this machine has.
func TestBlockedConv(t *testing.T) {
	engine := library(t).Engine(ort.Settings{Level: ort.Disable})
	for _, c := range []struct {
		name       string
		x, w       []int
		bias, plus bool
		attrs      []onnx.Attr
		outH, outW int
	}{
		{"full", []int{2, 32, 5, 6}, []int{16, 32, 3, 3}, true, false, []onnx.Attr{onnx.Ints("pads", 1, 1, 1, 1)}, 5, 6},
		{"pointwise", []int{1, 16, 4, 4}, []int{32, 16, 1, 1}, true, true, []onnx.Attr{onnx.Str("activation", "Relu")}, 4, 4},
		{"groups", []int{1, 32, 4, 4}, []int{32, 16, 3, 3}, false, false, []onnx.Attr{onnx.Int("group", 2)}, 2, 2},
		{"depthwise", []int{2, 32, 6, 5}, []int{32, 1, 3, 3}, true, false, []onnx.Attr{onnx.Int("group", 32), onnx.Ints("strides", 2, 2), onnx.Ints("pads", 1, 1, 1, 1)}, 3, 3},
		{"depthwise sum", []int{1, 16, 6, 5}, []int{16, 1, 1, 1}, true, true, []onnx.Attr{onnx.Int("group", 16)}, 6, 5},
		{"depthwise wide", []int{1, 16, 6, 6}, []int{16, 1, 5, 5}, false, false, []onnx.Attr{onnx.Int("group", 16), onnx.Ints("dilations", 1, 1), onnx.Ints("pads", 1, 1, 1, 1)}, 4, 4},
		{"first layer", []int{2, 3, 6, 6}, []int{16, 3, 3, 3}, true, false, []onnx.Attr{onnx.Ints("strides", 2, 2), onnx.Ints("pads", 1, 1, 1, 1)}, 3, 3},
		{
			"clip",
			[]int{1, 16, 3, 3},
			[]int{16, 16, 1, 1},
			true, false,
			[]onnx.Attr{onnx.Str("activation", "Clip"), {Name: "activation_params", Kind: onnx.AttrFloats, Floats: []float32{-1, 2}}},
			3, 3,
		},
		{
			"leaky",
			[]int{1, 16, 3, 3},
			[]int{16, 16, 1, 1},
			true, false,
			[]onnx.Attr{onnx.Str("activation", "LeakyRelu"), {Name: "activation_params", Kind: onnx.AttrFloats, Floats: []float32{0.1}}},
			3, 3,
		},
		{
			"hard sigmoid",
			[]int{1, 16, 3, 3},
			[]int{16, 16, 1, 1},
			true, false,
			[]onnx.Attr{onnx.Str("activation", "HardSigmoid"), {Name: "activation_params", Kind: onnx.AttrFloats, Floats: []float32{0.2, 0.5}}},
			3, 3,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &scene{Builder: onnx.NewBuilder(c.name), rng: rand.New(rand.NewPCG(7, 8))}
			s.Opset(onnx.NCHWc, 1)
			operands := in(s.rnd(c.x...), s.rnd(c.w...), onnx.Value{}, onnx.Value{})
			if c.bias {
				operands[2] = s.rnd(c.w[0])
			}
			if c.plus {
				operands[3] = s.rnd(c.x[0], c.w[0], c.outH, c.outW)
			}
			s.Output(s.OpDomain(onnx.NCHWc, "Conv", operands, append(c.attrs, onnx.Ints("kernel_shape", c.w[2:]...))...))
			compareWith(t, s, Settings{Block: machineBlock(t)}, engine)
		})
	}
}

// machineBlock is the block of ONNX Runtime's kernels on this processor (MLAS:
// 16 with AVX512 and on ARM, 8 with AVX2).
func machineBlock(t *testing.T) int {
	t.Helper()
	features := ort.ThisMachine().Features
	switch {
	case slices.Contains(features, "AVX512F"), slices.Contains(features, "ASIMD"):
		return 16
	case slices.Contains(features, "AVX2"):
		return 8
	}
	t.Skip("the block size of this processor is not known")
	return 0
}
