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

// An integer network gives the oracle's logits to the last bit in ONNX
// Runtime's integer kernels. Unfused (BASIC) convolutions sum floats: codes
// that lie on a rounding border may differ by a step.
func TestIntegersAreExact(t *testing.T) {
	rt := openORT(t)
	rng := rand.New(rand.NewPCG(21, 4))
	for k, bits := range [][2]int{{8, 8}, {4, 8}, {2, 8}, {8, 4}, {4, 4}, {2, 2}, {8, 8}, {4, 4}, {2, 2}, {8, 8}, {8, 8}, {8, 8}, {4, 8}, {2, 8}, {8, 4}, {4, 4}} {
		sp := quickSpace(t)
		if k > 8 {
			sp = gatedSpace(t) // hard-swish and squeeze-excite
		}
		t.Run(fmt.Sprintf("%s-%d-w%da%d", sp.Name, k, bits[0], bits[1]), func(t *testing.T) {
			n := randomNetwork(sp, sp.WithBits(sp.Random(rng), bits[0], bits[1]), rng)
			m, err := Build(n, Settings{AllInteger: true})
			if err != nil {
				t.Fatal(err)
			}
			x := deviates(m.Graph.Inputs[0], 1, uint64(k))
			want, err := oracle(n, x.Floats())
			if err != nil {
				t.Fatal(err)
			}
			if n := distinctValues(want); n < sp.Classes/2 {
				t.Fatalf("only %d distinct logits: the test shows nothing", n)
			}
			for _, e := range []struct {
				name   string
				engine onnx.Engine
				within float64 // of the largest logit
			}{
				{"all", rt.Engine(ort.Settings{}), 0},
				{"basic", rt.Engine(ort.Settings{Level: ort.Basic}), 0.05},
				{"reference", ref.Engine, 0.05},
			} {
				r, err := e.engine(m)
				if err != nil {
					t.Fatalf("%s: %v", e.name, err)
				}
				got := run(t, r, []*onnx.Tensor{x}).Floats()
				r.Close()
				if d := apart(got, want); d > e.within {
					t.Errorf("%s: logits differ by %.3g of the largest (%v, want %v)", e.name, d, got[:3], want[:3])
				} else {
					t.Logf("%s: %.3g", e.name, d)
				}
			}
		})
	}
}

func distinctValues(v []float32) int {
	seen := map[float32]bool{}
	for _, x := range v {
		seen[x] = true
	}
	return len(seen)
}

// apart is the largest difference relative to the largest absolute value.
func apart(got, want []float32) float64 {
	if len(got) != len(want) {
		return math.Inf(1)
	}
	diff, size := 0.0, 0.0
	for i := range got {
		diff = max(diff, math.Abs(float64(got[i])-float64(want[i])))
		size = max(size, math.Abs(float64(want[i])))
	}
	if size == 0 || diff != diff {
		return math.Inf(1)
	}
	return diff / size
}

// Networks of any bits give the same logits in ONNX Runtime and in the
// reference, but for codes on the border of two: each moves a logit by some
// thousandths. Weights rounded a second time (see
// quant.EmitDequantizeFloat) would move all of them.
func TestMixedNetworksAgreeWithReference(t *testing.T) {
	rt := openORT(t)
	rng := rand.New(rand.NewPCG(77, 1))
	for _, sp := range []*space.Space{quickSpace(t), gatedSpace(t)} {
		for n := range 10 {
			a := sp.Random(rng)
			if n < 4 {
				a = sp.WithBits(a, 16, []int{2, 4, 8, 16}[n])
			}
			m, err := Build(randomNetwork(sp, a, rng), Settings{})
			if err != nil {
				t.Fatal(err)
			}
			x := batchOf(m, 2, uint64(n))
			want := evaluate(t, ref.Engine, m, x)
			for _, level := range []ort.Level{ort.Basic, ort.All} {
				got := evaluate(t, rt.Engine(ort.Settings{Level: level}), m, x)
				if d := apart(got, want); d > 0.03 {
					t.Errorf("%s %s at %v: logits differ by %.3g of the largest", sp.Name, sp.Key(a), level, d)
				} else if d > 1e-3 {
					t.Logf("%s %s at %v: %.3g", sp.Name, sp.Key(a), level, d)
				}
			}
		}
	}
}

func batchOf(m *onnx.Model, batch int, seed uint64) *onnx.Tensor {
	return deviates(m.Graph.Inputs[0], batch, seed)
}

func evaluate(t testing.TB, e onnx.Engine, m *onnx.Model, x ...*onnx.Tensor) []float32 {
	t.Helper()
	r, err := e(m)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	return run(t, r, x).Floats()
}

// The compatible file has the same numbers in an older opset; the batch is
// symbolic, and images do not see each other.
func TestCompatAndBatch(t *testing.T) {
	rt := openORT(t)
	sp := quickSpace(t)
	rng := rand.New(rand.NewPCG(5, 1))
	for _, bits := range []int{2, 4} {
		n := randomNetwork(sp, sp.WithBits(sp.Random(rng), bits, bits), rng)
		var logits [][]float32
		for _, p := range []Profile{Quantised, Compat} {
			m, err := Build(n, Settings{Profile: p})
			if err != nil {
				t.Fatal(err)
			}
			if p == Compat && (m.Opset("") != 13 || m.Meta("hanas.profile") != "compat") {
				t.Errorf("opset %d, profile %q", m.Opset(""), m.Meta("hanas.profile"))
			}
			x := batchOf(m, 3, 9)
			logits = append(logits, evaluate(t, rt.Engine(ort.Settings{}), m, x))
			last := onnx.From(x.Floats()[2*3*32*32:], 1, 3, 32, 32)
			if d := apart(evaluate(t, rt.Engine(ort.Settings{}), m, last), logits[0][2*sp.Classes:]); d > 0 {
				t.Errorf("%d bits %q: an image alone differs by %g from one in a batch", bits, p, d)
			}
		}
		if d := apart(logits[1], logits[0]); d > 0 {
			t.Errorf("%d bits: the compatible file differs by %g", bits, d)
		}
	}
}
