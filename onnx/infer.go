package onnx

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Inference is what the type rule of an operator sees of one node. The node
// has passed the counts and attributes of its row.
type Inference struct {
	Node  *Node
	Spec  *OpSpec
	Opset int         // version of the node's domain
	In    []ValueInfo // zero for an absent optional input
	Out   []ValueInfo // the rule sets types and shapes; Shape nil = not known
	facts []fact      // of the inputs
}

// fact is what is known about a value: its type and, where a later shape may
// hang on it, its content.
type fact struct {
	ValueInfo
	tensor *Tensor // a constant
	ints   []int   // a computed integer scalar or vector; unknown where not known
}

// unknown stands for an element of a computed shape that is not known: a
// number that no file has a reason to hold (the lowest ones mean "from the end"
// in Slice).
const unknown = math.MinInt + 0x5eed

// Bounds on what rules compute, so that a hostile file cannot make them grow:
// no real shape has more sizes, or longer ones.
const (
	maxRank    = 64
	maxContent = 1024
	maxSize    = math.MaxInt32
)

// scope types the values of a graph in the order of its nodes. It is the one
// place where the builder, Infer and Check look values up.
type scope struct {
	opsets  []Opset
	lenient bool // unknown operators leave their outputs unknown
	facts   map[string]fact
	call    Inference // reused from node to node
}

func newScope(opsets []Opset, size int) *scope {
	return &scope{opsets: opsets, facts: make(map[string]fact, size)}
}

// graphScope holds the inputs and initialisers of a graph.
func graphScope(m *Model) *scope {
	g := m.Graph
	s := newScope(m.Opsets, len(g.Inputs)+len(g.Initializers)+2*len(g.Nodes))
	for _, in := range g.Inputs {
		s.facts[in.Name] = fact{ValueInfo: in}
	}
	for _, in := range g.Initializers {
		s.define(in.Name, in.Tensor)
	}
	return s
}

// define adds a constant.
func (s *scope) define(name string, t *Tensor) {
	s.facts[name] = fact{ValueInfo{name, t.DType, t.Shape}, t, nil}
}

func (s *scope) opset(domain string) int {
	for _, o := range s.opsets {
		if o.Domain == domain {
			return o.Version
		}
	}
	return 0
}

// infer checks a node against its row and defines its outputs.
func (s *scope) infer(n *Node) error {
	spec, known := Lookup(n.Domain, n.Op)
	opset := s.opset(n.Domain)
	if s.lenient && (!known || opset < spec.Since) {
		return s.guess(n)
	}
	if !known {
		return fmt.Errorf("onnx: node %q: unknown operator %s", n.Name, opName(n.Domain, n.Op))
	}
	c := &s.call
	c.Node, c.Spec, c.Opset = n, spec, opset
	c.In, c.facts, c.Out = c.In[:0], c.facts[:0], c.Out[:0]
	for _, name := range n.Inputs {
		f, ok := s.facts[name]
		if !ok && name != "" {
			return undefined(n, name)
		}
		c.In, c.facts = append(c.In, f.ValueInfo), append(c.facts, f)
	}
	for _, name := range n.Outputs {
		c.Out = append(c.Out, ValueInfo{Name: name})
	}
	if err := spec.checkNode(n, opset); err != nil {
		return fmt.Errorf("onnx: node %q (%v): %w", n.Name, spec, err)
	}
	if err := spec.Infer(c); err != nil {
		return fmt.Errorf("onnx: node %q (%v): %w (inputs: %s)", n.Name, spec, err, types(c.In))
	}
	for i, o := range c.Out {
		if o.Name == "" {
			continue
		}
		f := fact{ValueInfo: o}
		if i == 0 {
			f.tensor, f.ints = c.fold()
		}
		s.facts[o.Name] = f
	}
	return nil
}

// guess defines the outputs of an operator that the table does not have,
// without a type.
func (s *scope) guess(n *Node) error {
	for _, name := range n.Inputs {
		if _, ok := s.facts[name]; !ok && name != "" {
			return undefined(n, name)
		}
	}
	for _, name := range n.Outputs {
		if name != "" {
			s.facts[name] = fact{ValueInfo: ValueInfo{Name: name}}
		}
	}
	return nil
}

func undefined(n *Node, name string) error {
	return fmt.Errorf("onnx: node %q (%s): input %q is not defined before it", n.Name, opName(n.Domain, n.Op), name)
}

func types(in []ValueInfo) string {
	list := make([]string, len(in))
	for i, v := range in {
		switch {
		case v.Name == "":
			list[i] = "absent"
		case v.DType == Undefined:
			list[i] = "unknown " + v.Name
		default:
			list[i] = typeText(v.DType, v.Shape, nil) + " " + v.Name
		}
	}
	return strings.Join(list, ", ")
}

// Infer fills Graph.Values with the types of all inner values, and completes
// those of the outputs. An operator without a row in the table (of a foreign
// file) keeps the types that the file states, if any. A contradiction is an error.
func Infer(m *Model) error {
	if m.Graph == nil {
		return fmt.Errorf("onnx: infer: the model has no graph")
	}
	g := m.Graph
	s := graphScope(m)
	s.lenient = true
	stated := make(map[string]ValueInfo, len(g.Values)+len(g.Outputs))
	for _, v := range slices.Concat(g.Values, g.Outputs) {
		stated[v.Name] = v
	}
	values := make([]ValueInfo, 0, len(g.Nodes))
	for _, n := range g.Nodes {
		if err := s.infer(n); err != nil {
			return err
		}
		for _, name := range n.Outputs {
			if name == "" {
				continue
			}
			f := s.facts[name]
			f.ValueInfo = complete(f.ValueInfo, stated[name])
			s.facts[name] = f
			values = append(values, f.ValueInfo)
		}
	}
	g.Values = values
	for i, o := range g.Outputs {
		if f, ok := s.facts[o.Name]; ok {
			g.Outputs[i] = complete(f.ValueInfo, o)
		}
	}
	return nil
}

// complete takes from stated what the rules left open.
func complete(v, stated ValueInfo) ValueInfo {
	if v.DType == Undefined {
		v.DType = stated.DType
	}
	if v.Shape == nil {
		v.Shape = stated.Shape
	}
	if len(v.Shape) != len(stated.Shape) || slices.Equal(v.Shape, stated.Shape) {
		return v
	}
	v.Shape = slices.Clone(v.Shape)
	for i, size := range v.Shape {
		if size < 0 {
			v.Shape[i] = stated.Shape[i]
		}
	}
	return v
}

// The rest is what type rules are written with.

// has says whether input i is there.
func (c *Inference) has(i int) bool { return i < len(c.In) && c.In[i].Name != "" }

// out sets the type of output i; one that the node leaves out is skipped.
func (c *Inference) out(i int, d DType, shape []int) error {
	if len(shape) > maxRank {
		return fmt.Errorf("result has rank %d, more than %d", len(shape), maxRank)
	}
	for _, size := range shape {
		if size < -1 || size > maxSize {
			return fmt.Errorf("result has a size of %d", size)
		}
	}
	if i < len(c.Out) {
		c.Out[i].DType, c.Out[i].Shape = d, shape
	}
	return nil
}

// sameTypes wants the inputs from i on to have the type of input 0.
func (c *Inference) sameTypes(i int) error {
	for ; i < len(c.In); i++ {
		if d := c.In[i].DType; d != c.In[0].DType && d != Undefined && c.In[0].DType != Undefined {
			return fmt.Errorf("input %d is %v, input 0 is %v", i, d, c.In[0].DType)
		}
	}
	return nil
}

// needType wants input i to be one of the given types.
func (c *Inference) needType(i int, types ...DType) error {
	if c.has(i) && c.In[i].DType != Undefined && !slices.Contains(types, c.In[i].DType) {
		return fmt.Errorf("input %d is %v, needs %v", i, c.In[i].DType, types)
	}
	return nil
}

// attr is a stated attribute or its default, which is zero when the opset has none.
func (c *Inference) attr(name string) *Attr {
	if a := c.Node.Attr(name); a != nil {
		return a
	}
	if row := c.Spec.Attr(name, c.Opset); row != nil {
		return &row.Attr
	}
	return &Attr{}
}

func (c *Inference) int(name string) int { return int(c.attr(name).I) }

// axis is an axis attribute between 0 and rank-1.
func (c *Inference) axis(name string, rank int) (int, error) {
	axes, err := normAxes([]int{c.int(name)}, rank)
	if err != nil {
		return 0, err
	}
	return axes[0], nil
}

// perAxis is a list attribute with one value for each of n axes, or def for all.
func (c *Inference) perAxis(name string, n, def int) ([]int, error) {
	v := c.attr(name).Ints
	if len(v) == 0 {
		return slices.Repeat([]int{def}, n), nil
	}
	if len(v) != n {
		return nil, fmt.Errorf("%s has %d values, needs %d", name, len(v), n)
	}
	out := make([]int, n)
	for i, x := range v {
		if x < 0 || x > maxSize {
			return nil, fmt.Errorf("%s has the value %d", name, x)
		}
		out[i] = int(x)
	}
	return out, nil
}

// list is an integer attribute that became an input, wherever it is now. nil
// with given = its content is not known.
func (c *Inference) list(name string) (list []int, given bool) {
	if a := c.Node.Attr(name); a != nil {
		if a.Kind == AttrInt {
			return []int{int(a.I)}, true
		}
		list = make([]int, len(a.Ints))
		for i, v := range a.Ints {
			list[i] = int(v)
		}
		return list, true
	}
	for i := range c.Spec.Attrs {
		if a := &c.Spec.Attrs[i]; a.Name == name && a.Input > 0 && c.Opset >= a.Until && c.has(a.Input) {
			return c.known(a.Input), true
		}
	}
	return nil, false
}

// known is the content of an integer input; nil when any of it is not known.
func (c *Inference) known(i int) []int {
	if v := c.content(i); !slices.Contains(v, unknown) {
		return v
	}
	return nil
}

// content is the content of an integer input as far as known: nil, or with
// unknown elements.
func (c *Inference) content(i int) []int {
	if i >= len(c.facts) {
		return nil
	}
	f := &c.facts[i]
	if f.ints != nil || f.tensor == nil || f.tensor.Len() > maxContent || f.tensor.DType.Bits() < 32 {
		return f.ints
	}
	v, err := f.tensor.Ints()
	if err != nil {
		return nil
	}
	out := make([]int, len(v))
	for k, x := range v {
		out[k] = int(x)
	}
	return out
}

// constant is the tensor of a constant input, or nil.
func (c *Inference) constant(i int) *Tensor {
	if i < len(c.facts) {
		return c.facts[i].tensor
	}
	return nil
}

// normAxes makes negative axes positive and sorts them.
func normAxes(axes []int, rank int) ([]int, error) {
	out := make([]int, 0, min(len(axes), maxRank))
	for _, a := range axes {
		if a < 0 {
			a += rank
		}
		if a < 0 || a >= rank || slices.Contains(out, a) {
			return nil, fmt.Errorf("axes %v do not fit rank %d", axes, rank)
		}
		out = append(out, a)
	}
	slices.Sort(out)
	return out, nil
}

// product multiplies sizes; -1 when one is symbolic or the result is no size.
func product(shape []int) int {
	n := 1
	for _, s := range shape {
		if s < 0 || s > maxSize {
			return -1
		}
		if n *= s; n > maxSize {
			return -1
		}
	}
	return n
}
