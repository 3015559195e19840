package ref

import (
	"fmt"
	"math"

	"hanas/onnx"
)

// blockedConv is Conv of ONNX Runtime's domain com.microsoft.nchwc, whose
// tensors keep their logical shape but order memory in blocks of b channels:
// activations [N][C/b][H][W][b]; weights [O/b][I/b][KH][KW][b of I][b of O], or
// [O/b][I][KH][KW][b of O] when a group has fewer than b inputs: depthwise, or
// a first layer, whose input is then in plain order. Input 3 is added before
// the activation. (ONNX Runtime, core/mlas/lib/snchwc.cpp, MlasNchwcConv.)
func blockedConv(c *call) error {
	x, weight, b := c.in[0], c.in[1], c.set.Block
	if len(x.shape) != 4 || len(weight.shape) != 4 {
		return fmt.Errorf("input %v and weight %v need 4 axes", x.shape, weight.shape)
	}
	group, per := c.node.IntOr("group", 1), weight.shape[1]
	if weight.shape[0]%b != 0 {
		return fmt.Errorf("%d output channels are no multiple of the block %d", weight.shape[0], b)
	}
	depthwise := group > 1 && per == 1 && weight.shape[0] == group
	innerBlock := 1
	if per >= b {
		innerBlock = b
	}
	if per%innerBlock != 0 || (!depthwise && innerBlock == 1 && group > 1) {
		return fmt.Errorf("%d channels in %d groups do not fit the block %d", x.shape[1], group, b)
	}
	if depthwise || innerBlock > 1 {
		x = fromBlocks(x, b)
	}
	w, err := readWindow(c.node, x.shape, weight.shape[2:])
	if err != nil {
		return err
	}
	y, err := convolve(x, plainWeight(weight, b, innerBlock), c.arg(2), w, group)
	if err != nil {
		return err
	}
	if plus := c.arg(3); plus != nil {
		y = combine(y, fromBlocks(plus, b), func(a, b float64) float64 { return a + b })
	}
	act, err := activation(c.node)
	if err != nil {
		return err
	}
	c.give(0, toBlocks(apply(y, act), b))
	return nil
}

// fromBlocks brings [N][C/b][H][W][b] memory to [N][C][H][W].
func fromBlocks(x *array, b int) *array {
	n, c, h, w := x.shape[0], x.shape[1], x.shape[2], x.shape[3]
	return permute(x.view(n, c/b, h, w, b), []int{0, 1, 4, 2, 3}).view(n, c, h, w)
}

func toBlocks(x *array, b int) *array {
	n, c, h, w := x.shape[0], x.shape[1], x.shape[2], x.shape[3]
	return permute(x.view(n, c/b, b, h, w), []int{0, 1, 3, 4, 2}).view(n, c, h, w)
}

// plainWeight brings [O/b][I/ib][KH][KW][ib][b] memory to [O][I][KH][KW].
func plainWeight(weight *array, b, ib int) *array {
	o, i, kh, kw := weight.shape[0], weight.shape[1], weight.shape[2], weight.shape[3]
	return permute(weight.view(o/b, i/ib, kh, kw, ib, b), []int{0, 5, 1, 4, 2, 3}).view(o, i, kh, kw)
}

// activations that the blocked convolution may end with; params is the
// activation_params attribute.
var activations = map[string]struct {
	params int
	f      func(x float64, params []float32) float64
}{
	"":            {0, func(x float64, _ []float32) float64 { return x }},
	"Relu":        {0, func(x float64, _ []float32) float64 { return max(x, 0) }},
	"Tanh":        {0, func(x float64, _ []float32) float64 { return math.Tanh(x) }},
	"Sigmoid":     {0, func(x float64, _ []float32) float64 { return sigmoid(x) }},
	"LeakyRelu":   {1, func(x float64, p []float32) float64 { return max(x, 0) + float64(p[0])*min(x, 0) }},
	"Clip":        {2, func(x float64, p []float32) float64 { return min(max(x, float64(p[0])), float64(p[1])) }},
	"HardSigmoid": {2, func(x float64, p []float32) float64 { return hardSigmoid(x, float64(p[0]), float64(p[1])) }},
}

func activation(n *onnx.Node) (func(float64) float64, error) {
	name := n.StrOr("activation", "")
	row, ok := activations[name]
	var params []float32
	if a := n.Attr("activation_params"); a != nil {
		params = a.Floats
	}
	if !ok || len(params) < row.params {
		return nil, fmt.Errorf("activation %q with parameters %v is not supported", name, params)
	}
	return func(x float64) float64 { return row.f(x, params) }, nil
}
