package grad

import (
	"fmt"
	"slices"

	"hanas/onnx"
)

// window is the geometry of a convolution or pool, one entry a spatial axis:
// output position o reads input position o*stride + tap*dilation - lo.
type window struct {
	in, out, kernel   []int
	stride, dilation  []int
	lo, hi            []int
	spare             []int // input positions, padding included, past the last tap
	channels, filters int
	batch, group      int
}

// window reads the attributes of the node that maps large [N,C,...] to small
// [N,O,...]; for a transposed convolution these are its output and input.
func (c *Context) window(large, small []int, kernel []int) (window, error) {
	n := len(large) - 2
	if mode := c.Node.StrOr("auto_pad", "NOTSET"); mode != "NOTSET" && mode != "VALID" {
		return window{}, fmt.Errorf("auto_pad %s is not supported (state the pads)", mode)
	}
	if n < 1 || len(kernel) != n || c.Node.IntOr("ceil_mode", 0) != 0 {
		return window{}, fmt.Errorf("input %v with window %v (or ceil_mode) is not supported", large, kernel)
	}
	ones := slices.Repeat([]int{1}, n)
	pads := c.Node.IntsOr("pads", make([]int, 2*n)...)
	w := window{
		in: large[2:], out: small[2:], kernel: kernel,
		stride: c.Node.IntsOr("strides", ones...), dilation: c.Node.IntsOr("dilations", ones...),
		lo: pads[:n], hi: pads[n:], spare: make([]int, n),
		channels: large[1], filters: small[1], batch: large[0], group: c.Node.IntOr("group", 1),
	}
	for i := range n {
		w.spare[i] = w.in[i] + w.lo[i] + w.hi[i] - w.stride[i]*(w.out[i]-1) - w.dilation[i]*(kernel[i]-1) - 1
	}
	return w, nil
}

func (w *window) attrs() []onnx.Attr {
	return []onnx.Attr{
		onnx.Ints("strides", w.stride...), onnx.Ints("dilations", w.dilation...),
		onnx.Ints("pads", append(slices.Clone(w.lo), w.hi...)...), onnx.Int("group", w.group),
	}
}

// pointwise says whether the window is one position, without padding.
func (w *window) pointwise() bool {
	return onnx.Elements(w.kernel) == 1 && slices.Max(w.lo) == 0 && slices.Max(w.hi) == 0
}

func convRule(c *Context) error {
	x, weight, g := c.In[0], c.In[1], c.Grad[0]
	large, err := c.Static(x)
	if err != nil {
		return err
	}
	w, err := c.window(large, c.Out[0].Shape(), weight.Shape()[2:])
	if err != nil {
		return err
	}
	if c.Needs(0) {
		c.Give(0, c.convInput(w, weight, g))
	}
	if c.Needs(1) {
		c.Give(1, c.convWeight(w, x, g))
	}
	if c.Needs(2) {
		c.Give(2, c.sum(g, others(len(large), 1)...))
	}
	return nil
}

// convTransposeRule: a transposed convolution maps the small maps to the large
// ones, so the roles of input and gradient are exchanged.
func convTransposeRule(c *Context) error {
	x, weight, g := c.In[0], c.In[1], c.Grad[0]
	small, err := c.Static(x)
	if err != nil {
		return err
	}
	w, err := c.window(c.Out[0].Shape(), small, weight.Shape()[2:])
	if err != nil {
		return err
	}
	if c.Needs(0) {
		y := c.Op("Conv", []onnx.Value{g, weight}, w.attrs()...)
		for i, n := range w.out { // output_padding may have made room for one more
			y = c.cut(y, 2+i, 0, n, 1)
		}
		c.Give(0, y)
	}
	if c.Needs(1) {
		c.Give(1, c.convWeight(w, g, x))
	}
	if c.Needs(2) {
		c.Give(2, c.sum(g, others(len(small), 1)...))
	}
	return nil
}

// convInput is the gradient of a convolution's input. Without strides it is a
// convolution with the mirrored weights, which ONNX Runtime runs 2-3 times as
// fast as ConvTranspose; that one serves the rest.
func (c *Context) convInput(w window, weight, g onnx.Value) onnx.Value {
	if w.pointwise() {
		v := c.Op("Conv", []onnx.Value{g, c.mirror(w, weight)}, onnx.Int("group", w.group))
		for i := range w.in {
			v = c.dilate(v, 2+i, w.stride[i])
		}
		after := append([]int{0, 0}, w.spare...)
		return c.pad(v, make([]int, len(after)), after)
	}
	n := len(w.in)
	pads := make([]int, 2*n)
	for i := range n {
		span := w.dilation[i] * (w.kernel[i] - 1)
		pads[i], pads[n+i] = span-w.lo[i], span-w.hi[i]
	}
	if slices.Max(w.stride) == 1 && slices.Min(pads) >= 0 {
		return c.Op("Conv", []onnx.Value{g, c.mirror(w, weight)}, onnx.Int("group", w.group),
			onnx.Ints("dilations", w.dilation...), onnx.Ints("pads", pads...))
	}
	return c.Op("ConvTranspose", []onnx.Value{g, weight}, append(w.attrs(), onnx.Ints("output_padding", w.spare...))...)
}

// mirror turns weights [O,C/group,...] into those of the reverse convolution,
// [C,O/group,...], with all spatial axes reversed.
func (c *Context) mirror(w window, weight onnx.Value) onnx.Value {
	n := len(w.kernel)
	var starts, ends, axes, steps []int
	for i, k := range w.kernel {
		if k > 1 {
			starts, ends, axes, steps = append(starts, k-1), append(ends, -k-1), append(axes, 2+i), append(steps, -1)
		}
	}
	if len(axes) > 0 {
		weight = c.Op("Slice", []onnx.Value{
			weight, c.B.ConstInts("start", starts...), c.B.ConstInts("end", ends...),
			c.B.ConstInts("axis", axes...), c.B.ConstInts("step", steps...),
		})
	}
	per, filters := w.channels/w.group, w.filters/w.group
	if per == 1 && filters == 1 {
		return weight
	}
	perm := []int{0, 2, 1}
	for i := range n {
		perm = append(perm, 3+i)
	}
	v := c.transpose(c.reshape(weight, append([]int{w.group, filters, per}, w.kernel...)), perm...)
	return c.reshape(v, append([]int{w.channels, filters}, w.kernel...))
}

// convWeight is the gradient of a convolution's weights.
func (c *Context) convWeight(w window, x, g onnx.Value) onnx.Value {
	switch {
	case w.pointwise() && w.group == 1:
		return c.pointWeight(w, x, g)
	case w.group == w.channels && w.group == w.filters:
		return c.depthWeight(w, x, g)
	}
	return c.fullWeight(w, x, g)
}

// pointWeight: one product [O, N*HW] [N*HW, C].
func (c *Context) pointWeight(w window, x, g onnx.Value) onnx.Value {
	for i, s := range w.stride {
		x = c.cut(x, 2+i, 0, (w.out[i]-1)*s+1, s)
	}
	perm := []int{1, 0}
	for i := range w.in {
		perm = append(perm, 2+i)
	}
	v := c.gemm(c.reshape(c.transpose(g, perm...), []int{w.filters, -1}),
		c.reshape(c.transpose(x, perm...), []int{w.channels, -1}), false, true, 1)
	return c.reshape(v, append([]int{w.filters, w.channels}, w.kernel...))
}

// depthWeight convolves each map of each image with its gradient as the kernel,
// then sums over the images. Of the portable forms measured (one group an
// image and channel, one a channel, tap by tap, row products, im2col) it takes
// at most 1.6 times the best one's time at eight shapes of kernel 3 and 5, stride
// 1 and 2, and serves them all.
func (c *Context) depthWeight(w window, x, g onnx.Value) onnx.Value {
	maps := w.batch * w.channels
	x = c.reshape(x, append([]int{1, maps}, w.in...))
	g = c.reshape(g, append([]int{maps, 1}, w.out...))
	v := c.correlate(w, x, g, maps)
	v = c.sum(c.reshape(v, append([]int{w.batch, w.channels}, w.kernel...)), 0)
	return c.reshape(v, append([]int{w.channels, 1}, w.kernel...))
}

// fullWeight: exchange images and channels, so that a convolution sums over
// the images: input [C/group, group*N, ...], kernel [O, N, ...].
func (c *Context) fullWeight(w window, x, g onnx.Value) onnx.Value {
	n, per, filters := len(w.in), w.channels/w.group, w.filters/w.group
	perm := func(p ...int) []int {
		for i := range n {
			p = append(p, 3+i)
		}
		return p
	}
	x = c.transpose(c.reshape(x, append([]int{w.batch, w.group, per}, w.in...)), perm(2, 1, 0)...)
	x = c.reshape(x, append([]int{per, w.group * w.batch}, w.in...))
	g = c.transpose(c.reshape(g, append([]int{w.batch, w.group, filters}, w.out...)), perm(1, 2, 0)...)
	g = c.reshape(g, append([]int{w.filters, w.batch}, w.out...))
	swap := []int{1, 0}
	for i := range n {
		swap = append(swap, 2+i)
	}
	return c.transpose(c.correlate(w, x, g, w.group), swap...)
}

// correlate slides g over x, one step a tap of the window: strides and
// dilations change places. What the window leaves over at the end is taken
// from the padding, or cut off the result.
func (c *Context) correlate(w window, x, g onnx.Value, group int) onnx.Value {
	n := len(w.in)
	hi := make([]int, n)
	for i := range n {
		hi[i] = max(0, w.hi[i]-w.spare[i])
	}
	v := c.Op("Conv", []onnx.Value{x, g}, onnx.Int("group", group), onnx.Ints("strides", w.dilation...),
		onnx.Ints("dilations", w.stride...), onnx.Ints("pads", append(slices.Clone(w.lo), hi...)...))
	for i, k := range w.kernel {
		v = c.cut(v, 2+i, 0, k, 1)
	}
	return v
}
