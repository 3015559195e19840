package grad

import (
	"fmt"

	"hanas/onnx"
)

// gemmRule: y = alpha*A*B + beta*C, where A and B may be stored transposed.
func gemmRule(c *Context) error {
	a, b, g := c.In[0], c.In[1], c.Grad[0]
	transA, transB := c.Node.IntOr("transA", 0) != 0, c.Node.IntOr("transB", 0) != 0
	alpha, beta := float64(c.Node.FloatOr("alpha", 1)), float64(c.Node.FloatOr("beta", 1))
	if c.Needs(0) {
		if transA { // (g B')' = B g'
			c.Give(0, c.gemm(b, g, transB, true, alpha))
		} else {
			c.Give(0, c.gemm(g, b, false, !transB, alpha))
		}
	}
	if c.Needs(1) {
		if transB { // (A' g)' = g' A
			c.Give(1, c.gemm(g, a, true, transA, alpha))
		} else {
			c.Give(1, c.gemm(a, g, !transA, false, alpha))
		}
	}
	if c.Needs(2) {
		c.Give(2, c.scale(g, beta))
	}
	return nil
}

// matMulRule: the last two axes are matrices, the others are broadcast.
func matMulRule(c *Context) error {
	a, b, g := c.In[0], c.In[1], c.Grad[0]
	ra, rb := len(a.Shape()), len(b.Shape())
	if ra < 2 || rb < 2 {
		return fmt.Errorf("operands %v and %v must be matrices or stacks of them", a.Shape(), b.Shape())
	}
	if c.Needs(0) {
		if ra == 2 && rb == 2 {
			c.Give(0, c.gemm(g, b, false, true, 1))
		} else {
			c.Give(0, c.Op("MatMul", []onnx.Value{g, c.flipLast(b)}))
		}
	}
	switch {
	case !c.Needs(1):
	case rb == 2: // one matrix for all: the stack is one tall matrix
		k, n := b.Shape()[0], b.Shape()[1]
		c.Give(1, c.gemm(c.reshape(a, []int{-1, k}), c.reshape(g, []int{-1, n}), true, false, 1))
	default:
		c.Give(1, c.Op("MatMul", []onnx.Value{c.flipLast(a), g}))
	}
	return nil
}

// flipLast transposes the last two axes.
func (c *Context) flipLast(v onnx.Value) onnx.Value {
	n := len(v.Shape())
	perm := make([]int, n)
	for i := range perm {
		perm[i] = i
	}
	perm[n-2], perm[n-1] = n-1, n-2
	return c.transpose(v, perm...)
}
