package onnx

import (
	"errors"
	"fmt"
	"math"
	"strconv"
)

// Value is a handle on a value of a graph under construction. The zero Value
// is an absent optional input.
type Value struct {
	name  string
	dtype DType
	shape []int
}

// Name is the value's name; empty for an absent input.
func (v Value) Name() string { return v.name }

// Shape is the inferred shape: -1 = symbolic, nil = unknown.
func (v Value) Shape() []int { return v.shape }

// DType is the inferred element type.
func (v Value) DType() DType { return v.dtype }

// IsZero says whether the value is absent.
func (v Value) IsZero() bool { return v.name == "" }

// DefaultOpset is the ai.onnx version of a new Builder: the lowest that has
// the 16- and 4-bit types.
const DefaultOpset = 21

// Builder writes a graph node by node, inferring shapes as it goes. Its first
// error sticks, later calls do nothing, and Build returns it.
type Builder struct {
	m      *Model
	values map[string]Value
	consts map[string]Value // small constants by content
	inits  map[string]*Tensor
	rename map[string]string
	prefix string
	serial int
	err    error
}

// NewBuilder starts a graph in the default opset.
func NewBuilder(name string) *Builder {
	m := &Model{Opsets: []Opset{{"", DefaultOpset}}, Producer: "hanas", Graph: &Graph{Name: name}}
	return &Builder{m: m, values: map[string]Value{}, consts: map[string]Value{}, inits: map[string]*Tensor{}}
}

// BuilderFrom continues a model: its values are found with Value. The model is
// cloned, not changed.
func BuilderFrom(m *Model) *Builder {
	b := NewBuilder(m.Graph.Name)
	b.m = m.Clone()
	for _, in := range m.Graph.Inputs {
		b.values[in.Name] = Value{in.Name, in.DType, in.Shape}
	}
	for _, in := range m.Graph.Initializers {
		b.values[in.Name] = Value{in.Name, in.Tensor.DType, in.Tensor.Shape}
		b.inits[in.Name] = in.Tensor
	}
	for _, n := range b.m.Graph.Nodes {
		b.infer(n)
	}
	return b
}

// Opset sets the version of a domain ("" is ai.onnx).
func (b *Builder) Opset(domain string, version int) {
	for i := range b.m.Opsets {
		if b.m.Opsets[i].Domain == domain {
			b.m.Opsets[i].Version = version
			return
		}
	}
	b.m.Opsets = append(b.m.Opsets, Opset{domain, version})
}

// Prefix starts the names of nodes and values made from here on.
func (b *Builder) Prefix(p string) { b.prefix = p }

// Meta adds a metadata pair to the model.
func (b *Builder) Meta(key, value string) { b.m.SetMeta(key, value) }

// Err is the first error so far.
func (b *Builder) Err() error { return b.err }

// Fail records an error of the caller's, as if a node had failed.
func (b *Builder) Fail(err error) {
	if b.err == nil {
		b.err = err
	}
}

// Value finds an existing value by name.
func (b *Builder) Value(name string) (Value, bool) {
	v, ok := b.values[name]
	return v, ok
}

// Input declares a graph input; a size of -1 is the symbolic batch.
func (b *Builder) Input(name string, d DType, shape ...int) Value {
	v := Value{name, d, append([]int{}, shape...)}
	if !b.define(v) {
		return v
	}
	b.m.Graph.Inputs = append(b.m.Graph.Inputs, ValueInfo{name, d, v.shape})
	return v
}

// Init adds an initialiser.
func (b *Builder) Init(name string, t *Tensor) Value {
	v := Value{name, t.DType, t.Shape}
	if !b.define(v) {
		return v
	}
	b.inits[name] = t
	b.m.Graph.Initializers = append(b.m.Graph.Initializers, Initializer{name, t})
	return v
}

// ConstInts is an INT64 vector constant, shared by content.
func (b *Builder) ConstInts(hint string, v ...int) Value {
	key := "i"
	w := make([]int64, len(v))
	for i, x := range v {
		w[i] = int64(x)
		key += " " + strconv.Itoa(x)
	}
	return b.constant(key, hint, func() *Tensor { return From(w, len(w)) })
}

// ConstFloat is a FLOAT scalar constant, shared by content.
func (b *Builder) ConstFloat(hint string, v float32) Value {
	return b.constant("f"+strconv.FormatUint(uint64(math.Float32bits(v)), 16), hint, func() *Tensor { return From([]float32{v}) })
}

// ConstFloats is a FLOAT vector constant.
func (b *Builder) ConstFloats(hint string, v ...float32) Value {
	key := "v"
	for _, x := range v {
		key += " " + strconv.FormatUint(uint64(math.Float32bits(x)), 16)
	}
	return b.constant(key, hint, func() *Tensor { return From(append([]float32{}, v...), len(v)) })
}

func (b *Builder) constant(key, hint string, make func() *Tensor) Value {
	if v, ok := b.consts[key]; ok {
		return v
	}
	v := b.Init(b.fresh("const."+hint), make())
	b.consts[key] = v
	return v
}

// fresh is a name that no value has.
func (b *Builder) fresh(base string) string {
	name := base
	for {
		if _, taken := b.values[name]; !taken {
			return name
		}
		b.serial++
		name = base + "_" + strconv.Itoa(b.serial)
	}
}

func (b *Builder) define(v Value) bool {
	if b.err != nil {
		return false
	}
	if v.name == "" {
		b.err = errors.New("onnx: builder: a value needs a name")
		return false
	}
	if _, taken := b.values[v.name]; taken {
		b.err = fmt.Errorf("onnx: builder: value %q is defined twice", v.name)
		return false
	}
	b.values[v.name] = v
	return true
}

// Op adds a node of the default domain with one output.
func (b *Builder) Op(op string, inputs []Value, attrs ...Attr) Value {
	return b.OpDomainN("", op, 1, inputs, attrs...)[0]
}

// OpN adds a node of the default domain with n outputs.
func (b *Builder) OpN(op string, n int, inputs []Value, attrs ...Attr) []Value {
	return b.OpDomainN("", op, n, inputs, attrs...)
}

// OpDomain adds a node of another domain with one output. The domain must be
// imported with Opset.
func (b *Builder) OpDomain(domain, op string, inputs []Value, attrs ...Attr) Value {
	return b.OpDomainN(domain, op, 1, inputs, attrs...)[0]
}

// OpDomainN adds a node with n outputs. Trailing absent inputs are dropped.
func (b *Builder) OpDomainN(domain, op string, n int, inputs []Value, attrs ...Attr) []Value {
	out := make([]Value, n)
	if b.err != nil {
		return out
	}
	for len(inputs) > 0 && inputs[len(inputs)-1].IsZero() {
		inputs = inputs[:len(inputs)-1]
	}
	node := &Node{Op: op, Domain: domain, Attrs: attrs, Inputs: make([]string, len(inputs)), Outputs: make([]string, n)}
	for i, v := range inputs {
		node.Inputs[i] = v.name
	}
	base := op
	if b.prefix != "" {
		base = b.prefix + "." + op
	}
	for i := range node.Outputs {
		name := b.fresh(base)
		b.values[name] = Value{name: name}
		node.Outputs[i] = name
	}
	node.Name = node.Outputs[0]
	b.m.Graph.Nodes = append(b.m.Graph.Nodes, node)
	b.infer(node)
	for i, name := range node.Outputs {
		out[i] = b.values[name]
	}
	return out
}

// infer records the types of a node's outputs.
func (b *Builder) infer(n *Node) {
	if b.err != nil {
		return
	}
	infos, err := inferNode(n, b.m, func(name string) (ValueInfo, bool) {
		v, ok := b.values[name]
		return ValueInfo{v.name, v.dtype, v.shape}, ok
	}, func(name string) *Tensor { return b.inits[name] })
	if err != nil {
		b.err = err
		return
	}
	for i, name := range n.Outputs {
		if name != "" {
			b.values[name] = Value{name, infos[i].DType, infos[i].Shape}
		}
	}
}

// Name renames a value and returns it under the new name.
func (b *Builder) Name(v Value, name string) Value {
	if b.err != nil || v.name == name {
		return v
	}
	old := v.name
	v.name = name
	if !b.define(v) {
		return v
	}
	delete(b.values, old)
	g := b.m.Graph
	for i := len(g.Nodes) - 1; i >= 0; i-- { // the maker is near the end
		n := g.Nodes[i]
		replace(n.Inputs, old, name)
		if replace(n.Outputs, old, name) {
			return v
		}
	}
	b.err = fmt.Errorf("onnx: builder: cannot rename %q: no node makes it", old)
	return v
}

func replace(names []string, old, name string) bool {
	hit := false
	for i := range names {
		if names[i] == old {
			names[i], hit = name, true
		}
	}
	return hit
}

// Output declares a graph output.
func (b *Builder) Output(v Value) {
	if b.err == nil {
		b.m.Graph.Outputs = append(b.m.Graph.Outputs, ValueInfo{v.name, v.dtype, v.shape})
	}
}

// Build checks the graph and returns the model.
func (b *Builder) Build() (*Model, error) {
	if b.err != nil {
		return nil, b.err
	}
	if err := Check(b.m); err != nil {
		return nil, err
	}
	return b.m, nil
}
