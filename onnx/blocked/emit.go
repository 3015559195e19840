package blocked

import (
	"fmt"
	"slices"
	"strconv"

	"hanas/onnx"
)

// val is a value of the graph under construction with its static shape.
type val struct {
	name  string
	shape []int
}

func (v val) size() int { return onnx.Elements(v.shape) }

// emitter appends nodes to a graph. It knows every shape, so that the kernels
// can be picked by it.
type emitter struct {
	g      *onnx.Graph
	taken  map[string]bool
	consts map[string]val
	made   map[string]val // results of once, by what was computed
	serial int
}

func newEmitter(g *onnx.Graph, taken map[string]bool) *emitter {
	return &emitter{g: g, taken: taken, consts: map[string]val{}, made: map[string]val{}}
}

// fresh is a value name that nothing has.
func (e *emitter) fresh(hint string) string {
	for {
		e.serial++
		name := hint + "." + strconv.Itoa(e.serial)
		if !e.taken[name] {
			e.taken[name] = true
			return name
		}
	}
}

// nodes adds a node with one output for each shape.
func (e *emitter) nodes(domain, op string, ins []val, shapes [][]int, attrs ...onnx.Attr) []val {
	n := &onnx.Node{Op: op, Domain: domain, Attrs: attrs}
	for _, v := range ins {
		n.Inputs = append(n.Inputs, v.name)
	}
	out := make([]val, len(shapes))
	for i, s := range shapes {
		out[i] = val{e.fresh("blk." + op), slices.Clone(s)}
		n.Outputs = append(n.Outputs, out[i].name)
	}
	n.Name = out[0].name
	e.g.Nodes = append(e.g.Nodes, n)
	return out
}

// op adds a node of the default domain.
func (e *emitter) op(op string, shape []int, ins []val, attrs ...onnx.Attr) val {
	return e.nodes("", op, ins, [][]int{shape}, attrs...)[0]
}

// once writes what key names the first time and uses it again later: forward
// and backward pass look at the same values in the same shapes.
func (e *emitter) once(key string, write func() val) val {
	v, ok := e.made[key]
	if !ok {
		v = write()
		e.made[key] = v
	}
	return v
}

func (e *emitter) constant(key string, make func() *onnx.Tensor) val {
	if v, ok := e.consts[key]; ok {
		return v
	}
	t := make()
	v := val{e.fresh("blk.const"), t.Shape}
	e.g.Initializers = append(e.g.Initializers, onnx.Initializer{Name: v.name, Tensor: t})
	e.consts[key] = v
	return v
}

// ints is an INT64 vector constant.
func (e *emitter) ints(v ...int) val {
	return e.constant(fmt.Sprint("i", v), func() *onnx.Tensor {
		w := make([]int64, len(v))
		for i, x := range v {
			w[i] = int64(x)
		}
		return onnx.From(w, len(w))
	})
}

// scalar is a FLOAT constant of no dimensions.
func (e *emitter) scalar(f float32) val {
	return e.constant(fmt.Sprint("f", f), func() *onnx.Tensor { return onnx.From([]float32{f}) })
}

// reshape gives v another shape; ORT moves no data for it.
func (e *emitter) reshape(v val, shape ...int) val {
	if slices.Equal(v.shape, shape) {
		return v
	}
	if onnx.Elements(shape) != v.size() {
		panic(fmt.Sprintf("blocked: reshape %v to %v", v.shape, shape))
	}
	return e.once(fmt.Sprint("reshape", v.name, shape), func() val {
		return e.op("Reshape", shape, []val{v, e.ints(shape...)})
	})
}

// binary adds an elementwise node with broadcasting.
func (e *emitter) binary(op string, a, b val) val {
	return e.op(op, broadcast(a.shape, b.shape), []val{a, b})
}

func (e *emitter) mul(a, b val) val { return e.binary("Mul", a, b) }
func (e *emitter) add(a, b val) val { return e.binary("Add", a, b) }
func (e *emitter) sub(a, b val) val { return e.binary("Sub", a, b) }

func (e *emitter) unary(op string, v val, attrs ...onnx.Attr) val {
	return e.op(op, v.shape, []val{v}, attrs...)
}

// scale multiplies by a number known now.
func (e *emitter) scale(v val, f float32) val { return e.mul(v, e.scalar(f)) }

func broadcast(a, b []int) []int {
	if len(a) < len(b) {
		a, b = b, a
	}
	out := slices.Clone(a)
	for i := range b {
		k := len(a) - len(b) + i
		out[k] = max(a[k], b[i])
	}
	return out
}

// sum reduces axes and drops them.
func (e *emitter) sum(v val, axes ...int) val {
	var shape []int
	for i, n := range v.shape {
		if !slices.Contains(axes, i) {
			shape = append(shape, n)
		}
	}
	return e.op("ReduceSum", shape, []val{v, e.ints(axes...)}, onnx.Int("keepdims", 0))
}

// gemm is op(a) op(b) [+ c] of matrices, where op transposes when asked to.
func (e *emitter) gemm(a, b, c val, transA, transB bool) val {
	m, n := a.shape[0], b.shape[1]
	var attrs []onnx.Attr
	if transA {
		m = a.shape[1]
		attrs = append(attrs, onnx.Int("transA", 1))
	}
	if transB {
		n = b.shape[0]
		attrs = append(attrs, onnx.Int("transB", 1))
	}
	ins := []val{a, b}
	if c.name != "" {
		ins = append(ins, c)
	}
	return e.op("Gemm", []int{m, n}, ins, attrs...)
}

// transpose permutes the axes.
func (e *emitter) transpose(v val, perm ...int) val {
	shape := make([]int, len(perm))
	for i, p := range perm {
		shape[i] = v.shape[p]
	}
	return e.op("Transpose", shape, []val{v}, onnx.Ints("perm", perm...))
}

// slice cuts v along axes; ends are exclusive.
func (e *emitter) slice(v val, starts, ends, axes, steps []int) val {
	shape := slices.Clone(v.shape)
	for i, a := range axes {
		shape[a] = (ends[i] - starts[i] + steps[i] - 1) / steps[i]
	}
	return e.op("Slice", shape, []val{v, e.ints(starts...), e.ints(ends...), e.ints(axes...), e.ints(steps...)})
}

// pad adds zeros: before[i] and after[i] along axis i.
func (e *emitter) pad(v val, before, after []int) val {
	shape := slices.Clone(v.shape)
	for i := range shape {
		shape[i] += before[i] + after[i]
	}
	return e.op("Pad", shape, []val{v, e.ints(append(slices.Clone(before), after...)...)})
}

// expand repeats v to shape.
func (e *emitter) expand(v val, shape ...int) val {
	if slices.Equal(v.shape, shape) {
		return v
	}
	return e.once(fmt.Sprint("expand", v.name, shape), func() val {
		return e.op("Expand", shape, []val{v, e.ints(shape...)})
	})
}

// accumulate adds up one or more values of the same shape.
func (e *emitter) accumulate(vs []val) val {
	v := vs[0]
	for _, w := range vs[1:] {
		v = e.add(v, w)
	}
	return v
}
