package onnx

import (
	"errors"
	"fmt"
	"slices"
)

func inferSame(c *Inference) error {
	c.set(0, c.In[0].DType, c.In[0].Shape)
	return nil
}

func inferBroadcast(c *Inference) error {
	s := c.In[0].Shape
	for _, in := range c.In[1:] {
		var err error
		if s, err = broadcast(s, in.Shape); err != nil {
			return err
		}
		if in.DType != c.In[0].DType && in.DType != Undefined && c.In[0].DType != Undefined && c.Node.Op != "Pow" {
			return fmt.Errorf("inputs are %v and %v", c.In[0].DType, in.DType)
		}
	}
	c.set(0, c.In[0].DType, s)
	return nil
}

func inferCompare(c *Inference) error {
	s, err := broadcast(c.In[0].Shape, c.In[1].Shape)
	c.set(0, Bool, s)
	return err
}

func inferWhere(c *Inference) error {
	s, err := broadcast(c.In[1].Shape, c.In[2].Shape)
	if err == nil {
		s, err = broadcast(s, c.In[0].Shape)
	}
	c.set(0, c.In[1].DType, s)
	return err
}

// window is one spatial output size.
func window(size, k, stride, dilation, padLo, padHi int, ceil bool) int {
	if size < 0 {
		return -1
	}
	span := size + padLo + padHi - (dilation*(k-1) + 1)
	if span < 0 {
		return 0
	}
	if ceil {
		return (span+stride-1)/stride + 1
	}
	return span/stride + 1
}

// spatial computes the output sizes of convolutions and pools.
func (c *Inference) spatial(x, kernel []int) ([]int, error) {
	n := len(x) - 2
	ones, zeros := slices.Repeat([]int{1}, n), make([]int, 2*n)
	strides, dil := c.Node.IntsOr("strides", ones...), c.Node.IntsOr("dilations", ones...)
	pads := c.Node.IntsOr("pads", zeros...)
	if len(kernel) != n || len(strides) != n || len(dil) != n || len(pads) != 2*n {
		return nil, errors.New("kernel, strides, dilations or pads do not fit the rank")
	}
	out := make([]int, n)
	auto := c.Node.StrOr("auto_pad", "NOTSET")
	for i := range out {
		switch auto {
		case "SAME_UPPER", "SAME_LOWER":
			out[i] = -1
			if x[i+2] >= 0 {
				out[i] = (x[i+2] + strides[i] - 1) / strides[i]
			}
		default:
			if strides[i] < 1 || dil[i] < 1 {
				return nil, errors.New("strides and dilations must be positive")
			}
			out[i] = window(x[i+2], kernel[i], strides[i], dil[i], pads[i], pads[n+i], c.Node.IntOr("ceil_mode", 0) != 0)
			if out[i] == 0 {
				return nil, errors.New("kernel is larger than the padded input")
			}
		}
	}
	return out, nil
}

func inferConv(c *Inference) error {
	x, w := c.In[0].Shape, c.In[1].Shape
	if x == nil || w == nil {
		c.set(0, c.In[0].DType, nil)
		return nil
	}
	if len(x) < 3 || len(w) != len(x) {
		return fmt.Errorf("input rank %d and weight rank %d", len(x), len(w))
	}
	group := c.Node.IntOr("group", 1)
	if group < 1 || x[1] >= 0 && x[1] != w[1]*group || w[0]%group != 0 {
		return fmt.Errorf("%d channels do not fit weights %v in %d groups", x[1], w, group)
	}
	if c.has(2) && c.In[2].Shape != nil && (len(c.In[2].Shape) != 1 || c.In[2].Shape[0] != w[0]) {
		return fmt.Errorf("bias %v does not fit %d channels", c.In[2].Shape, w[0])
	}
	s, err := c.spatial(x, w[2:])
	if err != nil {
		return err
	}
	c.set(0, c.In[0].DType, append([]int{x[0], w[0]}, s...))
	return nil
}

func inferConvTranspose(c *Inference) error {
	x, w := c.In[0].Shape, c.In[1].Shape
	if len(x) < 3 || len(w) != len(x) {
		c.set(0, c.In[0].DType, nil)
		return nil
	}
	n, group := len(x)-2, c.Node.IntOr("group", 1)
	ones, zeros := slices.Repeat([]int{1}, n), make([]int, 2*n)
	strides, dil := c.Node.IntsOr("strides", ones...), c.Node.IntsOr("dilations", ones...)
	pads, extra := c.Node.IntsOr("pads", zeros...), c.Node.IntsOr("output_padding", make([]int, n)...)
	out := []int{x[0], w[1] * group}
	for i := 0; i < n; i++ {
		out = append(out, strides[i]*(x[i+2]-1)+extra[i]+(w[i+2]-1)*dil[i]+1-pads[i]-pads[n+i])
	}
	c.set(0, c.In[0].DType, out)
	return nil
}

func inferGemm(c *Inference) error {
	a, b := c.In[0].Shape, c.In[1].Shape
	if len(a) != 2 || len(b) != 2 {
		if a == nil || b == nil {
			c.set(0, c.In[0].DType, nil)
			return nil
		}
		return fmt.Errorf("needs matrices, has %v and %v", a, b)
	}
	m, k, k2, n := a[0], a[1], b[0], b[1]
	if c.Node.IntOr("transA", 0) != 0 {
		m, k = k, m
	}
	if c.Node.IntOr("transB", 0) != 0 {
		k2, n = n, k2
	}
	if k != k2 && k >= 0 && k2 >= 0 {
		return fmt.Errorf("inner sizes %d and %d differ", k, k2)
	}
	c.set(0, c.In[0].DType, []int{m, n})
	return nil
}

func inferMatMul(c *Inference) error {
	a, b := c.In[0].Shape, c.In[1].Shape
	if len(a) < 2 || len(b) < 2 {
		c.set(0, c.In[0].DType, nil)
		return nil
	}
	if x, y := a[len(a)-1], b[len(b)-2]; x != y && x >= 0 && y >= 0 {
		return fmt.Errorf("inner sizes %d and %d differ", x, y)
	}
	s, err := broadcast(a[:len(a)-2], b[:len(b)-2])
	if err != nil {
		return err
	}
	c.set(0, c.In[0].DType, append(slices.Clone(s), a[len(a)-2], b[len(b)-1]))
	return nil
}

func inferBatchNorm(c *Inference) error {
	c.set(0, c.In[0].DType, c.In[0].Shape)
	for i := 1; i < len(c.Out); i++ {
		c.set(i, c.In[3].DType, c.In[3].Shape)
	}
	return nil
}

func inferLayerNorm(c *Inference) error {
	x := c.In[0].Shape
	c.set(0, c.In[0].DType, x)
	if x == nil {
		return nil
	}
	axis := c.Node.IntOr("axis", -1)
	if axis < 0 {
		axis += len(x)
	}
	if axis < 0 || axis >= len(x) {
		return fmt.Errorf("axis %d does not fit rank %d", axis, len(x))
	}
	s := slices.Clone(x)
	for i := axis; i < len(s); i++ {
		s[i] = 1
	}
	c.set(1, Float, s)
	c.set(2, Float, s)
	return nil
}

func inferGlobalPool(c *Inference) error {
	x := c.In[0].Shape
	if x == nil {
		c.set(0, c.In[0].DType, nil)
		return nil
	}
	s := slices.Clone(x)
	for i := 2; i < len(s); i++ {
		s[i] = 1
	}
	c.set(0, c.In[0].DType, s)
	return nil
}

func inferPool(c *Inference) error {
	x := c.In[0].Shape
	if len(x) < 3 {
		c.set(0, c.In[0].DType, nil)
		return nil
	}
	s, err := c.spatial(x, c.Node.IntsOr("kernel_shape"))
	if err != nil {
		return err
	}
	out := append([]int{x[0], x[1]}, s...)
	c.set(0, c.In[0].DType, out)
	c.set(1, Int64, out)
	return nil
}

func inferReduce(c *Inference) error {
	x := c.In[0].Shape
	if x == nil || c.has(1) && c.Consts[1] == nil {
		c.set(0, c.In[0].DType, nil)
		return nil
	}
	axes, given := c.ints(1, "axes")
	if !given || len(axes) == 0 {
		axes = nil
		for i := range x {
			axes = append(axes, i)
		}
	}
	axes, err := normAxes(axes, len(x))
	if err != nil {
		return err
	}
	out := []int{}
	for i, s := range x {
		if !slices.Contains(axes, i) {
			out = append(out, s)
		} else if c.Node.IntOr("keepdims", 1) != 0 {
			out = append(out, 1)
		}
	}
	c.set(0, c.In[0].DType, out)
	return nil
}

func inferReshape(c *Inference) error {
	x := c.In[0].Shape
	want, ok := c.ints(1, "shape")
	c.set(0, c.In[0].DType, nil)
	if !ok {
		return nil
	}
	out, wild, known := slices.Clone(want), -1, 1
	for i, s := range want {
		if s == 0 && c.Node.IntOr("allowzero", 0) == 0 {
			if i >= len(x) {
				return nil
			}
			out[i] = x[i]
		}
		if s == -1 {
			wild = i
		} else {
			known *= out[i]
		}
	}
	if x == nil {
		return nil
	}
	total, symbolic := 1, 0
	for _, s := range x {
		if s < 0 {
			symbolic++
			continue
		}
		total *= s
	}
	switch {
	case symbolic > 0:
		for _, s := range out {
			if s < 0 && wild >= 0 && want[wild] == -1 {
				out[wild] = -1
			}
		}
	case wild >= 0 && known > 0 && total%known == 0:
		out[wild] = total / known
	case wild < 0 && known == total:
	default:
		return fmt.Errorf("cannot reshape %v to %v", x, want)
	}
	c.set(0, c.In[0].DType, out)
	return nil
}

func product(s []int) int {
	n := 1
	for _, v := range s {
		if v < 0 {
			return -1
		}
		n *= v
	}
	return n
}

func inferFlatten(c *Inference) error {
	x := c.In[0].Shape
	if x == nil {
		c.set(0, c.In[0].DType, nil)
		return nil
	}
	axis := c.Node.IntOr("axis", 1)
	if axis < 0 {
		axis += len(x)
	}
	if axis < 0 || axis > len(x) {
		return fmt.Errorf("axis %d does not fit rank %d", axis, len(x))
	}
	c.set(0, c.In[0].DType, []int{product(x[:axis]), product(x[axis:])})
	return nil
}

func inferTranspose(c *Inference) error {
	x := c.In[0].Shape
	if x == nil {
		c.set(0, c.In[0].DType, nil)
		return nil
	}
	perm := c.Node.IntsOr("perm")
	if perm == nil {
		for i := range x {
			perm = append(perm, len(x)-1-i)
		}
	}
	if _, err := normAxes(perm, len(x)); err != nil || len(perm) != len(x) {
		return fmt.Errorf("perm %v does not fit rank %d", perm, len(x))
	}
	out := make([]int, len(x))
	for i, p := range perm {
		out[i] = x[p]
	}
	c.set(0, c.In[0].DType, out)
	return nil
}

func inferSqueeze(c *Inference) error {
	x := c.In[0].Shape
	axes, given := c.ints(1, "axes")
	if x == nil || (c.has(1) && !given) {
		c.set(0, c.In[0].DType, nil)
		return nil
	}
	axes, err := normAxes(axes, len(x))
	if err != nil {
		return err
	}
	out := []int{}
	for i, s := range x {
		if drop := slices.Contains(axes, i) || !given && s == 1; !drop {
			out = append(out, s)
		}
	}
	c.set(0, c.In[0].DType, out)
	return nil
}

func inferUnsqueeze(c *Inference) error {
	x := c.In[0].Shape
	axes, given := c.ints(1, "axes")
	if x == nil || !given {
		c.set(0, c.In[0].DType, nil)
		return nil
	}
	axes, err := normAxes(axes, len(x)+len(axes))
	if err != nil {
		return err
	}
	out := slices.Clone(x)
	for _, a := range axes {
		out = slices.Insert(out, a, 1)
	}
	c.set(0, c.In[0].DType, out)
	return nil
}

func inferConcat(c *Inference) error {
	x := c.In[0].Shape
	c.set(0, c.In[0].DType, nil)
	if x == nil {
		return nil
	}
	axis := c.Node.IntOr("axis", 0)
	if axis < 0 {
		axis += len(x)
	}
	if axis < 0 || axis >= len(x) {
		return fmt.Errorf("axis %d does not fit rank %d", axis, len(x))
	}
	out := slices.Clone(x)
	for _, in := range c.In[1:] {
		if in.Shape == nil {
			return nil
		}
		if len(in.Shape) != len(x) {
			return errors.New("ranks differ")
		}
		if in.Shape[axis] < 0 || out[axis] < 0 {
			out[axis] = -1
		} else {
			out[axis] += in.Shape[axis]
		}
	}
	c.set(0, c.In[0].DType, out)
	return nil
}

func inferSplit(c *Inference) error {
	x := c.In[0].Shape
	for i := range c.Out {
		c.set(i, c.In[0].DType, nil)
	}
	if x == nil {
		return nil
	}
	axis := c.Node.IntOr("axis", 0)
	if axis < 0 {
		axis += len(x)
	}
	if axis < 0 || axis >= len(x) {
		return fmt.Errorf("axis does not fit rank %d", len(x))
	}
	sizes, given := c.ints(1, "split")
	if !given {
		per := (x[axis] + len(c.Out) - 1) / len(c.Out)
		for left := x[axis]; len(sizes) < len(c.Out); left -= per {
			sizes = append(sizes, min(per, left))
		}
	}
	if len(sizes) != len(c.Out) {
		return fmt.Errorf("%d sizes for %d outputs", len(sizes), len(c.Out))
	}
	for i := range c.Out {
		s := slices.Clone(x)
		s[axis] = sizes[i]
		c.set(i, c.In[0].DType, s)
	}
	return nil
}

func inferSlice(c *Inference) error {
	x := c.In[0].Shape
	starts, ok1 := c.ints(1, "starts")
	ends, ok2 := c.ints(2, "ends")
	c.set(0, c.In[0].DType, nil)
	if x == nil || !ok1 || !ok2 || len(starts) != len(ends) {
		return nil
	}
	axes, ok := c.ints(3, "axes")
	if !ok {
		for i := range starts {
			axes = append(axes, i)
		}
	}
	steps, ok := c.ints(4, "steps")
	if !ok {
		steps = slices.Repeat([]int{1}, len(starts))
	}
	if len(axes) != len(starts) || len(steps) != len(starts) {
		return errors.New("starts, axes and steps differ in length")
	}
	out := slices.Clone(x)
	for i, a := range axes {
		if a < 0 {
			a += len(x)
		}
		if a < 0 || a >= len(x) || steps[i] == 0 {
			return fmt.Errorf("axis %d or step %d is wrong", axes[i], steps[i])
		}
		if x[a] < 0 {
			continue
		}
		lo, hi := SliceBounds(starts[i], ends[i], steps[i], x[a])
		out[a] = max(0, (hi-lo+steps[i]-sign(steps[i]))/steps[i])
	}
	c.set(0, c.In[0].DType, out)
	return nil
}

func sign(v int) int {
	if v < 0 {
		return -1
	}
	return 1
}

// SliceBounds clamps the start and end of a Slice as the operator does.
func SliceBounds(start, end, step, size int) (lo, hi int) {
	if start < 0 {
		start += size
	}
	if end < 0 && end > -1<<40 {
		end += size
	}
	if step > 0 {
		return min(max(start, 0), size), min(max(end, 0), size)
	}
	return min(max(start, 0), size-1), min(max(end, -1), size-1)
}

func inferPad(c *Inference) error {
	x := c.In[0].Shape
	pads, ok := c.ints(1, "pads")
	c.set(0, c.In[0].DType, nil)
	if x == nil || !ok || c.has(3) {
		return nil
	}
	if len(pads) != 2*len(x) {
		return fmt.Errorf("%d pads for rank %d", len(pads), len(x))
	}
	out := slices.Clone(x)
	for i := range out {
		if out[i] >= 0 {
			out[i] += pads[i] + pads[len(x)+i]
		}
	}
	c.set(0, c.In[0].DType, out)
	return nil
}

func inferExpand(c *Inference) error {
	want, ok := c.ints(1, "shape")
	c.set(0, c.In[0].DType, nil)
	if !ok {
		return nil
	}
	s, err := broadcast(c.In[0].Shape, want)
	c.set(0, c.In[0].DType, s)
	return err
}

func inferTile(c *Inference) error {
	x := c.In[0].Shape
	reps, ok := c.ints(1, "repeats")
	c.set(0, c.In[0].DType, nil)
	if !ok || len(reps) != len(x) {
		return nil
	}
	out := slices.Clone(x)
	for i := range out {
		if out[i] >= 0 {
			out[i] *= reps[i]
		}
	}
	c.set(0, c.In[0].DType, out)
	return nil
}

func inferGather(c *Inference) error {
	x, idx := c.In[0].Shape, c.In[1].Shape
	c.set(0, c.In[0].DType, nil)
	if x == nil || idx == nil {
		return nil
	}
	axis := c.Node.IntOr("axis", 0)
	if axis < 0 {
		axis += len(x)
	}
	if axis < 0 || axis >= len(x) {
		return fmt.Errorf("axis does not fit rank %d", len(x))
	}
	c.set(0, c.In[0].DType, slices.Concat(x[:axis], idx, x[axis+1:]))
	return nil
}

func inferCast(c *Inference) error {
	c.set(0, DType(c.Node.IntOr("to", 0)), c.In[0].Shape)
	return nil
}

func inferConstant(c *Inference) error {
	if a := c.Node.Attr("value"); a != nil && a.T != nil {
		c.set(0, a.T.DType, a.T.Shape)
		return nil
	}
	for name, d := range map[string]DType{"value_float": Float, "value_int": Int64} {
		if c.Node.Attr(name) != nil {
			c.set(0, d, []int{})
		}
	}
	if a := c.Node.Attr("value_floats"); a != nil {
		c.set(0, Float, []int{len(a.Floats)})
	}
	if a := c.Node.Attr("value_ints"); a != nil {
		c.set(0, Int64, []int{len(a.Ints)})
	}
	return nil
}

func inferConstantOfShape(c *Inference) error {
	d := Float
	if a := c.Node.Attr("value"); a != nil && a.T != nil {
		d = a.T.DType
	}
	s, ok := c.ints(0, "shape")
	if !ok {
		s = nil
	}
	c.set(0, d, s)
	return nil
}

func inferShape(c *Inference) error {
	var s []int
	if c.In[0].Shape != nil {
		s = []int{len(c.In[0].Shape)}
	}
	c.set(0, Int64, s)
	return nil
}

func inferQuantize(c *Inference) error {
	d := Uint8
	if c.has(2) {
		d = c.In[2].DType
	} else if o := c.Node.IntOr("output_dtype", 0); o != 0 {
		d = DType(o)
	}
	c.set(0, d, c.In[0].Shape)
	return nil
}

func inferDequantize(c *Inference) error {
	c.set(0, c.In[1].DType, c.In[0].Shape)
	return nil
}

func inferArgMax(c *Inference) error {
	x := c.In[0].Shape
	if x == nil {
		c.set(0, Int64, nil)
		return nil
	}
	axis, err := normAxes([]int{c.Node.IntOr("axis", 0)}, len(x))
	if err != nil {
		return err
	}
	s := slices.Clone(x)
	s[axis[0]] = 1
	if c.Node.IntOr("keepdims", 1) == 0 {
		s = slices.Delete(s, axis[0], axis[0]+1)
	}
	c.set(0, Int64, s)
	return nil
}
