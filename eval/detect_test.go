package eval

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"hanas/datasets"
	"hanas/internal/realdata"
	"hanas/onnx"
)

// TestFastestDetDecoder: one cell worked out by hand.
func TestFastestDetDecoder(t *testing.T) {
	out := onnx.NewTensor(onnx.Float, 1, 7, 2, 2)
	v := out.Floats()
	put := func(channel int, x float32) { v[channel*4+3] = x } // the cell at x = y = 1
	put(0, 0.25)                                               // objectness
	put(1, 0)                                                  // centre at the cell's corner: 1/2 of the image
	put(2, float32(math.Atanh(0.5)))                           // half a cell down: 3/4
	put(3, 0)                                                  // sigmoid 0.5: half the width
	put(4, float32(math.Log(3)))                               // sigmoid 0.75
	put(5, 0.1)
	put(6, 0.9)
	got, err := decodeFastestDet(out, 100, 0.01)
	if err != nil || len(got) != 1 {
		t.Fatalf("%v, %v: want one box", got, err)
	}
	c := got[0]
	want := datasets.Box{X: 25, Y: 37.5, W: 50, H: 75}
	for _, d := range []float64{c.box.X - want.X, c.box.Y - want.Y, c.box.W - want.W, c.box.H - want.H, c.score - 0.417320} {
		if math.Abs(d) > 1e-4 {
			t.Fatalf("%+v, want %+v with score 0.25^0.6 * 0.9^0.4 = 0.41732", c, want)
		}
	}
	if c.class != 1 {
		t.Errorf("class %d, want 1", c.class)
	}
	if _, err := decodeFastestDet(onnx.NewTensor(onnx.Float, 1, 5, 2, 2), 100, 0); err == nil {
		t.Error("an output without classes is accepted")
	}
}

// TestSuppress: a lower box of the same class goes, one of another class stays.
func TestSuppress(t *testing.T) {
	b := datasets.Box{X: 0, Y: 0, W: 10, H: 10}
	near, far := datasets.Box{X: 1, Y: 0, W: 10, H: 10}, datasets.Box{X: 8, Y: 0, W: 10, H: 10}
	kept := suppress([]candidate{{near, 0, 0.5}, {b, 0, 0.9}, {near, 1, 0.4}, {far, 0, 0.3}}, 0.45)
	if len(kept) != 3 || kept[0].score != 0.9 || kept[1].score != 0.4 || kept[2].score != 0.3 {
		t.Errorf("kept %+v, want the scores 0.9, 0.4, 0.3", kept)
	}
}

// blank is a detector that finds nothing, for images of 32x32.
type blank struct{ runs int }

func (b *blank) Inputs() []onnx.ValueInfo {
	return []onnx.ValueInfo{{Name: "x", DType: onnx.Float, Shape: []int{1, 3, 32, 32}}}
}
func (b *blank) Outputs() []onnx.ValueInfo { return []onnx.ValueInfo{{Name: "y"}} }
func (b *blank) Close() error              { return nil }
func (b *blank) Run(_ context.Context, _, out []*onnx.Tensor) error {
	b.runs++
	out[0] = onnx.NewTensor(onnx.Float, 1, 7, 2, 2)
	return nil
}

// TestDetectOnCOCO: every image of the folder is read; a stopped context and
// a missing folder end it.
func TestDetectOnCOCO(t *testing.T) {
	dir := realdata.Path(t, "coco")
	s, folder, err := datasets.OpenCOCO(dir, "val")
	if err != nil {
		t.Fatal(err)
	}
	s.First(5)
	d := Detector{Decoder: "fastestdet", Square: datasets.Square{Size: 32}, Score: 0.01}
	net := &blank{}
	if dets, err := Detect(context.Background(), net, d, s, folder); err != nil || len(dets) != 0 || net.runs != 5 {
		t.Errorf("%d boxes after %d runs, %v: want none after 5", len(dets), net.runs, err)
	}
	stopped, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Detect(stopped, &blank{}, d, s, folder); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
	if _, err := Detect(context.Background(), &blank{}, d, s, t.TempDir()); err == nil || !strings.Contains(err.Error(), "no image") {
		t.Errorf("an empty folder: %v", err)
	}
}
