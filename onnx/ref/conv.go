package ref

import (
	"fmt"
	"slices"

	"hanas/onnx"
)

// window is the geometry of a convolution or pool over maps of two axes; maps
// of one axis count as maps of height 1.
type window struct {
	kernel, stride, dilation [2]int
	padLo, padHi             [2]int
	in, out                  [2]int
}

// readWindow reads the attributes of a node over spatial sizes; x is the
// input's shape of 3 or 4 axes, kernel the window's sizes.
func readWindow(n *onnx.Node, x, kernel []int) (window, error) {
	axes := len(x) - 2
	if axes < 1 || axes > 2 || len(kernel) != axes {
		return window{}, fmt.Errorf("input %v with window %v is not supported (one or two spatial axes)", x, kernel)
	}
	strides, dilations := n.IntsOr("strides", 1, 1), n.IntsOr("dilations", 1, 1)
	pads := n.IntsOr("pads", make([]int, 2*axes)...)
	w := window{kernel: [2]int{1, 1}, stride: [2]int{1, 1}, dilation: [2]int{1, 1}, in: [2]int{1, 1}, out: [2]int{1, 1}}
	for i := range axes {
		k := 2 - axes + i
		w.kernel[k], w.stride[k], w.dilation[k], w.in[k] = kernel[i], strides[i], dilations[i], x[2+i]
		w.padLo[k], w.padHi[k] = pads[i], pads[axes+i]
		if kernel[i] < 1 || strides[i] < 1 || dilations[i] < 1 {
			return window{}, fmt.Errorf("window %v, strides %v and dilations %v must be positive", kernel, strides, dilations)
		}
		w.autoPad(k, n.StrOr("auto_pad", "NOTSET"))
		span := w.in[k] + w.padLo[k] + w.padHi[k] - w.dilation[k]*(w.kernel[k]-1) - 1
		if span < 0 {
			return window{}, fmt.Errorf("window %v is larger than the padded input %v", kernel, x)
		}
		w.out[k] = span/w.stride[k] + 1
		if n.IntOr("ceil_mode", 0) != 0 && span%w.stride[k] != 0 && w.out[k]*w.stride[k] < w.in[k]+w.padLo[k] {
			w.out[k]++ // the last window must start inside the input or its left padding
		}
	}
	return w, nil
}

// autoPad replaces the pads of an axis: SAME gives ceil(in/stride) outputs, an
// odd pad goes to the end (UPPER) or the beginning (LOWER).
func (w *window) autoPad(k int, mode string) {
	switch mode {
	case "SAME_UPPER", "SAME_LOWER":
		out := (w.in[k] + w.stride[k] - 1) / w.stride[k]
		need := max(0, (out-1)*w.stride[k]+w.dilation[k]*(w.kernel[k]-1)+1-w.in[k])
		w.padLo[k], w.padHi[k] = need/2, need-need/2
		if mode == "SAME_LOWER" {
			w.padLo[k], w.padHi[k] = w.padHi[k], w.padLo[k]
		}
	case "VALID":
		w.padLo[k], w.padHi[k] = 0, 0
	}
}

// span is the output positions o along an axis whose tap t falls inside the
// input; the input position is o*stride + t*dilation - pad.
func (w *window) span(k, tap int) (from, to int) {
	shift := tap*w.dilation[k] - w.padLo[k]
	if shift < 0 {
		from = (-shift + w.stride[k] - 1) / w.stride[k]
	}
	if room := w.in[k] - 1 - shift; room >= 0 {
		to = min(w.out[k], room/w.stride[k]+1)
	}
	return from, to
}

// taps visits each tap of the window with the runs of (output, input)
// positions that it joins in one map.
func (w *window) taps(visit func(tap, out, in, count int)) {
	for ky := range w.kernel[0] {
		y0, y1 := w.span(0, ky)
		for kx := range w.kernel[1] {
			x0, x1 := w.span(1, kx)
			for oy := y0; oy < y1 && x0 < x1; oy++ {
				iy := oy*w.stride[0] + ky*w.dilation[0] - w.padLo[0]
				ix := x0*w.stride[1] + kx*w.dilation[1] - w.padLo[1]
				visit(ky*w.kernel[1]+kx, oy*w.out[1]+x0, iy*w.in[1]+ix, x1-x0)
			}
		}
	}
}

func conv(c *call) error {
	x, weight := c.in[0], c.in[1]
	if len(weight.shape) != len(x.shape) || len(x.shape) < 3 {
		return fmt.Errorf("input %v and weight %v have different ranks", x.shape, weight.shape)
	}
	w, err := readWindow(c.node, x.shape, weight.shape[2:])
	if err != nil {
		return err
	}
	y, err := convolve(x, weight, c.arg(2), w, c.node.IntOr("group", 1))
	if err != nil {
		return err
	}
	c.give(0, y.view(append([]int{x.shape[0], weight.shape[0]}, w.out[4-len(x.shape):]...)...))
	return nil
}

// convolve is the convolution of x [N,C,...] with weight [O,C/group,...].
func convolve(x, weight, bias *array, w window, group int) (*array, error) {
	n, c, o, per := x.shape[0], x.shape[1], weight.shape[0], weight.shape[1]
	if group < 1 || c != per*group || o%group != 0 {
		return nil, fmt.Errorf("input %v does not fit weight %v in %d groups", x.shape, weight.shape, group)
	}
	inSize, outSize, taps := w.in[0]*w.in[1], w.out[0]*w.out[1], w.kernel[0]*w.kernel[1]
	y := newArray(x.dtype, n, o, w.out[0], w.out[1])
	step := w.stride[1]
	for p := range n * o { // one output map
		to := y.data[p*outSize : (p+1)*outSize]
		image, channel := p/o, p%o
		if bias != nil {
			for i := range to {
				to[i] = bias.data[channel]
			}
		}
		first := channel / (o / group) * per
		for i := range per {
			from := x.data[(image*c+first+i)*inSize:][:inSize]
			kernel := weight.data[(channel*per+i)*taps:][:taps]
			w.taps(func(tap, out, in, count int) {
				v := kernel[tap]
				for j := range count {
					to[out+j] += v * from[in+j*step]
				}
			})
		}
	}
	return y, nil
}

// convTranspose is the gradient of a convolution with respect to its input:
// weight is [C,O/group,...].
func convTranspose(c *call) error {
	x, weight := c.in[0], c.in[1]
	axes := len(x.shape) - 2
	if c.node.StrOr("auto_pad", "NOTSET") != "NOTSET" || c.node.Attr("output_shape") != nil || len(weight.shape) != len(x.shape) {
		return fmt.Errorf("auto_pad, output_shape and weights of another rank are not supported")
	}
	group, extra := c.node.IntOr("group", 1), c.node.IntsOr("output_padding", make([]int, axes)...)
	strides, dilations := c.node.IntsOr("strides", 1, 1), c.node.IntsOr("dilations", 1, 1)
	pads := c.node.IntsOr("pads", make([]int, 2*axes)...)
	large := slices.Clone(x.shape)
	large[1] = weight.shape[1] * group
	for i := range axes {
		large[2+i] = strides[i]*(x.shape[2+i]-1) + extra[i] + (weight.shape[2+i]-1)*dilations[i] + 1 - pads[i] - pads[axes+i]
	}
	// The window of the convolution from the large maps to the small ones; its
	// end pads follow from the sizes.
	w, err := readWindow(c.node, large, weight.shape[2:])
	if err != nil {
		return err
	}
	for i := range axes {
		w.out[2-axes+i] = x.shape[2+i]
	}
	y, err := scatter(x, weight, c.arg(2), w, group)
	if err == nil {
		c.give(0, y.view(large...))
	}
	return err
}

func scatter(x, weight, bias *array, w window, group int) (*array, error) {
	n, c, per := x.shape[0], x.shape[1], weight.shape[1]
	o := per * group
	if group < 1 || weight.shape[0] != c || c%group != 0 {
		return nil, fmt.Errorf("input %v does not fit weight %v in %d groups", x.shape, weight.shape, group)
	}
	inSize, outSize, taps := w.in[0]*w.in[1], w.out[0]*w.out[1], w.kernel[0]*w.kernel[1]
	y := newArray(x.dtype, n, o, w.in[0], w.in[1])
	step := w.stride[1]
	if bias != nil {
		for i := range y.data {
			y.data[i] = bias.data[i/inSize%o]
		}
	}
	for p := range n * c { // one input map
		from := x.data[p*outSize : (p+1)*outSize]
		image, channel := p/c, p%c
		first := channel / (c / group) * per
		for i := range per {
			to := y.data[(image*o+first+i)*inSize:][:inSize]
			kernel := weight.data[(channel*per+i)*taps:][:taps]
			w.taps(func(tap, out, in, count int) {
				v := kernel[tap]
				for j := range count {
					to[in+j*step] += v * from[out+j]
				}
			})
		}
	}
	return y, nil
}
