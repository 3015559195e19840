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
	d := scale.dtype
	if to := onnx.DType(c.node.IntOr("output_dtype", 0)); to != onnx.Undefined {
		d = to
	}
	y := newArray(d, x.shape...)
	for i, v := range x.data {
		if zero != nil {
			v -= zero.data[at[i]]
		}
		y.data[i] = v * scale.data[at[i]]
	}
	c.give(0, y)
	return nil
}

// qLinearConv convolves exactly in integers and rescales once:
// saturate(zero + round(float32(sum) * float32(xs*ws/ys))), which is ONNX
// Runtime's result to the last bit.
func qLinearConv(c *call) error {
	x, w, zy := centred(c.in[0], c.in[2], -1), centred(c.in[3], c.in[5], 0), c.in[7]
	if len(w.shape) != len(x.shape) || len(x.shape) < 3 {
		return fmt.Errorf("input %v and weight %v have different ranks", x.shape, w.shape)
	}
	win, err := readWindow(c.node, x.shape, w.shape[2:])
	if err != nil {
		return err
	}
	y, err := convolve(x, w, c.arg(8), win, c.node.IntOr("group", 1))
	if err != nil {
		return err
	}
	scales := c.in[4].data
	lo, hi := limits(zy.dtype)
	for i, sum := range y.data {
		k := i / (win.out[0] * win.out[1]) % w.shape[0] % len(scales)
		by := float32(c.in[1].data[0]) * float32(scales[k]) / float32(c.in[6].data[0])
		y.data[i] = max(lo, min(hi, math.RoundToEven(float64(float32(sum)*by))+zy.data[0]))
	}
	y.dtype = zy.dtype
	c.give(0, y.view(append([]int{x.shape[0], w.shape[0]}, win.out[4-len(x.shape):]...)...))
	return nil
}

// centred subtracts a zero point: one number, or one for each position of the
// axis.
func centred(x, zero *array, at int) *array {
	if len(zero.data) > 1 {
		shape := slices.Repeat([]int{1}, len(x.shape))
		shape[at] = len(zero.data)
		zero = zero.view(shape...)
	}
	y := combine(x, zero, func(a, b float64) float64 { return a - b })
	y.dtype = onnx.Int32
	return y
}
