package ref

import (
	"math"
	"slices"

	"hanas/onnx"
)

func sum(v []float64) float64 {
	s := 0.0
	for _, x := range v {
		s += x
	}
	return s
}

func mean(v []float64) float64 { return sum(v) / float64(len(v)) }

func sumSquare(v []float64) float64 {
	s := 0.0
	for _, x := range v {
		s += x * x
	}
	return s
}

// largest and smallest take NaN over numbers, as max and min do.
func largest(v []float64) float64 {
	s := math.Inf(-1)
	for _, x := range v {
		s = max(s, x)
	}
	return s
}

func smallest(v []float64) float64 {
	s := math.Inf(1)
	for _, x := range v {
		s = min(s, x)
	}
	return s
}

// reduce applies f to the elements along some axes: an attribute in old
// opsets, an input in new ones, all axes by default.
func reduce(f func([]float64) float64) kernel {
	return func(c *call) error {
		x := c.in[0]
		axes, _ := c.intsArg(1, "axes")
		if len(axes) == 0 && c.node.IntOr("noop_with_empty_axes", 0) != 0 {
			c.give(0, apply(x, func(v float64) float64 { return f([]float64{v}) }))
			return nil
		}
		drop := make([]bool, len(x.shape))
		for i := range drop {
			drop[i] = len(axes) == 0
		}
		for _, a := range axes {
			drop[axis(a, len(x.shape))] = true
		}
		c.give(0, fold(x, drop, c.node.IntOr("keepdims", 1) != 0, f))
		return nil
	}
}

// fold moves the dropped axes to the end and applies f to each run of them.
func fold(x *array, drop []bool, keep bool, f func([]float64) float64) *array {
	var kept, gone, shape []int
	for i, d := range drop {
		if !d {
			kept = append(kept, i)
			shape = append(shape, x.shape[i])
			continue
		}
		gone = append(gone, i)
		if keep {
			shape = append(shape, 1)
		}
	}
	x = permute(x, append(slices.Clone(kept), gone...))
	size := onnx.Elements(x.shape[len(kept):])
	y := newArray(x.dtype, shape...)
	for i := range y.data {
		y.data[i] = f(x.data[i*size : (i+1)*size])
	}
	return y
}

// argMax takes the first of equal maxima unless select_last_index says the last.
func argMax(c *call) error {
	last := c.node.IntOr("select_last_index", 0) != 0
	drop := make([]bool, len(c.in[0].shape))
	drop[axis(c.node.IntOr("axis", 0), len(drop))] = true
	y := fold(c.in[0], drop, c.node.IntOr("keepdims", 1) != 0, func(v []float64) float64 {
		at := 0
		for i, x := range v {
			if x > v[at] || last && x == v[at] {
				at = i
			}
		}
		return float64(at)
	})
	y.dtype = onnx.Int64
	c.give(0, y)
	return nil
}
