package export

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"hanas/onnx"
	"hanas/onnx/ort"
)

// kernel is what ONNX Runtime spent in operators of one type.
type kernel struct {
	count  int     // operators
	micros float64 // a run, all of them together
}

// kernels loads m with all optimisations, runs it and reads ONNX Runtime's
// own profile: which operators it really executed.
func kernels(t testing.TB, rt *ort.Runtime, m *onnx.Model, batch int) map[string]kernel {
	t.Helper()
	prefix := filepath.Join(t.TempDir(), "profile")
	r, err := rt.Engine(ort.Settings{ProfilePrefix: prefix})(m)
	if err != nil {
		t.Fatal(err)
	}
	const runs = 20
	for range runs {
		run(t, r, images(r, batch, 1))
	}
	r.Close()
	files, err := filepath.Glob(prefix + "*")
	if err != nil || len(files) != 1 {
		t.Fatalf("profiles: %v, %v", files, err)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	var events []struct {
		Cat, Name string
		Dur       float64
		Args      struct {
			Op string `json:"op_name"`
		}
	}
	if err := json.Unmarshal(data, &events); err != nil {
		t.Fatal(err)
	}
	out := map[string]kernel{}
	nodes := map[string]bool{}
	for _, e := range events {
		if e.Cat != "Node" || e.Args.Op == "" {
			continue
		}
		k := out[e.Args.Op]
		if !nodes[e.Name] {
			nodes[e.Name] = true
			k.count++
		}
		k.micros += e.Dur / runs
		out[e.Args.Op] = k
	}
	return out
}

// images are normal deviates for every input of r; symbolic sizes become batch.
func images(r onnx.Runner, batch int, seed uint64) []*onnx.Tensor {
	var in []*onnx.Tensor
	for _, info := range r.Inputs() {
		in = append(in, deviates(info, batch, seed))
	}
	return in
}

func run(t testing.TB, r onnx.Runner, in []*onnx.Tensor) *onnx.Tensor {
	t.Helper()
	out := make([]*onnx.Tensor, len(r.Outputs()))
	if err := r.Run(context.Background(), in, out); err != nil {
		t.Fatal(err)
	}
	return out[0]
}
