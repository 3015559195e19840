package grad_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"hanas/onnx"
	"hanas/onnx/grad"
	"hanas/onnx/ort"
	"hanas/onnx/ref"
)

// narrow makes the Double tensors of a case Float.
func narrow(t *onnx.Tensor) *onnx.Tensor {
	if t.DType != onnx.Double {
		return t
	}
	out := onnx.NewTensor(onnx.Float, t.Shape...)
	for k, v := range onnx.View[float64](t) {
		out.Floats()[k] = float32(v)
	}
	return out
}

// run loads and runs a model with the inputs of a case.
func run(engine onnx.Engine, m *onnx.Model, inputs map[string]*onnx.Tensor) ([]*onnx.Tensor, error) {
	r, err := engine(m)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var in []*onnx.Tensor
	for _, info := range r.Inputs() {
		in = append(in, narrow(inputs[info.Name]))
	}
	out := make([]*onnx.Tensor, len(r.Outputs()))
	return out, r.Run(context.Background(), in, out)
}

// TestAgainstORT runs the gradient graph of every case with the reference and
// with ONNX Runtime: two implementations of the forward operators, and proof
// that the graphs are legal for an engine that is not ours.
func TestAgainstORT(t *testing.T) {
	rt, err := ort.Open(context.Background(), ort.Options{})
	if err != nil {
		t.Skipf("needs the ONNX Runtime library: %v", err)
	}
	defer rt.Close()
	fast := rt.Engine(ort.Settings{Level: ort.Basic})
	for op, list := range cases {
		for k, c := range list {
			gc, err := c.build(op, rand.New(rand.NewPCG(1, uint64(k))))
			if err != nil {
				t.Fatal(op, k, err)
			}
			g, err := grad.Build(gc.Model, "loss", gc.Wrt)
			if err != nil {
				t.Fatal(op, k, err)
			}
			want, err := run(ref.Engine, g, gc.Inputs)
			if err != nil {
				t.Fatal(op, k, err)
			}
			got, err := run(fast, g, gc.Inputs)
			if err != nil {
				t.Errorf("%s case %d: %v", op, k, err)
				continue
			}
			for n := range want {
				if err := near(got[n], want[n]); err != nil {
					t.Errorf("%s case %d: output %s: %v", op, k, g.Graph.Outputs[n].Name, err)
				}
			}
		}
	}
}

// near allows 1e-4 of the largest value: float32 sums in another order.
func near(got, want *onnx.Tensor) error {
	if fmt.Sprint(got.Shape) != fmt.Sprint(want.Shape) {
		return fmt.Errorf("shape %v, not %v", got.Shape, want.Shape)
	}
	size := 1.0
	for _, v := range want.Floats() {
		size = max(size, math.Abs(float64(v)))
	}
	for k, v := range want.Floats() {
		if d := math.Abs(float64(got.Floats()[k] - v)); !(d < 1e-4*size) {
			return fmt.Errorf("element %d is %v, not %v", k, got.Floats()[k], v)
		}
	}
	return nil
}
