package blocked

import (
	"fmt"
	"slices"

	"hanas/onnx"
	"hanas/onnx/grad"
)

// lowerPlain copies a node as it is: everything that works on small tensors
// (the head, the loss, functions of weights) and everything else that has no
// blocked form. Its gradient is package grad's.
func (t *tape) lowerPlain(n *onnx.Node) error {
	ins := make([]val, len(n.Inputs))
	tracked := false
	for i, name := range n.Inputs {
		if name == "" {
			continue
		}
		v, err := t.asPlain(name)
		if err != nil {
			return err
		}
		ins[i] = v
		tracked = tracked || t.tracked[v.name]
	}
	k := *n
	k.Inputs = make([]string, len(ins))
	for i, v := range ins {
		k.Inputs[i] = v.name
	}
	t.g.Nodes = append(t.g.Nodes, &k)
	outs := make([]val, len(n.Outputs))
	for i, name := range n.Outputs {
		if name == "" {
			continue
		}
		outs[i] = val{name, t.shapes[name]}
		t.setPlain(name, outs[i])
		if tracked && t.types[name] == onnx.Float {
			t.tracked[name] = true
		}
	}
	if tracked {
		t.back(func() error { return t.plainBackward(&k, ins, outs) })
	}
	return nil
}

// plainBackward writes the product of the gradients of a node's outputs with
// its derivative, by differentiating sum(output*gradient) of the node alone.
func (t *tape) plainBackward(n *onnx.Node, ins, outs []val) error {
	b := newEmitter(&onnx.Graph{Name: n.Name}, map[string]bool{})
	names := map[string]string{} // in the small graph -> in ours
	var wrt []string
	for _, v := range ins {
		if v.name == "" || names[v.name] != "" {
			continue
		}
		names[v.name] = v.name
		b.taken[v.name] = true
		if c := t.g.Initializer(v.name); c != nil {
			b.g.Initializers = append(b.g.Initializers, onnx.Initializer{Name: v.name, Tensor: c})
		} else {
			b.g.Inputs = append(b.g.Inputs, onnx.ValueInfo{Name: v.name, DType: t.dtype(v.name), Shape: v.shape})
		}
		if t.tracked[v.name] {
			wrt = append(wrt, v.name)
		}
	}
	b.g.Nodes = append(b.g.Nodes, n)
	var losses []val
	for _, v := range outs {
		g, ok := t.take(v)
		if v.name == "" || !ok {
			continue
		}
		names[v.name] = v.name
		b.taken[v.name] = true
		cot := val{b.fresh("blk.cotangent"), v.shape}
		names[cot.name] = g.name
		b.g.Inputs = append(b.g.Inputs, onnx.ValueInfo{Name: cot.name, DType: onnx.Float, Shape: v.shape})
		losses = append(losses, b.op("ReduceSum", []int{}, []val{b.mul(v, cot)}, onnx.Int("keepdims", 0)))
	}
	if len(losses) == 0 {
		return nil
	}
	loss := b.accumulate(losses)
	b.g.Outputs = []onnx.ValueInfo{{Name: loss.name, DType: onnx.Float, Shape: []int{}}}
	small := &onnx.Model{Opsets: slices.Clone(t.src.Opsets), Graph: b.g}
	d, err := grad.Build(small, loss.name, wrt)
	if err != nil {
		return fmt.Errorf("blocked: gradient of %s %q: %w", n.Op, n.Name, err)
	}
	t.inline(d.Graph, n, names, wrt)
	for _, v := range ins {
		if i := slices.Index(wrt, v.name); i >= 0 {
			t.give(v, val{names[grad.Name(v.name)], v.shape})
			wrt[i] = "" // an input that is read twice has one gradient
		}
	}
	return nil
}

// inline copies what the gradients of wrt need from g, except node own, which
// is there already.
func (t *tape) inline(g *onnx.Graph, own *onnx.Node, names map[string]string, wrt []string) {
	need := map[string]bool{}
	for _, w := range wrt {
		need[grad.Name(w)] = true
	}
	var keep []*onnx.Node
	for _, n := range slices.Backward(g.Nodes) {
		mine := slices.Equal(n.Outputs, own.Outputs)
		if !mine && slices.ContainsFunc(n.Outputs, func(o string) bool { return need[o] }) {
			keep = append(keep, n)
			for _, in := range n.Inputs {
				need[in] = true
			}
		}
	}
	for _, c := range g.Initializers {
		if need[c.Name] && names[c.Name] == "" {
			names[c.Name] = t.fresh("blk.const")
			t.g.Initializers = append(t.g.Initializers, onnx.Initializer{Name: names[c.Name], Tensor: c.Tensor})
		}
	}
	for _, n := range slices.Backward(keep) {
		k := *n
		k.Inputs, k.Outputs = slices.Clone(n.Inputs), slices.Clone(n.Outputs)
		for i, in := range k.Inputs {
			if in != "" {
				k.Inputs[i] = names[in]
			}
		}
		for i, out := range k.Outputs {
			if out != "" {
				names[out] = t.fresh("blk." + n.Op)
				k.Outputs[i] = names[out]
			}
		}
		k.Name = k.Outputs[0]
		t.g.Nodes = append(t.g.Nodes, &k)
	}
}
