package grad

// rules has one row an operator of ai.onnx. Einsum, Resize, TopK and
// QLinearConv, which only files made elsewhere have, are absent: a gradient
// that meets them is an error, where a reason would be a silent zero.
var rules = Rules{
	// elementwise, one operand
	{"", "Identity"}:    {Write: pass},
	{"", "Neg"}:         {Write: negRule},
	{"", "Abs"}:         {Write: absRule},
	{"", "Sqrt"}:        {Write: sqrtRule},
	{"", "Exp"}:         {Write: expRule},
	{"", "Log"}:         {Write: logRule},
	{"", "Reciprocal"}:  {Write: reciprocalRule},
	{"", "Erf"}:         {Write: erfRule},
	{"", "Tanh"}:        {Write: tanhRule},
	{"", "Sigmoid"}:     {Write: sigmoidRule},
	{"", "HardSigmoid"}: {Write: hardSigmoidRule},
	{"", "HardSwish"}:   {Write: hardSwishRule},
	{"", "Relu"}:        {Write: reluRule},
	{"", "LeakyRelu"}:   {Write: leakyReluRule},
	{"", "Clip"}:        {Write: clipRule},
	{"", "Cast"}:        {Write: castRule},
	{"", "Dropout"}:     {Write: dropoutRule, Stop: map[int]string{1: "the ratio is a setting"}},
	{"", "Sign"}:        {None: "is zero almost everywhere"},
	{"", "Floor"}:       {None: "is zero almost everywhere"},

	// elementwise, several operands
	{"", "Add"}:            {Write: addRule},
	{"", "Sub"}:            {Write: subRule},
	{"", "Mul"}:            {Write: mulRule},
	{"", "Div"}:            {Write: divRule},
	{"", "Pow"}:            {Write: powRule},
	{"", "Max"}:            {Write: extremeRule},
	{"", "Min"}:            {Write: extremeRule},
	{"", "Where"}:          {Write: whereRule},
	{"", "Equal"}:          {None: logical},
	{"", "Greater"}:        {None: logical},
	{"", "Less"}:           {None: logical},
	{"", "GreaterOrEqual"}: {None: logical},
	{"", "LessOrEqual"}:    {None: logical},
	{"", "And"}:            {None: logical},
	{"", "Or"}:             {None: logical},
	{"", "Not"}:            {None: logical},
	{"", "BitShift"}:       {None: "is integer arithmetic"},
	{"", "BitwiseAnd"}:     {None: "is integer arithmetic"},

	// convolutions and products
	{"", "Conv"}:          {Write: convRule},
	{"", "ConvTranspose"}: {Write: convTransposeRule},
	{"", "Gemm"}:          {Write: gemmRule},
	{"", "MatMul"}:        {Write: matMulRule},

	// normalisation
	{"", "BatchNormalization"}:    {Write: batchNormRule, Stop: map[int]string{3: running, 4: running}},
	{"", "LayerNormalization"}:    {Write: layerNormRule},
	{"", "InstanceNormalization"}: {Write: instanceNormRule},
	{"", "Softmax"}:               {Write: softmaxRule},
	{"", "LogSoftmax"}:            {Write: logSoftmaxRule},

	// pools and reductions
	{"", "GlobalAveragePool"}: {Write: globalAveragePoolRule},
	{"", "AveragePool"}:       {Write: averagePoolRule},
	{"", "MaxPool"}:           {Write: maxPoolRule},
	{"", "ReduceSum"}:         {Write: reduceSumRule},
	{"", "ReduceMean"}:        {Write: reduceMeanRule},
	{"", "ReduceMax"}:         {Write: reduceExtremeRule},
	{"", "ReduceMin"}:         {Write: reduceExtremeRule},
	{"", "ReduceSumSquare"}:   {Write: reduceSumSquareRule},
	{"", "ReduceL2"}:          {Write: reduceL2Rule},
	{"", "ArgMax"}:            {None: "is an index"},
	{"", "NonMaxSuppression"}: {None: "is a list of indices"},

	// shape
	{"", "Reshape"}:         {Write: reshapeRule},
	{"", "Flatten"}:         {Write: reshapeRule},
	{"", "Squeeze"}:         {Write: reshapeRule},
	{"", "Unsqueeze"}:       {Write: reshapeRule},
	{"", "Transpose"}:       {Write: transposeRule},
	{"", "Concat"}:          {Write: concatRule},
	{"", "Split"}:           {Write: splitRule},
	{"", "Slice"}:           {Write: sliceRule},
	{"", "Pad"}:             {Write: padRule},
	{"", "Expand"}:          {Write: pass},
	{"", "Tile"}:            {Write: tileRule},
	{"", "Gather"}:          {Write: gatherRule},
	{"", "Shape"}:           {None: "does not depend on values"},
	{"", "Constant"}:        {None: "does not depend on anything"},
	{"", "ConstantOfShape"}: {None: "does not depend on values"},
	{"", "Range"}:           {None: "is a count"},
	{"", "OneHot"}:          {None: "depends on indices"},

	// quantisation, straight through (Bengio, Léonard & Courville 2013)
	{"", "Round"}:            {Write: pass},
	{"", "QuantizeLinear"}:   {Write: pass, Stop: map[int]string{1: scaleStop, 2: scaleStop}},
	{"", "DequantizeLinear"}: {Write: pass, Stop: map[int]string{1: scaleStop, 2: scaleStop}},
}

const (
	logical   = "is a truth value"
	running   = "running statistics are not trained"
	scaleStop = "straight-through: scale and zero point count as constants"
)

// pass hands the gradient on to input 0, summed if it was broadcast.
func pass(c *Context) error {
	c.Give(0, c.Grad[0])
	return nil
}
