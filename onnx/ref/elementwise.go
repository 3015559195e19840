package ref

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"hanas/onnx"
)

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

func hardSigmoid(x, alpha, beta float64) float64 { return max(0, min(1, alpha*x+beta)) }

func sign(x float64) float64 {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return x // also NaN
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// unary applies f to each element.
func unary(f func(float64) float64) kernel {
	return func(c *call) error {
		c.give(0, apply(c.in[0], f))
		return nil
	}
}

func apply(x *array, f func(float64) float64) *array {
	y := newArray(x.dtype, x.shape...)
	for i, v := range x.data {
		y.data[i] = f(v)
	}
	return y
}

// withAttrs is unary for functions that depend on attributes.
func withAttrs(read func(n *onnx.Node) func(float64) float64) kernel {
	return func(c *call) error {
		c.give(0, apply(c.in[0], read(c.node)))
		return nil
	}
}

func attrHardSigmoid(n *onnx.Node) func(float64) float64 {
	alpha, beta := float64(n.FloatOr("alpha", 0.2)), float64(n.FloatOr("beta", 0.5))
	return func(x float64) float64 { return hardSigmoid(x, alpha, beta) }
}

func attrLeakyRelu(n *onnx.Node) func(float64) float64 {
	alpha := float64(n.FloatOr("alpha", 0.01))
	return func(x float64) float64 {
		if x < 0 {
			return alpha * x
		}
		return x
	}
}

// clip has its bounds as attributes before opset 11, as inputs since.
func clip(c *call) error {
	lo, hi := math.Inf(-1), math.Inf(1)
	if a := c.node.Attr("min"); a != nil {
		lo = float64(a.F)
	}
	if a := c.node.Attr("max"); a != nil {
		hi = float64(a.F)
	}
	if a := c.arg(1); a != nil {
		lo = a.data[0]
	}
	if a := c.arg(2); a != nil {
		hi = a.data[0]
	}
	c.give(0, apply(c.in[0], func(x float64) float64 { return min(max(x, lo), hi) }))
	return nil
}

func cast(c *call) error {
	to := onnx.DType(c.node.IntOr("to", 0))
	if to.Bits() == 0 {
		return fmt.Errorf("cast to %v is not supported", to)
	}
	y := apply(c.in[0], func(x float64) float64 { return x })
	y.dtype = to
	c.give(0, y)
	return nil
}

// dropout is the inference form: everything passes.
func dropout(c *call) error {
	if training := c.arg(2); training != nil && training.data[0] != 0 {
		return errors.New("dropout in training mode is random and has no reference")
	}
	c.give(0, apply(c.in[0], func(x float64) float64 { return x }))
	mask := apply(c.in[0], func(float64) float64 { return 1 })
	mask.dtype = onnx.Bool
	c.give(1, mask)
	return nil
}

// broadcastShape is the common shape of operands by NumPy's rule.
func broadcastShape(shapes ...[]int) []int {
	var out []int
	for _, s := range shapes {
		if len(s) > len(out) {
			out = append(slices.Repeat([]int{1}, len(s)-len(out)), out...)
		}
		for i, n := range s {
			k := len(out) - len(s) + i
			switch {
			case out[k] == 1:
				out[k] = n
			case n != 1 && n != out[k]:
				panic(fault(fmt.Sprintf("shapes %v do not broadcast", shapes)))
			}
		}
	}
	return out
}

// spread is the positions in an array of shape from, in the order in which a
// broadcast to shape to visits them.
func spread(from, to []int) []int {
	steps := make([]int, len(to))
	for i, s := range strides(from) {
		if k := len(to) - len(from) + i; from[i] != 1 {
			steps[k] = s
		}
	}
	return walk(to, steps)
}

// walk lists sum(index*steps) over all indices of shape in row-major order.
func walk(shape, steps []int) []int {
	out := []int{0}
	for i, n := range shape {
		next := make([]int, 0, len(out)*n)
		for _, base := range out {
			for k := range n {
				next = append(next, base+k*steps[i])
			}
		}
		out = next
	}
	return out
}

// broadcast brings a to a shape that it broadcasts to.
func (a *array) broadcast(shape []int) *array {
	if onnx.Elements(shape) == len(a.data) {
		return a.view(shape...)
	}
	out := newArray(a.dtype, shape...)
	for i, p := range spread(a.shape, shape) {
		out.data[i] = a.data[p]
	}
	return out
}

func combine(a, b *array, f func(a, b float64) float64) *array {
	shape := broadcastShape(a.shape, b.shape)
	x, y := a.broadcast(shape), b.broadcast(shape)
	out := newArray(a.dtype, shape...)
	for i := range out.data {
		out.data[i] = f(x.data[i], y.data[i])
	}
	return out
}

// binary combines two operands with broadcasting; the result has the type of
// the first.
func binary(f func(a, b float64) float64) kernel {
	return func(c *call) error {
		c.give(0, combine(c.in[0], c.in[1], f))
		return nil
	}
}

// variadic combines any number of operands from left to right.
func variadic(f func(a, b float64) float64) kernel {
	return func(c *call) error {
		y := apply(c.in[0], func(x float64) float64 { return x })
		for _, b := range c.in[1:] {
			y = combine(y, b, f)
		}
		c.give(0, y)
		return nil
	}
}

func compare(f func(a, b float64) bool) kernel {
	return func(c *call) error {
		y := combine(c.in[0], c.in[1], func(a, b float64) float64 { return truth(f(a, b)) })
		y.dtype = onnx.Bool
		c.give(0, y)
		return nil
	}
}

func bitShift(c *call) error {
	left := c.node.StrOr("direction", "") == "LEFT"
	c.give(0, combine(c.in[0], c.in[1], func(a, b float64) float64 {
		if left {
			return math.Ldexp(a, int(b)) // the runner wraps it
		}
		return math.Floor(math.Ldexp(a, -int(b)))
	}))
	return nil
}

func where(c *call) error {
	shape := broadcastShape(c.in[0].shape, c.in[1].shape, c.in[2].shape)
	cond, a, b := c.in[0].broadcast(shape), c.in[1].broadcast(shape), c.in[2].broadcast(shape)
	y := newArray(a.dtype, shape...)
	for i := range y.data {
		y.data[i] = b.data[i]
		if cond.data[i] != 0 {
			y.data[i] = a.data[i]
		}
	}
	c.give(0, y)
	return nil
}
