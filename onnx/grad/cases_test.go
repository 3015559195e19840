package grad_test

import (
	"math"

	"hanas/onnx"
)

// opCase is one node to differentiate: operands, attributes, and how many
// outputs it has. The loss is the sum of all its outputs, each element times
// its own random number.
type opCase struct {
	in   []operand
	outs int  // default 1
	lead bool // only the first output counts in the loss
	a    []onnx.Attr
}

// operand is an input of the node. By default it is a graph input with normal
// random numbers, and the gradient with respect to it is checked.
type operand struct {
	shape []int
	kind  kind
	ints  []int   // kind index: a constant INT64 vector; kind indexInput: an INT64 graph input
	value float64 // kind number
}

type kind int

const (
	normal   kind = iota
	positive      // at least 0.5
	spaced        // a permutation of distinct values far from each other
	fixed         // normal, but no gradient is asked for
	fixedPos      // positive, no gradient
	index         // a constant vector of integers
	picks         // integers as a graph input
	number        // a scalar constant
	tested        // a scalar input of the given value, gradient checked
	truths        // random truth values, as an input
	absent
)

func rnd(shape ...int) operand { return operand{shape: shape} }
func pos(shape ...int) operand { return operand{shape: shape, kind: positive} }
func far(shape ...int) operand { return operand{shape: shape, kind: spaced} }
func fix(shape ...int) operand { return operand{shape: shape, kind: fixed} }
func fpo(shape ...int) operand { return operand{shape: shape, kind: fixedPos} }
func con(v ...int) operand     { return operand{kind: index, ints: v} }
func num(v float64) operand    { return operand{kind: number, value: v} }
func tst(v float64) operand    { return operand{kind: tested, value: v} }
func mask(shape ...int) operand {
	return operand{shape: shape, kind: truths}
}
func ids(shape []int, v ...int) operand { return operand{shape: shape, kind: picks, ints: v} }

var none = operand{kind: absent}

func on(in ...operand) opCase { return opCase{in: in, outs: 1} }

func (c opCase) with(a ...onnx.Attr) opCase { c.a = a; return c }
func (c opCase) many(n int) opCase          { c.outs = n; return c }
func (c opCase) firstOf(n int) opCase       { c.outs, c.lead = n, true; return c }

var unaryShapes = []opCase{on(rnd(7)), on(rnd(2, 3, 4)), on(rnd())}

var positiveShapes = []opCase{on(pos(7)), on(pos(2, 3, 4))}

// broadcasts are operand pairs of every kind of broadcasting.
var broadcasts = []opCase{
	on(rnd(2, 3), rnd(2, 3)), on(rnd(2, 3, 4), rnd(3, 1)), on(rnd(4), rnd(2, 3, 4)), on(rnd(2, 1, 4), rnd(1, 3, 1)), on(rnd(2, 3), rnd()),
	on(rnd(1, 1), rnd(1, 1)), on(rnd(1), rnd(2, 2)),
}

func ints(name string, v ...int) onnx.Attr { return onnx.Ints(name, v...) }
func i(name string, v int) onnx.Attr       { return onnx.Int(name, v) }
func f(name string, v float64) onnx.Attr   { return onnx.Float32(name, float32(v)) }
func s(name, v string) onnx.Attr           { return onnx.Str(name, v) }

// cases has rows for every operator with a rule; TestRulesHaveCases sees to it.
var cases = map[string][]opCase{
	"Identity": unaryShapes, "Neg": unaryShapes, "Abs": unaryShapes, "Exp": unaryShapes, "Tanh": unaryShapes,
	"Sigmoid": unaryShapes, "Relu": unaryShapes, "Erf": unaryShapes,
	"HardSigmoid": {on(rnd(40)), on(rnd(40)).with(f("alpha", 1./6), f("beta", 0.5)), on(rnd(9)).with(f("alpha", 3))},
	"HardSwish":   {on(operand{shape: []int{60}, kind: spaced}), on(rnd(3, 4))},
	"LeakyRelu":   {on(rnd(9)), on(rnd(9)).with(f("alpha", 0.3))},
	"Sqrt":        positiveShapes, "Log": positiveShapes, "Reciprocal": positiveShapes,
	"Clip":    {on(rnd(50), num(-0.5), num(1)), on(rnd(50), tst(-0.5), tst(0.7)), on(rnd(5, 4), none, num(0.2)), on(rnd(5, 4), num(0)), on(rnd(6))},
	"Cast":    {on(rnd(5)).with(i("to", int(onnx.Float)))},
	"Dropout": {on(rnd(5))},

	"Add": broadcasts, "Sub": broadcasts, "Mul": broadcasts,
	"Div":   {on(rnd(2, 3), pos(2, 3)), on(rnd(4), pos(2, 3, 4)), on(rnd(2, 3, 4), pos(3, 1)), on(rnd(3), pos())},
	"Pow":   {on(rnd(2, 3), num(2)), on(rnd(5), num(3)), on(pos(5), num(-0.5)), on(pos(2, 3), fix(3))},
	"Max":   append([]opCase{on(rnd(3), rnd(3), rnd(3)), on(rnd(4))}, broadcasts...),
	"Min":   append([]opCase{on(rnd(3), rnd(3), rnd(2, 3))}, broadcasts...),
	"Where": {on(mask(4, 3), rnd(4, 3), rnd(4, 3)), on(mask(3), rnd(2, 3), rnd()), on(mask(2, 1), rnd(3), rnd(2, 3))},

	"Conv":          convCases,
	"ConvTranspose": transposeCases,
	"Gemm": {
		on(rnd(2, 3), rnd(3, 4)), on(rnd(2, 3), rnd(3, 4), rnd(4)), on(rnd(3, 2), rnd(3, 4), rnd(2, 1)).with(i("transA", 1), f("alpha", 0.5)),
		on(rnd(2, 3), rnd(4, 3), rnd(2, 4)).with(i("transB", 1), f("beta", 2)), on(rnd(3, 2), rnd(4, 3), rnd()).with(i("transA", 1), i("transB", 1), f("alpha", -1)),
	},
	"MatMul": {
		on(rnd(2, 3), rnd(3, 4)), on(rnd(5, 2, 3), rnd(3, 4)), on(rnd(5, 2, 3), rnd(5, 3, 4)), on(rnd(2, 3), rnd(5, 3, 4)), on(rnd(2, 1, 2, 3), rnd(3, 3, 2)),
	},

	"BatchNormalization": {
		on(rnd(3, 2, 4, 3), rnd(2), rnd(2), fix(2), fpo(2)).with(i("training_mode", 1)).firstOf(3), on(rnd(5, 3), rnd(3), rnd(3), fix(3), fpo(3)).with(i("training_mode", 1), f("epsilon", 0.1)).firstOf(3),
		on(rnd(3, 2, 4), rnd(2), rnd(2), fix(2), fpo(2)), on(fix(3, 2, 4), rnd(2), rnd(2), fix(2), fpo(2)).with(i("training_mode", 1)).firstOf(3), on(rnd(3, 2, 4), fix(2), fix(2), fix(2), fpo(2)),
	},
	"LayerNormalization": {
		on(rnd(3, 5), rnd(5), rnd(5)), on(rnd(2, 3, 4), rnd(4)).with(f("epsilon", 0.01)), on(rnd(2, 3, 4), rnd(3, 4), rnd(3, 4)).with(i("axis", 1)).many(3),
		on(rnd(2, 6), rnd(), rnd(1)).with(i("axis", 1)), on(rnd(2, 6), rnd(6)).many(2),
	},
	"InstanceNormalization": {on(rnd(2, 3, 4), rnd(3), rnd(3)), on(rnd(2, 2, 3, 3), rnd(2), rnd(2)).with(f("epsilon", 0.1))},
	"Softmax":               {on(rnd(3, 5)), on(rnd(2, 3, 4)).with(i("axis", 1)), on(rnd(5)).with(i("axis", 0))},
	"LogSoftmax":            {on(rnd(3, 5)), on(rnd(2, 3, 4)).with(i("axis", -2)), on(rnd(5)).with(i("axis", 0))},

	"GlobalAveragePool": {on(rnd(2, 3, 4, 5)), on(rnd(2, 3, 4))},
	"AveragePool": {
		on(rnd(1, 2, 6, 5)).with(ints("kernel_shape", 2, 2), ints("strides", 2, 2)), on(rnd(2, 1, 5, 5)).with(ints("kernel_shape", 3, 3), ints("pads", 1, 1, 1, 1)),
		on(rnd(1, 2, 6, 5)).with(ints("kernel_shape", 3, 2), ints("pads", 1, 0, 1, 1), i("count_include_pad", 1), ints("strides", 2, 3)), on(rnd(1, 2, 7)).with(ints("kernel_shape", 3)),
	},
	"MaxPool": {
		on(far(1, 2, 6, 5)).with(ints("kernel_shape", 2, 2), ints("strides", 2, 2)), on(far(2, 1, 5, 5)).with(ints("kernel_shape", 3, 3), ints("pads", 1, 1, 1, 1)),
		on(far(1, 2, 7, 6)).with(ints("kernel_shape", 3, 3), ints("pads", 1, 1, 0, 0), ints("strides", 2, 2)), on(far(1, 2, 9)).with(ints("kernel_shape", 2), ints("dilations", 3)),
	},
	"ReduceSum": reduceCases, "ReduceMean": reduceCases, "ReduceSumSquare": reduceCases, "ReduceL2": reduceCases,
	"ReduceMax": farReduceCases, "ReduceMin": farReduceCases,

	"Reshape":   {on(rnd(2, 6), con(3, -1)), on(rnd(2, 6), con(0, 2, 3)), on(rnd(1), con())},
	"Flatten":   {on(rnd(2, 3, 4)), on(rnd(2, 3, 4)).with(i("axis", 0)), on(rnd(2, 3, 4)).with(i("axis", -1))},
	"Squeeze":   {on(rnd(2, 1, 3, 1), con(1)), on(rnd(2, 1, 3, 1)), on(rnd(1, 3), con(-2))},
	"Unsqueeze": {on(rnd(2, 3), con(1)), on(rnd(2, 3), con(0, -1))},
	"Transpose": {on(rnd(2, 3, 4)), on(rnd(2, 3, 4)).with(ints("perm", 1, 2, 0)), on(rnd(2, 3)).with(ints("perm", 0, 1))},
	"Concat":    {on(rnd(2, 3), rnd(2, 1), rnd(2, 2)).with(i("axis", 1)), on(rnd(2, 3), rnd(1, 3)).with(i("axis", -2)), on(rnd(2), fix(3), rnd(1)).with(i("axis", 0))},
	"Split":     {on(rnd(4, 3), con(1, 3)).with(i("axis", 0)).many(2), on(rnd(2, 6)).with(i("axis", -1), i("num_outputs", 3)).many(3)},
	"Slice": {
		on(rnd(5, 4), con(1), con(4)), on(rnd(5, 4), con(-3), con(math.MaxInt64), con(-1)), on(rnd(7, 4), con(1, 0), con(7, 3), con(0, 1), con(3, 2)),
		on(rnd(6), con(0), con(6), con(0), con(4)), on(rnd(6), con(0), con(6)),
	},
	"Pad":    {on(rnd(2, 3), con(1, 0, 0, 2)), on(rnd(2, 3), con(1, 2), none, con(-1)), on(rnd(3), con(0, 2), num(5))},
	"Expand": {on(rnd(3, 1), con(2, 3, 4)), on(rnd(), con(2, 2)), on(rnd(2, 3), con(1))},
	"Tile":   {on(rnd(2, 3), con(2, 1)), on(rnd(2), con(3)), on(rnd(2, 1, 2), con(1, 2, 2))},
	"Gather": {
		on(rnd(4, 3), ids([]int{2}, 1, 3)), on(rnd(4, 3), ids([]int{2, 2}, 0, 2, 2, -1)).with(i("axis", 1)), on(rnd(2, 5, 3), ids(nil, 4)).with(i("axis", 1)),
		on(rnd(5), ids([]int{3}, 0, 0, -5)),
	},
}

var reduceCases = []opCase{
	on(rnd(2, 3, 4), con(1)), on(rnd(2, 3, 4), con(0, -1)).with(i("keepdims", 0)), on(rnd(2, 3, 4)), on(rnd(2, 3, 4)).with(i("keepdims", 0)),
	on(rnd(2, 1, 4), con(1)), on(pos(2, 3), con()).with(i("noop_with_empty_axes", 1)),
}

var farReduceCases = []opCase{on(far(2, 3, 4), con(1)), on(far(2, 3, 4), con(0, -1)).with(i("keepdims", 0)), on(far(7))}

// convCases are operands x, w, and perhaps b: full, grouped, depthwise and
// pointwise, with every kind of stride, padding and dilation, also such that
// the window leaves rows over.
var convCases = []opCase{
	on(rnd(2, 3, 5, 4), rnd(4, 3, 3, 3), rnd(4)), on(rnd(2, 3, 5, 4), rnd(2, 3, 3, 3)).with(ints("pads", 1, 1, 1, 1)),
	on(rnd(1, 2, 7, 6), rnd(3, 2, 3, 3), rnd(3)).with(ints("pads", 1, 0, 2, 1), ints("strides", 2, 2)),
	on(rnd(1, 2, 8, 8), rnd(3, 2, 3, 2)).with(ints("strides", 3, 2)), on(rnd(2, 2, 7, 7), rnd(2, 2, 3, 3)).with(ints("dilations", 2, 2), ints("pads", 2, 1, 2, 1)),
	on(rnd(1, 2, 9, 9), rnd(2, 2, 3, 3)).with(ints("dilations", 2, 1), ints("strides", 2, 3), ints("pads", 0, 1, 1, 0)),
	on(rnd(1, 2, 3, 3), rnd(2, 2, 1, 1)).with(ints("pads", 1, 1, 1, 1)), on(rnd(1, 1, 4, 4), rnd(1, 1, 2, 2)).with(ints("pads", 2, 2, 2, 2)),
	on(rnd(2, 3, 4, 3), rnd(5, 3, 1, 1), rnd(5)), on(rnd(2, 3, 5, 4), rnd(2, 3, 1, 1)).with(ints("strides", 2, 2)), on(rnd(2, 3, 5, 6), rnd(2, 3, 1, 1)).with(ints("strides", 2, 3)),
	on(rnd(2, 4, 4, 3), rnd(6, 2, 1, 1)).with(i("group", 2)), on(rnd(2, 4, 5, 4), rnd(6, 2, 3, 3), rnd(6)).with(i("group", 2), ints("pads", 1, 1, 1, 1)),
	on(rnd(2, 4, 5, 5), rnd(2, 2, 3, 3)).with(i("group", 2), ints("strides", 2, 2)), on(rnd(2, 2, 5, 5), rnd(4, 1, 3, 3)).with(i("group", 2), ints("pads", 1, 1, 1, 1)),
	on(rnd(2, 3, 5, 4), rnd(3, 1, 3, 3), rnd(3)).with(i("group", 3), ints("pads", 1, 1, 1, 1)), on(rnd(2, 3, 6, 6), rnd(3, 1, 3, 3)).with(i("group", 3), ints("pads", 1, 1, 1, 1), ints("strides", 2, 2)),
	on(rnd(2, 2, 6, 6), rnd(2, 1, 5, 5)).with(i("group", 2), ints("pads", 2, 2, 2, 2), ints("strides", 2, 2)), on(rnd(1, 2, 4, 4), rnd(2, 1, 7, 7)).with(i("group", 2), ints("pads", 3, 3, 3, 3)),
	on(rnd(1, 2, 8, 8), rnd(2, 1, 3, 3)).with(i("group", 2), ints("strides", 3, 3)), on(rnd(2, 3, 4, 4), rnd(3, 1, 1, 1)).with(i("group", 3)),
	on(rnd(2, 3, 7), rnd(4, 3, 3), rnd(4)).with(ints("strides", 2), ints("pads", 1, 1)), on(rnd(1, 2, 6), rnd(2, 1, 3)).with(i("group", 2)),
	on(rnd(1, 2, 5, 5), rnd(2, 2, 3, 3)).with(s("auto_pad", "VALID")),
}

var transposeCases = []opCase{
	on(rnd(2, 3, 3, 2), rnd(3, 2, 3, 3), rnd(2)), on(rnd(1, 2, 3, 3), rnd(2, 2, 3, 3)).with(ints("strides", 2, 2), ints("pads", 1, 1, 1, 1), ints("output_padding", 1, 1)),
	on(rnd(1, 4, 3, 3), rnd(4, 1, 2, 2), rnd(2)).with(i("group", 2), ints("strides", 2, 2)), on(rnd(2, 2, 3, 3), rnd(2, 1, 3, 3)).with(i("group", 2), ints("dilations", 2, 2)),
	on(rnd(1, 2, 3, 3), rnd(2, 3, 1, 1)),
}
