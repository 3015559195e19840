package predictor

import (
	"math"
	"math/rand/v2"
	"testing"

	"hanas/onnx/ref"
	"hanas/space"
)

// The slope of every kind of predictor is that of finite differences, between
// the features of networks, and its accuracy that of the predictor.
func TestSlopeAgainstFiniteDifferences(t *testing.T) {
	sp := preset(t, "quick")
	all := rows(t, sp, 120)
	for _, kind := range []string{"ridge", "kernel", "mlp"} {
		m, err := Fit(t.Context(), ref.Engine, sp, all, Settings{Kinds: []string{kind}, Hidden: []int{8}, Epochs: 3, Members: 2})
		if err != nil {
			t.Fatal(err)
		}
		const n = 3
		s, err := NewSlope(m.Graph, ref.Engine, sp, n)
		if err != nil {
			t.Fatal(kind, err)
		}
		width := sp.FeatureCount()
		rng := rand.New(rand.NewPCG(1, 1))
		a := sp.Features(sp.Random(rng))
		x := append([]float32{}, a...)
		b := sp.Features(sp.Random(rng))
		for i := range a {
			x = append(x, (a[i]+b[i])/2)
		}
		x = append(x, b...)
		acc, gradient, err := s.At(t.Context(), x)
		if err != nil {
			t.Fatal(err)
		}
		p, err := New(m.Graph, ref.Engine, sp)
		if err != nil {
			t.Fatal(err)
		}
		one, err := sp.Parse(sp.Key(sp.Random(rand.New(rand.NewPCG(1, 1)))))
		if err != nil {
			t.Fatal(err)
		}
		mean, _, err := p.Predict(t.Context(), []space.Arch{one})
		if err != nil || math.Abs(mean[0]-float64(acc[0])) > 1e-6 {
			t.Errorf("%s: accuracy %g, the predictor says %g, %v", kind, acc[0], mean[0], err)
		}
		want := append([]float32{}, gradient...)
		for range 40 {
			at := rng.IntN(n * width)
			const h = 1e-2
			was := x[at]
			x[at] = was + h
			up, _, err := s.At(t.Context(), x)
			if err != nil {
				t.Fatal(err)
			}
			high := float64(up[at/width])
			x[at] = was - h
			down, _, err := s.At(t.Context(), x)
			if err != nil {
				t.Fatal(err)
			}
			if d := (high - float64(down[at/width])) / (2 * h); math.Abs(d-float64(want[at])) > 2e-3+.03*math.Abs(d) {
				t.Errorf("%s: feature %d of row %d: %g, differences say %g", kind, at%width, at/width, want[at], d)
			}
			x[at] = was
		}
		p.Close()
		s.Close()
	}
}

func TestSlopeRefuses(t *testing.T) {
	sp := preset(t, "quick")
	m, err := Fit(t.Context(), ref.Engine, sp, rows(t, sp, 60), Settings{Kinds: []string{"ridge"}, Members: 2})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewSlope(m.Graph, ref.Engine, preset(t, "ofa-mbv3-w1.0"), 1); err == nil {
		t.Error("takes another space's predictor")
	}
	s, err := NewSlope(m.Graph, ref.Engine, sp, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, _, err := s.At(t.Context(), make([]float32, 3)); err == nil {
		t.Error("takes a short row")
	}
}
