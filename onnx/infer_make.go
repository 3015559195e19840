package onnx

import (
	"fmt"
	"slices"
)

// Type rules of operators that repeat, pick or make elements.

// wanted is a shape input with unknown sizes made symbolic; nil = not known.
func (c *Inference) wanted(i int) ([]int, error) {
	v := slices.Clone(c.content(i))
	for k, size := range v {
		if size == unknown {
			v[k] = -1
		} else if size < 0 {
			return nil, fmt.Errorf("shape %v has a negative size", v)
		}
	}
	return v, nil
}

func inferExpand(c *Inference) error {
	want, err := c.wanted(1)
	if err != nil {
		return err
	}
	s, err := broadcast(c.In[0].Shape, want)
	if err != nil {
		return err
	}
	return c.out(0, c.In[0].DType, s)
}

func inferTile(c *Inference) error {
	x, repeats := c.In[0].Shape, c.known(1)
	if x == nil {
		return c.out(0, c.In[0].DType, nil)
	}
	out := slices.Repeat([]int{-1}, len(x))
	if repeats != nil && len(repeats) != len(x) {
		return fmt.Errorf("%d repeats for rank %d", len(repeats), len(x))
	}
	for i, r := range repeats {
		if r < 0 {
			return fmt.Errorf("repeats %v has a negative count", repeats)
		}
		out[i] = product([]int{x[i], r})
	}
	return c.out(0, c.In[0].DType, out)
}

func inferGather(c *Inference) error {
	if err := c.needType(1, Int64, Int32); err != nil {
		return err
	}
	x, at := c.In[0].Shape, c.In[1].Shape
	if x == nil || at == nil {
		return c.out(0, c.In[0].DType, nil)
	}
	axis, err := c.axis("axis", len(x))
	if err != nil {
		return err
	}
	s := append(make([]int, 0, len(x)+len(at)), x[:axis]...)
	return c.out(0, c.In[0].DType, append(append(s, at...), x[axis+1:]...))
}

func inferConstant(c *Inference) error {
	if len(c.Node.Attrs) != 1 {
		return fmt.Errorf("has %d attributes, needs 1", len(c.Node.Attrs))
	}
	switch a := &c.Node.Attrs[0]; a.Name {
	case "value_float":
		return c.out(0, Float, []int{})
	case "value_int":
		return c.out(0, Int64, []int{})
	case "value_floats":
		return c.out(0, Float, []int{len(a.Floats)})
	case "value_ints":
		return c.out(0, Int64, []int{len(a.Ints)})
	default:
		return c.out(0, a.T.DType, a.T.Shape)
	}
}

func inferConstantOfShape(c *Inference) error {
	d := Float
	if t := c.attr("value").T; t != nil {
		if d = t.DType; t.Len() != 1 {
			return fmt.Errorf("value has %d elements, needs 1", t.Len())
		}
	}
	s, err := c.wanted(0)
	if err != nil {
		return err
	}
	return c.out(0, d, s)
}

// shapeRange is the part of the shape that a Shape node gives.
func (c *Inference) shapeRange(rank int) (lo, hi int) {
	lo, hi = c.int("start"), rank
	if end := c.Node.Attr("end"); end != nil {
		hi = int(end.I)
	}
	return clampRange(lo, hi, rank)
}

func clampRange(lo, hi, rank int) (int, int) {
	if lo < 0 {
		lo += rank
	}
	if hi < 0 {
		hi += rank
	}
	lo, hi = min(max(lo, 0), rank), min(max(hi, 0), rank)
	return lo, max(lo, hi)
}

func inferShape(c *Inference) error {
	if c.In[0].Shape == nil {
		return c.out(0, Int64, []int{-1})
	}
	lo, hi := c.shapeRange(len(c.In[0].Shape))
	return c.out(0, Int64, []int{hi - lo})
}

func inferRange(c *Inference) error {
	if err := c.sameTypes(1); err != nil {
		return err
	}
	start, limit, delta := c.known(0), c.known(1), c.known(2)
	if len(start) != 1 || len(limit) != 1 || len(delta) != 1 {
		return c.out(0, c.In[0].DType, []int{-1})
	}
	if delta[0] == 0 {
		return fmt.Errorf("delta is 0")
	}
	return c.out(0, c.In[0].DType, []int{ceilDiv(limit[0]-start[0], delta[0])})
}

func inferOneHot(c *Inference) error {
	at, d := c.In[0].Shape, c.In[2].DType
	if at == nil {
		return c.out(0, d, nil)
	}
	axis, err := c.axis("axis", len(at)+1)
	if err != nil {
		return err
	}
	depth := -1
	if v := c.known(1); len(v) == 1 {
		depth = v[0]
	}
	return c.out(0, d, slices.Insert(slices.Clone(at), axis, depth))
}
