package export

import (
	"math/rand/v2"
	"testing"

	"hanas/onnx"
	"hanas/onnx/ort"
	"hanas/onnx/ref"
	"hanas/space"
)

// An FP16 file answers as the float file does, to the 11 bits of its numbers,
// in ONNX Runtime and in the reference; it has half of a float32 file's bytes,
// and no FLOAT weights.
func TestHalfProfile(t *testing.T) {
	rt := openORT(t)
	rng := rand.New(rand.NewPCG(16, 16))
	for _, sp := range []*space.Space{quickSpace(t), gatedSpace(t)} {
		for k := range 4 {
			a := sp.Random(rng)
			n := randomNetwork(sp, a, rng)
			for i := range n.Units {
				if l := &n.Units[i].Layer; k == 0 && l.WBits > 0 {
					l.WBits = 16
				}
			}
			half, err := Build(n, Settings{Profile: Half})
			if err != nil {
				t.Fatal(err)
			}
			if k == 0 {
				full, err := Build(n, Settings{Profile: Float, Float32: true})
				if err != nil {
					t.Fatal(err)
				}
				if h, f := weightBytes(half), weightBytes(full); h*2 != f {
					t.Errorf("%s: %d bytes of weights, %d as float32", sp.Name, h, f)
				}
			}
			for _, in := range half.Graph.Initializers {
				if in.Tensor.DType == onnx.Float {
					t.Errorf("%s: initialiser %s is FLOAT", sp.Name, in.Name)
				}
			}
			if half.Opset("") != 13 || half.Meta("hanas.profile") != "fp16" {
				t.Errorf("opset %d, profile %q", half.Opset(""), half.Meta("hanas.profile"))
			}
			float, err := Build(n, Settings{Profile: Float})
			if err != nil {
				t.Fatal(err)
			}
			x := batchOf(half, 2, uint64(k))
			want := evaluate(t, ref.Engine, float, x)
			for name, e := range map[string]onnx.Engine{"reference": ref.Engine, "all": rt.Engine(ort.Settings{}), "basic": rt.Engine(ort.Settings{Level: ort.Basic})} {
				if d := apart(evaluate(t, e, half, x), want); d > 0.01 || d == 0 {
					t.Errorf("%s %s, %s: logits differ by %.3g of the largest", sp.Name, n.Arch, name, d)
				}
			}
		}
	}
}

// weightBytes are those of the floats of either kind.
func weightBytes(m *onnx.Model) int {
	total := 0
	for _, in := range m.Graph.Initializers {
		switch in.Tensor.DType {
		case onnx.Float:
			total += 4 * onnx.Elements(in.Tensor.Shape)
		case onnx.Float16:
			total += 2 * onnx.Elements(in.Tensor.Shape)
		}
	}
	return total
}

func TestProfileNames(t *testing.T) {
	for i, name := range ProfileNames() {
		if p, err := ParseProfile(name); err != nil || p != Profiles[i] {
			t.Errorf("%s: %q, %v", name, p, err)
		}
	}
	if _, err := ParseProfile("fp8"); err == nil {
		t.Error("fp8 passes")
	}
}
