package onnx

import "fmt"

// Check tests every invariant of a model that this project writes: operators
// have a row in the table and are in the imported opset, names are defined
// once and before use, counts and attributes fit, and types follow.
func Check(m *Model) error {
	if m.Graph == nil {
		return fmt.Errorf("onnx: check: model has no graph")
	}
	defined := map[string]bool{}
	define := func(name, what string) error {
		if name == "" || defined[name] {
			return fmt.Errorf("onnx: check: %s %q is empty or defined twice", what, name)
		}
		defined[name] = true
		return nil
	}
	for _, in := range m.Graph.Inputs {
		if err := define(in.Name, "input"); err != nil {
			return err
		}
	}
	for _, in := range m.Graph.Initializers {
		if err := define(in.Name, "initialiser"); err != nil {
			return err
		}
		if err := checkTensor(m, in); err != nil {
			return err
		}
	}
	for _, n := range m.Graph.Nodes {
		if err := checkNode(m, n, defined); err != nil {
			return err
		}
		for _, o := range n.Outputs {
			if o == "" {
				continue
			}
			if err := define(o, "value"); err != nil {
				return err
			}
		}
	}
	if len(m.Graph.Outputs) == 0 {
		return fmt.Errorf("onnx: check: graph %q has no outputs", m.Graph.Name)
	}
	for _, o := range m.Graph.Outputs {
		if !defined[o.Name] {
			return fmt.Errorf("onnx: check: output %q is not made by any node", o.Name)
		}
	}
	return nil
}

func checkTensor(m *Model, in Initializer) error {
	t := in.Tensor
	if t == nil || t.DType.ByteLen(t.Len()) != len(t.Bytes()) {
		return fmt.Errorf("onnx: check: initialiser %q: data does not fit its shape", in.Name)
	}
	need := 0
	switch t.DType {
	case Int4, Uint4:
		need = 21
	case Int2, Uint2:
		need = 25
	}
	if v := m.Opset(""); v < need {
		return fmt.Errorf("onnx: check: initialiser %q: %v needs opset %d, model imports %d", in.Name, t.DType, need, v)
	}
	return nil
}

func checkNode(m *Model, n *Node, defined map[string]bool) error {
	spec, ok := Lookup(n.Domain, n.Op)
	if !ok {
		return fmt.Errorf("onnx: check: node %q: unknown operator %s", n.Name, opName(n.Domain, n.Op))
	}
	if v := m.Opset(n.Domain); v < spec.Since {
		return fmt.Errorf("onnx: check: node %q: %s needs opset %d of %q, model imports %d", n.Name, n.Op, spec.Since, n.Domain, v)
	}
	if err := spec.counts(n); err != nil {
		return fmt.Errorf("onnx: check: node %q (%s): %w", n.Name, n.Op, err)
	}
	for _, in := range n.Inputs {
		if in != "" && !defined[in] {
			return fmt.Errorf("onnx: check: node %q (%s): input %q is not defined before it", n.Name, n.Op, in)
		}
	}
	for _, a := range n.Attrs {
		if kind, ok := spec.Attrs[a.Name]; !ok || kind != a.Kind {
			return fmt.Errorf("onnx: check: node %q (%s): attribute %q is unknown or of the wrong kind", n.Name, n.Op, a.Name)
		}
	}
	return nil
}
