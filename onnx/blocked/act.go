package blocked

import (
	"fmt"

	"hanas/onnx"
)

// elementwise has a row for each elementwise function of one input: attributes are
// the node's own, slope writes dy/dx from x and y.
var elementwise = map[string]func(t *tape, n *onnx.Node, x, y val) val{
	"Relu": func(t *tape, _ *onnx.Node, _, y val) val { return t.step(y) },
	"HardSigmoid": func(t *tape, n *onnx.Node, _, y val) val {
		return t.scale(t.inner(y), n.FloatOr("alpha", 0.2))
	},
	"Sigmoid": func(t *tape, _ *onnx.Node, _, y val) val { return t.sub(y, t.mul(y, y)) },
	"HardSwish": func(t *tape, _ *onnx.Node, x, _ val) val {
		h := t.unary("HardSigmoid", x, onnx.Float32("alpha", 1.0/6), onnx.Float32("beta", 0.5))
		return t.add(h, t.mul(t.scale(x, 1.0/6), t.inner(h)))
	},
}

// inner is 1 where 0 < h < 1, else 0.
func (t *tape) inner(h val) val { return t.step(t.sub(h, t.mul(h, h))) }

func (t *tape) lowerElementwise(n *onnx.Node) error {
	x, err := t.asRow(n.Inputs[0])
	if err != nil {
		return err
	}
	y := x.with(t.unary(n.Op, x.v, n.Attrs...))
	t.setRow(n.Outputs[0], y)
	if t.track(y.v, x.v) {
		t.back(func() error {
			if g, ok := t.take(y.v); ok {
				t.give(x.v, t.mul(g, elementwise[n.Op](t, n, x.v, y.v)))
			}
			return nil
		})
	}
	return nil
}

// interval is the open range of inputs that a clamp hands on unchanged; an
// end without a name is infinite.
type interval struct{ lo, hi val }

// lowerClip writes a Clip. Inputs exactly at a bound get no gradient.
func (t *tape) lowerClip(n *onnx.Node) error {
	x, err := t.asRow(n.Inputs[0])
	if err != nil {
		return err
	}
	var pass interval
	ins := []val{x.v}
	for i, end := range []*val{&pass.lo, &pass.hi} {
		if len(n.Inputs) <= 1+i || n.Inputs[1+i] == "" {
			ins = append(ins, val{})
			continue
		}
		v, err := t.asPlain(n.Inputs[1+i])
		if err != nil {
			return err
		}
		if t.tracked[v.name] {
			return fmt.Errorf("blocked: Clip %q: its bounds have no gradient", n.Name)
		}
		ins = append(ins, v)
		*end = v
	}
	y := x.with(t.op("Clip", x.v.shape, ins))
	t.setRow(n.Outputs[0], y)
	if t.track(y.v, x.v) {
		t.back(func() error {
			if g, ok := t.take(y.v); ok {
				t.give(x.v, t.masked(g, y, pass))
			}
			return nil
		})
	}
	return nil
}

// lowerQuantize writes a QuantizeLinear and the DequantizeLinear that alone
// reads it. Like package grad it passes the gradient straight through: a Clip
// before it says what saturates.
func (t *tape) lowerQuantize(q *onnx.Node) error {
	x, err := t.asRow(q.Inputs[0])
	if err != nil {
		return err
	}
	d := t.only(q.Outputs[0])
	if d == nil || d.Op != "DequantizeLinear" || d.Inputs[0] != q.Outputs[0] {
		return fmt.Errorf("only a pair with one DequantizeLinear has a blocked form")
	}
	y, err := t.perTensor(q, x.v)
	if err != nil {
		return err
	}
	if y, err = t.perTensor(d, y); err != nil {
		return err
	}
	t.done[d] = true
	t.setRow(d.Outputs[0], x.with(y))
	if t.track(y, x.v) {
		t.back(func() error {
			if g, ok := t.take(y); ok {
				t.give(x.v, g)
			}
			return nil
		})
	}
	return nil
}

// perTensor copies a quantising node to input x.
func (t *tape) perTensor(n *onnx.Node, x val) (val, error) {
	ins := []val{x}
	for _, name := range n.Inputs[1:] {
		v, err := t.asPlain(name)
		if err != nil {
			return val{}, err
		}
		if v.size() != 1 {
			return val{}, fmt.Errorf("%s %q: only one scale for the whole activation has a blocked form", n.Op, n.Name)
		}
		ins = append(ins, v)
	}
	return t.op(n.Op, x.shape, ins, n.Attrs...), nil
}

// masked is g where the clipped y lies inside i, and 0 elsewhere.
func (t *tape) masked(g val, y row, i interval) val {
	if m := t.mask(y, i); m.name != "" {
		return t.mul(g, m)
	}
	return g
}

// mask is 1 where y lies inside i; no value when that is everywhere. With both
// ends it is made of |y-mid| < half in units of half. Ends are narrowed by
// 1e-6 of half so that rounding cannot let clipped values through.
func (t *tape) mask(y row, i interval) val {
	switch {
	case i.lo.name == "" && i.hi.name == "":
		return val{}
	case i.hi.name == "":
		return t.step(t.sub(y.v, i.lo))
	case i.lo.name == "":
		return t.step(t.sub(i.hi, y.v))
	}
	half := t.scale(t.sub(i.hi, i.lo), 0.5)
	half = t.binary("Max", half, t.scalar(1e-30)) // an empty interval must not divide by zero
	unit := t.binary("Div", t.scalar(1+1.0/(1<<20)), half)
	shift := t.mul(unit, t.scale(t.add(i.hi, i.lo), -0.5))
	u := t.scalarAffine(y, unit, shift)
	const steep = 1 << 62 * float32(1<<38) // a power of 2, so that steep*u is exact
	return t.unary("HardSigmoid", t.unary("Abs", u), onnx.Float32("alpha", -steep), onnx.Float32("beta", steep))
}

// scalarAffine is a*x + b for scalars a and b, in one pass.
func (t *tape) scalarAffine(x row, a, b val) val {
	chunk := x.v.size() / t.block
	in := t.reshape(x.v, 1, t.block, 1, chunk)
	y := t.conv(in.shape, []val{in, t.reshape(t.lanes(a), t.block, 1, 1, 1), t.reshape(t.lanes(b), t.block)},
		onnx.Int("group", t.block), onnx.Ints("kernel_shape", 1, 1))
	return t.reshape(y, x.v.shape...)
}
