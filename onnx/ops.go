package onnx

import (
	"cmp"
	"fmt"
	"slices"
)

// OpSpec is a row of the operator table: what a node of the operator may look
// like, and which types its outputs get. The rows follow docs/Operators.md and
// docs/Changelog.md of ONNX 1.20.
type OpSpec struct {
	Name, Domain   string
	Since          int // first opset that the row describes
	MinIn, MaxIn   int // MaxIn -1: any number
	MinOut, MaxOut int
	Attrs          []AttrSpec
	Infer          func(*Inference) error
}

// AttrSpec says what an attribute may be. Its Attr holds name, kind and
// default; an empty list, string or tensor as default means none. An attribute
// whose meaning changed has several rows with different versions.
type AttrSpec struct {
	Attr
	Required     bool
	Since, Until int // valid in opsets Since <= v < Until; Until 0 = no end
	// Input is the input that takes the attribute's place from opset Until on;
	// 0 = none. Before Until that input must be absent.
	Input int
}

// NCHWc is ONNX Runtime's internal domain of channel-blocked operators.
const NCHWc = "com.microsoft.nchwc"

// opt lists attributes that every opset has and that may be left out.
func opt(list ...Attr) []AttrSpec {
	out := make([]AttrSpec, len(list))
	for i, a := range list {
		out[i].Attr = a
	}
	return out
}

func must(a Attr) AttrSpec               { return AttrSpec{Attr: a, Required: true} }
func since(version int, a Attr) AttrSpec { return AttrSpec{Attr: a, Since: version} }
func until(version int, a Attr) AttrSpec { return AttrSpec{Attr: a, Until: version} }
func moved(version, input int, a Attr) AttrSpec {
	return AttrSpec{Attr: a, Until: version, Input: input}
}

func mustMoved(version, input int, a Attr) AttrSpec {
	return AttrSpec{Attr: a, Until: version, Input: input, Required: true}
}

// reduce is the row of a reduction whose axes became an input in the given opset.
func reduce(name string, axesInput int) OpSpec {
	return OpSpec{name, "", 1, 1, 2, 1, 1, append(opt(Int("keepdims", 1)),
		moved(axesInput, 1, Ints("axes")), since(axesInput, Int("noop_with_empty_axes", 0))), inferReduce}
}

// softmax is the row of a softmax; its axis was 1 (and what follows it) before opset 13.
func softmax(name string) OpSpec {
	return OpSpec{name, "", 1, 1, 1, 1, 1, []AttrSpec{until(13, Int("axis", 1)), since(13, Int("axis", -1))}, inferSoftmax}
}

var (
	convAttrs = opt(Ints("kernel_shape"), Ints("strides"), Ints("pads"), Ints("dilations"), Int("group", 1), Str("auto_pad", "NOTSET"))
	poolAttrs = append(opt(Ints("strides"), Ints("pads"), Str("auto_pad", "NOTSET")),
		must(Ints("kernel_shape")), since(10, Int("ceil_mode", 0)))
)

// table has every operator once. The reference kernels, the gradient rules and
// the tests of all three loop over it.
// Columns: name, domain, since, inputs min max, outputs min max, attributes, type rule.
var table = []OpSpec{
	// Element by element.
	{"Abs", "", 6, 1, 1, 1, 1, nil, inferSame},
	{"Neg", "", 6, 1, 1, 1, 1, nil, inferSame},
	{"Sqrt", "", 6, 1, 1, 1, 1, nil, inferSame},
	{"Exp", "", 6, 1, 1, 1, 1, nil, inferSame},
	{"Log", "", 6, 1, 1, 1, 1, nil, inferSame},
	{"Reciprocal", "", 6, 1, 1, 1, 1, nil, inferSame},
	{"Sign", "", 9, 1, 1, 1, 1, nil, inferSame},
	{"Floor", "", 6, 1, 1, 1, 1, nil, inferSame},
	{"Round", "", 11, 1, 1, 1, 1, nil, inferSame},
	{"Erf", "", 9, 1, 1, 1, 1, nil, inferSame},
	{"Tanh", "", 6, 1, 1, 1, 1, nil, inferSame},
	{"Sigmoid", "", 6, 1, 1, 1, 1, nil, inferSame},
	{"Relu", "", 6, 1, 1, 1, 1, nil, inferSame},
	{"LeakyRelu", "", 6, 1, 1, 1, 1, opt(Float32("alpha", 0.01)), inferSame},
	{"HardSigmoid", "", 6, 1, 1, 1, 1, opt(Float32("alpha", 0.2), Float32("beta", 0.5)), inferSame},
	{"HardSwish", "", 14, 1, 1, 1, 1, nil, inferSame},
	{"Clip", "", 6, 1, 3, 1, 1, []AttrSpec{moved(11, 1, Float32("min", minFloat)), moved(11, 2, Float32("max", maxFloat))}, inferClip},
	{"Identity", "", 1, 1, 1, 1, 1, nil, inferSame},
	{"Cast", "", 6, 1, 1, 1, 1, []AttrSpec{must(Int("to", 0)), since(19, Int("saturate", 1)), since(24, Str("round_mode", "up"))}, inferCast},
	{"Not", "", 1, 1, 1, 1, 1, nil, inferNot},
	{"Dropout", "", 7, 1, 3, 1, 2, []AttrSpec{moved(12, 1, Float32("ratio", 0.5)), since(12, Int("seed", 0))}, inferDropout},

	// Element by element, with broadcasting.
	{"Add", "", 7, 2, 2, 1, 1, nil, inferBroadcast},
	{"Sub", "", 7, 2, 2, 1, 1, nil, inferBroadcast},
	{"Mul", "", 7, 2, 2, 1, 1, nil, inferBroadcast},
	{"Div", "", 7, 2, 2, 1, 1, nil, inferBroadcast},
	{"Pow", "", 7, 2, 2, 1, 1, nil, inferPow},
	{"Max", "", 8, 1, -1, 1, 1, nil, inferBroadcast},
	{"Min", "", 8, 1, -1, 1, 1, nil, inferBroadcast},
	{"BitShift", "", 11, 2, 2, 1, 1, []AttrSpec{must(Str("direction", ""))}, inferBroadcast},
	{"BitwiseAnd", "", 18, 2, 2, 1, 1, nil, inferBroadcast},
	{"Equal", "", 7, 2, 2, 1, 1, nil, inferCompare},
	{"Greater", "", 7, 2, 2, 1, 1, nil, inferCompare},
	{"Less", "", 7, 2, 2, 1, 1, nil, inferCompare},
	{"GreaterOrEqual", "", 12, 2, 2, 1, 1, nil, inferCompare},
	{"LessOrEqual", "", 12, 2, 2, 1, 1, nil, inferCompare},
	{"And", "", 7, 2, 2, 1, 1, nil, inferLogic},
	{"Or", "", 7, 2, 2, 1, 1, nil, inferLogic},
	{"Where", "", 9, 3, 3, 1, 1, nil, inferWhere},

	// Products.
	{"Conv", "", 1, 2, 3, 1, 1, convAttrs, inferConv},
	{"Conv", NCHWc, 1, 2, 4, 1, 1, append(opt(Str("activation", ""), Attr{Name: "activation_params", Kind: AttrFloats}), convAttrs...), inferConvBlocked},
	{"ConvTranspose", "", 1, 2, 3, 1, 1, append(opt(Ints("output_padding"), Ints("output_shape")), convAttrs...), inferConvTranspose},
	{"QLinearConv", "", 10, 8, 9, 1, 1, convAttrs, inferQLinearConv},
	{"Gemm", "", 7, 2, 3, 1, 1, opt(Float32("alpha", 1), Float32("beta", 1), Int("transA", 0), Int("transB", 0)), inferGemm},
	{"MatMul", "", 1, 2, 2, 1, 1, nil, inferMatMul},
	{"Einsum", "", 12, 1, -1, 1, 1, []AttrSpec{must(Str("equation", ""))}, inferEinsum},

	// Pools, statistics, reductions.
	{"AveragePool", "", 7, 1, 1, 1, 1, append([]AttrSpec{since(7, Int("count_include_pad", 0)), since(19, Ints("dilations"))}, poolAttrs...), inferPool},
	{"MaxPool", "", 1, 1, 1, 1, 2, append([]AttrSpec{since(8, Int("storage_order", 0)), since(10, Ints("dilations"))}, poolAttrs...), inferPool},
	{"GlobalAveragePool", "", 1, 1, 1, 1, 1, nil, inferGlobalPool},
	{"BatchNormalization", "", 7, 5, 5, 1, 5, append(opt(Float32("epsilon", 1e-5), Float32("momentum", 0.9)),
		since(14, Int("training_mode", 0)), until(9, Int("spatial", 1))), inferBatchNorm},
	{"LayerNormalization", "", 17, 2, 3, 1, 3, opt(Int("axis", -1), Float32("epsilon", 1e-5), Int("stash_type", 1)), inferLayerNorm},
	{"InstanceNormalization", "", 6, 3, 3, 1, 1, opt(Float32("epsilon", 1e-5)), inferInstanceNorm},
	softmax("Softmax"),
	softmax("LogSoftmax"),
	reduce("ReduceSum", 13),
	reduce("ReduceMean", 18),
	reduce("ReduceMax", 18),
	reduce("ReduceMin", 18),
	reduce("ReduceSumSquare", 18),
	reduce("ReduceL2", 18),
	{"ArgMax", "", 1, 1, 1, 1, 1, append(opt(Int("axis", 0), Int("keepdims", 1)), since(12, Int("select_last_index", 0))), inferArgMax},
	{"TopK", "", 1, 1, 2, 2, 2, append(opt(Int("axis", -1)), mustMoved(10, 1, Int("k", 0)),
		since(11, Int("largest", 1)), since(11, Int("sorted", 1))), inferTopK},

	// Moving and making elements.
	{"Reshape", "", 5, 2, 2, 1, 1, []AttrSpec{since(14, Int("allowzero", 0))}, inferReshape},
	{"Flatten", "", 1, 1, 1, 1, 1, opt(Int("axis", 1)), inferFlatten},
	{"Transpose", "", 1, 1, 1, 1, 1, opt(Ints("perm")), inferTranspose},
	{"Squeeze", "", 1, 1, 2, 1, 1, []AttrSpec{moved(13, 1, Ints("axes"))}, inferSqueeze},
	{"Unsqueeze", "", 1, 1, 2, 1, 1, []AttrSpec{mustMoved(13, 1, Ints("axes"))}, inferUnsqueeze},
	{"Concat", "", 4, 1, -1, 1, 1, []AttrSpec{must(Int("axis", 0))}, inferConcat},
	{"Split", "", 2, 1, 2, 1, -1, append(opt(Int("axis", 0)), moved(13, 1, Ints("split")), since(18, Int("num_outputs", 0))), inferSplit},
	{"Slice", "", 1, 1, 5, 1, 1, []AttrSpec{mustMoved(10, 1, Ints("starts")), mustMoved(10, 2, Ints("ends")), moved(10, 3, Ints("axes"))}, inferSlice},
	{"Pad", "", 2, 1, 4, 1, 1, append(opt(Str("mode", "constant")), mustMoved(11, 1, Ints("pads")), moved(11, 2, Float32("value", 0))), inferPad},
	{"Expand", "", 8, 2, 2, 1, 1, nil, inferExpand},
	{"Tile", "", 6, 2, 2, 1, 1, nil, inferTile},
	{"Gather", "", 1, 2, 2, 1, 1, opt(Int("axis", 0)), inferGather},
	{"Resize", "", 11, 1, 4, 1, 1, append(opt(Str("coordinate_transformation_mode", "half_pixel"), Float32("cubic_coeff_a", -0.75),
		Int("exclude_outside", 0), Float32("extrapolation_value", 0), Str("mode", "nearest"), Str("nearest_mode", "round_prefer_floor")),
		since(18, Int("antialias", 0)), since(18, Ints("axes")), since(18, Str("keep_aspect_ratio_policy", "stretch"))), inferResize},
	{"Shape", "", 1, 1, 1, 1, 1, []AttrSpec{since(15, Int("start", 0)), since(15, Attr{Name: "end", Kind: AttrInt, I: maxRank})}, inferShape},
	{"Constant", "", 1, 0, 0, 1, 1, append(opt(TensorAttr("value", nil)), since(12, Float32("value_float", 0)), since(12, Int("value_int", 0)),
		since(12, Attr{Name: "value_floats", Kind: AttrFloats}), since(12, Ints("value_ints"))), inferConstant},
	{"ConstantOfShape", "", 9, 1, 1, 1, 1, opt(TensorAttr("value", nil)), inferConstantOfShape},
	{"Range", "", 11, 3, 3, 1, 1, nil, inferRange},
	{"OneHot", "", 9, 3, 3, 1, 1, opt(Int("axis", -1)), inferOneHot},
	{"NonMaxSuppression", "", 10, 2, 5, 1, 1, opt(Int("center_point_box", 0)), inferNonMax},

	// Quantisation.
	{"QuantizeLinear", "", 10, 2, 3, 1, 1, []AttrSpec{
		since(13, Int("axis", 1)), since(19, Int("saturate", 1)),
		since(21, Int("block_size", 0)), since(21, Int("output_dtype", 0)), since(23, Int("precision", 0)),
	}, inferQuantize},
	{"DequantizeLinear", "", 10, 2, 3, 1, 1, []AttrSpec{
		since(13, Int("axis", 1)), since(21, Int("block_size", 0)),
		since(23, Int("output_dtype", 0)),
	}, inferDequantize},
}

// byName is filled by init: the table's rules refer to it.
var byName = map[[2]string]*OpSpec{}

func init() {
	for i := range table {
		byName[[2]string{table[i].Domain, table[i].Name}] = &table[i]
	}
}

// Lookup finds an operator's row; the domain "ai.onnx" is the default one.
func Lookup(domain, op string) (*OpSpec, bool) {
	if domain == "ai.onnx" {
		domain = ""
	}
	s, ok := byName[[2]string{domain, op}]
	return s, ok
}

// Ops lists the operator table, sorted by domain and name.
func Ops() []OpSpec {
	return slices.SortedFunc(slices.Values(table), func(a, b OpSpec) int {
		return cmp.Or(cmp.Compare(a.Domain, b.Domain), cmp.Compare(a.Name, b.Name))
	})
}

// String is the operator's name with its domain, as the text form writes it.
func (s *OpSpec) String() string { return opName(s.Domain, s.Name) }

func opName(domain, op string) string {
	if domain == "" {
		return op
	}
	return domain + "." + op
}

// in says whether the attribute exists in an opset.
func (a *AttrSpec) in(opset int) bool {
	return opset >= a.Since && (a.Until == 0 || opset < a.Until)
}

// Attr finds the row of an attribute in an opset; nil when the operator has
// none of that name there.
func (s *OpSpec) Attr(name string, opset int) *AttrSpec {
	for i := range s.Attrs {
		if a := &s.Attrs[i]; a.Name == name && a.in(opset) {
			return a
		}
	}
	return nil
}

// checkNode tests a node's counts and attributes against the row.
func (s *OpSpec) checkNode(n *Node, opset int) error {
	if opset < s.Since {
		return fmt.Errorf("needs opset %d of domain %q, the model imports %d", s.Since, s.Domain, opset)
	}
	if len(n.Inputs) < s.MinIn || s.MaxIn >= 0 && len(n.Inputs) > s.MaxIn {
		return fmt.Errorf("has %d inputs, needs %s", len(n.Inputs), span(s.MinIn, s.MaxIn))
	}
	for i, in := range n.Inputs[:s.MinIn] {
		if in == "" {
			return fmt.Errorf("input %d is absent", i)
		}
	}
	if len(n.Outputs) < s.MinOut || s.MaxOut >= 0 && len(n.Outputs) > s.MaxOut {
		return fmt.Errorf("has %d outputs, needs %s", len(n.Outputs), span(s.MinOut, s.MaxOut))
	}
	for i := range n.Attrs {
		a := &n.Attrs[i]
		switch row := s.Attr(a.Name, opset); {
		case row == nil:
			return fmt.Errorf("has no attribute %q in opset %d (it has: %s)", a.Name, opset, s.attrNames(opset))
		case row.Kind != a.Kind:
			return fmt.Errorf("attribute %q is of kind %v, needs %v", a.Name, a.Kind, row.Kind)
		case a.Kind == AttrTensor && a.T == nil:
			return fmt.Errorf("attribute %q has no tensor", a.Name)
		}
	}
	return s.checkRequired(n, opset)
}

// checkRequired looks for what must be there, as attribute or as the input
// that replaced it.
func (s *OpSpec) checkRequired(n *Node, opset int) error {
	for i := range s.Attrs {
		a := &s.Attrs[i]
		given := a.Input > 0 && a.Input < len(n.Inputs) && n.Inputs[a.Input] != ""
		switch {
		case a.Input > 0 && opset < a.Until && given:
			return fmt.Errorf("input %d is attribute %q before opset %d", a.Input, a.Name, a.Until)
		case a.Required && a.in(opset) && n.Attr(a.Name) == nil:
			return fmt.Errorf("attribute %q is missing", a.Name)
		case a.Required && a.Input > 0 && opset >= a.Until && !given:
			return fmt.Errorf("input %d (%s) is missing", a.Input, a.Name)
		}
	}
	return nil
}

func (s *OpSpec) attrNames(opset int) string {
	list := "none"
	for i := range s.Attrs {
		switch a := &s.Attrs[i]; {
		case !a.in(opset):
		case list == "none":
			list = a.Name
		default:
			list += ", " + a.Name
		}
	}
	return list
}

func span(lo, hi int) string {
	switch {
	case hi < 0:
		return fmt.Sprintf("at least %d", lo)
	case lo == hi:
		return fmt.Sprint(lo)
	}
	return fmt.Sprintf("%d to %d", lo, hi)
}
