package blocked

import (
	"fmt"

	"hanas/onnx"
)

// row is an activation in the blocked layout: the matrix [C, M] whose columns
// run over (N/b, H, W, b), b images side by side. It is [N, C, H, W] of the
// plain graph.
type row struct {
	v          val // [c, n*h*w]
	c, n, h, w int
}

func (r row) columns() int { return r.n * r.h * r.w }

// with is a row of the same geometry over another value.
func (r row) with(v val) row {
	r.v = v
	return r
}

// value is a value of the plain graph: in its own shape, as a row, or both.
type value struct {
	plain val
	row   *row
}

// tape writes the forward graph node by node and remembers how to write the
// backward one. Gradients are kept by name of the emitted value and have its
// shape.
type tape struct {
	*emitter
	src     *onnx.Model
	block   int
	batch   int
	shapes  map[string][]int // of the plain graph's values
	types   map[string]onnx.DType
	values  map[string]*value // by name in the plain graph
	users   map[string][]*onnx.Node
	outputs map[string]bool
	tracked map[string]bool  // emitted values that depend on wrt
	grads   map[string][]val // contributions so far
	affine  map[string]normGrad
	done    map[*onnx.Node]bool // written together with an earlier node
	steps   []func() error
}

func (t *tape) track(v val, from ...val) bool {
	for _, f := range from {
		if t.tracked[f.name] {
			t.tracked[v.name] = true
			return true
		}
	}
	return false
}

// back registers a backward step; steps run last to first.
func (t *tape) back(step func() error) { t.steps = append(t.steps, step) }

// give adds g to the gradient of v, if anyone wants it.
func (t *tape) give(v, g val) {
	if !t.tracked[v.name] {
		return
	}
	t.grads[v.name] = append(t.grads[v.name], t.reshape(g, v.shape...))
}

// take removes and returns the gradient that v was given so far; false when
// there is none. A value that two steps share is taken by each once.
func (t *tape) take(v val) (val, bool) {
	gs := t.grads[v.name]
	if len(gs) == 0 {
		return val{}, false
	}
	delete(t.grads, v.name)
	return t.accumulate(gs), true
}

// only is the single node that reads a plain value; nil when there are several
// or the value leaves the graph.
func (t *tape) only(name string) *onnx.Node {
	if t.outputs[name] || len(t.users[name]) != 1 {
		return nil
	}
	return t.users[name][0]
}

func (t *tape) setRow(name string, r row) { t.values[name] = &value{row: &r} }

func (t *tape) setPlain(name string, v val) { t.values[name] = &value{plain: v} }

// find is the value that a node reads.
func (t *tape) find(name string) (*value, error) {
	v, ok := t.values[name]
	if !ok {
		return nil, fmt.Errorf("blocked: value %q is used before it is made", name)
	}
	return v, nil
}

// asRow is a value in the blocked layout, rearranged if need be.
func (t *tape) asRow(name string) (row, error) {
	v, err := t.find(name)
	if err != nil {
		return row{}, err
	}
	if v.row != nil {
		return *v.row, nil
	}
	s := v.plain.shape
	if len(s) != 4 || s[0] != t.batch {
		return row{}, fmt.Errorf("blocked: value %q has shape %v, not [%d,C,H,W]", name, s, t.batch)
	}
	r := row{c: s[1], n: s[0], h: s[2], w: s[3]}
	r.v = t.toRow(v.plain)
	if t.track(r.v, v.plain) {
		t.back(func() error {
			if g, ok := t.take(r.v); ok {
				t.give(v.plain, t.toPlain(r.with(g)))
			}
			return nil
		})
	}
	v.row = &r
	return r, nil
}

func (t *tape) toRow(v val) val {
	n, c, p := v.shape[0], v.shape[1], v.shape[2]*v.shape[3]
	x := t.reshape(v, n/t.block, t.block, c, p)
	return t.reshape(t.transpose(x, 2, 0, 3, 1), c, n*p)
}

func (t *tape) toPlain(r row) val {
	x := t.reshape(r.v, r.c, r.n/t.block, r.h*r.w, t.block)
	return t.reshape(t.transpose(x, 1, 3, 0, 2), r.n, r.c, r.h, r.w)
}

// asPlain is a value in its own shape.
func (t *tape) asPlain(name string) (val, error) {
	v, err := t.find(name)
	if err != nil {
		return val{}, err
	}
	if v.plain.name != "" {
		return v.plain, nil
	}
	r := *v.row
	v.plain = t.toPlain(r)
	if t.track(v.plain, r.v) {
		plain := v.plain
		t.back(func() error {
			if g, ok := t.take(plain); ok {
				t.give(r.v, t.toRow(g))
			}
			return nil
		})
	}
	return v.plain, nil
}
