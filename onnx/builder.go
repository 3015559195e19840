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

// Shape is the inferred shape: a size of -1 is symbolic, nil is unknown rank.
// It is shared and must not be changed.
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
	m       *Model
	scope   *scope
	consts  map[string]Value  // small constants by content
	renamed map[string]string // done by Build in one pass
	prefix  string
	serial  int
	key     []byte // reused
	err     error
}

// NewBuilder starts a graph in the default opset.
func NewBuilder(name string) *Builder {
	m := &Model{Opsets: []Opset{{"", DefaultOpset}}, Producer: "hanas", Graph: &Graph{Name: name}}
	return newBuilder(m, newScope(m.Opsets, 256))
}

func newBuilder(m *Model, s *scope) *Builder {
	return &Builder{m: m, scope: s, consts: map[string]Value{}, renamed: map[string]string{}}
}

// BuilderFrom continues a copy of a model: its values are found with Value,
// its outputs stay, and new names never collide with its own. Operators of the
// model that the table does not have are taken on trust.
func BuilderFrom(m *Model) *Builder {
	m = m.Clone()
	b := newBuilder(m, graphScope(m))
	for _, n := range m.Graph.Nodes {
		spec, known := Lookup(n.Domain, n.Op)
		if !known || m.Opset(n.Domain) < spec.Since {
			b.scope.lenient = true
		}
		if b.err = b.scope.infer(n); b.err != nil {
			break
		}
	}
	return b
}

// Opset sets the version of a domain ("" is ai.onnx).
func (b *Builder) Opset(domain string, version int) {
	b.m.SetOpset(domain, version)
	b.scope.opsets = b.m.Opsets
}

// Prefix starts the names of nodes and values made from here on: "s1.b0"
// makes "s1.b0.Conv".
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
	f, ok := b.scope.facts[name]
	return Value{f.Name, f.DType, f.Shape}, ok
}

// Input declares a graph input; a size of -1 is the symbolic batch.
func (b *Builder) Input(name string, d DType, shape ...int) Value {
	info := ValueInfo{name, d, append([]int{}, shape...)}
	if b.isNew(name) {
		b.scope.facts[name] = fact{ValueInfo: info}
		b.m.Graph.Inputs = append(b.m.Graph.Inputs, info)
	}
	return Value{name, d, info.Shape}
}

// Init adds an initialiser under a name that must be new.
func (b *Builder) Init(name string, t *Tensor) Value {
	if t == nil {
		b.Fail(fmt.Errorf("onnx: builder: initialiser %q has no tensor", name))
		return Value{}
	}
	if b.isNew(name) {
		b.scope.define(name, t)
		b.m.Graph.Initializers = append(b.m.Graph.Initializers, Initializer{name, t})
	}
	return Value{name, t.DType, t.Shape}
}

// InitUnique adds an initialiser under a fresh name that starts with the
// prefix and hint.
func (b *Builder) InitUnique(hint string, t *Tensor) Value { return b.Init(b.fresh(hint), t) }

// ConstInts is an INT64 vector constant, shared by content.
func (b *Builder) ConstInts(hint string, v ...int) Value {
	b.key = append(b.key[:0], 'i')
	for _, x := range v {
		b.key = append(strconv.AppendInt(b.key, int64(x), 10), ' ')
	}
	return b.constant(hint, func() *Tensor {
		w := make([]int64, len(v))
		for i, x := range v {
			w[i] = int64(x)
		}
		return From(w, len(w))
	})
}

// ConstFloat is a FLOAT scalar constant, shared by content.
func (b *Builder) ConstFloat(hint string, v float32) Value {
	b.key = strconv.AppendUint(append(b.key[:0], 'f'), uint64(math.Float32bits(v)), 16)
	return b.constant(hint, func() *Tensor { return From([]float32{v}) })
}

// ConstFloats is a FLOAT vector constant, shared by content.
func (b *Builder) ConstFloats(hint string, v ...float32) Value {
	b.key = append(b.key[:0], 'v')
	for _, x := range v {
		b.key = append(strconv.AppendUint(b.key, uint64(math.Float32bits(x)), 16), ' ')
	}
	return b.constant(hint, func() *Tensor { return From(append([]float32{}, v...), len(v)) })
}

func (b *Builder) constant(hint string, make func() *Tensor) Value {
	if v, ok := b.consts[string(b.key)]; ok {
		return v
	}
	prefix := b.prefix
	b.prefix = "const" // it is shared: no part of the graph owns it
	v := b.InitUnique(hint, make())
	b.prefix = prefix
	b.consts[string(b.key)] = v
	return v
}

// fresh is a name that no value has.
func (b *Builder) fresh(base string) string {
	if b.prefix != "" {
		base = b.prefix + "." + base
	}
	name := base
	for {
		if _, taken := b.scope.facts[name]; !taken {
			return name
		}
		b.serial++
		name = base + "_" + strconv.Itoa(b.serial)
	}
}

func (b *Builder) isNew(name string) bool {
	if b.err != nil {
		return false
	}
	if name == "" {
		b.err = errors.New("onnx: builder: a value needs a name")
		return false
	}
	if _, taken := b.scope.facts[name]; taken {
		b.err = fmt.Errorf("onnx: builder: value %q is defined twice", name)
		return false
	}
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

// OpDomainN adds a node with n outputs. Absent inputs at the end are dropped.
func (b *Builder) OpDomainN(domain, op string, n int, inputs []Value, attrs ...Attr) []Value {
	out := make([]Value, n)
	if b.err != nil {
		return out
	}
	for len(inputs) > 0 && inputs[len(inputs)-1].IsZero() {
		inputs = inputs[:len(inputs)-1]
	}
	names := make([]string, len(inputs)+n)
	node := &Node{Op: op, Domain: domain, Attrs: attrs, Inputs: names[:len(inputs):len(inputs)], Outputs: names[len(inputs):]}
	for i, v := range inputs {
		node.Inputs[i] = v.name
	}
	for i := range node.Outputs {
		name := b.fresh(op)
		b.scope.facts[name] = fact{} // taken
		node.Outputs[i] = name
	}
	if n > 0 {
		node.Name = node.Outputs[0]
	}
	b.m.Graph.Nodes = append(b.m.Graph.Nodes, node)
	if b.err = b.scope.infer(node); b.err != nil {
		return out
	}
	for i, name := range node.Outputs {
		out[i], _ = b.Value(name)
	}
	return out
}

// Name renames a value and returns it under the new name. Handles with the
// old name stay valid.
func (b *Builder) Name(v Value, name string) Value {
	if v.name == name || !b.isNew(name) {
		return v
	}
	f, ok := b.scope.facts[v.name]
	if !ok {
		b.err = fmt.Errorf("onnx: builder: cannot name %q: there is no value %q", name, v.name)
		return v
	}
	b.renamed[v.name] = name
	f.Name = name
	b.scope.facts[name] = f
	v.name = name
	return v
}

// Output declares a graph output.
func (b *Builder) Output(v Value) {
	if b.err == nil {
		b.m.Graph.Outputs = append(b.m.Graph.Outputs, ValueInfo{v.name, v.dtype, v.shape})
	}
}

// Build checks the graph and returns the model. The builder is used up.
func (b *Builder) Build() (*Model, error) {
	if b.err != nil {
		return nil, b.err
	}
	if len(b.renamed) > 0 {
		b.m.Graph.Rename(b.renamed)
	}
	if err := check(b.m, b.scope.lenient); err != nil {
		return nil, err
	}
	return b.m, nil
}
