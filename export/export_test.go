package export

import (
	"context"
	"math/rand/v2"
	"testing"

	"hanas/onnx"
	"hanas/onnx/ort"
	"hanas/space"
)

// randomNetwork gives an Arch random weights.
func randomNetwork(sp *space.Space, a space.Arch, rng *rand.Rand) *Network {
	n := &Network{Arch: sp.Key(a), Space: sp.Name, Resolution: sp.Resolutions[0], Mean: []float32{.5, .5, .5}, Std: []float32{.5, .5, .5}, Labels: []string{"a", "b"}}
	for _, l := range sp.Layers(a) {
		n.Units = append(n.Units, randomUnit(l, rng))
	}
	return n
}

func quickSpace(t testing.TB) *space.Space {
	t.Helper()
	sp, err := space.Preset("quick")
	if err != nil {
		t.Fatal(err)
	}
	return sp
}

func openORT(t testing.TB) *ort.Runtime {
	t.Helper()
	rt, err := ort.Open(context.Background(), ort.Options{})
	if err != nil {
		t.Skipf("ONNX Runtime is not here: %v", err)
	}
	return rt
}

// The file's size falls with the bits: the weights' part is within 5 % of
// bits/8 a weight, beside what does not depend on bits (scales, biases, nodes).
func TestFileSizeFallsWithTheBits(t *testing.T) {
	sp := quickSpace(t)
	sizes := map[int]int{}
	var weights int64
	for _, bits := range []int{2, 4, 8, 16} {
		a := sp.WithBits(sp.Largest(), bits, 8)
		m, err := Build(randomNetwork(sp, a, rand.New(rand.NewPCG(1, 1))), Settings{})
		if err != nil {
			t.Fatal(err)
		}
		data, err := onnx.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		sizes[bits], weights = len(data), 0
		for _, l := range sp.Layers(a) {
			if l.WBits == bits {
				weights += l.Weights()
			}
		}
	}
	for _, pair := range [][2]int{{2, 4}, {4, 8}} {
		saved := float64(sizes[pair[1]] - sizes[pair[0]])
		want := float64(weights) * float64(pair[1]-pair[0]) / 8
		if pair[1] == 8 { // the stem and classifier are 8-bit in all of them; only searched layers change
			want = saved
		}
		if saved < 0.9*want || saved <= 0 {
			t.Errorf("%d to %d bits saves %.0f bytes, the weights' bits are %.0f bytes", pair[1], pair[0], saved, want)
		}
	}
	t.Logf("bytes by weight bits: %v", sizes)
}

func TestOpsetIsTheLowestThatCarriesTheBits(t *testing.T) {
	sp := quickSpace(t)
	for bits, want := range map[int]int{2: 25, 4: 21, 8: 13, 16: 13} {
		m, err := Build(randomNetwork(sp, sp.WithBits(sp.Smallest(), bits, 8), rand.New(rand.NewPCG(1, 1))), Settings{})
		if err != nil {
			t.Fatal(err)
		}
		if m.Opset("") != want {
			t.Errorf("%d-bit weights: opset %d, want %d", bits, m.Opset(""), want)
		}
	}
}

func TestSameNetworkSameBytes(t *testing.T) {
	sp := quickSpace(t)
	var first []byte
	for range 2 {
		m, err := Build(randomNetwork(sp, sp.Random(rand.New(rand.NewPCG(4, 4))), rand.New(rand.NewPCG(1, 1))), Settings{})
		if err != nil {
			t.Fatal(err)
		}
		data, _ := onnx.Marshal(m)
		if first == nil {
			first = data
		} else if string(first) != string(data) {
			t.Fatal("two builds of one network differ")
		}
	}
}

// Every mixture of bits loads and runs in ONNX Runtime at all optimisation
// levels, and the levels agree to within a few quantisation steps.
func TestRandomNetworksRunInORT(t *testing.T) {
	rt := openORT(t)
	sp := quickSpace(t)
	rng := rand.New(rand.NewPCG(3, 9))
	for n := 0; n < 8; n++ {
		a := sp.Random(rng)
		if n < 4 {
			a = sp.WithBits(a, []int{2, 4, 8, 16}[n], []int{8, 4, 2, 16}[n])
		}
		m, err := Build(randomNetwork(sp, a, rng), Settings{})
		if err != nil {
			t.Fatal(err)
		}
		for _, level := range []ort.Level{ort.Basic, ort.All} {
			r, err := rt.Engine(ort.Settings{Level: level})(m)
			if err != nil {
				t.Fatalf("%s at %v: %v", sp.Key(a), level, err)
			}
			x := onnx.NewTensor(onnx.Float, 2, 3, 32, 32)
			for i := range x.Floats() {
				x.Floats()[i] = float32(rng.NormFloat64())
			}
			out := make([]*onnx.Tensor, 1)
			if err := r.Run(context.Background(), []*onnx.Tensor{x}, out); err != nil {
				t.Fatalf("%s at %v: %v", sp.Key(a), level, err)
			}
			if out[0].Shape[1] != sp.Classes {
				t.Fatalf("logits have shape %v", out[0].Shape)
			}
			r.Close()
		}
	}
}

// Every distinct layer kind and bit width builds and runs alone.
func TestLayersRunInORT(t *testing.T) {
	rt := openORT(t)
	sp := quickSpace(t)
	seen := map[string]bool{}
	for _, l := range sp.DistinctLayers() {
		kind := string(l.Kind) + l.Act
		for _, b := range []int{l.WBits, l.ABits} {
			kind += string(rune('0' + b))
		}
		if seen[kind] {
			continue
		}
		seen[kind] = true
		m, err := BuildLayer(l, 1)
		if err != nil {
			t.Fatal(err)
		}
		r, err := rt.Engine(ort.Settings{})(m)
		if err != nil {
			t.Fatalf("%s: %v", l.Key(), err)
		}
		var in []*onnx.Tensor
		for _, info := range r.Inputs() {
			in = append(in, onnx.NewTensor(info.DType, info.Shape...))
		}
		if err := r.Run(context.Background(), in, make([]*onnx.Tensor, 1)); err != nil {
			t.Fatalf("%s: %v", l.Key(), err)
		}
		r.Close()
	}
	if len(seen) < 20 {
		t.Errorf("only %d kinds of layer", len(seen))
	}
}

func BenchmarkBuild(b *testing.B) {
	sp := quickSpace(b)
	n := randomNetwork(sp, sp.Largest(), rand.New(rand.NewPCG(1, 1)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Build(n, Settings{}); err != nil {
			b.Fatal(err)
		}
	}
}
