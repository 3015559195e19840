package datasets_test

import (
	"bytes"
	"context"
	"math"
	"reflect"
	"testing"

	"hanas/datasets"
	"hanas/datasets/datasetstest"
)

func scenesForTest(t *testing.T, n int) datasets.Dataset {
	t.Helper()
	ds, err := datasets.GlyphScenes(datasets.Settings{Size: 64, Seed: 4}, 1, n)
	if err != nil {
		t.Fatal(err)
	}
	return ds
}

func TestScenesSuite(t *testing.T) {
	datasetstest.Run(t, func() (datasets.Dataset, error) {
		return datasets.GlyphScenes(datasets.Settings{Size: 32, Seed: 4}, 0, 60)
	})
}

// TestScenes checks what the drawing promises: boxes inside the image, little
// overlap, all classes and all three of COCO's sizes.
func TestScenes(t *testing.T) {
	ds := scenesForTest(t, 120)
	classes, sizes, most, overlapping := map[int]int{}, [3]int{}, 0, 0
	for i := range ds.Len() {
		ex, err := ds.At(context.Background(), i)
		if err != nil {
			t.Fatal(err)
		}
		most = max(most, len(ex.Objects))
		for k, o := range ex.Objects {
			b := o.Box
			if b.X < 1 || b.Y < 1 || b.X+b.W > 191 || b.Y+b.H > 191 || b.W < 2 || b.H < 2 || o.Area != b.W*b.H {
				t.Fatalf("image %d: %+v is no box inside 192x192", i, o)
			}
			classes[o.Category]++
			switch {
			case o.Area < 32*32:
				sizes[0]++
			case o.Area <= 96*96:
				sizes[1]++
			default:
				sizes[2]++
			}
			for _, p := range ex.Objects[:k] {
				w := min(b.X+b.W, p.Box.X+p.Box.W) - max(b.X, p.Box.X)
				h := min(b.Y+b.H, p.Box.Y+p.Box.H) - max(b.Y, p.Box.Y)
				if w <= 0 || h <= 0 {
					continue
				}
				overlapping++
				if iou := w * h / (b.W*b.H + p.Area - w*h); iou > 0.25 {
					t.Fatalf("image %d: two boxes share %.2f", i, iou)
				}
			}
		}
	}
	if len(classes) != 10 || min(sizes[0], sizes[1], sizes[2]) < 10 || most < 6 || overlapping < 10 {
		t.Errorf("%d classes, %v small, medium and large objects, at most %d in an image, %d pairs overlap", len(classes), sizes, most, overlapping)
	}
}

// TestBoxesHoldTheInk: on a flat background everything that differs from it lies
// in the boxes, but for the soft edges of large glyphs: their outline is a mask
// of 64 samples, up to four pixels each.
func TestBoxesHoldTheInk(t *testing.T) {
	ds, err := datasets.GlyphScenes(datasets.Settings{Size: 64, Seed: 4, Difficulty: 1e-9}, 1, 40) // flat background, no grain
	if err != nil {
		t.Fatal(err)
	}
	for i := range ds.Len() {
		ex, err := ds.At(context.Background(), i)
		if err != nil {
			t.Fatal(err)
		}
		in := func(x, y int, by float64) bool {
			for _, o := range ex.Objects {
				if float64(x) >= o.Box.X-by && float64(y) >= o.Box.Y-by && float64(x) < o.Box.X+o.Box.W+by && float64(y) < o.Box.Y+o.Box.H+by {
					return true
				}
			}
			return false
		}
		inked := 0
		for y := range ex.H {
			for x := range ex.W {
				differs := !bytes.Equal(ex.Image[3*(y*ex.W+x):][:3], ex.Image[:3]) // the corner is background
				if differs && !in(x, y, 8) {
					t.Fatalf("image %d: ink at %d,%d outside all boxes", i, x, y)
				}
				if differs && in(x, y, 0) {
					inked++
				}
			}
		}
		if inked == 0 {
			t.Fatalf("image %d: no ink in its boxes", i)
		}
	}
}

// TestWriteCOCO: what is written is read back, and loads as what was drawn.
func TestWriteCOCO(t *testing.T) {
	ctx, root := context.Background(), t.TempDir()
	ds := scenesForTest(t, 5)
	if err := datasets.WriteCOCO(ctx, ds, root, "val"); err != nil {
		t.Fatal(err)
	}
	s, folder, err := datasets.OpenCOCO(root, "val")
	if err != nil {
		t.Fatal(err)
	}
	im, err := datasets.LoadFit(ctx, ds, datasets.Fit{Size: 64, Whole: true}, 2)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(s, im.Located.Scenes) {
		t.Errorf("read back %+v\nloaded %+v", s, im.Located.Scenes)
	}
	for i := range ds.Len() {
		want, _ := ds.At(ctx, i)
		got, err := s.Load(ctx, folder, i)
		if err != nil || !bytes.Equal(got.Image, want.Image) {
			t.Errorf("image %d is not what was drawn (%v)", i, err)
		}
		for k, o := range im.Located.In(i) {
			if got, want := im.Located.Placed[i].Original(o.Box), want.Objects[k].Box; math.Abs(got.X-want.X)+math.Abs(got.Y-want.Y)+math.Abs(got.W-want.W)+math.Abs(got.H-want.H) > 1e-9 {
				t.Errorf("image %d: box %v came back as %v", i, want, got)
			}
		}
	}
}
