package ref

import (
	"context"
	"fmt"
	"runtime"
	"slices"

	"hanas/onnx"
)

// Settings say how a graph is computed. The zero value is what Engine uses.
type Settings struct {
	// Float64 keeps floats unrounded between operators, takes Double tensors
	// for Float inputs, and gives Double tensors for Float outputs.
	Float64 bool
	// Block is the channel block of com.microsoft.nchwc; default 16 (AVX512;
	// ONNX Runtime has 8 on AVX2 machines).
	Block int
}

// Engine is the reference engine with default settings.
var Engine onnx.Engine = Settings{}.Engine

// Engine loads a model. It is an onnx.Engine. The error names every operator
// that has no kernel.
func (s Settings) Engine(m *onnx.Model) (onnx.Runner, error) {
	if s.Block == 0 {
		s.Block = 16
	}
	r := &runner{set: s, model: m, constants: map[string]*array{}}
	for _, in := range m.Graph.Initializers {
		a, err := fromTensor(in.Tensor)
		if err != nil {
			return nil, fmt.Errorf("ref: load %s: initialiser %q: %w", m.Graph.Name, in.Name, err)
		}
		r.constants[in.Name] = a
	}
	var missing []string
	for _, n := range m.Graph.Nodes {
		if _, ok := kernels[key{n.Domain, n.Op}]; !ok && !slices.Contains(missing, n.Op) {
			missing = append(missing, n.Op)
		}
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("ref: load %s: no kernel for %v", m.Graph.Name, missing)
	}
	return r, nil
}

// key names an operator.
type key struct{ domain, op string }

// kernel computes a node: it reads c.in and sets c.out.
type kernel func(c *call) error

// call is one node being computed.
type call struct {
	node  *onnx.Node
	opset int // version of the node's domain
	set   Settings
	in    []*array // nil = absent
	out   []*array // one for each output that the node names or leaves empty
}

// arg is input i, nil when absent.
func (c *call) arg(i int) *array {
	if i < len(c.in) {
		return c.in[i]
	}
	return nil
}

// give sets output i if the node has it.
func (c *call) give(i int, a *array) {
	if i < len(c.out) {
		c.out[i] = a
	}
}

// intsArg is a list that is an attribute in old opsets and input i in new
// ones; ok says whether it was given.
func (c *call) intsArg(i int, attr string) (v []int, ok bool) {
	if a := c.arg(i); a != nil {
		return a.ints(), true
	}
	return c.node.IntsOr(attr), c.node.Attr(attr) != nil
}

type runner struct {
	set       Settings
	model     *onnx.Model
	constants map[string]*array
}

func (r *runner) Inputs() []onnx.ValueInfo  { return r.model.Graph.Inputs }
func (r *runner) Outputs() []onnx.ValueInfo { return r.model.Graph.Outputs }
func (r *runner) Close() error              { return nil }

// Run computes all nodes in order. It keeps nothing between runs.
func (r *runner) Run(ctx context.Context, inputs, outputs []*onnx.Tensor) error {
	g := r.model.Graph
	if len(inputs) != len(g.Inputs) || len(outputs) != len(g.Outputs) {
		return fmt.Errorf("ref: run %s: %d inputs and %d outputs given, graph has %d and %d",
			g.Name, len(inputs), len(outputs), len(g.Inputs), len(g.Outputs))
	}
	values := make(map[string]*array, len(r.constants)+2*len(g.Nodes))
	for name, a := range r.constants {
		values[name] = a
	}
	for i, info := range g.Inputs {
		a, err := r.feed(info, inputs[i])
		if err != nil {
			return fmt.Errorf("ref: run %s: input %q: %w", g.Name, info.Name, err)
		}
		values[info.Name] = a
	}
	for _, n := range g.Nodes {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("ref: run %s: stopped: %w", g.Name, err)
		}
		if err := r.runNode(n, values); err != nil {
			return fmt.Errorf("ref: run %s: node %q (%s): %w", g.Name, n.Name, n.Op, err)
		}
	}
	for i, info := range g.Outputs {
		if err := r.fetch(values[info.Name], &outputs[i]); err != nil {
			return fmt.Errorf("ref: run %s: output %q: %w", g.Name, info.Name, err)
		}
	}
	return nil
}

// feed reads an input tensor and checks it against its declaration.
func (r *runner) feed(info onnx.ValueInfo, t *onnx.Tensor) (*array, error) {
	if t == nil {
		return nil, fmt.Errorf("is nil")
	}
	if t.DType != info.DType && !(r.set.Float64 && t.DType == onnx.Double && info.DType == onnx.Float) {
		return nil, fmt.Errorf("is %v, not %v", t.DType, info.DType)
	}
	fits := len(t.Shape) == len(info.Shape) || info.Shape == nil
	for i := 0; fits && i < len(info.Shape); i++ {
		fits = info.Shape[i] < 0 || info.Shape[i] == t.Shape[i]
	}
	if !fits {
		return nil, fmt.Errorf("has shape %v, not %v", t.Shape, info.Shape)
	}
	a, err := fromTensor(t)
	if err == nil {
		a.dtype = info.DType
	}
	return a, err
}

// fetch stores a result, in place when the caller gave a tensor.
func (r *runner) fetch(a *array, to **onnx.Tensor) error {
	if a == nil {
		return fmt.Errorf("no node made it")
	}
	d := a.dtype
	if r.set.Float64 && d == onnx.Float {
		d = onnx.Double
	}
	if *to == nil {
		*to = onnx.NewTensor(d, a.shape...)
	}
	if t := *to; t.DType != d || !slices.Equal(t.Shape, a.shape) {
		return fmt.Errorf("is %v%v, the tensor given for it %v%v", d, a.shape, t.DType, t.Shape)
	}
	return a.into(*to)
}

// fault is what a kernel panics with when a node makes no sense, in places
// too deep to return an error from.
type fault string

// runNode computes one node. Graphs come from anywhere, and Check does not see
// sizes that only exist at run time: an index out of range in a kernel is the
// graph's fault, and becomes an error here.
func (r *runner) runNode(n *onnx.Node, values map[string]*array) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case fault:
			err = fmt.Errorf("%s", string(p))
		case runtime.Error:
			err = fmt.Errorf("inputs, attributes and sizes do not fit together: %w", p)
		default:
			panic(p)
		}
	}()
	c := &call{node: n, opset: r.model.Opset(n.Domain), set: r.set, in: make([]*array, len(n.Inputs)), out: make([]*array, len(n.Outputs))}
	for i, name := range n.Inputs {
		if name == "" {
			continue
		}
		if c.in[i] = values[name]; c.in[i] == nil {
			return fmt.Errorf("input %q has no value", name)
		}
	}
	if err := kernels[key{n.Domain, n.Op}](c); err != nil {
		return err
	}
	for i, name := range n.Outputs {
		if name == "" {
			continue
		}
		if c.out[i] == nil {
			return fmt.Errorf("the reference does not compute output %d", i)
		}
		c.out[i].conform(r.set.Float64)
		values[name] = c.out[i]
	}
	return nil
}
