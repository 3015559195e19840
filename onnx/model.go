package onnx

import (
	"slices"
	"strconv"
)

// Model is an ONNX model in memory: a graph, the operator sets it is written
// in, and free key-value metadata. The pieces are plain data; Check says
// whether they make sense together.
type Model struct {
	IRVersion int64   // 0 = chosen from the opsets when written
	Opsets    []Opset // first the default domain
	Producer  string
	Version   int64
	Doc       string
	Metadata  []Entry // in file order
	Graph     *Graph
}

// Opset names a domain ("" is ai.onnx) and the version of its operators.
type Opset struct {
	Domain  string
	Version int
}

// Entry is one metadata pair.
type Entry struct{ Key, Value string }

// Graph is a list of nodes in topological order over named values.
type Graph struct {
	Name         string
	Nodes        []*Node
	Initializers []Initializer
	Inputs       []ValueInfo // without initialisers
	Outputs      []ValueInfo
	Values       []ValueInfo // inferred or stated types of inner values, may be empty

	// symbols holds, for values of files made elsewhere, the names of their
	// symbolic sizes ("" = none), so that they are written back. Without an
	// entry the first size of an input is called N, and others nothing.
	symbols map[string][]string
}

// Initializer is a named constant.
type Initializer struct {
	Name   string
	Tensor *Tensor
}

// Node applies an operator. An empty input or output name is an absent
// optional one.
type Node struct {
	Name, Op, Domain string
	Inputs, Outputs  []string
	Attrs            []Attr
}

// ValueInfo is the type of a value. Shape nil = rank unknown; a size of -1 =
// symbolic (printed N: the batch).
type ValueInfo struct {
	Name  string
	DType DType
	Shape []int
}

// AttrKind is the type of an attribute; the values are ONNX's AttributeProto.AttributeType.
type AttrKind int32

// The kinds of attribute that the package understands. Others, such as the
// graphs of control flow, are kept as the bytes that the file has (Attr.Raw)
// and written back; Check refuses them, CheckForeign does not.
const (
	AttrFloat   AttrKind = 1
	AttrInt     AttrKind = 2
	AttrString  AttrKind = 3
	AttrTensor  AttrKind = 4
	AttrGraph   AttrKind = 5
	AttrFloats  AttrKind = 6
	AttrInts    AttrKind = 7
	AttrStrings AttrKind = 8
)

// kinds has the names of the kinds in ONNX's text syntax.
var kinds = [...]string{
	AttrFloat: "float", AttrInt: "int", AttrString: "string", AttrTensor: "tensor", AttrGraph: "graph",
	AttrFloats: "floats", AttrInts: "ints", AttrStrings: "strings",
}

// String is the kind's name in ONNX's text syntax.
func (k AttrKind) String() string {
	if k > 0 && int(k) < len(kinds) {
		return kinds[k]
	}
	return "kind" + strconv.Itoa(int(k))
}

// Attr is one attribute of a node; only the field of its Kind is set.
type Attr struct {
	Name    string
	Kind    AttrKind
	F       float32
	I       int64
	S       string
	T       *Tensor
	Floats  []float32
	Ints    []int64
	Strings []string
	Raw     []byte // the whole AttributeProto of a kind that is not understood
}

// Int makes an integer attribute.
func Int(name string, v int) Attr { return Attr{Name: name, Kind: AttrInt, I: int64(v)} }

// Ints makes an integer-list attribute.
func Ints(name string, v ...int) Attr {
	a := Attr{Name: name, Kind: AttrInts, Ints: make([]int64, len(v))}
	for i, x := range v {
		a.Ints[i] = int64(x)
	}
	return a
}

// Float32 makes a float attribute.
func Float32(name string, v float32) Attr { return Attr{Name: name, Kind: AttrFloat, F: v} }

// Str makes a string attribute.
func Str(name, v string) Attr { return Attr{Name: name, Kind: AttrString, S: v} }

// TensorAttr makes a tensor attribute.
func TensorAttr(name string, t *Tensor) Attr { return Attr{Name: name, Kind: AttrTensor, T: t} }

// Attr finds an attribute by name; nil when the node does not state it.
func (n *Node) Attr(name string) *Attr {
	for i := range n.Attrs {
		if n.Attrs[i].Name == name {
			return &n.Attrs[i]
		}
	}
	return nil
}

// IntOr returns an integer attribute or its default.
func (n *Node) IntOr(name string, def int) int {
	if a := n.Attr(name); a != nil {
		return int(a.I)
	}
	return def
}

// IntsOr returns an integer-list attribute or its default.
func (n *Node) IntsOr(name string, def ...int) []int {
	a := n.Attr(name)
	if a == nil {
		return def
	}
	out := make([]int, len(a.Ints))
	for i, v := range a.Ints {
		out[i] = int(v)
	}
	return out
}

// FloatOr returns a float attribute or its default.
func (n *Node) FloatOr(name string, def float32) float32 {
	if a := n.Attr(name); a != nil {
		return a.F
	}
	return def
}

// StrOr returns a string attribute or its default.
func (n *Node) StrOr(name, def string) string {
	if a := n.Attr(name); a != nil {
		return a.S
	}
	return def
}

// Opset is the model's version of a domain; 0 when it does not import it.
func (m *Model) Opset(domain string) int {
	for _, o := range m.Opsets {
		if o.Domain == domain {
			return o.Version
		}
	}
	return 0
}

// SetOpset sets the version of a domain, or imports it.
func (m *Model) SetOpset(domain string, version int) {
	for i := range m.Opsets {
		if m.Opsets[i].Domain == domain {
			m.Opsets[i].Version = version
			return
		}
	}
	m.Opsets = append(m.Opsets, Opset{domain, version})
}

// Meta finds a metadata value; "" when absent.
func (m *Model) Meta(key string) string {
	for _, e := range m.Metadata {
		if e.Key == key {
			return e.Value
		}
	}
	return ""
}

// SetMeta sets or adds a metadata pair.
func (m *Model) SetMeta(key, value string) {
	for i := range m.Metadata {
		if m.Metadata[i].Key == key {
			m.Metadata[i].Value = value
			return
		}
	}
	m.Metadata = append(m.Metadata, Entry{key, value})
}

// Initializer finds a constant by name; nil when absent. It searches; for many
// look-ups make a map.
func (g *Graph) Initializer(name string) *Tensor {
	for i := range g.Initializers {
		if g.Initializers[i].Name == name {
			return g.Initializers[i].Tensor
		}
	}
	return nil
}

// Rename gives values new names, wherever they are made, used or described.
// Chains of renames are followed. A node that was named after an output of
// its own keeps that custom.
func (g *Graph) Rename(names map[string]string) {
	rename := func(s *string) {
		for range len(names) { // a cycle must not hang us
			to, ok := names[*s]
			if !ok {
				return
			}
			*s = to
		}
	}
	for _, n := range g.Nodes {
		for i := range n.Inputs {
			rename(&n.Inputs[i])
		}
		follow := len(n.Outputs) > 0 && n.Name == n.Outputs[0]
		for i := range n.Outputs {
			rename(&n.Outputs[i])
		}
		if follow {
			n.Name = n.Outputs[0]
		}
	}
	for i := range g.Initializers {
		rename(&g.Initializers[i].Name)
	}
	for _, list := range [][]ValueInfo{g.Inputs, g.Outputs, g.Values} {
		for i := range list {
			rename(&list[i].Name)
		}
	}
}

// Clone copies the model's structure. Tensors are shared: they are treated as
// immutable once they are part of a model.
func (m *Model) Clone() *Model {
	c := *m
	c.Opsets = slices.Clone(m.Opsets)
	c.Metadata = slices.Clone(m.Metadata)
	g := *m.Graph
	g.Initializers = slices.Clone(g.Initializers)
	g.Inputs, g.Outputs, g.Values = slices.Clone(g.Inputs), slices.Clone(g.Outputs), slices.Clone(g.Values)
	g.Nodes = make([]*Node, len(m.Graph.Nodes))
	for i, n := range m.Graph.Nodes {
		k := *n
		k.Inputs, k.Outputs, k.Attrs = slices.Clone(n.Inputs), slices.Clone(n.Outputs), slices.Clone(n.Attrs)
		g.Nodes[i] = &k
	}
	c.Graph = &g
	return &c
}
