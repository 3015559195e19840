package cli

import (
	"fmt"
	"slices"

	"hanas/onnx"
)

// intake is how a classifier's graph takes its image.
type intake struct {
	size  int  // side; 0 = the graph leaves it open
	last  bool // channels last: [N, size, size, 3]
	bytes bool // UINT8 pixels as files have them, without normalisation
}

// intakeOf reads the graph's only input, whatever its name.
func intakeOf(m *onnx.Model) (intake, error) {
	var x intake
	if len(m.Graph.Inputs) != 1 || len(m.Graph.Outputs) == 0 {
		return x, fmt.Errorf("the graph has %d inputs and %d outputs, want one image and its logits", len(m.Graph.Inputs), len(m.Graph.Outputs))
	}
	in := m.Graph.Inputs[0]
	types := []onnx.DType{onnx.Float, onnx.Float16, onnx.Double, onnx.Uint8}
	if !slices.Contains(types, in.DType) {
		return x, fmt.Errorf("the graph's input %q is %v (want one of %v)", in.Name, in.DType, types)
	}
	x.bytes = in.DType == onnx.Uint8
	s := in.Shape
	if len(s) != 4 {
		return x, fmt.Errorf("the graph's input %q is %v, want [N, 3, size, size] or [N, size, size, 3]", in.Name, s)
	}
	sides := s[2:]
	if x.last = s[3] == 3 && s[1] != 3; x.last {
		sides = s[1:3]
	} else if s[1] != 3 && s[1] >= 0 {
		return x, fmt.Errorf("the graph's input %q is %v, want 3 channels", in.Name, s)
	}
	for _, v := range sides {
		if v > 0 && x.size > 0 && v != x.size {
			return x, fmt.Errorf("the graph's input %q is %v, want a square image", in.Name, s)
		}
		x.size = max(x.size, v)
	}
	return x, nil
}

// suited makes a classifier take the images of this program, and its card say how.
func suited(m *onnx.Model, c card) (*onnx.Model, card, error) {
	x, err := intakeOf(m)
	if err != nil {
		return m, c, err
	}
	if x.size > 0 {
		c.Size = 0 // the graph knows
	}
	if x.bytes { // they normalise for themselves
		c.Mean, c.Std = &[3]float32{}, &[3]float32{1, 1, 1}
	}
	return fed(m, x), c, nil
}

// fed is m with an input of the form that images have here, float [N, 3, size,
// size], and float logits: what its own input and output differ in becomes
// operators in front and behind. Where nothing differs it is m itself.
func fed(m *onnx.Model, x intake) *onnx.Model {
	in, out := m.Graph.Inputs[0], m.Graph.Outputs[0]
	wide := out.DType == onnx.Float16 || out.DType == onnx.Double
	if in.DType == onnx.Float && !x.last && !wide {
		return m
	}
	g := *m.Graph
	copied := *m
	copied.Graph = &g
	var front, behind []*onnx.Node
	at := "hanas.image"
	op := func(name string, inputs []string, attrs ...onnx.Attr) {
		front = append(front, &onnx.Node{Name: at + "." + name, Op: name, Inputs: inputs, Outputs: []string{at + "." + name}, Attrs: attrs})
		at += "." + name
	}
	constant := func(name string, v float32) string {
		front = append(front, &onnx.Node{Name: name, Op: "Constant", Outputs: []string{name}, Attrs: []onnx.Attr{onnx.TensorAttr("value", onnx.From([]float32{v}))}})
		return name
	}
	if x.bytes { // pixels in [0,1] back to what the file had
		op("Mul", []string{at, constant("hanas.255", 255)})
		op("Add", []string{at, constant("hanas.half", 0.5)})
	}
	if in.DType != onnx.Float {
		op("Cast", []string{at}, onnx.Int("to", int(in.DType)))
	}
	shape := slices.Clone(in.Shape)
	if x.last {
		op("Transpose", []string{at}, onnx.Ints("perm", 0, 2, 3, 1))
		shape = []int{shape[0], 3, shape[1], shape[2]}
	}
	if at != "hanas.image" {
		front[len(front)-1].Outputs[0] = in.Name
		g.Inputs = []onnx.ValueInfo{{Name: "hanas.image", DType: onnx.Float, Shape: shape}}
	}
	if wide {
		behind = append(behind, &onnx.Node{Name: "hanas.logits", Op: "Cast", Inputs: []string{out.Name}, Outputs: []string{"hanas.logits"}, Attrs: []onnx.Attr{onnx.Int("to", int(onnx.Float))}})
		g.Outputs = []onnx.ValueInfo{{Name: "hanas.logits", DType: onnx.Float, Shape: out.Shape}}
	}
	g.Nodes = slices.Concat(front, g.Nodes, behind)
	return &copied
}
