package onnx

import (
	"fmt"
	"slices"
)

// Inference is what a shape rule sees of one node: the types of its inputs and
// those inputs that are constants. Rules write Out.
type Inference struct {
	Node   *Node
	Opset  int // version of the node's domain
	In     []ValueInfo
	Consts []*Tensor // nil where the input is no constant
	Out    []ValueInfo
}

// rank reports an unknown rank as false.
func (c *Inference) shape(i int) []int {
	if i < len(c.In) {
		return c.In[i].Shape
	}
	return nil
}

func (c *Inference) has(i int) bool { return i < len(c.In) && c.In[i].Name != "" }

// set gives output i the type d and shape s; outputs that the node leaves out
// are skipped.
func (c *Inference) set(i int, d DType, s []int) {
	if i < len(c.Out) {
		c.Out[i].DType, c.Out[i].Shape = d, s
	}
}

// ints reads a list that is an input (newer opsets) or an attribute.
func (c *Inference) ints(input int, attr string) ([]int, bool) {
	if a := c.Node.Attr(attr); a != nil {
		return c.Node.IntsOr(attr), true
	}
	if input < len(c.Consts) && c.Consts[input] != nil {
		v, err := c.Consts[input].Ints()
		if err != nil {
			return nil, false
		}
		out := make([]int, len(v))
		for i, x := range v {
			out[i] = int(x)
		}
		return out, true
	}
	return nil, false
}

// inferNode applies the rule of a node's operator.
func inferNode(n *Node, m *Model, lookup func(string) (ValueInfo, bool), constant func(string) *Tensor) ([]ValueInfo, error) {
	spec, ok := Lookup(n.Domain, n.Op)
	if !ok {
		return nil, fmt.Errorf("onnx: node %q: unknown operator %s", n.Name, opName(n.Domain, n.Op))
	}
	c := &Inference{Node: n, Opset: m.Opset(n.Domain), In: make([]ValueInfo, len(n.Inputs)), Consts: make([]*Tensor, len(n.Inputs)), Out: make([]ValueInfo, len(n.Outputs))}
	for i, name := range n.Inputs {
		if name == "" {
			continue
		}
		info, ok := lookup(name)
		if !ok {
			return nil, fmt.Errorf("onnx: node %q (%s): input %q is not defined before it", n.Name, n.Op, name)
		}
		c.In[i], c.Consts[i] = info, constant(name)
	}
	if err := spec.counts(n); err != nil {
		return nil, fmt.Errorf("onnx: node %q (%s): %w", n.Name, n.Op, err)
	}
	for i, name := range n.Outputs {
		c.Out[i].Name = name
	}
	if err := spec.Infer(c); err != nil {
		return nil, fmt.Errorf("onnx: node %q (%s): %w (inputs %s)", n.Name, n.Op, err, shapesOf(c.In))
	}
	return c.Out, nil
}

func shapesOf(in []ValueInfo) string {
	s := ""
	for i, v := range in {
		if i > 0 {
			s += ", "
		}
		s += fmt.Sprintf("%s %v%v", v.Name, v.DType, v.Shape)
	}
	return s
}

func opName(domain, op string) string {
	if domain == "" {
		return op
	}
	return domain + "." + op
}

// Infer fills Graph.Values and the outputs' types from the inputs' types.
// Operators without a row in the table (of foreign files) leave their outputs
// unknown; a row that finds a contradiction is an error.
func Infer(m *Model) error {
	known := map[string]ValueInfo{}
	consts := map[string]*Tensor{}
	for _, in := range m.Graph.Inputs {
		known[in.Name] = in
	}
	for _, in := range m.Graph.Initializers {
		known[in.Name] = ValueInfo{in.Name, in.Tensor.DType, in.Tensor.Shape}
		consts[in.Name] = in.Tensor
	}
	m.Graph.Values = nil
	for _, n := range m.Graph.Nodes {
		if n.Op == "Constant" && n.Domain == "" && n.Attr("value") != nil && len(n.Outputs) == 1 {
			consts[n.Outputs[0]] = n.Attr("value").T
		}
		var out []ValueInfo
		if _, ok := Lookup(n.Domain, n.Op); ok {
			var err error
			out, err = inferNode(n, m, func(s string) (ValueInfo, bool) { v, ok := known[s]; return v, ok },
				func(s string) *Tensor { return consts[s] })
			if err != nil {
				return err
			}
		} else {
			for _, name := range n.Outputs {
				out = append(out, ValueInfo{Name: name})
			}
		}
		for _, o := range out {
			if o.Name != "" {
				known[o.Name] = o
				m.Graph.Values = append(m.Graph.Values, o)
			}
		}
	}
	for i, o := range m.Graph.Outputs {
		if v, ok := known[o.Name]; ok && v.Shape != nil {
			m.Graph.Outputs[i] = v
		}
	}
	return nil
}

// broadcast is NumPy's rule; -1 stays where the other side is 1 or -1.
func broadcast(a, b []int) ([]int, error) {
	if a == nil || b == nil {
		return nil, nil
	}
	n := max(len(a), len(b))
	out := make([]int, n)
	at := func(s []int, i int) int {
		if k := len(s) - n + i; k >= 0 {
			return s[k]
		}
		return 1
	}
	for i := range out {
		x, y := at(a, i), at(b, i)
		switch {
		case x == y || y == 1:
			out[i] = x
		case x == 1:
			out[i] = y
		case x == -1:
			out[i] = y
		case y == -1:
			out[i] = x
		default:
			return nil, fmt.Errorf("shapes %v and %v do not broadcast", a, b)
		}
	}
	return out, nil
}

// normAxes makes negative axes positive and sorts them.
func normAxes(axes []int, rank int) ([]int, error) {
	out := make([]int, 0, len(axes))
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
