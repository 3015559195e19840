package ref

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"slices"
	"testing"

	"hanas/onnx"
)

// recorded is testdata/torch.json, made by record.py with PyTorch in float64.
type recorded struct {
	Origin string
	Cases  []struct {
		Op              string
		Attrs           map[string]any
		Inputs, Outputs []numbers
	}
}

// numbers is [shape, values].
type numbers struct {
	shape  []int
	values []float64
}

func (n *numbers) UnmarshalJSON(data []byte) error {
	return json.Unmarshal(data, &[]any{&n.shape, &n.values})
}

// attribute brings a JSON value to the kind that the operator table says.
func attribute(t *testing.T, op, name string, v any) onnx.Attr {
	t.Helper()
	spec, _ := onnx.Lookup("", op)
	row := spec.Attr(name, onnx.DefaultOpset)
	if row == nil {
		t.Fatalf("%s has no attribute %s", op, name)
	}
	switch row.Kind {
	case onnx.AttrInt:
		return onnx.Int(name, int(v.(float64)))
	case onnx.AttrFloat:
		return onnx.Float32(name, float32(v.(float64)))
	case onnx.AttrInts:
		var list []int
		for _, x := range v.([]any) {
			list = append(list, int(x.(float64)))
		}
		return onnx.Ints(name, list...)
	}
	t.Fatalf("%s has no attribute %s", op, name)
	return onnx.Attr{}
}

// TestAgainstPyTorch runs each recorded case with and without Float64. The
// attributes and constants of a node are float32: 1e-6 of slack.
func TestAgainstPyTorch(t *testing.T) {
	data, err := os.ReadFile("testdata/torch.json")
	if err != nil {
		t.Fatal(err)
	}
	var r recorded
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	for k, c := range r.Cases {
		for _, set := range []Settings{{}, {Float64: true}} {
			b := onnx.NewBuilder(c.Op)
			var in []onnx.Value
			var tensors []*onnx.Tensor
			for i, n := range c.Inputs {
				in = append(in, b.Input(string(rune('a'+i)), onnx.Float, n.shape...))
				x := onnx.NewTensor(onnx.Float, n.shape...)
				for j, v := range n.values {
					x.Floats()[j] = float32(v)
				}
				tensors = append(tensors, x)
			}
			var attrs []onnx.Attr
			for name, v := range c.Attrs {
				attrs = append(attrs, attribute(t, c.Op, name, v))
			}
			b.Output(b.Op(c.Op, in, attrs...))
			got := runBuilt(t, b, set, tensors...)[0]
			want := c.Outputs[0]
			if !slices.Equal(got.Shape, want.shape) {
				t.Errorf("case %d: %s: shape %v, %s has %v", k, c.Op, got.Shape, r.Origin, want.shape)
				continue
			}
			for i, v := range values(got) {
				if math.Abs(v-want.values[i]) > 2e-6*(1+math.Abs(want.values[i])) {
					t.Errorf("case %d: %s %v: element %d is %v, %s has %v", k, c.Op, c.Attrs, i, v, r.Origin, want.values[i])
					break
				}
			}
		}
	}
}

// values reads a tensor of any type.
func values(t *onnx.Tensor) []float64 {
	a, err := fromTensor(t)
	if err != nil {
		panic(err)
	}
	return a.data
}

func runBuilt(t *testing.T, b *onnx.Builder, set Settings, in ...*onnx.Tensor) []*onnx.Tensor {
	t.Helper()
	m, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	r, err := set.Engine(m)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]*onnx.Tensor, len(r.Outputs()))
	if err := r.Run(context.Background(), in, out); err != nil {
		t.Fatal(err)
	}
	return out
}
