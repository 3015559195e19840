package export

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"hanas/onnx"
	"hanas/onnx/ort"
	"hanas/onnx/ref"
	"hanas/space"
)

// Every kind of layer at every pair of bits builds alone, takes and gives the
// types it should, and computes in ONNX Runtime what it does in the reference.
func TestLayersAgreeWithReference(t *testing.T) {
	rt := openORT(t)
	seen := map[string]bool{}
	for _, sp := range []*space.Space{quickSpace(t), gatedSpace(t)} {
		for _, l := range sp.DistinctLayers() {
			kind := fmt.Sprintf("%s %s k%d w%d a%d", l.Kind, l.Act, l.Kernel, l.WBits, l.ABits)
			if seen[kind] {
				continue
			}
			seen[kind] = true
			m, err := BuildLayer(l, 1)
			if err != nil {
				t.Fatal(err)
			}
			in, out := onnx.Uint8, onnx.Uint8
			if l.ABits == 16 {
				in, out = onnx.Float, onnx.Float
			}
			if l.Kind == space.Linear {
				out = onnx.Float
			}
			if got := [2]onnx.DType{m.Graph.Inputs[0].DType, m.Graph.Outputs[0].DType}; got != [2]onnx.DType{in, out} {
				t.Errorf("%s: types %v", l.Key(), got)
			}
			if d := layerApart(t, rt.Engine(ort.Settings{}), m); d > 1e-4 && out == onnx.Float || d > 1 {
				t.Errorf("%s: differs by %g", l.Key(), d)
			}
		}
	}
	if len(seen) < 100 {
		t.Errorf("only %d kinds of layer", len(seen))
	}
}

// layerApart is how far an engine is from the reference: in codes, or relative
// to the largest value.
func layerApart(t *testing.T, e onnx.Engine, m *onnx.Model) float64 {
	t.Helper()
	var y [2]*onnx.Tensor
	for i, engine := range []onnx.Engine{e, ref.Engine} {
		r, err := engine(m)
		if err != nil {
			t.Fatal(err)
		}
		var in []*onnx.Tensor
		for k, info := range r.Inputs() {
			in = append(in, deviates(info, 1, uint64(k)))
		}
		y[i] = run(t, r, in)
		r.Close()
	}
	if y[0].DType == onnx.Float {
		return apart(y[0].Floats(), y[1].Floats())
	}
	d := 0.0
	for i, v := range y[0].Bytes() {
		d = max(d, math.Abs(float64(v)-float64(y[1].Bytes()[i])))
	}
	return d
}

func TestSameLayerSameBytes(t *testing.T) {
	l := quickSpace(t).DistinctLayers()[7]
	var data [3][]byte
	for i, seed := range []uint64{1, 1, 2} {
		m, err := BuildLayer(l, seed)
		if err != nil {
			t.Fatal(err)
		}
		data[i], _ = onnx.Marshal(m)
	}
	if string(data[0]) != string(data[1]) || string(data[0]) == string(data[2]) {
		t.Error("a layer's file does not follow its seed")
	}
}

// Pairs of layers that follow each other build as one model and compute in ONNX
// Runtime what they do in the reference; alone, a layer is the chain of one.
func TestChainsAgreeWithReference(t *testing.T) {
	rt := openORT(t)
	seen := map[string]bool{}
	for _, sp := range []*space.Space{quickSpace(t), gatedSpace(t)} {
		rng := rand.New(rand.NewPCG(1, 1))
		for range 6 {
			layers := sp.Layers(sp.Random(rng))
			for i := 1; i < len(layers); i++ {
				a, b := layers[i-1], layers[i]
				kind := fmt.Sprintf("%s %s %d %d %s %s %d %d", a.Kind, a.Act, a.WBits, a.ABits, b.Kind, b.Act, b.WBits, b.ABits)
				if seen[kind] {
					continue
				}
				seen[kind] = true
				m, err := BuildChain(layers[i-1:i+1], 1)
				if err != nil {
					t.Fatal(err)
				}
				if d := layerApart(t, rt.Engine(ort.Settings{}), m); d > 1 {
					t.Errorf("%s, %s: differs by %g", a.Key(), b.Key(), d)
				}
			}
		}
	}
	if len(seen) < 50 {
		t.Errorf("only %d kinds of pair", len(seen))
	}
	if _, err := BuildChain(nil, 1); err == nil {
		t.Error("a chain of no layers")
	}
}
