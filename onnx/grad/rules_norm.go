package grad

import (
	"fmt"
	"slices"

	"hanas/onnx"
)

// norm is a normalisation being differentiated: y = scale*xhat + bias with
// xhat = (x-mean)*inverse, moments over axes.
type norm struct {
	xhat, inverse onnx.Value
	axes          []int
	count         float64 // elements that share moments
}

// moments writes the forward statistics anew: operators keep them to
// themselves, or give running ones.
func (c *Context) moments(axes []int) (norm, error) {
	x := c.In[0]
	shape, err := c.Static(x)
	if err != nil {
		return norm{}, err
	}
	n := norm{axes: axes, count: 1}
	for _, a := range axes {
		n.count *= float64(shape[a])
	}
	d := c.sub(x, c.scale(c.sumKeep(x, axes...), 1/n.count))
	variance := c.scale(c.sumKeep(c.mul(d, d), axes...), 1/n.count)
	eps := float64(c.Node.FloatOr("epsilon", 1e-5))
	n.inverse = c.Op("Reciprocal", []onnx.Value{c.Op("Sqrt", []onnx.Value{c.add(variance, c.num(eps))})})
	n.xhat = c.mul(d, n.inverse)
	return n, nil
}

// input is the gradient of x given that of xhat:
// inverse*(g - mean(g) - xhat*mean(g*xhat)) (Ioffe & Szegedy 2015, section 3).
func (c *Context) input(n norm, g onnx.Value) onnx.Value {
	level := c.scale(c.sumKeep(g, n.axes...), 1/n.count)
	slope := c.scale(c.sumKeep(c.mul(g, n.xhat), n.axes...), 1/n.count)
	return c.mul(c.sub(c.sub(g, level), c.mul(n.xhat, slope)), n.inverse)
}

// others is all axes but one of rank.
func others(rank, but int) []int {
	var axes []int
	for i := range rank {
		if i != but {
			axes = append(axes, i)
		}
	}
	return axes
}

// column gives a vector of channels the shape [C,1,...] that broadcasts along
// axis 1.
func (c *Context) column(v onnx.Value, rank int) onnx.Value {
	shape := slices.Repeat([]int{1}, rank-1)
	shape[0] = v.Shape()[0]
	return c.reshape(v, shape)
}

// affine gives the gradients of a scale and bias of one number a channel
// (inputs 1 and 2), and returns the gradient of xhat.
func (c *Context) affine(xhat onnx.Value) onnx.Value {
	rank, g := len(c.In[0].Shape()), c.Grad[0]
	if c.Needs(1) {
		c.Give(1, c.sum(c.mul(g, xhat), others(rank, 1)...))
	}
	if c.Needs(2) {
		c.Give(2, c.sum(g, others(rank, 1)...))
	}
	return c.mul(g, c.column(c.In[1], rank))
}

func batchNormRule(c *Context) error {
	rank := len(c.In[0].Shape())
	if rank < 2 {
		return fmt.Errorf("input %v has no channel axis", c.In[0].Shape())
	}
	if c.Node.IntOr("training_mode", 0) == 0 {
		return c.frozenNorm(rank)
	}
	for _, g := range c.Grad[1:] {
		if !g.IsZero() {
			return fmt.Errorf("the loss depends on the running statistics, which have no gradient")
		}
	}
	n, err := c.moments(others(rank, 1))
	if err != nil {
		return err
	}
	g := c.affine(n.xhat)
	if c.Needs(0) {
		c.Give(0, c.input(n, g))
	}
	return nil
}

// frozenNorm is batch normalisation with given statistics: affine in x.
func (c *Context) frozenNorm(rank int) error {
	eps := float64(c.Node.FloatOr("epsilon", 1e-5))
	inverse := c.column(c.Op("Reciprocal", []onnx.Value{c.Op("Sqrt", []onnx.Value{c.add(c.In[4], c.num(eps))})}), rank)
	var xhat onnx.Value
	if c.Needs(1) {
		xhat = c.mul(c.sub(c.In[0], c.column(c.In[3], rank)), inverse)
	}
	g := c.affine(xhat)
	if c.Needs(0) {
		c.Give(0, c.mul(g, inverse))
	}
	return nil
}

func instanceNormRule(c *Context) error {
	rank := len(c.In[0].Shape())
	if rank < 3 {
		return fmt.Errorf("input %v has no maps", c.In[0].Shape())
	}
	n, err := c.moments(others(rank, 1)[1:])
	if err != nil {
		return err
	}
	g := c.affine(n.xhat)
	if c.Needs(0) {
		c.Give(0, c.input(n, g))
	}
	return nil
}

// layerNormRule also takes gradients of the second and third outputs, the mean
// and the inverse deviation.
func layerNormRule(c *Context) error {
	rank := len(c.In[0].Shape())
	from := c.Node.IntOr("axis", -1)
	if from < 0 {
		from += rank
	}
	var axes []int
	for i := from; i < rank; i++ {
		axes = append(axes, i)
	}
	n, err := c.moments(axes)
	if err != nil {
		return err
	}
	var dx onnx.Value
	plus := func(v onnx.Value) {
		if dx.IsZero() {
			dx = v
		} else {
			dx = c.add(dx, v)
		}
	}
	if g := c.Grad[0]; !g.IsZero() {
		if c.Needs(1) {
			c.Give(1, c.mul(g, n.xhat))
		}
		c.Give(2, g)
		plus(c.input(n, c.mul(g, c.In[1])))
	}
	c.given[1], c.given[2] = true, true // the statistics do not depend on them
	if len(c.Grad) > 1 && !c.Grad[1].IsZero() {
		plus(c.expand(c.scale(c.Grad[1], 1/n.count), c.In[0].Shape()))
	}
	if len(c.Grad) > 2 && !c.Grad[2].IsZero() { // d inverse / dx = -inverse^2 * xhat / count
		k := c.scale(c.mul(c.Grad[2], c.mul(n.inverse, n.inverse)), -1/n.count)
		plus(c.mul(n.xhat, k))
	}
	c.Give(0, dx)
	return nil
}

// softmaxAxis is the axis that a softmax runs over.
func (c *Context) softmaxAxis() int {
	a := c.Node.IntOr("axis", -1)
	if a < 0 {
		a += len(c.In[0].Shape())
	}
	return a
}

// y*(g - sum(g*y))
func softmaxRule(c *Context) error {
	y, g := c.Out[0], c.Grad[0]
	c.Give(0, c.mul(y, c.sub(g, c.sumKeep(c.mul(g, y), c.softmaxAxis()))))
	return nil
}

// g - exp(y)*sum(g)
func logSoftmaxRule(c *Context) error {
	y, g := c.Out[0], c.Grad[0]
	c.Give(0, c.sub(g, c.mul(c.Op("Exp", []onnx.Value{y}), c.sumKeep(g, c.softmaxAxis()))))
	return nil
}
