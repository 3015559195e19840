package onnx

import (
	"fmt"
	"slices"
	"strings"
)

// Type rules of convolutions and pools. Sizes follow
// docs/Operators.md; symbolic sizes (-1) stay symbolic.

// window slides a kernel over one axis.
type window struct{ size, kernel, stride, dilation, padLo, padHi int }

// count is the number of positions of the window. With ceil the last one may
// hang over the end, but must start inside the input or the padding before it.
func (w window) count(ceil bool) int {
	if w.size < 0 {
		return -1
	}
	room := w.size + w.padLo + w.padHi - (w.dilation*(w.kernel-1) + 1)
	if room < 0 {
		return 0
	}
	n := room/w.stride + 1
	if ceil && room%w.stride > 0 && n*w.stride < w.size+w.padLo {
		n++
	}
	return n
}

// windows reads the geometry attributes for input sizes x (without batch and
// channels).
func (c *Inference) windows(x, kernel []int) ([]window, error) {
	n := len(x)
	if len(kernel) != n {
		return nil, fmt.Errorf("kernel %v does not fit %d spatial axes", kernel, n)
	}
	strides, err := c.perAxis("strides", n, 1)
	if err != nil {
		return nil, err
	}
	dilations, err := c.perAxis("dilations", n, 1)
	if err != nil {
		return nil, err
	}
	pads, err := c.perAxis("pads", 2*n, 0)
	if err != nil {
		return nil, err
	}
	out := make([]window, n)
	for i := range out {
		if strides[i] < 1 || dilations[i] < 1 || kernel[i] < 1 {
			return nil, fmt.Errorf("kernel %v, strides %v and dilations %v must be positive", kernel, strides, dilations)
		}
		out[i] = window{x[i], kernel[i], strides[i], dilations[i], pads[i], pads[n+i]}
	}
	return out, nil
}

// slide is the spatial shape after a convolution or pool.
func (c *Inference) slide(x, kernel []int) ([]int, error) {
	ws, err := c.windows(x, kernel)
	if err != nil {
		return nil, err
	}
	out := make([]int, len(ws))
	for i, w := range ws {
		switch auto := c.attr("auto_pad").S; auto {
		case "NOTSET", "", "VALID":
			if auto == "VALID" {
				w.padLo, w.padHi = 0, 0
			}
			out[i] = w.count(c.int("ceil_mode") != 0)
		case "SAME_UPPER", "SAME_LOWER":
			out[i] = -1
			if w.size >= 0 {
				out[i] = (w.size + w.stride - 1) / w.stride
			}
		default:
			return nil, fmt.Errorf("auto_pad %q is unknown", auto)
		}
		if out[i] == 0 {
			return nil, fmt.Errorf("kernel %v is larger than the padded input %v", kernel, x)
		}
	}
	return out, nil
}

// convolve is the shape of a convolution of x with weights w [M, C/group, k...];
// nil when an input's rank is unknown.
func (c *Inference) convolve(x, w []int, bias int) ([]int, error) {
	if x == nil || w == nil {
		return nil, nil
	}
	if len(x) < 3 || len(w) != len(x) {
		return nil, fmt.Errorf("input has rank %d, weight rank %d", len(x), len(w))
	}
	group := c.int("group")
	if group < 1 || x[1] >= 0 && w[1] >= 0 && x[1] != w[1]*group || w[0] >= 0 && w[0]%group != 0 {
		return nil, fmt.Errorf("%d channels do not fit weight %v in %d groups", x[1], w, group)
	}
	if err := c.biasFits(bias, w[0]); err != nil {
		return nil, err
	}
	if k := c.Node.IntsOr("kernel_shape"); len(k) > 0 && !slices.Equal(k, w[2:]) {
		return nil, fmt.Errorf("kernel_shape %v does not fit weight %v", k, w)
	}
	s, err := c.slide(x[2:], w[2:])
	if err != nil {
		return nil, err
	}
	return append([]int{x[0], w[0]}, s...), nil
}

// biasFits wants the vector input i, if present, to have one value a channel.
func (c *Inference) biasFits(i, channels int) error {
	if !c.has(i) || c.In[i].Shape == nil {
		return nil
	}
	if s := c.In[i].Shape; len(s) != 1 || s[0] >= 0 && channels >= 0 && s[0] != channels {
		return fmt.Errorf("input %d %v does not fit %d channels", i, s, channels)
	}
	return nil
}

func inferConv(c *Inference) error {
	if err := c.sameTypes(1); err != nil {
		return err
	}
	s, err := c.convolve(c.In[0].Shape, c.In[1].Shape, 2)
	if err != nil {
		return err
	}
	return c.out(0, c.In[0].DType, s)
}

// inferConvBlocked is inferConv with a fourth input that is added to the result.
func inferConvBlocked(c *Inference) error {
	if x := c.In[0].Shape; x != nil && len(x) != 4 {
		return fmt.Errorf("input has rank %d, needs 4", len(x))
	}
	if err := c.sameTypes(1); err != nil {
		return err
	}
	s, err := c.convolve(c.In[0].Shape, c.In[1].Shape, 2)
	if err != nil {
		return err
	}
	if c.has(3) && s != nil && c.In[3].Shape != nil && !compatible(s, c.In[3].Shape) {
		return fmt.Errorf("the sum %v does not have the shape %v of the result", c.In[3].Shape, s)
	}
	return c.out(0, c.In[0].DType, s)
}

// compatible says whether two shapes can be the same when the graph runs.
func compatible(a, b []int) bool {
	return slices.EqualFunc(a, b, func(x, y int) bool { return x == y || x < 0 || y < 0 })
}

func inferQLinearConv(c *Inference) error {
	if err := c.needType(8, Int32); err != nil {
		return err
	}
	s, err := c.convolve(c.In[0].Shape, c.In[3].Shape, 8)
	if err != nil {
		return err
	}
	return c.out(0, c.In[7].DType, s)
}

func inferConvTranspose(c *Inference) error {
	if err := c.sameTypes(1); err != nil {
		return err
	}
	x, w := c.In[0].Shape, c.In[1].Shape
	if x == nil || w == nil {
		return c.out(0, c.In[0].DType, nil)
	}
	group := c.int("group")
	if len(x) < 3 || len(w) != len(x) || group < 1 || x[1] >= 0 && w[0] >= 0 && x[1] != w[0] {
		return fmt.Errorf("input %v does not fit weight %v in %d groups", x, w, group)
	}
	out := []int{x[0], -1}
	if w[1] >= 0 {
		out[1] = w[1] * group
	}
	if err := c.biasFits(2, out[1]); err != nil {
		return err
	}
	n := len(x) - 2
	ws, err := c.windows(x[2:], w[2:])
	if err != nil {
		return err
	}
	extra, err := c.perAxis("output_padding", n, 0)
	if err != nil {
		return err
	}
	if stated := c.Node.IntsOr("output_shape"); len(stated) == n {
		return c.out(0, c.In[0].DType, append(out, stated...))
	}
	for i, k := range ws {
		size := k.stride*(k.size-1) + extra[i] + k.dilation*(k.kernel-1) + 1 - k.padLo - k.padHi
		if strings.HasPrefix(c.attr("auto_pad").S, "SAME") {
			size = k.size * k.stride
		}
		if k.size < 0 {
			size = -1
		} else if size < 1 {
			return fmt.Errorf("result has a size of %d", size)
		}
		out = append(out, size)
	}
	return c.out(0, c.In[0].DType, out)
}

func inferPool(c *Inference) error {
	x := c.In[0].Shape
	if x == nil {
		_ = c.out(1, Int64, nil)
		return c.out(0, c.In[0].DType, nil)
	}
	if len(x) < 3 {
		return fmt.Errorf("input has rank %d, needs 3 or more", len(x))
	}
	s, err := c.slide(x[2:], c.Node.IntsOr("kernel_shape"))
	if err != nil {
		return err
	}
	out := append([]int{x[0], x[1]}, s...)
	if err := c.out(1, Int64, out); err != nil {
		return err
	}
	return c.out(0, c.In[0].DType, out)
}

func inferGlobalPool(c *Inference) error {
	x := c.In[0].Shape
	if x == nil {
		return c.out(0, c.In[0].DType, nil)
	}
	if len(x) < 3 {
		return fmt.Errorf("input has rank %d, needs 3 or more", len(x))
	}
	s := slices.Clone(x)
	for i := 2; i < len(s); i++ {
		s[i] = 1
	}
	return c.out(0, c.In[0].DType, s)
}
