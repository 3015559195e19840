package export

import (
	"math/rand/v2"
	"strings"
	"testing"

	"hanas/onnx"
)

func TestSecondReaderAgrees(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	for i, bits := range []int{2, 4, 8, 16, 2, 4, 8, 16} {
		sp := quickSpace(t)
		if i >= 4 {
			sp = gatedSpace(t)
		}
		m, err := Build(randomNetwork(sp, sp.WithBits(sp.Random(rng), bits, bits), rng), Settings{})
		if err != nil {
			t.Fatal(err)
		}
		data, err := onnx.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		r, err := ReadBack(data, m)
		if err != nil {
			t.Fatalf("%d bits: %v", bits, err)
		}
		if r.Nodes != len(m.Graph.Nodes) {
			t.Errorf("%d bits: %d of %d nodes read", bits, r.Nodes, len(m.Graph.Nodes))
		}
		m.Graph.Nodes[3].Op = "Tampered"
		if _, err := ReadBack(data, m); err == nil || !strings.Contains(err.Error(), "Tampered") {
			t.Errorf("a difference is not found: %v", err)
		}
	}
}
