package ref

import (
	"errors"
	"fmt"
	"slices"

	"hanas/onnx"
)

func reshape(c *call) error {
	x, want := c.in[0], c.in[1].ints()
	wild, known := -1, 1
	for i, s := range want {
		if s == 0 && c.node.IntOr("allowzero", 0) == 0 {
			want[i] = x.shape[i]
		}
		if s == -1 {
			wild = i
		} else {
			known *= want[i]
		}
	}
	if wild >= 0 {
		if known == 0 {
			return fmt.Errorf("cannot reshape %v to %v", x.shape, want)
		}
		want[wild] = len(x.data) / known
	}
	c.give(0, x.view(want...))
	return nil
}

func flatten(c *call) error {
	x := c.in[0]
	at := c.node.IntOr("axis", 1)
	if at < 0 {
		at += len(x.shape)
	}
	if at < 0 || at > len(x.shape) {
		return fmt.Errorf("axis does not fit %v", x.shape)
	}
	c.give(0, x.view(onnx.Elements(x.shape[:at]), onnx.Elements(x.shape[at:])))
	return nil
}

func transpose(c *call) error {
	perm := c.node.IntsOr("perm")
	if perm == nil {
		for i := range c.in[0].shape {
			perm = append([]int{i}, perm...)
		}
	}
	seen := slices.Clone(perm)
	slices.Sort(seen)
	if len(slices.Compact(seen)) != len(c.in[0].shape) || len(perm) != len(c.in[0].shape) {
		return fmt.Errorf("perm %v does not fit %v", perm, c.in[0].shape)
	}
	c.give(0, permute(c.in[0], perm))
	return nil
}

func squeeze(c *call) error {
	x := c.in[0]
	axes, given := c.intsArg(1, "axes")
	for i, a := range axes {
		axes[i] = axis(a, len(x.shape))
	}
	shape := []int{}
	for i, s := range x.shape {
		if given && !slices.Contains(axes, i) || !given && s != 1 {
			shape = append(shape, s)
		}
	}
	c.give(0, x.view(shape...))
	return nil
}

func unsqueeze(c *call) error {
	x := c.in[0]
	axes, _ := c.intsArg(1, "axes")
	for i, a := range axes {
		axes[i] = axis(a, len(x.shape)+len(axes))
	}
	slices.Sort(axes)
	shape := slices.Clone(x.shape)
	for _, a := range axes {
		shape = slices.Insert(shape, a, 1)
	}
	c.give(0, x.view(shape...))
	return nil
}

func concat(c *call) error {
	first := c.in[0]
	at := axis(c.node.IntOr("axis", 0), len(first.shape))
	shape := slices.Clone(first.shape)
	shape[at] = 0
	for _, x := range c.in {
		if len(x.shape) != len(shape) {
			return fmt.Errorf("operands %v and %v have different ranks", first.shape, x.shape)
		}
		for i, s := range x.shape {
			if i != at && s != shape[i] {
				return fmt.Errorf("operands %v and %v differ beside axis %d", first.shape, x.shape, at)
			}
		}
		shape[at] += x.shape[at]
	}
	y := newArray(first.dtype, shape...)
	before, _, after := around(shape, at)
	to := 0
	for b := range before {
		for _, x := range c.in {
			run := x.shape[at] * after
			to += copy(y.data[to:], x.data[b*run:(b+1)*run])
		}
	}
	c.give(0, y)
	return nil
}

func split(c *call) error {
	x := c.in[0]
	at := axis(c.node.IntOr("axis", 0), len(x.shape))
	sizes, given := c.intsArg(1, "split")
	if !given { // equal parts, the last one smaller
		n := len(c.out)
		part := (x.shape[at] + n - 1) / n
		for i := range n {
			sizes = append(sizes, max(0, min(part, x.shape[at]-i*part)))
		}
	}
	from := 0
	for i, s := range sizes {
		c.give(i, cut(x, at, from, s))
		from += s
	}
	if from != x.shape[at] || len(sizes) != len(c.out) {
		return fmt.Errorf("parts %v do not make axis %d of %v", sizes, at, x.shape)
	}
	return nil
}

// cut is the part [from, from+size) of an axis.
func cut(x *array, at, from, size int) *array {
	shape := slices.Clone(x.shape)
	shape[at] = size
	y := newArray(x.dtype, shape...)
	before, whole, after := around(x.shape, at)
	for b := range before {
		copy(y.data[b*size*after:(b+1)*size*after], x.data[(b*whole+from)*after:])
	}
	return y
}

func expand(c *call) error {
	shape := broadcastShape(c.in[0].shape, c.in[1].ints())
	c.give(0, c.in[0].broadcast(shape))
	return nil
}

func tile(c *call) error {
	y := c.in[0]
	for i, n := range c.in[1].ints() {
		before, size, after := around(y.shape, i)
		shape := slices.Clone(y.shape)
		shape[i] *= n
		z := newArray(y.dtype, shape...)
		for b := range before {
			for k := range n {
				copy(z.data[(b*n+k)*size*after:], y.data[b*size*after:(b+1)*size*after])
			}
		}
		y = z
	}
	c.give(0, y)
	return nil
}

func gather(c *call) error {
	x, index := c.in[0], c.in[1]
	at := axis(c.node.IntOr("axis", 0), len(x.shape))
	before, size, after := around(x.shape, at)
	shape := append(slices.Clone(x.shape[:at]), index.shape...)
	y := newArray(x.dtype, append(shape, x.shape[at+1:]...)...)
	to := 0
	for b := range before {
		for _, i := range index.ints() {
			i = axis(i, size)
			to += copy(y.data[to:], x.data[(b*size+i)*after:][:after])
		}
	}
	c.give(0, y)
	return nil
}

func shapeOf(c *call) error {
	shape := c.in[0].shape
	from, n := bounds(c.node.IntOr("start", 0), c.node.IntOr("end", len(shape)), 1, len(shape))
	y := newArray(onnx.Int64, n)
	for i := range n {
		y.data[i] = float64(shape[from+i])
	}
	c.give(0, y)
	return nil
}

// constants read the value of a Constant node, by attribute.
var constants = map[string]func(a onnx.Attr) *onnx.Tensor{
	"value":        func(a onnx.Attr) *onnx.Tensor { return a.T },
	"value_float":  func(a onnx.Attr) *onnx.Tensor { return onnx.From([]float32{a.F}) },
	"value_floats": func(a onnx.Attr) *onnx.Tensor { return onnx.From(a.Floats, len(a.Floats)) },
	"value_int":    func(a onnx.Attr) *onnx.Tensor { return onnx.From([]int64{a.I}) },
	"value_ints":   func(a onnx.Attr) *onnx.Tensor { return onnx.From(a.Ints, len(a.Ints)) },
}

func constant(c *call) error {
	if len(c.node.Attrs) != 1 || constants[c.node.Attrs[0].Name] == nil {
		return errors.New("has no value, or one of a kind that is not supported")
	}
	y, err := fromTensor(constants[c.node.Attrs[0].Name](c.node.Attrs[0]))
	c.give(0, y)
	return err
}

func constantOfShape(c *call) error {
	fill := newArray(onnx.Float)
	if a := c.node.Attr("value"); a != nil {
		var err error
		if fill, err = fromTensor(a.T); err != nil {
			return err
		}
	}
	y := newArray(fill.dtype, c.in[0].ints()...)
	for i := range y.data {
		y.data[i] = fill.data[0]
	}
	c.give(0, y)
	return nil
}
