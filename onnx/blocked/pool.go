package blocked

import (
	"fmt"
	"slices"

	"hanas/onnx"
)

// lowerPool writes a GlobalAveragePool.
func (t *tape) lowerPool(n *onnx.Node) error {
	x, err := t.asRow(n.Inputs[0])
	if err != nil {
		return err
	}
	y := row{c: x.c, n: x.n, h: 1, w: 1}
	maps := t.reshape(x.v, x.c*x.n/t.block, x.h*x.w, t.block)
	mean := t.op("ReduceMean", []int{maps.shape[0], 1, t.block}, []val{maps, t.ints(1)})
	y.v = t.reshape(mean, x.c, x.n)
	t.setRow(n.Outputs[0], y)
	if t.track(y.v, x.v) {
		t.back(func() error {
			g, ok := t.take(y.v)
			if !ok {
				return nil
			}
			area, blocks := x.h*x.w, x.c*x.n/t.block
			g = t.reshape(t.scale(g, 1/float32(area)), blocks, 1, t.block)
			t.give(x.v, t.expand(g, blocks, area, t.block))
			return nil
		})
	}
	return nil
}

// lowerAdd writes the sum of two activations of the same shape.
func (t *tape) lowerAdd(n *onnx.Node) error {
	a, b, err := t.pair(n)
	if err != nil {
		return err
	}
	if !slices.Equal(a.v.shape, b.v.shape) {
		return fmt.Errorf("blocked: Add %q: shapes %v and %v differ", n.Name, a.v.shape, b.v.shape)
	}
	y := a.with(t.add(a.v, b.v))
	t.setRow(n.Outputs[0], y)
	if t.track(y.v, a.v, b.v) {
		t.back(func() error {
			if g, ok := t.take(y.v); ok {
				t.give(a.v, g)
				t.give(b.v, g)
			}
			return nil
		})
	}
	return nil
}

// lowerMul writes the product of two activations of the same shape, or of one
// and a gate with a number for each channel and image.
func (t *tape) lowerMul(n *onnx.Node) error {
	a, b, err := t.pair(n)
	if err != nil {
		return err
	}
	if a.h*a.w == 1 && b.h*b.w > 1 {
		a, b = b, a
	}
	gate := b.h*b.w == 1 && a.h*a.w > 1 && a.c == b.c
	times := t.mul
	if gate {
		times = func(x, k val) val { return t.imageScale(a.with(x), k) }
	} else if !slices.Equal(a.v.shape, b.v.shape) {
		return fmt.Errorf("blocked: Mul %q: shapes %v and %v do not fit", n.Name, a.v.shape, b.v.shape)
	}
	y := a.with(times(a.v, b.v))
	t.setRow(n.Outputs[0], y)
	if t.track(y.v, a.v, b.v) {
		t.back(func() error {
			g, ok := t.take(y.v)
			if !ok {
				return nil
			}
			if t.tracked[a.v.name] {
				t.give(a.v, times(g, b.v))
			}
			if t.tracked[b.v.name] && gate {
				t.give(b.v, t.imageDot(a.with(g), a))
			} else if t.tracked[b.v.name] {
				t.give(b.v, t.mul(g, a.v))
			}
			return nil
		})
	}
	return nil
}

func (t *tape) pair(n *onnx.Node) (a, b row, err error) {
	if a, err = t.asRow(n.Inputs[0]); err == nil {
		b, err = t.asRow(n.Inputs[1])
	}
	return a, b, err
}
