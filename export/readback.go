package export

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"sort"

	second "github.com/owulveryck/onnx-go"
	"gonum.org/v1/gonum/graph"
	"gonum.org/v1/gonum/graph/simple"

	"hanas/onnx"
)

// Reading is what an independent reader, onnx-go, saw in a file, compared with
// the model that was written.
type Reading struct {
	Nodes   int      `json:"nodes"`   // operators read, all equal to ours in type, attributes and inputs
	Skipped []string `json:"skipped"` // what it cannot read, and why
}

// unread is what onnx-go v0.5.0 leaves out of every file.
var unread = []string{
	"values of initialisers: its tensors know no INT8, INT16, UINT8, INT4 or INT2",
	"operator domains, opset versions and metadata: not handed to a backend",
	"an input used twice by one operator: its graph has one edge between two values",
	"symbolic sizes: dropped from shapes",
}

// ReadBack reads a file's bytes with onnx-go and compares operators,
// attributes and edges with m. A difference is an error that names the value.
func ReadBack(data []byte, m *onnx.Model) (*Reading, error) {
	b := &secondBackend{simple.NewWeightedDirectedGraph(math.Inf(1), -1), map[string]second.Operation{}}
	if err := second.NewModel(b).UnmarshalBinary(data); err != nil {
		return nil, fmt.Errorf("export: read back with onnx-go: %w", err)
	}
	for _, n := range m.Graph.Nodes {
		if err := b.compare(n); err != nil {
			return nil, fmt.Errorf("export: read back with onnx-go: node %q: %w", n.Name, err)
		}
	}
	if len(b.ops) != len(m.Graph.Nodes) {
		return nil, fmt.Errorf("export: read back with onnx-go: it has %d operators, the model %d", len(b.ops), len(m.Graph.Nodes))
	}
	return &Reading{Nodes: len(b.ops), Skipped: unread}, nil
}

// secondBackend records what onnx-go tells it.
type secondBackend struct {
	*simple.WeightedDirectedGraph
	ops map[string]second.Operation // by name of the first output
}

// secondNode is a value of the graph.
type secondNode struct {
	id   int64
	name string
}

func (n *secondNode) ID() int64        { return n.id }
func (n *secondNode) SetName(s string) { n.name = s }
func (n *secondNode) GetName() string  { return n.name }

func (b *secondBackend) NewNode() graph.Node {
	return &secondNode{id: b.WeightedDirectedGraph.NewNode().ID()}
}

// ApplyOperation is called once an operator, with the values it makes.
func (b *secondBackend) ApplyOperation(o second.Operation, outputs ...graph.Node) error {
	b.ops[outputs[0].(*secondNode).name] = o
	return nil
}

func (b *secondBackend) compare(n *onnx.Node) error {
	o, ok := b.ops[n.Outputs[0]]
	if !ok || o.Name != n.Op {
		return fmt.Errorf("is %q, wrote %q", o.Name, n.Op)
	}
	if len(o.Attributes) != len(n.Attrs) {
		return fmt.Errorf("has %d attributes, wrote %d", len(o.Attributes), len(n.Attrs))
	}
	for _, a := range n.Attrs {
		want := map[onnx.AttrKind]any{onnx.AttrInt: a.I, onnx.AttrFloat: a.F, onnx.AttrString: a.S, onnx.AttrInts: a.Ints, onnx.AttrFloats: a.Floats}[a.Kind]
		if got := o.Attributes[a.Name]; !reflect.DeepEqual(got, want) {
			return fmt.Errorf("attribute %q is %v, wrote %v", a.Name, got, want)
		}
	}
	if got, want := b.inputs(n.Outputs[0]), distinct(n.Inputs); !slices.Equal(got, want) {
		return fmt.Errorf("has inputs %v, wrote %v", got, want)
	}
	return nil
}

// inputs are the values that a value is made from, in order.
func (b *secondBackend) inputs(name string) []string {
	type in struct {
		name   string
		weight float64
	}
	var ins []in
	for it := b.Nodes(); it.Next(); {
		n := it.Node().(*secondNode)
		if n.name != name {
			continue
		}
		for to := b.From(n.id); to.Next(); {
			t := to.Node().(*secondNode)
			w, _ := b.Weight(n.id, t.id)
			ins = append(ins, in{t.name, w})
		}
	}
	sort.Slice(ins, func(i, j int) bool { return ins[i].weight < ins[j].weight })
	var out []string
	for _, i := range ins {
		out = append(out, i.name)
	}
	return out
}

// distinct keeps the last of equal inputs, as onnx-go's graph does.
func distinct(inputs []string) []string {
	var out []string
	for i, in := range inputs {
		if !slices.Contains(inputs[i+1:], in) {
			out = append(out, in)
		}
	}
	return out
}
