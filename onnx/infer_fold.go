package onnx

// folds compute the content of integer vectors as far as it is known: the
// chains Shape → Gather → Concat → Reshape of exported models. An operator
// without a row has an unknown result.
var folds = map[string]func(*Inference) []int{
	"Shape":     foldShape,
	"Gather":    foldGather,
	"Concat":    foldConcat,
	"Slice":     foldSlice,
	"Identity":  func(c *Inference) []int { return c.content(0) },
	"Cast":      func(c *Inference) []int { return c.content(0) },
	"Squeeze":   func(c *Inference) []int { return c.content(0) },
	"Unsqueeze": func(c *Inference) []int { return c.content(0) },
	"Reshape":   func(c *Inference) []int { return c.content(0) },
	"Add":       foldWith(func(a, b int) int { return a + b }),
	"Sub":       foldWith(func(a, b int) int { return a - b }),
	"Mul":       foldWith(func(a, b int) int { return a * b }),
	"Div":       foldWith(divide),
}

// fold finds the content of output 0, for integer scalars and vectors only.
func (c *Inference) fold() (*Tensor, []int) {
	o := &c.Out[0]
	if c.Node.Op == "Constant" {
		if t := c.attr("value").T; t != nil {
			return t, nil
		}
		return nil, foldConstant(c)
	}
	if c.Node.Domain != "" || o.DType != Int64 && o.DType != Int32 || o.Shape == nil || len(o.Shape) > 1 {
		return nil, nil
	}
	rule, ok := folds[c.Node.Op]
	if !ok {
		return nil, nil
	}
	v := rule(c)
	if n := product(o.Shape); len(v) > maxContent || n >= 0 && n != len(v) {
		return nil, nil
	}
	return nil, v
}

func foldConstant(c *Inference) []int {
	if a := c.Node.Attr("value_int"); a != nil {
		return []int{int(a.I)}
	}
	v, _ := c.list("value_ints")
	return v
}

func foldShape(c *Inference) []int {
	x := c.In[0].Shape
	if x == nil {
		return nil
	}
	lo, hi := c.shapeRange(len(x))
	out := make([]int, 0, maxRank)
	for _, size := range x[lo:hi] {
		if size < 0 {
			size = unknown
		}
		out = append(out, size)
	}
	return out
}

func foldGather(c *Inference) []int {
	v, at := c.content(0), c.known(1)
	if v == nil || at == nil {
		return nil
	}
	out := make([]int, len(at))
	for i, k := range at {
		if k < 0 {
			k += len(v)
		}
		if k < 0 || k >= len(v) {
			return nil
		}
		out[i] = v[k]
	}
	return out
}

func foldConcat(c *Inference) []int {
	var out []int
	for i := range c.In {
		v := c.content(i)
		if v == nil || len(out)+len(v) > maxContent {
			return nil
		}
		out = append(out, v...)
	}
	return out
}

func foldSlice(c *Inference) []int {
	v := c.content(0)
	starts, _ := c.list("starts")
	ends, _ := c.list("ends")
	if v == nil || len(starts) != 1 || len(ends) != 1 {
		return nil
	}
	step := 1
	if c.has(4) {
		if s := c.known(4); len(s) == 1 && s[0] != 0 {
			step = s[0]
		} else {
			return nil
		}
	}
	lo, hi := SliceBounds(starts[0], ends[0], step, len(v))
	out := []int{}
	for ; step > 0 && lo < hi || step < 0 && lo > hi; lo += step {
		out = append(out, v[lo])
	}
	return out
}

func foldWith(f func(a, b int) int) func(*Inference) []int {
	return func(c *Inference) []int {
		a, b := c.content(0), c.content(1)
		n := max(len(a), len(b))
		if len(a) == 0 || len(b) == 0 || len(a) != n && len(a) != 1 || len(b) != n && len(b) != 1 {
			return nil
		}
		out := make([]int, n)
		for i := range out {
			x, y := a[i%len(a)], b[i%len(b)]
			out[i] = unknown
			if x != unknown && y != unknown {
				out[i] = f(x, y)
			}
		}
		return out
	}
}

// divide rounds to zero, as Div does on integers.
func divide(a, b int) int {
	if b == 0 {
		return unknown
	}
	return a / b
}
