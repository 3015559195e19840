package stages

import (
	"bytes"
	"context"
	"image/png"
	"testing"

	"hanas/datasets"
	"hanas/onnx"
)

// says is a network that answers from a list.
type says struct {
	outs func(batch int) *onnx.Tensor
	side int
}

func (s says) Inputs() []onnx.ValueInfo {
	return []onnx.ValueInfo{{Name: "image", DType: onnx.Float, Shape: []int{1, 3, s.side, s.side}}}
}

func (s says) Outputs() []onnx.ValueInfo {
	return []onnx.ValueInfo{{Name: "out", DType: onnx.Float, Shape: []int{1, 2}}}
}
func (s says) Close() error { return nil }
func (s says) Run(_ context.Context, _, outputs []*onnx.Tensor) error {
	outputs[0] = s.outs(1)
	return nil
}

func pictures(n int) *datasets.Images {
	im := &datasets.Images{Size: 4, Classes: []string{"cat", "dog"}, Std: [3]float32{1, 1, 1}, Pixels: make([]uint8, n*48)}
	for i := range n {
		im.Labels = append(im.Labels, int32(i%2))
		for k := range 48 {
			im.Pixels[48*i+k] = uint8(5*k + i)
		}
	}
	return im
}

// TestGalleryOfAnswers: the first images in their order, then the first wrong ones
// behind them, no more of either than fit a row, with their own pixels.
func TestGalleryOfAnswers(t *testing.T) {
	cat := says{side: 4, outs: func(int) *onnx.Tensor {
		out := onnx.NewTensor(onnx.Float, 1, 2)
		out.Floats()[0] = 2
		return out
	}}
	im := pictures(40)
	first, wrong, err := showClasses(t.Context(), cat, im)
	if err != nil || len(first) != shownImages || len(wrong) != shownImages {
		t.Fatalf("%d first, %d wrong, %v", len(first), len(wrong), err)
	}
	if first[1].Truth != "dog" || first[1].Answer != "cat" || first[1].Probability < 0.88 || first[1].Probability > 0.881 { // e²/(e²+1)
		t.Errorf("%+v", first[1])
	}
	for _, s := range wrong {
		if s.Truth != "dog" || s.Answer != "cat" {
			t.Errorf("among the wrong: %s said %s", s.Truth, s.Answer)
		}
	}
	got, err := png.Decode(bytes.NewReader(wrong[0].Image))
	if err != nil {
		t.Fatal(err)
	}
	pixels := im.Pixels[48*9:] // image 9 is the first wrong one behind the first eight
	for k := range 16 {
		r, g, b, _ := got.At(k%4, k/4).RGBA()
		if uint8(r>>8) != pixels[k] || uint8(g>>8) != pixels[16+k] || uint8(b>>8) != pixels[32+k] {
			t.Fatalf("pixel %d is %d %d %d, want %v", k, r>>8, g>>8, b>>8, []uint8{pixels[k], pixels[16+k], pixels[32+k]})
		}
	}
}
