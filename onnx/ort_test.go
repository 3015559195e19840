package onnx_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"hanas/onnx"
	"hanas/onnx/ort"
)

// TestShapesAgainstORT runs the cases of testdata/shapes.txt on ONNX Runtime,
// with 4 for every symbolic size, and compares the shapes that come out with
// the inferred ones. It is skipped where the library is absent.
func TestShapesAgainstORT(t *testing.T) {
	rt, err := ort.Open(t.Context(), ort.Options{})
	if err != nil {
		t.Skip("ONNX Runtime is not here: ", err)
	}
	engine := rt.Engine(ort.Settings{})
	data, err := os.ReadFile("testdata/shapes.txt")
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	for _, text := range strings.Split(string(data), "\n\n") {
		m, err := onnx.Parse(text)
		if err != nil || onnx.Check(m) != nil {
			continue // no model but a comment, or a foreign operator
		}
		if slices.ContainsFunc(m.Graph.Inputs, func(v onnx.ValueInfo) bool { return v.Shape == nil }) {
			continue // of unknown rank: there is nothing to feed
		}
		if err := run(t.Context(), engine, m); err != nil {
			t.Errorf("%v in:\n%s", err, text)
		}
		ran++
	}
	if ran < 150 {
		t.Errorf("only %d cases were run", ran)
	}
}

// run feeds zeros to m, whose outputs state the inferred types.
func run(ctx context.Context, engine onnx.Engine, m *onnx.Model) error {
	want := slices.Clone(m.Graph.Outputs)
	got := make([]*onnx.Tensor, len(want))
	for i, w := range want {
		if scalar := w.Shape != nil && len(w.Shape) == 0; scalar {
			got[i] = onnx.NewTensor(w.DType) // the engine allocates no scalars
		}
		if len(m.Graph.Inputs) > 0 {
			m.Graph.Outputs[i].Shape = nil // it must find out by itself
		}
	}
	r, err := engine(m)
	if err != nil {
		return err
	}
	defer r.Close()
	var feeds []*onnx.Tensor
	for _, in := range m.Graph.Inputs {
		shape := slices.Clone(in.Shape)
		for i, size := range shape {
			if size < 0 {
				shape[i] = 4
			}
		}
		feeds = append(feeds, onnx.NewTensor(in.DType, shape...))
	}
	if err := r.Run(ctx, feeds, got); err != nil {
		return err
	}
	for i, w := range want {
		fits := func(want, got int) bool { return want == got || want < 0 }
		if got[i].DType != w.DType || w.Shape != nil && !slices.EqualFunc(w.Shape, got[i].Shape, fits) {
			return fmt.Errorf("output %q is %v%v", w.Name, got[i].DType, got[i].Shape)
		}
	}
	return nil
}
