package onnx

import "fmt"

// Check tests every invariant of a model that this project writes: names are
// defined once and before use, operators have a row in the table and exist in
// the imported opset, counts and attributes fit their row, constants fit their
// shapes, element types exist in the opset, and stated types agree with
// inferred ones. The error names the node and the value.
func Check(m *Model) error { return check(m, false) }

// CheckForeign is Check for a file made elsewhere: operators and domains that
// the table does not have, and control flow, are taken on trust.
func CheckForeign(m *Model) error { return check(m, true) }

func check(m *Model, foreign bool) error {
	if m.Graph == nil {
		return fmt.Errorf("onnx: check: the model has no graph")
	}
	c := &checker{m: m, scope: newScope(m.Opsets, len(m.Graph.Inputs)+len(m.Graph.Initializers)+2*len(m.Graph.Nodes))}
	c.scope.lenient = foreign
	for _, step := range []func() error{c.opsets, c.inputs, c.constants, c.nodes, c.outputs, c.values} {
		if err := step(); err != nil {
			return fmt.Errorf("onnx: check: graph %q: %w", m.Graph.Name, err)
		}
	}
	return nil
}

type checker struct {
	m     *Model
	scope *scope
}

func (c *checker) opsets() error {
	seen := map[string]bool{}
	for _, o := range c.m.Opsets {
		if o.Version < 1 || seen[o.Domain] {
			return fmt.Errorf("opset %q version %d is imported twice, or is no version", o.Domain, o.Version)
		}
		seen[o.Domain] = true
	}
	return nil
}

// isNew refuses an empty name and one that is taken.
func (c *checker) isNew(name, what string) error {
	if name == "" {
		return fmt.Errorf("%s without a name", what)
	}
	if _, taken := c.scope.facts[name]; taken {
		return fmt.Errorf("%s %q: the name is defined twice", what, name)
	}
	return nil
}

func (c *checker) inputs() error {
	for _, in := range c.m.Graph.Inputs {
		if err := c.isNew(in.Name, "input"); err != nil {
			return err
		}
		if err := c.typeFits(in.DType, in.Shape); err != nil {
			return fmt.Errorf("input %q: %w", in.Name, err)
		}
		c.scope.facts[in.Name] = fact{ValueInfo: in}
	}
	return nil
}

func (c *checker) constants() error {
	for _, in := range c.m.Graph.Initializers {
		if err := c.isNew(in.Name, "initialiser"); err != nil {
			return err
		}
		if err := c.tensorFits(in.Tensor); err != nil {
			return fmt.Errorf("initialiser %q: %w", in.Name, err)
		}
		c.scope.define(in.Name, in.Tensor)
	}
	return nil
}

func (c *checker) tensorFits(t *Tensor) error {
	if t == nil {
		return fmt.Errorf("has no tensor")
	}
	if err := c.typeFits(t.DType, t.Shape); err != nil {
		return err
	}
	for _, size := range t.Shape {
		if size < 0 {
			return fmt.Errorf("has the symbolic shape %v", t.Shape)
		}
	}
	if want := t.DType.ByteLen(t.Len()); want != len(t.Bytes()) {
		return fmt.Errorf("%v%v needs %d bytes, has %d", t.DType, t.Shape, want, len(t.Bytes()))
	}
	return nil
}

// typeFits wants a known element type that the imported opset has.
func (c *checker) typeFits(d DType, shape []int) error {
	if d.Bits() == 0 && d != String {
		return fmt.Errorf("has the element type %v, which this package does not store", d)
	}
	if have := c.scope.opset(""); have < d.since() {
		return fmt.Errorf("%v needs opset %d, the model imports %d", d, d.since(), have)
	}
	for _, size := range shape {
		if size < -1 {
			return fmt.Errorf("has a size of %d", size)
		}
	}
	return nil
}

func (c *checker) nodes() error {
	for _, n := range c.m.Graph.Nodes {
		for _, o := range n.Outputs {
			if o == "" {
				continue
			}
			if err := c.isNew(o, "value"); err != nil {
				return fmt.Errorf("node %q (%s): %w", n.Name, n.Op, err)
			}
		}
		if err := c.attributes(n); err != nil {
			return fmt.Errorf("node %q (%s): %w", n.Name, n.Op, err)
		}
		if err := c.scope.infer(n); err != nil {
			return err
		}
		for _, o := range n.Outputs {
			if f := c.scope.facts[o]; o != "" && f.DType != Undefined {
				if err := c.typeFits(f.DType, f.Shape); err != nil {
					return fmt.Errorf("node %q (%s): value %q: %w", n.Name, n.Op, o, err)
				}
			}
		}
	}
	return nil
}

func (c *checker) attributes(n *Node) error {
	for i := range n.Attrs {
		a := &n.Attrs[i]
		for _, before := range n.Attrs[:i] {
			if before.Name == a.Name {
				return fmt.Errorf("attribute %q is stated twice", a.Name)
			}
		}
		if a.Kind == AttrTensor {
			if err := c.tensorFits(a.T); err != nil {
				return fmt.Errorf("attribute %q: %w", a.Name, err)
			}
		}
	}
	return nil
}

func (c *checker) outputs() error {
	if len(c.m.Graph.Outputs) == 0 {
		return fmt.Errorf("has no outputs")
	}
	seen := map[string]bool{}
	for _, o := range c.m.Graph.Outputs {
		if seen[o.Name] {
			return fmt.Errorf("output %q is stated twice", o.Name)
		}
		seen[o.Name] = true
		if err := c.agrees(o, "output"); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) values() error {
	for _, v := range c.m.Graph.Values {
		if err := c.agrees(v, "value"); err != nil {
			return err
		}
	}
	return nil
}

// agrees compares a stated type with the inferred one.
func (c *checker) agrees(v ValueInfo, what string) error {
	f, ok := c.scope.facts[v.Name]
	if !ok {
		return fmt.Errorf("%s %q is not made by any node", what, v.Name)
	}
	if v.DType != Undefined && f.DType != Undefined && v.DType != f.DType {
		return fmt.Errorf("%s %q is stated as %v, but is %v", what, v.Name, v.DType, f.DType)
	}
	if v.Shape != nil && f.Shape != nil && !compatible(v.Shape, f.Shape) {
		return fmt.Errorf("%s %q is stated as %v, but is %v", what, v.Name, v.Shape, f.Shape)
	}
	return nil
}
