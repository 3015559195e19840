package blocked

import (
	"fmt"
	"maps"
	"slices"

	"hanas/onnx"
	"hanas/onnx/grad"
)

// lowerings has a row for each operator that has a blocked form. A node of
// another operator, or one whose inputs are all plain, is copied.
var lowerings map[string]func(*tape, *onnx.Node) error

func init() { // a table that refers to its users
	lowerings = map[string]func(*tape, *onnx.Node) error{
		"Conv":               (*tape).lowerConv,
		"BatchNormalization": (*tape).lowerNorm,
		"Clip":               (*tape).lowerClip,
		"QuantizeLinear":     (*tape).lowerQuantize,
		"GlobalAveragePool":  (*tape).lowerPool,
		"Add":                (*tape).lowerAdd,
		"Mul":                (*tape).lowerMul,
	}
	for op := range maps.Keys(elementwise) {
		lowerings[op] = (*tape).lowerElementwise
	}
}

// Build is grad.Build in the blocked layout: m plus one more output for each
// wrt name, called grad.Name(name), all in the plain shapes. m is a training
// graph with a static batch that is a multiple of block (16, or 8: see
// SelfTest), convolutions with static shapes, and scalar output loss. Inputs,
// outputs and their order are m's; results differ from grad.Build's by
// rounding only. The result uses ORT's nchwc domain: load it with package ort
// at level Basic or Disable, which are as fast as All and quicker to load, and
// with DisableQDQFusion, without which ORT repeats fake quantisation for every
// reader of its result.
func Build(m *onnx.Model, loss string, wrt []string, block int) (*onnx.Model, error) {
	t, err := newTape(m, wrt, block)
	if err != nil {
		return nil, err
	}
	for _, n := range t.src.Graph.Nodes {
		if t.done[n] {
			continue
		}
		if err := t.lower(n); err != nil {
			return nil, err
		}
	}
	if err := t.leave(); err != nil {
		return nil, err
	}
	if err := t.differentiate(loss); err != nil {
		return nil, err
	}
	return t.finish(wrt)
}

func newTape(m *onnx.Model, wrt []string, block int) (*tape, error) {
	m = m.Clone()
	if err := onnx.Infer(m); err != nil {
		return nil, err
	}
	if block != 8 && block != 16 {
		return nil, fmt.Errorf("blocked: block size %d (the kernels have 8 or 16)", block)
	}
	t := &tape{
		src: m, block: block, shapes: map[string][]int{}, types: map[string]onnx.DType{},
		values: map[string]*value{}, users: map[string][]*onnx.Node{}, outputs: map[string]bool{},
		tracked: map[string]bool{}, grads: map[string][]val{}, affine: map[string]normGrad{}, done: map[*onnx.Node]bool{},
	}
	taken := map[string]bool{}
	for _, infos := range [][]onnx.ValueInfo{m.Graph.Inputs, m.Graph.Values, m.Graph.Outputs} {
		for _, v := range infos {
			t.shapes[v.Name], t.types[v.Name], taken[v.Name] = v.Shape, v.DType, true
		}
	}
	g := &onnx.Graph{Name: m.Graph.Name, Inputs: slices.Clone(m.Graph.Inputs), Initializers: slices.Clone(m.Graph.Initializers)}
	t.emitter = newEmitter(g, taken)
	for _, n := range m.Graph.Nodes {
		for _, in := range n.Inputs {
			t.users[in] = append(t.users[in], n)
		}
	}
	for _, v := range m.Graph.Outputs {
		t.outputs[v.Name] = true
	}
	for _, v := range g.Inputs {
		t.setPlain(v.Name, val{v.Name, v.Shape})
	}
	for _, c := range g.Initializers {
		taken[c.Name] = true
		t.types[c.Name] = c.Tensor.DType
		t.setPlain(c.Name, val{c.Name, c.Tensor.Shape})
	}
	for _, w := range wrt {
		if t.values[w] == nil {
			return nil, fmt.Errorf("blocked: gradient of %q: the graph has no such input", w)
		}
		t.tracked[w] = true
	}
	return t, t.findBatch()
}

// findBatch takes the batch from the first convolution's input.
func (t *tape) findBatch() error {
	for _, n := range t.src.Graph.Nodes {
		if n.Op != "Conv" {
			continue
		}
		s := t.shapes[n.Inputs[0]]
		if len(s) != 4 || s[0] < 1 || s[0]%t.block != 0 {
			return fmt.Errorf("blocked: Conv %q: input %v, its batch must be a static multiple of %d", n.Name, s, t.block)
		}
		t.batch = s[0]
		return nil
	}
	return fmt.Errorf("blocked: graph %q has no convolution", t.src.Graph.Name)
}

// lower writes one node, blocked if it has that form and works on an
// activation of the batch.
func (t *tape) lower(n *onnx.Node) error {
	rule, ok := lowerings[n.Op]
	if !ok || n.Domain != "" || !t.onRows(n) {
		return t.lowerPlain(n)
	}
	if err := rule(t, n); err != nil {
		return fmt.Errorf("blocked: %s %q: %w", n.Op, n.Name, err)
	}
	return nil
}

// onRows says whether a node's data input is, or for a convolution can become,
// an activation in the blocked layout. The other input of Add and Mul must be
// one as well.
func (t *tape) onRows(n *onnx.Node) bool {
	isRow := func(name string) bool {
		v := t.values[name]
		return v != nil && v.row != nil
	}
	fits := func(name string) bool {
		s := t.shapes[name]
		return len(s) == 4 && s[0] == t.batch
	}
	switch n.Op {
	case "Conv":
		return fits(n.Inputs[0])
	case "Add", "Mul":
		return (isRow(n.Inputs[0]) || isRow(n.Inputs[1])) && fits(n.Inputs[0]) && fits(n.Inputs[1])
	}
	return isRow(n.Inputs[0])
}

// leave makes sure that the graph's outputs exist under their names.
func (t *tape) leave() error {
	for _, o := range t.src.Graph.Outputs {
		v, err := t.asPlain(o.Name)
		if err != nil {
			return err
		}
		t.g.Outputs = append(t.g.Outputs, onnx.ValueInfo{Name: o.Name, DType: o.DType, Shape: v.shape})
		if v.name != o.Name {
			t.g.Nodes = append(t.g.Nodes, &onnx.Node{Name: o.Name, Op: "Identity", Inputs: []string{v.name}, Outputs: []string{o.Name}})
		}
	}
	return nil
}

// differentiate runs the backward steps from loss.
func (t *tape) differentiate(loss string) error {
	l, err := t.asPlain(loss)
	if err != nil {
		return err
	}
	if l.size() != 1 {
		return fmt.Errorf("blocked: loss %q has shape %v, not a scalar", loss, l.shape)
	}
	one := onnx.NewTensor(onnx.Float, l.shape...)
	one.Floats()[0] = 1
	t.give(l, t.constant(fmt.Sprint("one", l.shape), func() *onnx.Tensor { return one }))
	for _, step := range slices.Backward(t.steps) {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// finish declares the gradients and assembles the model.
func (t *tape) finish(wrt []string) (*onnx.Model, error) {
	for _, w := range wrt {
		v := t.values[w].plain
		g, ok := t.take(v)
		if !ok {
			return nil, fmt.Errorf("blocked: the loss does not depend on %q", w)
		}
		name := grad.Name(w)
		t.g.Nodes = append(t.g.Nodes, &onnx.Node{Name: name, Op: "Identity", Inputs: []string{g.name}, Outputs: []string{name}})
		t.g.Outputs = append(t.g.Outputs, onnx.ValueInfo{Name: name, DType: onnx.Float, Shape: v.shape})
	}
	m := *t.src
	m.Opsets = append(slices.Clone(m.Opsets), onnx.Opset{Domain: onnx.NCHWc, Version: 1})
	m.Graph = t.g
	if err := onnx.Check(&m); err != nil {
		return nil, fmt.Errorf("blocked: %w", err)
	}
	return &m, nil
}

func (t *tape) dtype(name string) onnx.DType {
	if d, ok := t.types[name]; ok {
		return d
	}
	return onnx.Float
}
