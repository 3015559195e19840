package grad

import (
	"slices"

	"hanas/onnx"
)

// reduction is a Reduce node read: its axes, how many elements each result
// stands for, and the result's gradient with the reduced axes kept.
type reduction struct {
	axes  []int
	kept  []int // the result's shape with the axes kept
	count float64
	g     onnx.Value
}

func (c *Context) reduction() (reduction, error) {
	shape, err := c.Static(c.In[0])
	if err != nil {
		return reduction{}, err
	}
	axes, _, err := c.Ints(1, "axes")
	if err != nil {
		return reduction{}, err
	}
	r := reduction{kept: slices.Clone(shape), count: 1}
	for i := range shape {
		all := len(axes) == 0 && c.Node.IntOr("noop_with_empty_axes", 0) == 0
		if all || slices.Contains(axes, i) || slices.Contains(axes, i-len(shape)) {
			r.axes = append(r.axes, i)
			r.count *= float64(shape[i])
			r.kept[i] = 1
		}
	}
	r.g = c.reshape(c.Grad[0], r.kept)
	return r, nil
}

func reduceSumRule(c *Context) error {
	r, err := c.reduction()
	if err == nil {
		c.Give(0, c.expand(r.g, c.In[0].Shape()))
	}
	return err
}

func reduceMeanRule(c *Context) error {
	r, err := c.reduction()
	if err == nil {
		c.Give(0, c.expand(c.scale(r.g, 1/r.count), c.In[0].Shape()))
	}
	return err
}

func reduceSumSquareRule(c *Context) error {
	r, err := c.reduction()
	if err == nil {
		c.Give(0, c.mul(c.In[0], c.scale(r.g, 2)))
	}
	return err
}

// x/y
func reduceL2Rule(c *Context) error {
	r, err := c.reduction()
	if err == nil {
		c.Give(0, c.mul(c.In[0], c.div(r.g, c.reshape(c.Out[0], r.kept))))
	}
	return err
}

// reduceExtremeRule, of ReduceMax and ReduceMin, shares the gradient equally
// among equal extremes.
func reduceExtremeRule(c *Context) error {
	r, err := c.reduction()
	if err != nil {
		return err
	}
	hit := c.indicator("Equal", c.In[0], c.reshape(c.Out[0], r.kept))
	if len(r.axes) > 0 {
		hit = c.div(hit, c.sumKeep(hit, r.axes...))
	}
	c.Give(0, c.mul(hit, r.g))
	return nil
}

func globalAveragePoolRule(c *Context) error {
	shape, err := c.Static(c.In[0])
	if err == nil {
		c.Give(0, c.expand(c.scale(c.Grad[0], 1/float64(onnx.Elements(shape[2:]))), shape))
	}
	return err
}
