package export

import (
	"cmp"
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"hanas/onnx"
	"hanas/onnx/ort"
	"hanas/onnx/ref"
	"hanas/space"
)

// randomDetector is a detector of the preset quick-coco with random weights, and
// objectness near the least confidence so that some boxes are kept.
func randomDetector(t *testing.T, rng *rand.Rand) *Network {
	t.Helper()
	sp, err := space.Preset("quick-coco")
	if err != nil {
		t.Fatal(err)
	}
	a := sp.RandomBits(sp.Random(rng), rng)
	n := &Network{Arch: sp.Key(a), Space: sp.Name, Resolution: 64}
	for _, l := range sp.Layers(a) {
		n.Units = append(n.Units, randomUnit(l, rng))
	}
	return n
}

// slowBox is a row of the output.
type slowBox struct {
	image, class, cell int
	side               [4]float64
	score              float64
}

func iou(a, b [4]float64) float64 {
	w, h := min(a[2], b[2])-max(a[0], b[0]), min(a[3], b[3])-max(a[1], b[1])
	if w <= 0 || h <= 0 {
		return 0
	}
	return w * h / ((a[2]-a[0])*(a[3]-a[1]) + (b[2]-b[0])*(b[3]-b[1]) - w*h)
}

// slowDecode turns the heads' raw predictions, [N, 15, side*side] each, into
// boxes from the definition: one cell at a time, then greedy suppression.
func slowDecode(heads []*onnx.Tensor, batch, classes int, size float64) (out []slowBox) {
	for image := range batch {
		var all []slowBox
		first := 0
		for _, h := range heads {
			n := h.Shape[2]
			side := int(math.Sqrt(float64(n)))
			stride := size / float64(side)
			for k := range n {
				at := func(r int) float64 { return float64(h.Floats()[(image*(classes+5)+r)*n+k]) }
				sum := 0.0
				for c := range classes {
					sum += math.Exp(at(c))
				}
				cx, cy := (float64(k%side)+.5+at(classes))*stride, (float64(k/side)+.5+at(classes+1))*stride
				w, h := math.Exp(max(-3, min(3, at(classes+2))))*stride, math.Exp(max(-3, min(3, at(classes+3))))*stride
				clip := func(v float64) float64 { return max(0, min(size, v)) }
				box := [4]float64{clip(cx - w/2), clip(cy - h/2), clip(cx + w/2), clip(cy + h/2)}
				for c := range classes {
					all = append(all, slowBox{image, c, first + k, box, math.Exp(at(c)) / sum / (1 + math.Exp(-at(classes+4)))})
				}
			}
			first += n
		}
		slices.SortStableFunc(all, func(a, b slowBox) int { return cmp.Compare(b.score, a.score) })
		kept := map[int][]slowBox{}
		for _, b := range all {
			if b.score > 0.05 && len(kept[b.class]) < 20 && !slices.ContainsFunc(kept[b.class], func(k slowBox) bool { return iou(k.side, b.side) > 0.6 }) {
				kept[b.class] = append(kept[b.class], b)
			}
		}
		for c := range classes {
			out = append(out, kept[c]...)
		}
	}
	return out
}

// TestDetectorDecodesAsDefined compares a file's boxes with the slow decoding
// of its own predictions, on two engines.
func TestDetectorDecodesAsDefined(t *testing.T) {
	engines := map[string]onnx.Engine{"ref": ref.Engine}
	if rt, err := ort.Open(context.Background(), ort.Options{}); err == nil {
		engines["ONNX Runtime"] = rt.Engine(ort.Settings{})
	} else {
		t.Logf("without ONNX Runtime: %v", err)
	}
	rng, boxes := rand.New(rand.NewPCG(3, 1)), 0
	for trial := range 4 {
		n := randomDetector(t, rng)
		m, err := Build(n, Settings{})
		if err != nil {
			t.Fatal(err)
		}
		if data, err := onnx.Marshal(m); err != nil {
			t.Fatal(err)
		} else if _, err := ReadBack(data, m); err != nil {
			t.Error(err)
		}
		for _, node := range m.Graph.Nodes {
			if out := node.Outputs[0]; node.Op == "Reshape" && strings.Contains(out, "predict") {
				m.Graph.Outputs = append(m.Graph.Outputs, onnx.ValueInfo{Name: out, DType: onnx.Float, Shape: []int{-1, 15, -1}})
			}
		}
		x := onnx.NewTensor(onnx.Float, 2, 3, 64, 64)
		for i := range x.Floats() {
			x.Floats()[i] = float32(rng.NormFloat64())
		}
		for name, engine := range engines {
			if name == "ref" && trial > 0 {
				continue // seconds each
			}
			boxes += checkBoxes(t, engine, m, x)
		}
	}
	if boxes < 20 {
		t.Errorf("only %d boxes were compared", boxes)
	}
}

func checkBoxes(t *testing.T, engine onnx.Engine, m *onnx.Model, x *onnx.Tensor) int {
	t.Helper()
	r, err := engine(m)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	out := make([]*onnx.Tensor, len(r.Outputs()))
	if err := r.Run(context.Background(), []*onnx.Tensor{x}, out); err != nil {
		t.Fatal(err)
	}
	if len(out) != 4 {
		t.Fatalf("%d outputs, want the boxes and three heads", len(out))
	}
	want := slowDecode(out[1:], 2, 10, 64)
	if out[0].Shape[0] != len(want) {
		t.Fatalf("%d boxes, want %d", out[0].Shape[0], len(want))
	}
	for i, w := range want {
		row := out[0].Floats()[7*i:][:7]
		all := []float64{float64(w.image), w.side[0], w.side[1], w.side[2], w.side[3], w.score, float64(w.class)}
		for k, v := range all {
			if math.Abs(float64(row[k])-v) > 1e-3 {
				t.Fatalf("box %d is %v, want %v", i, row, all)
			}
		}
	}
	return len(want)
}
