package onnx

import (
	"fmt"
	"slices"
)

// Type rules of operators that move or cut elements.

func inferReshape(c *Inference) error {
	x, d, want := c.In[0].Shape, c.In[0].DType, c.content(1)
	if err := c.needType(1, Int64); err != nil {
		return err
	}
	if want == nil {
		if s := c.In[1].Shape; len(s) == 1 && s[0] >= 0 && s[0] <= maxRank {
			return c.out(0, d, slices.Repeat([]int{-1}, s[0])) // at least the rank is known
		}
		return c.out(0, d, nil)
	}
	s, err := reshaped(x, want, c.int("allowzero") != 0)
	if err != nil {
		return err
	}
	return c.out(0, d, s)
}

// reshaped applies a wanted shape to x: 0 copies a size, -1 is what is left.
// Symbolic sizes that are copied cancel out.
func reshaped(x, want []int, allowZero bool) ([]int, error) {
	out := slices.Clone(want)
	wild, copied := -1, 0 // place of the -1, and copied symbolic sizes
	open := x == nil      // whether a size is lost
	for i, size := range want {
		switch {
		case size == unknown:
			out[i], open = -1, true
		case size == -1 && wild < 0:
			wild = i
		case size < 0:
			return nil, fmt.Errorf("cannot reshape to %v", want)
		case size == 0 && !allowZero:
			if x == nil {
				out[i] = -1
				continue
			}
			if i >= len(x) {
				return nil, fmt.Errorf("cannot reshape %v to %v", x, want)
			}
			if out[i] = x[i]; x[i] < 0 {
				copied++
			}
		}
	}
	if open {
		return out, nil
	}
	left := 0
	for _, size := range x {
		if size < 0 {
			left++
		}
	}
	if left != copied { // a symbolic size is spread over the rest
		return out, nil
	}
	fixed := func(s []int) int {
		return product(slices.DeleteFunc(slices.Clone(s), func(v int) bool { return v < 0 }))
	}
	have, used := fixed(x), fixed(out)
	switch {
	case have < 0 || used < 0:
	case wild >= 0 && used > 0 && have%used == 0:
		out[wild] = have / used
	case wild >= 0 || have != used:
		return nil, fmt.Errorf("cannot reshape %v to %v", x, want)
	}
	return out, nil
}

func inferFlatten(c *Inference) error {
	x := c.In[0].Shape
	if x == nil {
		return c.out(0, c.In[0].DType, []int{-1, -1})
	}
	axis := c.int("axis")
	if axis < 0 {
		axis += len(x)
	}
	if axis < 0 || axis > len(x) {
		return fmt.Errorf("axis %d does not fit rank %d", axis, len(x))
	}
	return c.out(0, c.In[0].DType, []int{product(x[:axis]), product(x[axis:])})
}

func inferTranspose(c *Inference) error {
	x := c.In[0].Shape
	if x == nil {
		return c.out(0, c.In[0].DType, nil)
	}
	perm := c.Node.IntsOr("perm")
	out := slices.Clone(x)
	if len(perm) == 0 {
		slices.Reverse(out)
		return c.out(0, c.In[0].DType, out)
	}
	if slices.Min(perm) < 0 || len(perm) != len(x) {
		return fmt.Errorf("perm %v does not fit rank %d", perm, len(x))
	}
	if _, err := normAxes(perm, len(x)); err != nil {
		return fmt.Errorf("perm %v does not fit rank %d", perm, len(x))
	}
	for i, p := range perm {
		out[i] = x[p]
	}
	return c.out(0, c.In[0].DType, out)
}

func inferSqueeze(c *Inference) error {
	x, d := c.In[0].Shape, c.In[0].DType
	axes, given := c.list("axes")
	if x == nil || given && axes == nil || !given && slices.Contains(x, -1) {
		return c.out(0, d, nil)
	}
	for i, size := range x {
		if !given && size == 1 {
			axes = append(axes, i)
		}
	}
	axes, err := normAxes(axes, len(x))
	if err != nil {
		return err
	}
	for _, a := range axes {
		if x[a] > 1 || x[a] == 0 {
			return fmt.Errorf("cannot squeeze axis %d of %v", a, x)
		}
	}
	return c.out(0, d, reduced(x, axes, false))
}

func inferUnsqueeze(c *Inference) error {
	x := c.In[0].Shape
	axes, _ := c.list("axes")
	if x == nil || axes == nil {
		return c.out(0, c.In[0].DType, nil)
	}
	axes, err := normAxes(axes, len(x)+len(axes))
	if err != nil {
		return err
	}
	out := slices.Clone(x)
	for _, a := range axes {
		out = slices.Insert(out, a, 1)
	}
	return c.out(0, c.In[0].DType, out)
}

func inferConcat(c *Inference) error {
	if err := c.sameTypes(1); err != nil {
		return err
	}
	d := c.In[0].DType
	for _, in := range c.In {
		if in.Shape == nil {
			return c.out(0, d, nil)
		}
	}
	out := slices.Clone(c.In[0].Shape)
	axis, err := c.axis("axis", len(out))
	if err != nil {
		return err
	}
	for i, in := range c.In[1:] {
		if len(in.Shape) != len(out) {
			return fmt.Errorf("input %d has rank %d, input 0 rank %d", i+1, len(in.Shape), len(out))
		}
		for k, size := range in.Shape {
			switch {
			case k == axis && (size < 0 || out[k] < 0):
				out[k] = -1
			case k == axis:
				out[k] += size
			case out[k] < 0:
				out[k] = size
			case size >= 0 && size != out[k]:
				return fmt.Errorf("input %d %v does not fit %v along axis %d", i+1, in.Shape, out, axis)
			}
		}
	}
	return c.out(0, d, out)
}

func inferSplit(c *Inference) error {
	x, d := c.In[0].Shape, c.In[0].DType
	sizes, given := c.list("split")
	if n := c.int("num_outputs"); n != 0 && n != len(c.Out) {
		return fmt.Errorf("num_outputs is %d, the node has %d outputs", n, len(c.Out))
	}
	if x == nil || len(c.Out) > maxContent {
		for i := range c.Out {
			_ = c.out(i, d, nil)
		}
		return nil
	}
	axis, err := c.axis("axis", len(x))
	if err != nil {
		return err
	}
	switch {
	case !given:
		if sizes, err = c.equalParts(x[axis]); err != nil {
			return err
		}
	case sizes == nil:
		sizes = slices.Repeat([]int{-1}, len(c.Out))
	default:
		if total := product(x[axis : axis+1]); len(sizes) != len(c.Out) || slices.Min(sizes) < 0 || total >= 0 && sum(sizes) != total {
			return fmt.Errorf("cannot split %d into %v for %d outputs", x[axis], sizes, len(c.Out))
		}
	}
	for i := range c.Out {
		s := slices.Clone(x)
		s[axis] = sizes[i]
		if err := c.out(i, d, s); err != nil {
			return err
		}
	}
	return nil
}

// equalParts divides a size among the outputs; from opset 18 on the last part
// may be smaller.
func (c *Inference) equalParts(size int) ([]int, error) {
	n := len(c.Out)
	if size < 0 {
		return slices.Repeat([]int{-1}, n), nil
	}
	part := (size + n - 1) / n
	last := size - part*(n-1)
	if last < 0 || last != part && c.Opset < 18 {
		return nil, fmt.Errorf("cannot split %d into %d equal parts", size, n)
	}
	return append(slices.Repeat([]int{part}, n-1), last), nil
}

func sum(v []int) int {
	n := 0
	for _, x := range v {
		n += x
	}
	return n
}

func inferSlice(c *Inference) error {
	x, d := c.In[0].Shape, c.In[0].DType
	starts, _ := c.list("starts")
	ends, _ := c.list("ends")
	axes, given := c.list("axes")
	steps := c.known(4)
	if x == nil || given && axes == nil || c.has(4) && steps == nil {
		return c.out(0, d, nil)
	}
	if starts == nil || ends == nil {
		if !given {
			return c.out(0, d, slices.Repeat([]int{-1}, len(x)))
		}
		starts, ends = nil, nil
	}
	for i := range starts {
		if !given {
			axes = append(axes, i)
		}
	}
	if !c.has(4) {
		steps = slices.Repeat([]int{1}, len(axes))
	}
	if len(steps) != len(axes) || starts != nil && (len(starts) != len(axes) || len(ends) != len(axes)) {
		return fmt.Errorf("starts %v, ends %v, axes %v and steps %v differ in length", starts, ends, axes, steps)
	}
	if _, err := normAxes(axes, len(x)); err != nil {
		return err
	}
	out := slices.Clone(x)
	for i, a := range axes {
		a = (a + len(x)) % len(x)
		if steps[i] == 0 {
			return fmt.Errorf("step %d is 0", i)
		}
		if x[a] < 0 || starts == nil {
			out[a] = -1
			continue
		}
		lo, hi := SliceBounds(starts[i], ends[i], steps[i], x[a])
		out[a] = ceilDiv(hi-lo, steps[i])
	}
	return c.out(0, d, out)
}

// ceilDiv is how many steps fit into a distance: n/d rounded up, at least 0.
func ceilDiv(n, d int) int {
	if d < 0 {
		n, d = -n, -d
	}
	if n <= 0 {
		return 0
	}
	return (n-1)/d + 1
}

// SliceBounds clamps the start and end of a Slice along an axis of the given
// size, as the operator does: elements lo, lo+step, … before hi (after hi, for
// a negative step) are taken.
func SliceBounds(start, end, step, size int) (lo, hi int) {
	if start < 0 {
		start += size
	}
	if end < 0 {
		end += size
	}
	if step > 0 {
		return min(max(start, 0), size), min(max(end, 0), size)
	}
	return min(max(start, 0), size-1), min(max(end, -1), size-1)
}

func inferPad(c *Inference) error {
	x, d := c.In[0].Shape, c.In[0].DType
	pads, _ := c.list("pads")
	axes := c.known(3)
	if x == nil || pads == nil || c.has(3) && axes == nil {
		if x != nil {
			x = slices.Repeat([]int{-1}, len(x))
		}
		return c.out(0, d, x)
	}
	if !c.has(3) {
		for i := range x {
			axes = append(axes, i)
		}
	}
	if _, err := normAxes(axes, len(x)); err != nil {
		return err
	}
	if len(pads) != 2*len(axes) {
		return fmt.Errorf("%d pads for %d axes", len(pads), len(axes))
	}
	out := slices.Clone(x)
	for i, a := range axes {
		a = (a + len(x)) % len(x)
		if x[a] < 0 {
			continue
		}
		if out[a] += pads[i] + pads[len(axes)+i]; out[a] < 0 {
			return fmt.Errorf("pads %v leave a size of %d", pads, out[a])
		}
	}
	return c.out(0, d, out)
}
