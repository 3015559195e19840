package pretrained

import (
	"math"
	"slices"
	"testing"

	"hanas/export"
	"hanas/internal/realdata"
	"hanas/onnx"
)

// The real network in FP16: half the bytes of its float32 file, and the logits
// of the same images to half a percent of the largest, in ONNX Runtime.
func TestHalfOfTheRealNetwork(t *testing.T) {
	n, err := Read(realdata.Path(t, proxylessWeights), realdata.Path(t, proxylessConfig), 176)
	if err != nil {
		t.Fatal(err)
	}
	x := onnx.NewTensor(onnx.Float, 4, 3, 176, 176)
	for i := range x.Floats() {
		x.Floats()[i] = float32(math.Sin(float64(i)*.01) * math.Cos(float64(i)*.00037))
	}
	var logits [2][]float32
	var size [2]int
	for k, s := range []export.Settings{{Profile: export.Float, Float32: true}, {Profile: export.Half}} {
		m, err := export.Build(n.Float(), s)
		if err != nil {
			t.Fatal(err)
		}
		data, err := onnx.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		size[k] = len(data)
		r, err := engine(t)(m)
		if err != nil {
			t.Fatal(err)
		}
		out := []*onnx.Tensor{nil}
		if err := r.Run(t.Context(), []*onnx.Tensor{x}, out); err != nil {
			t.Fatal(err)
		}
		r.Close()
		logits[k] = out[0].Floats()
	}
	if ratio := float64(size[1]) / float64(size[0]); ratio > .51 {
		t.Errorf("the FP16 file has %.3f of the float32 file's bytes", ratio)
	}
	largest := float64(max(slices.Max(logits[0]), -slices.Min(logits[0])))
	worst := 0.0
	for i, v := range logits[0] {
		worst = math.Max(worst, math.Abs(float64(v-logits[1][i]))/largest)
	}
	t.Logf("%d and %d bytes, logits differ by %.2g of the largest", size[0], size[1], worst)
	if worst > .005 || worst == 0 {
		t.Errorf("logits differ by %.3g of the largest", worst)
	}
}
