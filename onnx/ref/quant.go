package ref

import (
	"fmt"
	"math"
	"slices"

	"hanas/onnx"
)

// scales says which scale and zero point each element of x has: one for all, a
// vector along an axis, or with block_size one for each block along the axis.
func scales(c *call) (at []int, err error) {
	x, scale := c.in[0], c.in[1]
	if len(scale.data) == 1 {
		return make([]int, len(x.data)), nil
	}
	k := axis(c.node.IntOr("axis", 1), len(x.shape))
	block := c.node.IntOr("block_size", 0)
	want := []int{x.shape[k]}
	if block > 0 {
		want = slices.Clone(x.shape)
		want[k] = (x.shape[k] + block - 1) / block
	}
	if !slices.Equal(scale.shape, want) {
		return nil, fmt.Errorf("scales %v do not fit input %v along axis %d (want %v)", scale.shape, x.shape, k, want)
	}
	before, size, after := around(x.shape, k)
	at = make([]int, 0, len(x.data))
	for b := range before {
		for i := range size {
			for a := range after {
				p := i
				if block > 0 {
					p = (b*want[k]+i/block)*after + a
				}
				at = append(at, p)
			}
		}
	}
	return at, nil
}

// quantize is saturate(round(x/scale) + zero point), rounding half to even.
// The quotient is a float32 unless Settings.Float64 is set, as it is in every
// engine that quantises floats: ties are decided by that.
func quantize(c *call) error {
	at, err := scales(c)
	if err != nil {
		return err
	}
	d := onnx.DType(c.node.IntOr("output_dtype", 0))
	zero := c.arg(2)
	if zero != nil {
		d = zero.dtype
	} else if d == onnx.Undefined {
		d = onnx.Uint8
	}
	x, scale := c.in[0], c.in[1]
	y := newArray(d, x.shape...)
	lo, hi := limits(d)
	for i, v := range x.data {
		q := v / scale.data[at[i]]
		if !c.set.Float64 {
			q = float64(float32(q))
		}
		q = math.RoundToEven(q)
		if zero != nil {
			q += zero.data[at[i]]
		}
		y.data[i] = max(lo, min(hi, q))
	}
	c.give(0, y)
	return nil
}

// dequantize is (x - zero point) * scale.
func dequantize(c *call) error {
	at, err := scales(c)
	if err != nil {
		return err
	}
	x, scale, zero := c.in[0], c.in[1], c.arg(2)
	y := newArray(scale.dtype, x.shape...)
	for i, v := range x.data {
		if zero != nil {
			v -= zero.data[at[i]]
		}
		y.data[i] = v * scale.data[at[i]]
	}
	c.give(0, y)
	return nil
}
