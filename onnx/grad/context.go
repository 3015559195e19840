package grad

import (
	"fmt"
	"slices"

	"hanas/onnx"
)

// Context is what a rule sees of the node it differentiates, and what it
// writes with.
type Context struct {
	B    *onnx.Builder
	Node *onnx.Node
	In   []onnx.Value // the node's inputs; zero = absent
	Out  []onnx.Value // the node's outputs; zero = left out
	Grad []onnx.Value // gradients of the outputs; zero = none

	w     *walk
	given map[int]bool
}

// Needs says whether the gradient with respect to input i is wanted.
func (c *Context) Needs(i int) bool {
	return i < len(c.In) && !c.In[i].IsZero() && c.w.depends[c.In[i].Name()]
}

// Give adds g to the gradient of input i. A gradient that is larger than the
// input, which was broadcast then, is summed to its shape. A zero g says that
// the rule has done its part and nothing flows.
func (c *Context) Give(i int, g onnx.Value) {
	c.given[i] = true
	if !c.Needs(i) || g.IsZero() {
		return
	}
	g = c.unbroadcast(g, c.In[i].Shape())
	name := c.In[i].Name()
	c.w.grads[name] = append(c.w.grads[name], g)
}

// unbroadcast sums g over the axes along which shape was repeated.
func (c *Context) unbroadcast(g onnx.Value, shape []int) onnx.Value {
	from := g.Shape()
	if from == nil || shape == nil || len(shape) > len(from) {
		c.B.Fail(fmt.Errorf("gradient %v does not fit shape %v (unknown or smaller)", from, shape))
		return g
	}
	var axes []int
	lead := len(from) - len(shape)
	for i, n := range from {
		if i < lead || shape[i-lead] == 1 && n != 1 {
			axes = append(axes, i)
		} else if shape[i-lead] != n {
			c.B.Fail(fmt.Errorf("gradient %v does not fit shape %v", from, shape))
			return g
		}
	}
	switch {
	case len(axes) == 0:
		return g
	case lead == 0:
		return c.sumKeep(g, axes...)
	}
	return c.reshape(c.sum(g, axes...), shape)
}

// Const is input i's value when it is known now, else nil.
func (c *Context) Const(i int) *onnx.Tensor {
	if i < len(c.In) {
		return c.w.consts[c.In[i].Name()]
	}
	return nil
}

// Ints is a list of integers that is an attribute or a constant input i; ok
// says whether it was given.
func (c *Context) Ints(i int, attr string) (v []int, ok bool, err error) {
	if a := c.Node.Attr(attr); a != nil {
		return c.Node.IntsOr(attr), true, nil
	}
	if i >= len(c.In) || c.In[i].IsZero() {
		return nil, false, nil
	}
	t := c.Const(i)
	if t == nil {
		return nil, true, fmt.Errorf("input %d (%q) is not constant", i, c.In[i].Name())
	}
	wide, err := t.Ints()
	for _, x := range wide {
		v = append(v, int(x))
	}
	return v, true, err
}

// Static is the shape of a value, all sizes known.
func (c *Context) Static(v onnx.Value) ([]int, error) {
	if v.Shape() == nil || slices.Contains(v.Shape(), -1) {
		return nil, fmt.Errorf("the shape %v of %q must be known (give the batch size)", v.Shape(), v.Name())
	}
	return v.Shape(), nil
}

// Op adds a node of ai.onnx with one output.
func (c *Context) Op(op string, in []onnx.Value, attrs ...onnx.Attr) onnx.Value {
	return c.B.Op(op, in, attrs...)
}

func (c *Context) add(a, b onnx.Value) onnx.Value { return c.Op("Add", []onnx.Value{a, b}) }
func (c *Context) sub(a, b onnx.Value) onnx.Value { return c.Op("Sub", []onnx.Value{a, b}) }
func (c *Context) mul(a, b onnx.Value) onnx.Value { return c.Op("Mul", []onnx.Value{a, b}) }
func (c *Context) div(a, b onnx.Value) onnx.Value { return c.Op("Div", []onnx.Value{a, b}) }
func (c *Context) neg(a onnx.Value) onnx.Value    { return c.Op("Neg", []onnx.Value{a}) }

// num is a scalar constant.
func (c *Context) num(v float64) onnx.Value { return c.B.ConstFloat("num", float32(v)) }

// scale multiplies by a number known now.
func (c *Context) scale(v onnx.Value, by float64) onnx.Value {
	if by == 1 {
		return v
	}
	return c.mul(v, c.num(by))
}

// steep makes HardSigmoid a step: 0 up to 0, 1 above. As a mask it costs less
// than half of a comparison with a selection on ONNX Runtime's CPU kernels. Values
// between 0 and 1e-30 give less than 1.
const steep = 1e30

// step is 1 where v is positive and 0 elsewhere.
func (c *Context) step(v onnx.Value) onnx.Value {
	return c.Op("HardSigmoid", []onnx.Value{v}, onnx.Float32("alpha", steep), onnx.Float32("beta", 0))
}

// indicator is 1.0 where a comparison of a and b holds and 0 elsewhere.
func (c *Context) indicator(op string, a, b onnx.Value) onnx.Value {
	return c.Op("Cast", []onnx.Value{c.Op(op, []onnx.Value{a, b})}, onnx.Int("to", int(onnx.Float)))
}

// sum sums over axes and drops them; sumKeep keeps them with size 1.
func (c *Context) sum(v onnx.Value, axes ...int) onnx.Value {
	return c.Op("ReduceSum", []onnx.Value{v, c.B.ConstInts("axes", axes...)}, onnx.Int("keepdims", 0))
}

func (c *Context) sumKeep(v onnx.Value, axes ...int) onnx.Value {
	return c.Op("ReduceSum", []onnx.Value{v, c.B.ConstInts("axes", axes...)}, onnx.Int("keepdims", 1))
}

// reshape gives v a shape in which one size may be unknown.
func (c *Context) reshape(v onnx.Value, shape []int) onnx.Value {
	if slices.Equal(v.Shape(), shape) {
		return v
	}
	return c.Op("Reshape", []onnx.Value{v, c.B.ConstInts("shape", shape...)})
}

func (c *Context) transpose(v onnx.Value, perm ...int) onnx.Value {
	for i, p := range perm {
		if p != i {
			return c.Op("Transpose", []onnx.Value{v}, onnx.Ints("perm", perm...))
		}
	}
	return v
}

func (c *Context) expand(v onnx.Value, shape []int) onnx.Value {
	if slices.Equal(v.Shape(), shape) {
		return v
	}
	return c.Op("Expand", []onnx.Value{v, c.B.ConstInts("shape", shape...)})
}

// pad adds zeros before and after along every axis.
func (c *Context) pad(v onnx.Value, before, after []int) onnx.Value {
	if !slices.ContainsFunc(append(slices.Clone(before), after...), func(n int) bool { return n != 0 }) {
		return v
	}
	return c.Op("Pad", []onnx.Value{v, c.B.ConstInts("pads", append(slices.Clone(before), after...)...)})
}

// cut is the positions [from, to) of an axis, every step-th one.
func (c *Context) cut(v onnx.Value, axis, from, to, step int) onnx.Value {
	if from == 0 && to == v.Shape()[axis] && step == 1 {
		return v
	}
	return c.Op("Slice", []onnx.Value{
		v, c.B.ConstInts("start", from), c.B.ConstInts("end", to),
		c.B.ConstInts("axis", axis), c.B.ConstInts("step", step),
	})
}

// dilate puts step-1 zeros between the positions of an axis: the adjoint of
// taking every step-th position.
func (c *Context) dilate(v onnx.Value, axis, step int) onnx.Value {
	if step == 1 {
		return v
	}
	shape := v.Shape()
	n := shape[axis]
	v = c.reshape(v, slices.Insert(slices.Clone(shape), axis+1, 1))
	after := make([]int, len(shape)+1)
	after[axis+1] = step - 1
	v = c.pad(v, make([]int, len(shape)+1), after)
	long := slices.Clone(shape)
	long[axis] = n * step
	return c.cut(c.reshape(v, long), axis, 0, (n-1)*step+1, 1)
}

// gemm is op(a) op(b) of matrices times alpha.
func (c *Context) gemm(a, b onnx.Value, transA, transB bool, alpha float64) onnx.Value {
	var attrs []onnx.Attr
	if transA {
		attrs = append(attrs, onnx.Int("transA", 1))
	}
	if transB {
		attrs = append(attrs, onnx.Int("transB", 1))
	}
	if alpha != 1 {
		attrs = append(attrs, onnx.Float32("alpha", float32(alpha)))
	}
	return c.Op("Gemm", []onnx.Value{a, b}, attrs...)
}
