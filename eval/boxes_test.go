package eval

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"hanas/datasets"
	"hanas/internal/realdata"
)

// TestBoxesEqualCOCO: the pair of files of the COCO API's own demonstration
// (pycocoEvalDemo). Its twelve printed figures (0.505 0.697 0.573 0.586 0.519
// 0.501 0.387 0.594 0.595 0.640 0.566 0.564) are below with all the digits that
// the API's evaluation computes with NumPy 1.24.
func TestBoxesEqualCOCO(t *testing.T) {
	dir := realdata.Path(t, "cocoeval")
	s, err := datasets.ReadCOCO(filepath.Join(dir, "instances_val2014_100.json"))
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "instances_val2014_fakebbox100_results.json"))
	if err != nil {
		t.Fatal(err)
	}
	dets, err := datasets.ParseDetections(data, s)
	if err != nil {
		t.Fatal(err)
	}
	want := Boxes{
		0.5045806987249628, 0.6969727247299577, 0.5729816669904824, 0.5856257209410443, 0.5193996948036719, 0.5013978986347466,
		0.38681277964578054, 0.5936795762842003, 0.595352982877607, 0.6398109626113442, 0.5664205978994309, 0.5642905982905982,
	}
	for _, workers := range []int{1, 3} {
		got, err := ScoreBoxes(context.Background(), s, dets, workers)
		if err != nil {
			t.Fatal(err)
		}
		g, w := reflect.ValueOf(got), reflect.ValueOf(want)
		for i := range g.NumField() {
			if math.Abs(g.Field(i).Float()-w.Field(i).Float()) > 1e-12 { // sums are taken in another order
				t.Errorf("%d workers: %s = %.15f, want %.15f", workers, g.Type().Field(i).Name, g.Field(i).Float(), w.Field(i).Float())
			}
		}
	}
}

// TestBoxesByHand: cases small enough to work out on paper.
func TestBoxesByHand(t *testing.T) {
	big := datasets.Box{X: 0, Y: 0, W: 100, H: 100}
	half := datasets.Box{X: 0, Y: 0, W: 100, H: 60} // IoU 0.6 with big: right at 0.50, 0.55, (0.60)
	object := datasets.Object{Box: big, Area: 10000}
	crowd := datasets.Object{Box: big, Area: 10000, Crowd: true}
	hit := datasets.Detection{Box: big, Score: 0.9}
	for _, c := range []struct {
		name    string
		objects []datasets.Object
		dets    []datasets.Detection
		ap, ar1 float64
	}{
		{"perfect", []datasets.Object{object}, []datasets.Detection{hit}, 1, 1},
		{"nothing found", []datasets.Object{object}, nil, 0, 0},
		{"no object", nil, []datasets.Detection{hit}, -1, -1},
		{"only a crowd", []datasets.Object{crowd}, []datasets.Detection{hit}, -1, -1},
		{"second box on a taken object comes later", []datasets.Object{object}, []datasets.Detection{hit, {Box: big, Score: 0.5}}, 1, 1},
		{"wrong box first halves precision", []datasets.Object{object}, []datasets.Detection{hit, {Box: datasets.Box{X: 200, Y: 0, W: 50, H: 50}, Score: 0.95}}, 0.5, 0},
		{"looser box counts at three of ten thresholds", []datasets.Object{object}, []datasets.Detection{{Box: half, Score: 1}}, 0.3, 0.3},
		{"boxes in a crowd do no harm", []datasets.Object{object, {Box: datasets.Box{X: 200, Y: 0, W: 100, H: 100}, Area: 9999, Crowd: true}}, []datasets.Detection{
			{Box: datasets.Box{X: 200, Y: 0, W: 50, H: 50}, Score: 0.99}, {Box: datasets.Box{X: 250, Y: 0, W: 50, H: 50}, Score: 0.98}, hit,
		}, 1, 0},
	} {
		s := &datasets.Scenes{Images: []datasets.Scene{{ID: 1, Width: 400, Height: 400}}, Categories: []datasets.Category{{ID: 1}}, Objects: c.objects}
		got, err := ScoreBoxes(context.Background(), s, c.dets, 1)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(got.AP-c.ap) > 1e-9 || math.Abs(got.AR1-c.ar1) > 1e-9 {
			t.Errorf("%s: AP %g, AR1 %g, want %g and %g", c.name, got.AP, got.AR1, c.ap, c.ar1)
		}
	}
}
