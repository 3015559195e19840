package ref

import (
	"math"

	"hanas/onnx"
)

// kernels has one row an operator. Semantics are those of ONNX's Operators.md
// at the newest opset, and of older ones where a test of this project or a
// public model needs them.
var kernels = map[key]kernel{
	// elementwise, one operand
	{"", "Identity"}:    unary(func(x float64) float64 { return x }),
	{"", "Neg"}:         unary(func(x float64) float64 { return -x }),
	{"", "Abs"}:         unary(math.Abs),
	{"", "Sqrt"}:        unary(math.Sqrt),
	{"", "Exp"}:         unary(math.Exp),
	{"", "Log"}:         unary(math.Log),
	{"", "Reciprocal"}:  unary(func(x float64) float64 { return 1 / x }),
	{"", "Sign"}:        unary(sign),
	{"", "Floor"}:       unary(math.Floor),
	{"", "Erf"}:         unary(math.Erf),
	{"", "Round"}:       unary(math.RoundToEven),
	{"", "Tanh"}:        unary(math.Tanh),
	{"", "Relu"}:        unary(func(x float64) float64 { return max(x, 0) }),
	{"", "Sigmoid"}:     unary(sigmoid),
	{"", "HardSwish"}:   unary(func(x float64) float64 { return x * hardSigmoid(x, 1./6, 0.5) }),
	{"", "Not"}:         unary(func(x float64) float64 { return truth(x == 0) }),
	{"", "HardSigmoid"}: withAttrs(attrHardSigmoid),
	{"", "LeakyRelu"}:   withAttrs(attrLeakyRelu),
	{"", "Clip"}:        clip,
	{"", "Cast"}:        cast,
	{"", "Dropout"}:     dropout,

	// elementwise, several operands
	{"", "Add"}:            binary(func(a, b float64) float64 { return a + b }),
	{"", "Sub"}:            binary(func(a, b float64) float64 { return a - b }),
	{"", "Mul"}:            binary(func(a, b float64) float64 { return a * b }),
	{"", "Div"}:            binary(func(a, b float64) float64 { return a / b }),
	{"", "Pow"}:            binary(math.Pow),
	{"", "Max"}:            variadic(math.Max),
	{"", "Min"}:            variadic(math.Min),
	{"", "Equal"}:          compare(func(a, b float64) bool { return a == b }),
	{"", "Greater"}:        compare(func(a, b float64) bool { return a > b }),
	{"", "Less"}:           compare(func(a, b float64) bool { return a < b }),
	{"", "GreaterOrEqual"}: compare(func(a, b float64) bool { return a >= b }),
	{"", "LessOrEqual"}:    compare(func(a, b float64) bool { return a <= b }),
	{"", "And"}:            compare(func(a, b float64) bool { return a != 0 && b != 0 }),
	{"", "Or"}:             compare(func(a, b float64) bool { return a != 0 || b != 0 }),
	{"", "Where"}:          where,
	{"", "BitShift"}:       bitShift,
	{"", "BitwiseAnd"}:     binary(func(a, b float64) float64 { return float64(int64(a) & int64(b)) }),

	// convolutions and products
	{"", "Conv"}:          conv,
	{"", "ConvTranspose"}: convTranspose,
	{onnx.NCHWc, "Conv"}:  blockedConv,
	{"", "Gemm"}:          gemm,
	{"", "MatMul"}:        matMul,

	{"", "Einsum"}:      einsum,
	{"", "QLinearConv"}: qLinearConv,

	// normalisation
	{"", "BatchNormalization"}:    batchNorm,
	{"", "LayerNormalization"}:    layerNorm,
	{"", "InstanceNormalization"}: instanceNorm,
	{"", "Softmax"}:               softmax(false),
	{"", "LogSoftmax"}:            softmax(true),

	// pools and reductions
	{"", "GlobalAveragePool"}: globalAveragePool,
	{"", "AveragePool"}:       averagePool,
	{"", "MaxPool"}:           maxPool,
	{"", "ReduceSum"}:         reduce(sum),
	{"", "ReduceMean"}:        reduce(mean),
	{"", "ReduceMax"}:         reduce(largest),
	{"", "ReduceMin"}:         reduce(smallest),
	{"", "ReduceSumSquare"}:   reduce(sumSquare),
	{"", "ReduceL2"}:          reduce(func(v []float64) float64 { return math.Sqrt(sumSquare(v)) }),
	{"", "ArgMax"}:            argMax,
	{"", "TopK"}:              topK,

	// shape
	{"", "Reshape"}:         reshape,
	{"", "Flatten"}:         flatten,
	{"", "Transpose"}:       transpose,
	{"", "Squeeze"}:         squeeze,
	{"", "Unsqueeze"}:       unsqueeze,
	{"", "Concat"}:          concat,
	{"", "Split"}:           split,
	{"", "Slice"}:           slice,
	{"", "Pad"}:             pad,
	{"", "Expand"}:          expand,
	{"", "Tile"}:            tile,
	{"", "Gather"}:          gather,
	{"", "Resize"}:          resize,
	{"", "OneHot"}:          oneHot,
	{"", "Range"}:           rangeOf,
	{"", "Shape"}:           shapeOf,
	{"", "Constant"}:        constant,
	{"", "ConstantOfShape"}: constantOfShape,

	// detection
	{"", "NonMaxSuppression"}: nonMaxSuppression,

	// quantisation
	{"", "QuantizeLinear"}:   quantize,
	{"", "DequantizeLinear"}: dequantize,
}
