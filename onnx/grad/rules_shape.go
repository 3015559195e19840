package grad

import (
	"fmt"
	"math"
	"slices"

	"hanas/onnx"
)

// reshapeRule serves all operators that keep the order of the elements.
func reshapeRule(c *Context) error {
	shape := c.In[0].Shape()
	unknown := 0
	for _, n := range shape {
		if n < 0 {
			unknown++
		}
	}
	if shape == nil || unknown > 1 {
		return fmt.Errorf("the shape %v of %q must be known but for one size", shape, c.In[0].Name())
	}
	c.Give(0, c.reshape(c.Grad[0], shape))
	return nil
}

func transposeRule(c *Context) error {
	n := len(c.In[0].Shape())
	perm, back := c.Node.IntsOr("perm"), make([]int, n)
	for i := range n {
		p := n - 1 - i
		if perm != nil {
			p = perm[i]
		}
		back[p] = i
	}
	c.Give(0, c.transpose(c.Grad[0], back...))
	return nil
}

// axis is the node's axis attribute, made positive.
func (c *Context) axis(def, rank int) int {
	a := c.Node.IntOr("axis", def)
	if a < 0 {
		a += rank
	}
	return a
}

func concatRule(c *Context) error {
	at := c.axis(0, len(c.Grad[0].Shape()))
	from := 0
	for i, in := range c.In {
		size := in.Shape()[at]
		if size < 0 {
			return fmt.Errorf("the size of %q along axis %d must be known", in.Name(), at)
		}
		if c.Needs(i) {
			c.Give(i, c.cut(c.Grad[0], at, from, from+size, 1))
		}
		from += size
	}
	return nil
}

// splitRule puts the parts together again; a part without a gradient is zeros.
func splitRule(c *Context) error {
	parts := make([]onnx.Value, len(c.Grad))
	for i, g := range c.Grad {
		if g.IsZero() {
			shape, err := c.Static(c.Out[i])
			if err != nil {
				return err
			}
			g = c.expand(c.num(0), shape)
		}
		parts[i] = g
	}
	c.Give(0, c.Op("Concat", parts, onnx.Int("axis", c.axis(0, len(c.In[0].Shape())))))
	return nil
}

// sliceRule puts the gradient back where the slice was taken, zeros elsewhere.
func sliceRule(c *Context) error {
	shape, err := c.Static(c.In[0])
	if err != nil {
		return err
	}
	lists := make([][]int, 5)
	for i := 1; i < 5; i++ {
		if lists[i], _, err = c.Ints(i, "-"); err != nil {
			return err
		}
	}
	starts, axes, steps := lists[1], lists[3], lists[4]
	g, before, after := c.Grad[0], make([]int, len(shape)), make([]int, len(shape))
	for i, from := range starts {
		at, step := i, 1
		if axes != nil {
			at = (axes[i] + len(shape)) % len(shape)
		}
		if steps != nil {
			step = steps[i]
		}
		if step < 0 {
			return fmt.Errorf("steps %v: negative ones are not supported", steps)
		}
		if from < 0 {
			from += shape[at]
		}
		from = max(0, min(from, shape[at]))
		g = c.dilate(g, at, step)
		before[at], after[at] = from, shape[at]-from-g.Shape()[at]
	}
	c.Give(0, c.pad(g, before, after))
	return nil
}

func padRule(c *Context) error {
	shape, err := c.Static(c.In[0])
	if err != nil {
		return err
	}
	pads, _, err := c.Ints(1, "pads")
	if err != nil {
		return err
	}
	axes, given, err := c.Ints(3, "-")
	if err != nil {
		return err
	}
	if mode := c.Node.StrOr("mode", "constant"); mode != "constant" || slices.Min(pads) < 0 || c.Needs(2) {
		return fmt.Errorf("mode %s, pads %v: only constant padding with a constant, outwards, is supported", mode, pads)
	}
	g := c.Grad[0]
	for i, n := range shape {
		lo := 0
		if !given {
			lo = pads[i]
		} else if k := slices.IndexFunc(axes, func(a int) bool { return (a+len(shape))%len(shape) == i }); k >= 0 {
			lo = pads[k]
		}
		g = c.cut(g, i, lo, lo+n, 1)
	}
	c.Give(0, g)
	return nil
}

// tileRule sums over the copies.
func tileRule(c *Context) error {
	shape, err := c.Static(c.In[0])
	if err != nil {
		return err
	}
	repeats, _, err := c.Ints(1, "-")
	if err != nil {
		return err
	}
	var split, axes []int
	for i, n := range shape {
		axes = append(axes, len(split))
		split = append(split, repeats[i], n)
	}
	c.Give(0, c.sum(c.reshape(c.Grad[0], split), axes...))
	return nil
}

// gatherRule adds the gradients of the picks up at their positions: a product
// with the one-hot matrix of the indices.
func gatherRule(c *Context) error {
	x, index := c.In[0], c.In[1]
	shape, err := c.Static(x)
	if err != nil {
		return err
	}
	picks, err := c.Static(index)
	if err != nil {
		return err
	}
	at := c.axis(0, len(shape))
	size, count := shape[at], onnx.Elements(picks)
	before, after := onnx.Elements(shape[:at]), onnx.Elements(shape[at+1:])
	if size > math.MaxInt32 {
		return fmt.Errorf("axis of %d is too long", size)
	}
	rows := make([]int, size)
	for i := range rows {
		rows[i] = i
	}
	index = c.reshape(index, []int{1, count})
	if index.DType() != onnx.Int64 {
		index = c.Op("Cast", []onnx.Value{index}, onnx.Int("to", int(onnx.Int64)))
	}
	index = c.Op("Where", []onnx.Value{
		c.Op("Less", []onnx.Value{index, c.B.ConstInts("zero", 0)}),
		c.add(index, c.B.ConstInts("size", size)), index,
	})
	hot := c.indicator("Equal", c.reshape(c.B.ConstInts("rows", rows...), []int{size, 1}), index)
	g := c.reshape(c.Grad[0], []int{before, count, after})
	c.Give(0, c.reshape(c.Op("MatMul", []onnx.Value{hot, g}), shape))
	return nil
}
