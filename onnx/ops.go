package onnx

import (
	"fmt"
	"sort"
)

// OpSpec is a row of the operator table: what a node of this operator may look
// like and which types its outputs get. Rows follow onnx/docs/Operators.md.
type OpSpec struct {
	Name, Domain string
	Since        int // first opset in which we write or read it
	MinIn, MaxIn int // MaxIn -1: any number
	MinOut       int
	MaxOut       int
	Attrs        map[string]AttrKind
	Infer        func(*Inference) error
}

// NCHWc is ONNX Runtime's internal domain of channel-blocked operators.
const NCHWc = "com.microsoft.nchwc"

type attrs = map[string]AttrKind

var convAttrs = attrs{"kernel_shape": AttrInts, "strides": AttrInts, "pads": AttrInts, "dilations": AttrInts, "group": AttrInt, "auto_pad": AttrString}
var poolAttrs = attrs{"kernel_shape": AttrInts, "strides": AttrInts, "pads": AttrInts, "dilations": AttrInts, "ceil_mode": AttrInt,
	"count_include_pad": AttrInt, "auto_pad": AttrString, "storage_order": AttrInt}
var reduceAttrs = attrs{"axes": AttrInts, "keepdims": AttrInt, "noop_with_empty_axes": AttrInt}

// table lists every operator once; the reference kernels, gradient rules and
// their tests loop over it.
var table = []OpSpec{
	{"Conv", "", 1, 2, 3, 1, 1, convAttrs, inferConv},
	{"ConvTranspose", "", 1, 2, 3, 1, 1, with(convAttrs, attrs{"output_padding": AttrInts, "output_shape": AttrInts}), inferConvTranspose},
	{"Gemm", "", 7, 2, 3, 1, 1, attrs{"alpha": AttrFloat, "beta": AttrFloat, "transA": AttrInt, "transB": AttrInt}, inferGemm},
	{"MatMul", "", 1, 2, 2, 1, 1, nil, inferMatMul},
	{"Add", "", 7, 2, 2, 1, 1, nil, inferBroadcast}, {"Sub", "", 7, 2, 2, 1, 1, nil, inferBroadcast},
	{"Mul", "", 7, 2, 2, 1, 1, nil, inferBroadcast}, {"Div", "", 7, 2, 2, 1, 1, nil, inferBroadcast},
	{"Pow", "", 7, 2, 2, 1, 1, nil, inferBroadcast},
	{"Max", "", 6, 1, -1, 1, 1, nil, inferBroadcast}, {"Min", "", 6, 1, -1, 1, 1, nil, inferBroadcast},
	{"Neg", "", 6, 1, 1, 1, 1, nil, inferSame}, {"Abs", "", 6, 1, 1, 1, 1, nil, inferSame},
	{"Sqrt", "", 6, 1, 1, 1, 1, nil, inferSame}, {"Exp", "", 6, 1, 1, 1, 1, nil, inferSame}, {"Log", "", 6, 1, 1, 1, 1, nil, inferSame},
	{"Reciprocal", "", 6, 1, 1, 1, 1, nil, inferSame}, {"Sign", "", 9, 1, 1, 1, 1, nil, inferSame},
	{"Floor", "", 6, 1, 1, 1, 1, nil, inferSame}, {"Round", "", 11, 1, 1, 1, 1, nil, inferSame},
	{"Tanh", "", 6, 1, 1, 1, 1, nil, inferSame}, {"Relu", "", 6, 1, 1, 1, 1, nil, inferSame},
	{"LeakyRelu", "", 6, 1, 1, 1, 1, attrs{"alpha": AttrFloat}, inferSame},
	{"Sigmoid", "", 6, 1, 1, 1, 1, nil, inferSame}, {"HardSwish", "", 14, 1, 1, 1, 1, nil, inferSame},
	{"HardSigmoid", "", 6, 1, 1, 1, 1, attrs{"alpha": AttrFloat, "beta": AttrFloat}, inferSame},
	{"Clip", "", 6, 1, 3, 1, 1, attrs{"min": AttrFloat, "max": AttrFloat}, inferSame},
	{"Softmax", "", 1, 1, 1, 1, 1, attrs{"axis": AttrInt}, inferSame}, {"LogSoftmax", "", 1, 1, 1, 1, 1, attrs{"axis": AttrInt}, inferSame},
	{"Identity", "", 1, 1, 1, 1, 1, nil, inferSame}, {"Not", "", 1, 1, 1, 1, 1, nil, inferSame},
	{"Dropout", "", 7, 1, 3, 1, 2, attrs{"ratio": AttrFloat, "seed": AttrInt}, inferSame},
	{"BatchNormalization", "", 7, 5, 5, 1, 5, attrs{"epsilon": AttrFloat, "momentum": AttrFloat, "training_mode": AttrInt, "spatial": AttrInt}, inferBatchNorm},
	{"LayerNormalization", "", 17, 2, 3, 1, 3, attrs{"axis": AttrInt, "epsilon": AttrFloat, "stash_type": AttrInt}, inferLayerNorm},
	{"InstanceNormalization", "", 6, 3, 3, 1, 1, attrs{"epsilon": AttrFloat}, inferSame},
	{"GlobalAveragePool", "", 1, 1, 1, 1, 1, nil, inferGlobalPool},
	{"AveragePool", "", 7, 1, 1, 1, 1, poolAttrs, inferPool}, {"MaxPool", "", 1, 1, 1, 1, 2, poolAttrs, inferPool},
	{"ReduceSum", "", 1, 1, 2, 1, 1, reduceAttrs, inferReduce}, {"ReduceMean", "", 1, 1, 2, 1, 1, reduceAttrs, inferReduce},
	{"ReduceMax", "", 1, 1, 2, 1, 1, reduceAttrs, inferReduce}, {"ReduceMin", "", 1, 1, 2, 1, 1, reduceAttrs, inferReduce},
	{"ReduceSumSquare", "", 1, 1, 2, 1, 1, reduceAttrs, inferReduce}, {"ReduceL2", "", 1, 1, 2, 1, 1, reduceAttrs, inferReduce},
	{"Reshape", "", 5, 2, 2, 1, 1, attrs{"allowzero": AttrInt}, inferReshape},
	{"Flatten", "", 1, 1, 1, 1, 1, attrs{"axis": AttrInt}, inferFlatten},
	{"Transpose", "", 1, 1, 1, 1, 1, attrs{"perm": AttrInts}, inferTranspose},
	{"Squeeze", "", 1, 1, 2, 1, 1, attrs{"axes": AttrInts}, inferSqueeze}, {"Unsqueeze", "", 1, 1, 2, 1, 1, attrs{"axes": AttrInts}, inferUnsqueeze},
	{"Concat", "", 4, 1, -1, 1, 1, attrs{"axis": AttrInt}, inferConcat},
	{"Split", "", 2, 1, 2, 1, 1 << 20, attrs{"axis": AttrInt, "split": AttrInts, "num_outputs": AttrInt}, inferSplit},
	{"Slice", "", 10, 3, 5, 1, 1, nil, inferSlice},
	{"Pad", "", 11, 2, 4, 1, 1, attrs{"mode": AttrString}, inferPad},
	{"Expand", "", 8, 2, 2, 1, 1, nil, inferExpand}, {"Tile", "", 6, 2, 2, 1, 1, nil, inferTile},
	{"Gather", "", 1, 2, 2, 1, 1, attrs{"axis": AttrInt}, inferGather},
	{"Where", "", 9, 3, 3, 1, 1, nil, inferWhere},
	{"Equal", "", 7, 2, 2, 1, 1, nil, inferCompare}, {"Greater", "", 7, 2, 2, 1, 1, nil, inferCompare}, {"Less", "", 7, 2, 2, 1, 1, nil, inferCompare},
	{"GreaterOrEqual", "", 12, 2, 2, 1, 1, nil, inferCompare}, {"LessOrEqual", "", 12, 2, 2, 1, 1, nil, inferCompare},
	{"And", "", 7, 2, 2, 1, 1, nil, inferCompare}, {"Or", "", 7, 2, 2, 1, 1, nil, inferCompare},
	{"Cast", "", 6, 1, 1, 1, 1, attrs{"to": AttrInt, "saturate": AttrInt}, inferCast},
	{"Constant", "", 1, 0, 0, 1, 1, attrs{"value": AttrTensor, "value_float": AttrFloat, "value_int": AttrInt, "value_floats": AttrFloats, "value_ints": AttrInts}, inferConstant},
	{"ConstantOfShape", "", 9, 1, 1, 1, 1, attrs{"value": AttrTensor}, inferConstantOfShape},
	{"Shape", "", 1, 1, 1, 1, 1, attrs{"start": AttrInt, "end": AttrInt}, inferShape},
	{"QuantizeLinear", "", 10, 2, 3, 1, 1, attrs{"axis": AttrInt, "saturate": AttrInt, "block_size": AttrInt, "output_dtype": AttrInt}, inferQuantize},
	{"DequantizeLinear", "", 10, 2, 3, 1, 1, attrs{"axis": AttrInt, "block_size": AttrInt}, inferDequantize},
	{"ArgMax", "", 1, 1, 1, 1, 1, attrs{"axis": AttrInt, "keepdims": AttrInt, "select_last_index": AttrInt}, inferArgMax},
	{"Conv", NCHWc, 1, 2, 4, 1, 1, with(convAttrs, attrs{"activation": AttrString, "activation_params": AttrFloats}), inferConv},
}

func with(a, b attrs) attrs {
	out := attrs{}
	for k, v := range a {
		out[k] = v
	}
	for k, v := range b {
		out[k] = v
	}
	return out
}

var byName = func() map[[2]string]*OpSpec {
	m := map[[2]string]*OpSpec{}
	for i := range table {
		m[[2]string{table[i].Domain, table[i].Name}] = &table[i]
	}
	return m
}()

// Lookup finds an operator's row.
func Lookup(domain, op string) (*OpSpec, bool) {
	if domain == "ai.onnx" {
		domain = ""
	}
	s, ok := byName[[2]string{domain, op}]
	return s, ok
}

// Ops lists the operator table, sorted by domain and name.
func Ops() []OpSpec {
	out := append([]OpSpec{}, table...)
	sort.Slice(out, func(i, j int) bool {
		return out[i].Domain < out[j].Domain || out[i].Domain == out[j].Domain && out[i].Name < out[j].Name
	})
	return out
}

func (s *OpSpec) counts(n *Node) error {
	if len(n.Inputs) < s.MinIn || (s.MaxIn >= 0 && len(n.Inputs) > s.MaxIn) {
		return fmt.Errorf("has %d inputs, needs %d to %d", len(n.Inputs), s.MinIn, s.MaxIn)
	}
	for i := 0; i < s.MinIn; i++ {
		if n.Inputs[i] == "" {
			return fmt.Errorf("input %d is absent", i)
		}
	}
	if len(n.Outputs) < s.MinOut || len(n.Outputs) > s.MaxOut {
		return fmt.Errorf("has %d outputs, needs %d to %d", len(n.Outputs), s.MinOut, s.MaxOut)
	}
	return nil
}
