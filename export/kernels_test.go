package export

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"hanas/onnx"
	"hanas/onnx/ort"
	"hanas/space"
)

// kernel is what ONNX Runtime spent in operators of one type.
type kernel struct {
	count  int     // operators
	micros float64 // sum of their median times
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
	const runs = 5
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
	ops, times := map[string]string{}, map[string][]float64{}
	for _, e := range events {
		if e.Cat == "Node" && e.Args.Op != "" {
			ops[e.Name] = e.Args.Op
			times[e.Name] = append(times[e.Name], e.Dur)
		}
	}
	out := map[string]kernel{}
	for name, op := range ops {
		slices.Sort(times[name])
		k := out[op]
		k.count++
		k.micros += times[name][len(times[name])/2]
		out[op] = k
	}
	return out
}

// ONNX Runtime must fuse what is written for integer kernels and fold what is
// written for float ones. The expectation is spelled from the layers alone. A
// DequantizeLinear of weights left over would run every time, several times
// slower than float.
func TestKernelsAreTheOnesMeant(t *testing.T) {
	rt := openORT(t)
	sp := quickSpace(t)
	rng := rand.New(rand.NewPCG(31, 4))
	for n := range 16 {
		a := sp.Random(rng)
		if n < 8 {
			a = sp.WithBits(a, []int{8, 4, 2, 4, 8, 16, 16, 2}[n], []int{8, 4, 2, 8, 16, 8, 16, 4}[n])
		}
		m, err := Build(randomNetwork(sp, a, rng), Settings{})
		if err != nil {
			t.Fatal(err)
		}
		integer, float, floatReads := 0, 0, 0
		layers := sp.Layers(a)
		blockBits := 16
		for i, l := range layers {
			if i > 0 && (l.Stage < 0 || l.Stage != layers[i-1].Stage || l.Block != layers[i-1].Block) {
				blockBits = l.ABits
			}
			switch {
			case l.Kind == space.Add && (l.ABits > 8 || blockBits <= 8):
				floatReads += 2 // at most
			case l.Kind != space.Conv && l.Kind != space.Pointwise && l.Kind != space.Depthwise:
			case l.Kind != space.Conv && l.WBits <= 8 && l.ABits <= 8 && layers[i+1].ABits <= 8 && (layers[i+1].Kind != space.Add || blockBits <= 8):
				integer++
			default:
				float++
				floatReads++
			}
		}
		k := kernels(t, rt, m, 2)
		if got := k["QLinearConv"].count; got != integer {
			t.Errorf("%s: %d integer convolutions, want %d", sp.Key(a), got, integer)
		}
		if got := k["Conv"].count + k["FusedConv"].count; got != float {
			t.Errorf("%s: %d float convolutions, want %d", sp.Key(a), got, float)
		}
		if got := k["DequantizeLinear"].count; got > floatReads+1 {
			t.Errorf("%s: %d DequantizeLinear run, at most %d tensors turn to floats", sp.Key(a), got, floatReads+1)
		}
		if k["QGemm"].count != 1 || k["QLinearGlobalAveragePool"].count != 1 || k["Cast"].count+k["Mul"].count != 0 {
			t.Errorf("%s: kernels %v", sp.Key(a), k)
		}
	}
}

// From stem to head a network of 8 bits and fewer has no operator in float
// but the stem: neither hard-swish nor squeeze-excite leaves the codes.
func TestNoIslandsOfFloat(t *testing.T) {
	rt := openORT(t)
	sp := gatedSpace(t)
	rng := rand.New(rand.NewPCG(32, 4))
	for n := range 6 {
		a := sp.WithBits(sp.Random(rng), []int{8, 4, 2}[n%3], []int{8, 4}[n%2])
		m, err := Build(randomNetwork(sp, a, rng), Settings{})
		if err != nil {
			t.Fatal(err)
		}
		k := kernels(t, rt, m, 2)
		for op, most := range map[string]int{"Conv": 1, "FusedConv": 0, "QuantizeLinear": 2, "DequantizeLinear": 2, "Mul": 0, "HardSigmoid": 0, "Relu": 0, "GlobalAveragePool": 0} {
			if k[op].count > most {
				t.Errorf("%s: %d %s run, at most %d expected: %v", sp.Key(a), k[op].count, op, most, k)
			}
		}
		want := 0
		for _, l := range sp.Layers(a)[1:] {
			if l.Act == "hswish" || l.Kind == space.SE {
				want++
			}
		}
		if k["QLinearMul"].count != want {
			t.Errorf("%s: %d QLinearMul for %d gates and hard-swishes", sp.Key(a), k["QLinearMul"].count, want)
		}
	}
}

// Depthwise convolutions between integer kernels have a multiple of 16 channels;
// the file grows by the zeros' scales and biases, not by their weights. That
// answers stay the same is TestIntegersAreExact's.
func TestHiddenChannelsAreRoundedUp(t *testing.T) {
	sp := quickSpace(t)
	rng := rand.New(rand.NewPCG(33, 4))
	widened := 0
	for range 12 {
		a := sp.WithBits(sp.Random(rng), 8, 8)
		n := randomNetwork(sp, a, rng)
		m, err := Build(n, Settings{})
		if err != nil {
			t.Fatal(err)
		}
		codes := 0
		for _, in := range m.Graph.Initializers {
			if in.Tensor.DType == onnx.Int8 && len(in.Tensor.Shape) == 4 {
				codes += onnx.Elements(in.Tensor.Shape)
			}
		}
		want := 0
		for _, l := range sp.Layers(a)[1:] {
			switch l.Kind {
			case space.Depthwise:
				if l.Out%16 != 0 {
					widened++
				}
				want += int(l.Weights())
			case space.Pointwise:
				want += int(l.Weights())
			}
		}
		if stem := int(sp.Layers(a)[0].Weights()); codes != want+stem {
			t.Errorf("%s: %d weights in the file, want %d", sp.Key(a), codes, want+stem)
		}
		for _, node := range m.Graph.Nodes {
			if g := node.IntOr("group", 1); g > 1 && g%16 != 0 {
				t.Errorf("%s: %s has %d groups", sp.Key(a), node.Name, g)
			}
		}
	}
	if widened == 0 {
		t.Error("no network had channels to round up: the test shows nothing")
	}
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
