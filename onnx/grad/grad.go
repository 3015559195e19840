package grad

import (
	"errors"
	"fmt"
	"slices"

	"hanas/onnx"
)

// Key names an operator: domain ("" is ai.onnx) and type.
type Key struct{ Domain, Op string }

// Rule says how an operator is differentiated: Write, or None.
type Rule struct {
	// Write gives gradients to all inputs that need one.
	Write func(c *Context) error
	// None is the reason why there is no gradient; nothing flows back then.
	None string
	// Stop has, for inputs that count as constants, the reason. Write need
	// not give them a gradient.
	Stop map[int]string
}

// Rules is a table of rules.
type Rules map[Key]Rule

// minOpset is the first ai.onnx version in which the operators that rules
// write have their inputs as they write them (axes of ReduceSum).
const minOpset = 13

// Name is the name of the output that holds the gradient of a value.
func Name(value string) string { return "grad/" + value }

// Build adds to m the gradients of loss, a value of one element, with respect
// to each value of wrt: inputs, initialisers or inner values of type Float.
// The result has m's outputs, then one called Name(n) with the shape of n for
// each n of wrt, in order. m is not changed.
//
// It is an error when the loss does not depend on a value of wrt.
func Build(m *onnx.Model, loss string, wrt []string) (*onnx.Model, error) {
	return BuildWith(m, loss, wrt, nil)
}

// BuildWith is Build with further rules, which take precedence.
func BuildWith(m *onnx.Model, loss string, wrt []string, extra Rules) (*onnx.Model, error) {
	w := &walk{model: m, rules: extra, b: onnx.BuilderFrom(m), grads: map[string][]onnx.Value{}, consts: constants(m)}
	if err := w.prepare(loss, wrt); err != nil {
		return nil, fmt.Errorf("grad: %s: %w", m.Graph.Name, err)
	}
	w.b.Prefix("grad")
	for i := len(m.Graph.Nodes) - 1; i >= 0; i-- {
		if err := w.visit(m.Graph.Nodes[i]); err != nil {
			return nil, fmt.Errorf("grad: %s: node %q (%s): %w", m.Graph.Name, m.Graph.Nodes[i].Name, m.Graph.Nodes[i].Op, err)
		}
	}
	out, err := w.finish(wrt)
	if err != nil {
		return nil, fmt.Errorf("grad: %s: %w", m.Graph.Name, err)
	}
	return out, nil
}

// walk is one differentiation.
type walk struct {
	model   *onnx.Model
	rules   Rules // before the package's
	b       *onnx.Builder
	depends map[string]bool         // values that depend on wrt
	grads   map[string][]onnx.Value // contributions so far, by value
	consts  map[string]*onnx.Tensor
}

// constants finds the values that are known now.
func constants(m *onnx.Model) map[string]*onnx.Tensor {
	out := map[string]*onnx.Tensor{}
	for _, in := range m.Graph.Initializers {
		out[in.Name] = in.Tensor
	}
	for _, n := range m.Graph.Nodes {
		if n.Op == "Constant" && n.Domain == "" && n.Attr("value") != nil {
			out[n.Outputs[0]] = n.Attr("value").T
		}
	}
	return out
}

// prepare checks the request, finds what depends on wrt, and seeds the loss
// with the gradient 1.
func (w *walk) prepare(loss string, wrt []string) error {
	if err := w.b.Err(); err != nil {
		return err
	}
	if v := w.model.Opset(""); v < minOpset {
		return fmt.Errorf("opset %d is too old (%d or later is needed)", v, minOpset)
	}
	l, ok := w.b.Value(loss)
	switch {
	case !ok:
		return fmt.Errorf("loss %q is not a value of the graph", loss)
	case l.DType() != onnx.Float || l.Shape() == nil || onnx.Elements(l.Shape()) != 1:
		return fmt.Errorf("loss %q is %v%v, not one Float (reduce it, and give the batch size)", loss, l.DType(), l.Shape())
	}
	w.depends = map[string]bool{}
	for i, name := range wrt {
		v, ok := w.b.Value(name)
		if !ok || v.DType() != onnx.Float {
			return fmt.Errorf("%q is not a Float value of the graph", name)
		}
		if slices.Contains(wrt[:i], name) {
			return fmt.Errorf("%q is given twice", name)
		}
		w.depends[name] = true
	}
	for _, n := range w.model.Graph.Nodes {
		w.mark(n)
	}
	if !w.depends[loss] {
		return fmt.Errorf("loss %q does not depend on any of %q", loss, wrt)
	}
	seed := w.b.ConstFloat("one", 1)
	if len(l.Shape()) > 0 {
		seed = w.b.Op("Reshape", []onnx.Value{seed, w.b.ConstInts("shape", l.Shape()...)})
	}
	w.grads[loss] = []onnx.Value{seed}
	return w.b.Err()
}

// mark says whether a node's outputs depend on wrt in a way that has a
// gradient.
func (w *walk) mark(n *onnx.Node) {
	rule, known := w.rule(n)
	if known && rule.Write == nil {
		return
	}
	for i, in := range n.Inputs {
		if !w.depends[in] || rule.Stop[i] != "" {
			continue
		}
		for _, out := range n.Outputs {
			if v, ok := w.b.Value(out); ok && carries(v.DType()) {
				w.depends[out] = true
			}
		}
	}
}

// carries says whether values of a type can have a gradient: floats, and the
// quantised types, for which it passes straight through. Indices and
// conditions have none.
func carries(d onnx.DType) bool {
	switch d {
	case onnx.Int64, onnx.Int32, onnx.Uint64, onnx.Uint32, onnx.Bool, onnx.String:
		return false
	}
	return true
}

func (w *walk) rule(n *onnx.Node) (Rule, bool) {
	k := Key{n.Domain, n.Op}
	if r, ok := w.rules[k]; ok {
		return r, true
	}
	r, ok := rules[k]
	return r, ok
}

// visit applies the rule of a node, if a gradient has reached it and leads on
// to wrt.
func (w *walk) visit(n *onnx.Node) error {
	c := &Context{
		B: w.b, Node: n, In: make([]onnx.Value, len(n.Inputs)), Out: make([]onnx.Value, len(n.Outputs)),
		Grad: make([]onnx.Value, len(n.Outputs)), w: w, given: map[int]bool{},
	}
	reached := false
	for i, name := range n.Outputs {
		if name == "" || !w.depends[name] {
			continue
		}
		c.Out[i], _ = w.b.Value(name)
		c.Grad[i] = w.total(name)
		reached = reached || !c.Grad[i].IsZero()
	}
	if !reached {
		return nil
	}
	for i, name := range n.Outputs {
		c.Out[i], _ = w.b.Value(name)
	}
	for i, name := range n.Inputs {
		c.In[i], _ = w.b.Value(name)
	}
	rule, ok := w.rule(n)
	if !ok {
		return errors.New("has no gradient rule")
	}
	if err := rule.Write(c); err != nil {
		return err
	}
	if err := w.b.Err(); err != nil {
		return err
	}
	for i := range c.In {
		if c.Needs(i) && !c.given[i] && rule.Stop[i] == "" {
			return fmt.Errorf("has no gradient with respect to input %d (%q)", i, n.Inputs[i])
		}
	}
	return nil
}

// total adds up the contributions to a value's gradient; the zero Value when
// there is none.
func (w *walk) total(name string) onnx.Value {
	parts := w.grads[name]
	if len(parts) == 0 {
		return onnx.Value{}
	}
	sum := parts[0]
	for _, p := range parts[1:] {
		sum = w.b.Op("Add", []onnx.Value{sum, p})
	}
	w.grads[name] = []onnx.Value{sum}
	return sum
}

// finish names the gradients and makes them outputs.
func (w *walk) finish(wrt []string) (*onnx.Model, error) {
	totals := make([]string, len(wrt))
	for i, name := range wrt {
		g := w.total(name)
		if g.IsZero() {
			return nil, fmt.Errorf("the loss does not depend on %q", name)
		}
		totals[i] = g.Name()
	}
	m, err := w.b.Build()
	if err != nil {
		return nil, err
	}
	added := m.Graph.Nodes[len(w.model.Graph.Nodes):]
	for i, name := range wrt {
		v, _ := w.b.Value(name)
		if !rename(added, totals[i], Name(name)) {
			n := &onnx.Node{Name: Name(name), Op: "Identity", Inputs: []string{totals[i]}, Outputs: []string{Name(name)}}
			m.Graph.Nodes = append(m.Graph.Nodes, n)
		}
		for k := i + 1; k < len(wrt); k++ {
			if totals[k] == totals[i] { // shared: the next one copies
				totals[k] = Name(name)
			}
		}
		m.Graph.Outputs = append(m.Graph.Outputs, onnx.ValueInfo{Name: Name(name), DType: v.DType(), Shape: v.Shape()})
	}
	return m, onnx.Check(m)
}

// rename gives the value old that one of nodes makes a new name; false when
// none makes it, or it has its final name already.
func rename(nodes []*onnx.Node, old, name string) bool {
	made := false
	for _, n := range nodes {
		made = made || slices.Contains(n.Outputs, old)
	}
	if !made || len(old) > 5 && old[:5] == "grad/" {
		return false
	}
	for _, n := range nodes {
		for _, names := range [][]string{n.Inputs, n.Outputs} {
			for i := range names {
				if names[i] == old {
					names[i] = name
				}
			}
		}
	}
	return true
}
