package grad

import (
	"slices"

	"hanas/onnx"
)

// averagePoolRule divides each gradient by the number of positions that were
// averaged and spreads it over them with a transposed convolution of ones.
func averagePoolRule(c *Context) error {
	shape, err := c.Static(c.In[0])
	if err != nil {
		return err
	}
	w, err := c.window(shape, c.Out[0].Shape(), c.Node.IntsOr("kernel_shape"))
	if err != nil {
		return err
	}
	w.group = w.channels
	share := onnx.NewTensor(onnx.Float, append([]int{1, 1}, w.out...)...)
	for i, n := range w.counts(c.Node.IntOr("count_include_pad", 0) != 0) {
		share.Floats()[i] = 1 / float32(n)
	}
	ones := onnx.NewTensor(onnx.Float, append([]int{w.channels, 1}, w.kernel...)...)
	for i := range ones.Floats() {
		ones.Floats()[i] = 1
	}
	base := "grad/" + c.Node.Outputs[0]
	g := c.mul(c.Grad[0], c.B.Init(base+".share", share))
	c.Give(0, c.Op("ConvTranspose", []onnx.Value{g, c.B.Init(base+".ones", ones)},
		append(w.attrs(), onnx.Ints("output_padding", w.spare...))...))
	return nil
}

// counts is how many positions each output stands for, in row-major order.
func (w *window) counts(padded bool) []int {
	out := []int{1}
	for i := range w.in {
		next := make([]int, 0, len(out)*w.out[i])
		for _, before := range out {
			for o := range w.out[i] {
				n := 0
				for t := range w.kernel[i] {
					p := o*w.stride[i] + t*w.dilation[i] - w.lo[i]
					if padded || p >= 0 && p < w.in[i] {
						n++
					}
				}
				next = append(next, before*n)
			}
		}
		out = next
	}
	return out
}

// maxPoolRule visits the taps of the window: each takes what is left of the
// gradient where it holds the maximum, so that of equal ones the first wins.
func maxPoolRule(c *Context) error {
	shape, err := c.Static(c.In[0])
	if err != nil {
		return err
	}
	w, err := c.window(shape, c.Out[0].Shape(), c.Node.IntsOr("kernel_shape"))
	if err != nil {
		return err
	}
	low := c.B.ConstFloat("low", -3.4e38)
	pads := append(append([]int{0, 0}, w.lo...), append([]int{0, 0}, w.hi...)...)
	x := c.In[0]
	if slices.Max(pads) > 0 {
		x = c.Op("Pad", []onnx.Value{x, c.B.ConstInts("pads", pads...), low})
	}
	rest, total := c.Grad[0], onnx.Value{}
	for tap := range onnx.Elements(w.kernel) {
		at := w.position(tap)
		part := c.mul(rest, c.indicator("Equal", c.taken(w, x, at), c.Out[0]))
		rest = c.sub(rest, part)
		spreadOut := c.untaken(w, part, at, x.Shape())
		if total.IsZero() {
			total = spreadOut
		} else {
			total = c.add(total, spreadOut)
		}
	}
	for i := range w.in {
		total = c.cut(total, 2+i, w.lo[i], w.lo[i]+w.in[i], 1)
	}
	c.Give(0, total)
	return nil
}

// position is where a tap reads, relative to the window's start.
func (w *window) position(tap int) []int {
	at := make([]int, len(w.kernel))
	for i := len(at) - 1; i >= 0; i-- {
		at[i] = tap % w.kernel[i] * w.dilation[i]
		tap /= w.kernel[i]
	}
	return at
}

// taken is what one tap reads of padded maps; untaken is its adjoint.
func (c *Context) taken(w window, x onnx.Value, at []int) onnx.Value {
	for i, p := range at {
		x = c.cut(x, 2+i, p, p+(w.out[i]-1)*w.stride[i]+1, w.stride[i])
	}
	return x
}

func (c *Context) untaken(w window, v onnx.Value, at, shape []int) onnx.Value {
	before, after := make([]int, len(shape)), make([]int, len(shape))
	for i, p := range at {
		v = c.dilate(v, 2+i, w.stride[i])
		before[2+i], after[2+i] = p, shape[2+i]-p-v.Shape()[2+i]
	}
	return c.pad(v, before, after)
}
