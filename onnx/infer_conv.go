package onnx

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Type rules of products, convolutions and pools. Sizes follow
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

func inferGemm(c *Inference) error {
	if err := c.sameTypes(1); err != nil {
		return err
	}
	a, b := c.In[0].Shape, c.In[1].Shape
	if a == nil || b == nil {
		return c.out(0, c.In[0].DType, nil)
	}
	if len(a) != 2 || len(b) != 2 {
		return fmt.Errorf("needs matrices, has %v and %v", a, b)
	}
	m, k, k2, n := a[0], a[1], b[0], b[1]
	if c.int("transA") != 0 {
		m, k = k, m
	}
	if c.int("transB") != 0 {
		k2, n = n, k2
	}
	if k != k2 && k >= 0 && k2 >= 0 {
		return fmt.Errorf("inner sizes %d and %d differ", k, k2)
	}
	if c.has(2) && c.In[2].Shape != nil {
		s, err := broadcast(c.In[2].Shape, []int{m, n})
		if err != nil || !compatible(s, []int{m, n}) {
			return fmt.Errorf("input 2 %v does not broadcast to [%d %d]", c.In[2].Shape, m, n)
		}
	}
	return c.out(0, c.In[0].DType, []int{m, n})
}

func inferMatMul(c *Inference) error {
	if err := c.sameTypes(1); err != nil {
		return err
	}
	a, b := c.In[0].Shape, c.In[1].Shape
	if a == nil || b == nil {
		return c.out(0, c.In[0].DType, nil)
	}
	if len(a) == 0 || len(b) == 0 {
		return fmt.Errorf("needs vectors or matrices")
	}
	rows, cols := len(a) > 1, len(b) > 1 // a vector counts as a matrix, and its axis is dropped
	if !rows {
		a = []int{1, a[0]}
	}
	if !cols {
		b = []int{b[0], 1}
	}
	if x, y := a[len(a)-1], b[len(b)-2]; x != y && x >= 0 && y >= 0 {
		return fmt.Errorf("inner sizes %d and %d differ", x, y)
	}
	s, err := broadcast(a[:len(a)-2], b[:len(b)-2])
	if err != nil {
		return err
	}
	s = slices.Clone(s)
	if rows {
		s = append(s, a[len(a)-2])
	}
	if cols {
		s = append(s, b[len(b)-1])
	}
	if s == nil {
		s = []int{}
	}
	return c.out(0, c.In[0].DType, s)
}

// inferEinsum knows equations of letters; one with an ellipsis leaves the
// shape unknown.
func inferEinsum(c *Inference) error {
	if err := c.sameTypes(1); err != nil {
		return err
	}
	equation := strings.ReplaceAll(c.attr("equation").S, " ", "")
	if strings.Contains(equation, ".") {
		return c.out(0, c.In[0].DType, nil)
	}
	left, right, explicit := strings.Cut(equation, "->")
	terms := strings.Split(left, ",")
	if len(terms) != len(c.In) {
		return fmt.Errorf("equation %q has %d terms for %d inputs", equation, len(terms), len(c.In))
	}
	sizes, uses := map[rune]int{}, map[rune]int{}
	for i, term := range terms {
		x := c.In[i].Shape
		if x == nil {
			return c.out(0, c.In[0].DType, nil)
		}
		if len(term) != len(x) {
			return fmt.Errorf("term %q does not fit input %d %v", term, i, x)
		}
		for k, letter := range term {
			old, seen := sizes[letter]
			if seen && old >= 0 && x[k] >= 0 && old != x[k] && old != 1 && x[k] != 1 {
				return fmt.Errorf("%q is %d and %d", letter, old, x[k])
			}
			if !seen || old < x[k] {
				sizes[letter] = x[k]
			}
			uses[letter]++
		}
	}
	if !explicit { // letters that occur once, in order
		for letter := range uses {
			if uses[letter] == 1 {
				right += string(letter)
			}
		}
		letters := []rune(right)
		slices.Sort(letters)
		right = string(letters)
	}
	out := []int{}
	for _, letter := range right {
		size, ok := sizes[letter]
		if !ok {
			return fmt.Errorf("equation %q makes %q from nothing", equation, letter)
		}
		out = append(out, size)
	}
	return c.out(0, c.In[0].DType, out)
}

// scaled is a size times a factor, rounded down.
func scaled(size int, factor float32) int {
	if size < 0 {
		return -1
	}
	return int(math.Floor(float64(size) * float64(factor)))
}

// inferResize takes the result's size from sizes (input 3) or scales (input 2);
// a policy that keeps the aspect ratio leaves the resized axes symbolic.
func inferResize(c *Inference) error {
	x := c.In[0].Shape
	if x == nil {
		return c.out(0, c.In[0].DType, nil)
	}
	axes, given := c.list("axes")
	if !given {
		for i := range x {
			axes = append(axes, i)
		}
	}
	if _, err := normAxes(axes, len(x)); err != nil {
		return err
	}
	sizes := c.known(3)
	var scales []float32
	if t := c.constant(2); t != nil && t.DType == Float {
		scales = t.Floats()
	}
	if n := max(len(sizes), len(scales)); n > 0 && n != len(axes) || len(sizes) > 0 && len(scales) > 0 {
		return fmt.Errorf("%d sizes and %d scales for %d axes", len(sizes), len(scales), len(axes))
	}
	out := slices.Clone(x)
	for i, a := range axes {
		a = (a + len(x)) % len(x)
		switch {
		case len(sizes) > 0 && c.attr("keep_aspect_ratio_policy").S != "not_larger" && c.attr("keep_aspect_ratio_policy").S != "not_smaller":
			out[a] = sizes[i]
		case len(scales) > 0 && (scales[i] > 0 && scales[i] < maxSize):
			out[a] = scaled(x[a], scales[i])
		default:
			out[a] = -1
		}
	}
	return c.out(0, c.In[0].DType, out)
}
