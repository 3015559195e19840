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

// within narrows i by another interval.
func (t *tape) within(i, j interval) interval {
	meet := func(op string, a, b val) val {
		switch {
		case a.name == "":
			return b
		case b.name == "":
			return a
		}
		return t.binary(op, a, b)
	}
	return interval{meet("Max", i.lo, j.lo), meet("Min", i.hi, j.hi)}
}

// lowerClip writes a Clip, together with the fake quantisation behind it when
// only that reads the clipped value: one mask serves both.
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
	if q := t.only(n.Outputs[0]); q != nil && q.Op == "QuantizeLinear" {
		if ok, err := t.fakeQuant(q, x, y, pass); ok || err != nil {
			return err
		}
	}
	t.setRow(n.Outputs[0], y)
	t.clampBackward(x, y, y, pass)
	return nil
}

// lowerQuantize writes a QuantizeLinear that a DequantizeLinear follows.
func (t *tape) lowerQuantize(n *onnx.Node) error {
	x, err := t.asRow(n.Inputs[0])
	if err != nil {
		return err
	}
	ok, err := t.fakeQuant(n, x, x, interval{})
	if err == nil && !ok {
		err = fmt.Errorf("blocked: QuantizeLinear %q: only a pair with a DequantizeLinear of the same scale has a blocked form", n.Name)
	}
	return err
}

// integers has the code range of the types that QuantizeLinear writes.
var integers = map[onnx.DType][2]float32{
	onnx.Uint8: {0, 255}, onnx.Int8: {-128, 127}, onnx.Uint16: {0, 65535}, onnx.Int16: {-32768, 32767},
	onnx.Uint4: {0, 15}, onnx.Int4: {-8, 7}, onnx.Uint2: {0, 3}, onnx.Int2: {-2, 1},
}

// fakeQuant writes the pair of q and the DequantizeLinear behind it over the
// clipped y. Its gradient is straight-through to x: 1 inside the range of
// codes and of pass, 0 outside.
func (t *tape) fakeQuant(q *onnx.Node, x, y row, pass interval) (bool, error) {
	d := t.only(q.Outputs[0])
	if d == nil || d.Op != "DequantizeLinear" || len(q.Inputs) < 3 || len(d.Inputs) < 3 ||
		q.Inputs[1] != d.Inputs[1] || q.Inputs[2] != d.Inputs[2] {
		return false, nil
	}
	scale, err := t.asPlain(q.Inputs[1])
	if err != nil {
		return false, err
	}
	zero := t.src.Graph.Initializer(q.Inputs[2])
	if zero == nil || zero.Len() != 1 || scale.size() != 1 || t.tracked[scale.name] {
		return false, nil
	}
	codes, ok := integers[zero.DType]
	zp, err := zero.Ints()
	if !ok || err != nil {
		return false, err
	}
	zv, err := t.asPlain(q.Inputs[2])
	if err != nil {
		return false, err
	}
	code := t.op("QuantizeLinear", y.v.shape, []val{y.v, scale, zv}, q.Attrs...)
	out := x.with(t.op("DequantizeLinear", y.v.shape, []val{code, scale, zv}, d.Attrs...))
	t.done[q], t.done[d] = true, true
	t.setRow(d.Outputs[0], out)
	t.clampBackward(x, y, out, t.within(pass, interval{
		lo: t.scale(scale, codes[0]-float32(zp[0])),
		hi: t.scale(scale, codes[1]-float32(zp[0])),
	}))
	return true, nil
}

// clampBackward hands the gradient of out to x where the clamped y lies inside
// pass.
func (t *tape) clampBackward(x, y, out row, pass interval) {
	if !t.track(out.v, x.v) {
		return
	}
	t.back(func() error {
		g, ok := t.take(out.v)
		if !ok {
			return nil
		}
		if mask := t.mask(y, pass); mask.name != "" {
			g = t.mul(g, mask)
		}
		t.give(x.v, g)
		return nil
	})
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
	wide := func(v val) val { return t.expand(t.reshape(v, 1), t.block) }
	y := t.conv(in.shape, []val{in, t.reshape(wide(a), t.block, 1, 1, 1), wide(b)},
		onnx.Int("group", t.block), onnx.Ints("kernel_shape", 1, 1))
	return t.reshape(y, x.v.shape...)
}
