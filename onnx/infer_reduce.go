package onnx

import (
	"fmt"
	"slices"
)

// Type rules of statistics, reductions and selections.

func inferBatchNorm(c *Inference) error {
	x := c.In[0].Shape
	for i := 1; i < 5 && len(x) > 1; i++ {
		if err := c.biasFits(i, x[1]); err != nil {
			return err
		}
	}
	if n := len(c.Out); c.Opset >= 14 && n > 1 && (c.int("training_mode") == 0 || n > 3) {
		return fmt.Errorf("has %d outputs, needs 1, or 1 to 3 in training mode", n)
	}
	for i := 1; i < len(c.Out); i++ {
		if err := c.out(i, c.In[3].DType, c.In[3].Shape); err != nil {
			return err
		}
	}
	return inferSame(c)
}

// inferLayerNorm also types mean and inverse deviation: x with size 1 from
// axis on, in the type in which the statistics are computed.
func inferLayerNorm(c *Inference) error {
	if err := c.sameTypes(1); err != nil {
		return err
	}
	x := c.In[0].Shape
	var stats []int
	if x != nil {
		axis, err := c.axis("axis", len(x))
		if err != nil {
			return err
		}
		for i := 1; i < len(c.In); i++ {
			if c.In[i].Shape == nil {
				continue
			}
			if s, err := broadcast(c.In[i].Shape, x); err != nil || !compatible(s, x) {
				return fmt.Errorf("input %d %v does not broadcast to %v", i, c.In[i].Shape, x)
			}
		}
		stats = slices.Clone(x)
		for i := axis; i < len(x); i++ {
			stats[i] = 1
		}
	}
	stash := DType(c.int("stash_type"))
	for i := 1; i < 3; i++ {
		if err := c.out(i, stash, stats); err != nil {
			return err
		}
	}
	return inferSame(c)
}

func inferInstanceNorm(c *Inference) error {
	if err := c.sameTypes(1); err != nil {
		return err
	}
	if x := c.In[0].Shape; len(x) > 1 {
		for i := 1; i < 3; i++ {
			if err := c.biasFits(i, x[1]); err != nil {
				return err
			}
		}
	}
	return inferSame(c)
}

func inferSoftmax(c *Inference) error {
	if x := c.In[0].Shape; x != nil {
		if _, err := c.axis("axis", len(x)); err != nil {
			return err
		}
	}
	return inferSame(c)
}

func inferReduce(c *Inference) error {
	x, d := c.In[0].Shape, c.In[0].DType
	axes, given := c.list("axes")
	if x == nil || given && axes == nil {
		return c.out(0, d, nil)
	}
	if len(axes) == 0 {
		if c.int("noop_with_empty_axes") != 0 {
			return inferSame(c)
		}
		for i := range x {
			axes = append(axes, i)
		}
	}
	axes, err := normAxes(axes, len(x))
	if err != nil {
		return err
	}
	return c.out(0, d, reduced(x, axes, c.int("keepdims") != 0))
}

// reduced is x with the axes made 1 or dropped.
func reduced(x, axes []int, keep bool) []int {
	out := make([]int, 0, len(x))
	for i, size := range x {
		switch {
		case !slices.Contains(axes, i):
			out = append(out, size)
		case keep:
			out = append(out, 1)
		}
	}
	return out
}

func inferArgMax(c *Inference) error {
	x := c.In[0].Shape
	if x == nil {
		return c.out(0, Int64, nil)
	}
	axis, err := c.axis("axis", len(x))
	if err != nil {
		return err
	}
	return c.out(0, Int64, reduced(x, []int{axis}, c.int("keepdims") != 0))
}

func inferTopK(c *Inference) error {
	x := c.In[0].Shape
	var out []int
	if x != nil {
		axis, err := c.axis("axis", len(x))
		if err != nil {
			return err
		}
		out = slices.Clone(x)
		out[axis] = -1
		if k, _ := c.list("k"); len(k) == 1 {
			if k[0] < 0 || x[axis] >= 0 && k[0] > x[axis] {
				return fmt.Errorf("cannot take the top %d of %d", k[0], x[axis])
			}
			out[axis] = k[0]
		}
	}
	if err := c.out(1, Int64, out); err != nil {
		return err
	}
	return c.out(0, c.In[0].DType, out)
}

// inferNonMax: as many rows of batch, class and box index as are kept.
func inferNonMax(c *Inference) error { return c.out(0, Int64, []int{-1, 3}) }

// quantised lists the integer types of QuantizeLinear and DequantizeLinear
// with their first opset.
var quantised = map[DType]int{
	Int8: 10, Uint8: 10, Int32: 10, Int16: 21, Uint16: 21, Int4: 21, Uint4: 21, Int2: 25, Uint2: 25,
}

func (c *Inference) quantisedType(d DType) error {
	if d == Undefined {
		return nil
	}
	need, ok := quantised[d]
	if !ok {
		return fmt.Errorf("%v is no quantised type", d)
	}
	if c.Opset < need {
		return fmt.Errorf("%v needs opset %d, the model imports %d", d, need, c.Opset)
	}
	return nil
}

// scaleFits wants the scale (and the zero point like it) to be a scalar, a
// vector along axis, or a block for each block_size elements.
func (c *Inference) scaleFits() error {
	x, scale := c.In[0].Shape, c.In[1].Shape
	if c.has(2) && scale != nil && c.In[2].Shape != nil {
		zero := c.In[2].Shape
		if !compatible(scale, zero) && product(scale)*product(zero) != 1 {
			return fmt.Errorf("zero point %v does not have the shape of the scale %v", zero, scale)
		}
	}
	if x == nil || len(scale) == 0 || len(scale) == 1 && scale[0] == 1 {
		return nil
	}
	axis, err := c.axis("axis", len(x))
	if err != nil {
		return err
	}
	if c.int("block_size") != 0 {
		if len(scale) != len(x) {
			return fmt.Errorf("scale %v of blocks does not have the rank of the input %v", scale, x)
		}
		return nil
	}
	if len(scale) != 1 || scale[0] >= 0 && x[axis] >= 0 && scale[0] != x[axis] {
		return fmt.Errorf("scale %v does not fit axis %d of the input %v", scale, axis, x)
	}
	return nil
}

func inferQuantize(c *Inference) error {
	d := Uint8
	if c.has(2) {
		d = c.In[2].DType
	} else if o := c.int("output_dtype"); o != 0 {
		d = DType(o)
	}
	if err := c.quantisedType(d); err != nil {
		return err
	}
	if err := c.scaleFits(); err != nil {
		return err
	}
	return c.out(0, d, c.In[0].Shape)
}

func inferDequantize(c *Inference) error {
	if err := c.quantisedType(c.In[0].DType); err != nil {
		return err
	}
	if err := c.scaleFits(); err != nil {
		return err
	}
	if err := c.needType(2, c.In[0].DType); err != nil && c.In[0].DType != Undefined {
		return err
	}
	d := c.In[1].DType
	if o := c.int("output_dtype"); o != 0 {
		d = DType(o)
	}
	return c.out(0, d, c.In[0].Shape)
}
