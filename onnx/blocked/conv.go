package blocked

import (
	"fmt"
	"slices"

	"hanas/onnx"
)

// convolution is a Conv node read: the geometry and the operands.
type convolution struct {
	x            row
	weight, bias val // bias.name is empty without one
	kind         convKind
	out          row // geometry of the result
	kernel       [2]int
	stride       int
	pads         [4]int // top, left, bottom, right
}

type convKind int

const (
	pointwise convKind = iota
	depthwise
	full
)

// readConv reads a Conv node; an error says what about it has no blocked form.
func (t *tape) readConv(n *onnx.Node) (*convolution, error) {
	x, err := t.asRow(n.Inputs[0])
	if err != nil {
		return nil, err
	}
	c := &convolution{x: x}
	if c.weight, err = t.asPlain(n.Inputs[1]); err != nil {
		return nil, err
	}
	if len(n.Inputs) > 2 && n.Inputs[2] != "" {
		if c.bias, err = t.asPlain(n.Inputs[2]); err != nil {
			return nil, err
		}
	}
	w := c.weight.shape
	if len(w) != 4 {
		return nil, fmt.Errorf("its weight has shape %v, not [O,I,KH,KW]", w)
	}
	strides, pads, dil := n.IntsOr("strides", 1, 1), n.IntsOr("pads", 0, 0, 0, 0), n.IntsOr("dilations", 1, 1)
	group := n.IntOr("group", 1)
	c.kernel, c.stride, c.pads = [2]int{w[2], w[3]}, strides[0], [4]int(pads)
	switch {
	case n.StrOr("auto_pad", "NOTSET") != "NOTSET":
		return nil, fmt.Errorf("auto_pad is not supported (state the pads)")
	case strides[0] != strides[1] || dil[0] != 1 || dil[1] != 1:
		return nil, fmt.Errorf("strides %v and dilations %v are not supported", strides, dil)
	case group == x.c && w[0] == x.c && w[1] == 1 && (group > 1 || w[2]*w[3] > 1):
		c.kind = depthwise
	case group != 1 || w[1] != x.c:
		return nil, fmt.Errorf("group %d of %d channels is not supported (1 or depthwise)", group, x.c)
	case w[2] == 1 && w[3] == 1 && slices.Max(pads) == 0:
		c.kind = pointwise
	default:
		c.kind = full
	}
	c.out = row{
		c: w[0], n: x.n,
		h: (x.h+pads[0]+pads[2]-w[2])/c.stride + 1,
		w: (x.w+pads[1]+pads[3]-w[3])/c.stride + 1,
	}
	return c, nil
}

// lowerConv writes a Conv whose result is not normalised at once.
func (t *tape) lowerConv(n *onnx.Node) error {
	if bn := t.only(n.Outputs[0]); bn != nil && bn.Op == "BatchNormalization" && bn.Inputs[0] == n.Outputs[0] {
		return t.lowerConvNorm(n, bn)
	}
	c, err := t.readConv(n)
	if err != nil {
		return err
	}
	t.setRow(n.Outputs[0], t.convolve(c))
	return nil
}

// convolve writes forward and backward of c.
func (t *tape) convolve(c *convolution) row {
	cols := t.columns(c)
	out := c.out
	switch c.kind {
	case depthwise:
		out.v = t.depthForward(c)
	default:
		bias := val{}
		if c.bias.name != "" {
			bias = t.reshape(c.bias, out.c, 1)
		}
		w := t.matrix(c)
		if bias.name == "" {
			out.v = t.op("MatMul", []int{out.c, out.columns()}, []val{w, cols})
		} else {
			out.v = t.gemm(w, cols, bias, false, false)
		}
	}
	if c.kind == depthwise && c.bias.name != "" {
		out.v = t.add(out.v, t.reshape(c.bias, out.c, 1))
	}
	if t.track(out.v, c.x.v, c.weight, c.bias) {
		t.back(func() error { t.convBackward(c, cols, out); return nil })
	}
	return out
}

// convBackward gives the gradients of c's operands. A norm behind the
// convolution leaves a factor for each channel, which is applied to the small
// tensors here instead of the large one there.
func (t *tape) convBackward(c *convolution, cols val, out row) {
	g, factor := val{}, val{}
	if a, ok := t.affine[out.v.name]; ok {
		g, factor = a.t, a.factor
	} else if g, ok = t.take(out.v); !ok {
		return
	}
	scaled := func(v val) val { // [O, ...] by the factor of its row
		if factor.name == "" {
			return v
		}
		return t.mul(v, factor)
	}
	if c.bias.name != "" && t.tracked[c.bias.name] {
		t.give(c.bias, scaled(t.rowSum(g)))
	}
	if c.kind == depthwise {
		if t.tracked[c.weight.name] {
			t.give(c.weight, scaled(t.depthWeightGrad(c, out.with(g))))
		}
		if t.tracked[c.x.v.name] {
			k := c.kernel[0] * c.kernel[1]
			t.give(c.x.v, t.depthInputGrad(c, out.with(g), scaled(t.reshape(c.weight, out.c, k))))
		}
		return
	}
	if t.tracked[c.weight.name] {
		t.give(c.weight, t.unmatrix(c, scaled(t.gemm(g, cols, val{}, false, true))))
	}
	if t.tracked[c.x.v.name] {
		t.give(c.x.v, t.uncolumns(c, t.gemm(scaled(t.matrix(c)), g, val{}, true, false)))
	}
}

// matrix is the weight [O,I,KH,KW] as the [O, KH*KW*I] that columns fits.
func (t *tape) matrix(c *convolution) val {
	w := c.weight.shape
	if c.kind == pointwise {
		return t.reshape(c.weight, w[0], w[1])
	}
	return t.reshape(t.transpose(c.weight, 0, 2, 3, 1), w[0], w[1]*w[2]*w[3])
}

// unmatrix brings a gradient of matrix's result back to the weight's shape.
func (t *tape) unmatrix(c *convolution, g val) val {
	w := c.weight.shape
	if c.kind == pointwise {
		return t.reshape(g, w...)
	}
	return t.transpose(t.reshape(g, w[0], w[2], w[3], w[1]), 0, 3, 1, 2)
}

// columns is the input of a convolution that is one matrix product: the row
// itself, for larger kernels or strides the shifted copies of it, tap by tap.
func (t *tape) columns(c *convolution) val {
	if c.kind == depthwise || (c.kind == pointwise && c.stride == 1) {
		return c.x.v
	}
	x := t.grid(c.x)
	p := c.pads
	if slices.Max(p[:]) > 0 {
		x = t.pad(x, []int{0, 0, p[0], p[1], 0}, []int{0, 0, p[2], p[3], 0})
	}
	var taps []val
	for ky := range c.kernel[0] {
		for kx := range c.kernel[1] {
			taps = append(taps, t.slice(x, []int{ky, kx}, c.tapEnds(ky, kx), []int{2, 3}, []int{c.stride, c.stride}))
		}
	}
	k := len(taps)
	if k == 1 {
		return t.reshape(taps[0], c.x.c, c.out.columns())
	}
	shape := append([]int{k * c.x.c}, taps[0].shape[1:]...)
	return t.reshape(t.op("Concat", shape, taps, onnx.Int("axis", 0)), k*c.x.c, c.out.columns())
}

// tapEnds are the exclusive ends of the positions that tap (ky, kx) reads.
func (c *convolution) tapEnds(ky, kx int) []int {
	return []int{ky + (c.out.h-1)*c.stride + 1, kx + (c.out.w-1)*c.stride + 1}
}

// grid is r as [C, N/b, H, W, b].
func (t *tape) grid(r row) val { return t.reshape(r.v, r.c, r.n/t.block, r.h, r.w, t.block) }

// uncolumns adds the gradients of the shifted copies up at their places.
func (t *tape) uncolumns(c *convolution, g val) val {
	if c.kind == pointwise && c.stride == 1 {
		return g
	}
	k := c.kernel[0] * c.kernel[1]
	hp, wp := c.x.h+c.pads[0]+c.pads[2], c.x.w+c.pads[1]+c.pads[3]
	piece := []int{c.x.c, c.x.n / t.block, c.out.h, c.out.w, t.block}
	taps := []val{t.reshape(g, append([]int{k * c.x.c}, piece[1:]...)...)}
	if k > 1 {
		taps = t.nodes("", "Split", taps, slices.Repeat([][]int{piece}, k), onnx.Int("axis", 0), onnx.Int("num_outputs", k))
	}
	for i := range taps {
		ky, kx := i/c.kernel[1], i%c.kernel[1]
		ends := c.tapEnds(ky, kx)
		up := t.spread(taps[i], c.stride)
		before := []int{0, 0, ky, kx, 0}
		taps[i] = t.pad(up, before, []int{0, 0, hp - ends[0], wp - ends[1], 0})
	}
	sum := t.accumulate(taps)
	if p := c.pads; slices.Max(p[:]) > 0 {
		sum = t.slice(sum, []int{p[0], p[1]}, []int{p[0] + c.x.h, p[1] + c.x.w}, []int{2, 3}, []int{1, 1})
	}
	return t.reshape(sum, c.x.c, c.x.columns())
}

// spread puts stride-1 zeros between the positions of a [C, N/b, H, W, b]
// grid: [.., (H-1)*stride+1, (W-1)*stride+1, ..].
func (t *tape) spread(v val, stride int) val {
	if stride == 1 {
		return v
	}
	up := t.upsample(v, stride)
	h, w := (v.shape[2]-1)*stride+1, (v.shape[3]-1)*stride+1
	return t.slice(up, []int{0, 0}, []int{h, w}, []int{2, 3}, []int{1, 1})
}

// upsample is spread with the zeros after the last position too.
func (t *tape) upsample(v val, s int) val {
	c, nb, h, w, b := v.shape[0], v.shape[1], v.shape[2], v.shape[3], v.shape[4]
	flat := t.reshape(v, c*nb*h, 1, w, b)
	up := t.pad(flat, []int{0, 0, 0, 0}, []int{0, s - 1, 0, (s - 1) * b})
	return t.reshape(up, c, nb, h*s, w*s, b)
}
