package blocked

import "hanas/onnx"

// perImage repeats depthwise weights [C, KH*KW] for every image, in the
// kernel's filter layout [C, N/b, KH*KW, b].
func (t *tape) perImage(c *convolution, w val) val {
	k := c.kernel[0] * c.kernel[1]
	all := t.expand(t.reshape(t.lanes(w), c.x.c, 1, k*t.block), c.x.c, c.x.n/t.block, k*t.block)
	return t.reshape(all, c.x.c*c.x.n, 1, c.kernel[0], c.kernel[1])
}

func (t *tape) depthForward(c *convolution) val {
	g := c.x.c * c.x.n
	y := t.conv([]int{1, g, c.out.h, c.out.w}, []val{t.form(c.x), t.perImage(c, c.weight)},
		onnx.Int("group", g), onnx.Ints("kernel_shape", c.kernel[0], c.kernel[1]),
		onnx.Ints("strides", c.stride, c.stride), onnx.Ints("pads", c.pads[:]...))
	return t.reshape(y, c.out.c, c.out.columns())
}

// depthWeightGrad convolves the input with the result's gradient as the
// kernel: the strides of the forward pass are its dilations.
func (t *tape) depthWeightGrad(c *convolution, g row) val {
	n := c.x.c * c.x.n
	end := func(k, out, in, pad int) int { return k - 1 + (out-1)*c.stride + 1 - in - pad }
	bottom := end(c.kernel[0], c.out.h, c.x.h, c.pads[0])
	right := end(c.kernel[1], c.out.w, c.x.w, c.pads[1])
	x := t.form(c.x)
	if bottom < 0 || right < 0 { // rows at the end that no position of the kernel reached
		h, w := c.x.h+min(0, bottom), c.x.w+min(0, right)
		cut := t.slice(t.grid(c.x), []int{0, 0}, []int{h, w}, []int{2, 3}, []int{1, 1})
		x = t.reshape(cut, 1, n, h, w)
	}
	d := t.conv([]int{1, n, c.kernel[0], c.kernel[1]}, []val{x, t.reshape(g.v, n, 1, g.h, g.w)},
		onnx.Int("group", n), onnx.Ints("kernel_shape", g.h, g.w), onnx.Ints("dilations", c.stride, c.stride),
		onnx.Ints("pads", c.pads[0], c.pads[1], max(0, bottom), max(0, right)))
	k := c.kernel[0] * c.kernel[1]
	return t.sum(t.reshape(d, c.x.c, c.x.n/t.block, k, t.block), 1, 3)
}

// depthInputGrad convolves the gradient, spread by the stride, with the
// kernel w [C, KH*KW] turned round.
func (t *tape) depthInputGrad(c *convolution, g row, w val) val {
	k := c.kernel[0] * c.kernel[1]
	turned := t.op("Slice", w.shape, []val{w, t.ints(k - 1), t.ints(-k - 1), t.ints(1), t.ints(-1)})
	up := t.grid(g)
	if c.stride > 1 {
		up = t.upsample(up, c.stride)
	}
	h, wd := up.shape[2], up.shape[3]
	top, left := c.kernel[0]-1-c.pads[0], c.kernel[1]-1-c.pads[1]
	bottom, right := c.x.h-h-top+c.kernel[0]-1, c.x.w-wd-left+c.kernel[1]-1
	if bottom < 0 || right < 0 { // zeros of the upsampling that lie beyond the input
		up = t.slice(up, []int{0, 0}, []int{h + min(0, bottom), wd + min(0, right)}, []int{2, 3}, []int{1, 1})
		h, wd = up.shape[2], up.shape[3]
	}
	n := c.x.c * c.x.n
	d := t.conv([]int{1, n, c.x.h, c.x.w}, []val{t.reshape(up, 1, n, h, wd), t.perImage(c, turned)},
		onnx.Int("group", n), onnx.Ints("kernel_shape", c.kernel[0], c.kernel[1]),
		onnx.Ints("pads", top, left, max(0, bottom), max(0, right)))
	return t.reshape(d, c.x.c, c.x.columns())
}
