package export

import (
	"math"
	"math/rand/v2"
	"testing"
)

// The weights in the file take bits/8 bytes each, plus a scale a channel: all
// initialisers with two axes or more and the vectors that scale them, against
// a count over the layers that knows nothing of the graph. Biases, and the
// scales of biases, are no part of it: up to 8 bytes a channel.
func TestWeightBytesFollowTheBits(t *testing.T) {
	sp := quickSpace(t)
	for _, bits := range []int{2, 4, 8, 16} {
		a := sp.WithBits(sp.Largest(), bits, 8)
		m, err := Build(randomNetwork(sp, a, rand.New(rand.NewPCG(1, 1))), Settings{})
		if err != nil {
			t.Fatal(err)
		}
		got := 0
		scales := map[string]bool{}
		for _, n := range m.Graph.Nodes {
			data := m.Graph.Initializer(n.Inputs[0])
			if n.Op == "DequantizeLinear" && (data == nil || len(data.Shape) >= 2) { // not a bias
				scales[n.Inputs[1]] = true
			}
		}
		for _, w := range m.Graph.Initializers {
			if len(w.Tensor.Shape) >= 2 || scales[w.Name] && len(w.Tensor.Shape) == 1 {
				got += len(w.Tensor.Bytes())
			}
		}
		want := 0.0
		for _, l := range sp.Layers(a) {
			if l.Weights() > 0 {
				want += float64(l.Weights())*float64(l.WBits)/8 + 4*float64(l.Out)
			}
		}
		t.Logf("%2d bits: %d bytes of weights and scales, counted %.0f (%+.2f %%)", bits, got, want, 100*(float64(got)/want-1))
		if math.Abs(float64(got)-want) > .05*want {
			t.Errorf("%d bits: weights and scales take %d bytes, want %.0f within 5 %%", bits, got, want)
		}
	}
}
