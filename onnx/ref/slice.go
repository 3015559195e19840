package ref

import (
	"errors"
	"fmt"
	"slices"
)

// slice follows NumPy: negative positions count from the end, and all are
// clamped to the axis.
func slice(c *call) error {
	x := c.in[0]
	starts, _ := c.intsArg(1, "starts")
	ends, _ := c.intsArg(2, "ends")
	axes, given := c.intsArg(3, "axes")
	shape, steps, first := slices.Clone(x.shape), strides(x.shape), 0
	for i := range starts {
		at, step := i, 1
		if given {
			at = axis(axes[i], len(x.shape))
		}
		if a := c.arg(4); a != nil {
			step = a.ints()[i]
		}
		if step == 0 {
			return errors.New("a step of 0")
		}
		from, count := bounds(starts[i], ends[i], step, x.shape[at])
		first += from * steps[at]
		steps[at] *= step
		shape[at] = count
	}
	y := newArray(x.dtype, shape...)
	for i, p := range walk(shape, steps) {
		if len(y.data) > 0 {
			y.data[i] = x.data[first+p]
		}
	}
	c.give(0, y)
	return nil
}

// bounds is the first position and the number of positions of a slice.
func bounds(start, end, step, size int) (from, count int) {
	clamp := func(p, lo, hi int) int {
		if p < 0 {
			p += size
		}
		return max(lo, min(hi, p))
	}
	if step > 0 {
		from, end = clamp(start, 0, size), clamp(end, 0, size)
		return from, max(0, (end-from+step-1)/step)
	}
	from, end = clamp(start, 0, size-1), clamp(end, -1, size-1)
	return from, max(0, (from-end-step-1)/-step)
}

// padModes map a position in the padded axis to one in the input; -1 = the
// constant.
var padModes = map[string]func(p, size int) int{
	"constant": func(p, size int) int {
		if p < 0 || p >= size {
			return -1
		}
		return p
	},
	"edge": func(p, size int) int { return max(0, min(size-1, p)) },
	"reflect": func(p, size int) int {
		if size == 1 {
			return 0
		}
		for p < 0 || p >= size {
			if p < 0 {
				p = -p
			} else {
				p = 2*(size-1) - p
			}
		}
		return p
	},
}

func pad(c *call) error {
	x := c.in[0]
	pads, _ := c.intsArg(1, "pads")
	mode, ok := padModes[c.node.StrOr("mode", "constant")]
	if !ok {
		return fmt.Errorf("mode %q is not supported", c.node.StrOr("mode", ""))
	}
	fill := float64(c.node.FloatOr("value", 0))
	if v := c.arg(2); v != nil && len(v.data) > 0 {
		fill = v.data[0]
	}
	axes := make([]int, len(x.shape))
	for i := range axes {
		axes[i] = i
	}
	if a := c.arg(3); a != nil {
		axes = a.ints()
	}
	y := x
	for i, a := range axes {
		y = padAxis(y, axis(a, len(x.shape)), [2]int{pads[i], pads[len(axes)+i]}, mode, fill)
	}
	if y == x {
		y = apply(x, func(v float64) float64 { return v })
	}
	c.give(0, y)
	return nil
}

func padAxis(x *array, at int, by [2]int, mode func(p, size int) int, fill float64) *array {
	shape := slices.Clone(x.shape)
	shape[at] += by[0] + by[1]
	y := newArray(x.dtype, shape...)
	before, size, after := around(x.shape, at)
	for b := range before {
		for p := range shape[at] {
			to := y.data[(b*shape[at]+p)*after:][:after]
			if from := mode(p-by[0], size); from >= 0 {
				copy(to, x.data[(b*size+from)*after:])
				continue
			}
			for i := range to {
				to[i] = fill
			}
		}
	}
	return y
}
