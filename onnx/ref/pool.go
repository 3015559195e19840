package ref

import (
	"errors"
	"math"
	"slices"

	"hanas/onnx"
)

func globalAveragePool(c *call) error {
	x := c.in[0]
	if len(x.shape) < 3 {
		return errors.New("needs maps")
	}
	shape := slices.Clone(x.shape)
	for i := 2; i < len(shape); i++ {
		shape[i] = 1
	}
	size := onnx.Elements(x.shape[2:])
	y := newArray(x.dtype, shape...)
	for i := range y.data {
		y.data[i] = mean(x.data[i*size : (i+1)*size])
	}
	c.give(0, y)
	return nil
}

// averagePool divides by the taps inside the input, or with count_include_pad
// by those inside input and padding.
func averagePool(c *call) error {
	x := c.in[0]
	w, err := readWindow(c.node, x.shape, c.node.IntsOr("kernel_shape"))
	if err != nil {
		return err
	}
	inSize, outSize := w.in[0]*w.in[1], w.out[0]*w.out[1]
	count := make([]float64, outSize)
	w.taps(func(_, out, _, n int) {
		for j := range n {
			count[out+j]++
		}
	})
	if c.node.IntOr("count_include_pad", 0) != 0 {
		for i := range count {
			count[i] = w.padded(0, i/w.out[1]) * w.padded(1, i%w.out[1])
		}
	}
	y := newArray(x.dtype, append(slices.Clone(x.shape[:2]), w.out[4-len(x.shape):]...)...)
	for p := range x.shape[0] * x.shape[1] {
		to, from := y.data[p*outSize:(p+1)*outSize], x.data[p*inSize:(p+1)*inSize]
		w.taps(func(_, out, in, n int) {
			for j := range n {
				to[out+j] += from[in+j*w.stride[1]]
			}
		})
		for i := range to {
			to[i] /= count[i]
		}
	}
	c.give(0, y)
	return nil
}

// padded counts the taps of output o along an axis that fall inside input and
// padding; only ceil_mode leaves some outside.
func (w *window) padded(k, o int) float64 {
	n := 0
	for t := range w.kernel[k] {
		if o*w.stride[k]+t*w.dilation[k] < w.padLo[k]+w.in[k]+w.padHi[k] {
			n++
		}
	}
	return float64(n)
}

// maxPool's second output is each maximum's position in the whole input.
func maxPool(c *call) error {
	x := c.in[0]
	w, err := readWindow(c.node, x.shape, c.node.IntsOr("kernel_shape"))
	if err != nil {
		return err
	}
	if c.node.IntOr("storage_order", 0) != 0 {
		return errors.New("storage_order 1 is not supported")
	}
	inSize, outSize := w.in[0]*w.in[1], w.out[0]*w.out[1]
	shape := append(slices.Clone(x.shape[:2]), w.out[4-len(x.shape):]...)
	y, at := newArray(x.dtype, shape...), newArray(onnx.Int64, shape...)
	for i := range y.data {
		y.data[i] = math.Inf(-1)
	}
	for p := range x.shape[0] * x.shape[1] {
		w.taps(func(_, out, in, n int) {
			for j := range n {
				o, i := p*outSize+out+j, p*inSize+in+j*w.stride[1]
				if x.data[i] > y.data[o] {
					y.data[o], at.data[o] = x.data[i], float64(i)
				}
			}
		})
	}
	c.give(0, y)
	c.give(1, at)
	return nil
}
