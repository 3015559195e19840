package space

import (
	"slices"
	"strings"
	"testing"
)

// TestHeads checks the layers of a detector by hand: three heads, each reading
// the end of its stage.
func TestHeads(t *testing.T) {
	s, err := Preset("quick-coco")
	if err != nil {
		t.Fatal(err)
	}
	layers := s.Layers(s.Smallest())
	var got []string
	for i, l := range layers {
		if l.From != "" || l.Predicts() {
			got = append(got, l.Name+" "+layers[Reads(layers, i)].Name+" "+l.Key())
		}
		if Ends(layers, i) != l.Predicts() {
			t.Errorf("%s: is the end of a branch: %v", l.Name, Ends(layers, i))
		}
	}
	want := []string{
		"d0.lateral s0.b0.project pointwise/in:24x16x16/out:48x16x16/k1/s1/relu/w2/a2",
		"d0.predict d0.dw pointwise/in:48x16x16/out:15x16x16/k1/s1/w8/a8",
		"d1.lateral s1.b0.project pointwise/in:32x8x8/out:48x8x8/k1/s1/relu/w2/a2",
		"d1.predict d1.dw pointwise/in:48x8x8/out:15x8x8/k1/s1/w8/a8",
		"d2.lateral s2.b0.project pointwise/in:48x4x4/out:48x4x4/k1/s1/relu/w2/a2",
		"d2.predict d2.dw pointwise/in:48x4x4/out:15x4x4/k1/s1/w8/a8",
	}
	if !slices.Equal(got, want) {
		t.Errorf("heads are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if k := Tapped(layers, Reads(layers, len(layers)-3)); layers[k].Name != "d2.lateral" {
		t.Errorf("the last stage is read by %s", layers[k].Name)
	}
}

// TestResizeKeepsHeads: a detector for another resolution is that of the space
// at that resolution.
func TestResizeKeepsHeads(t *testing.T) {
	s, err := Preset("quick-coco")
	if err != nil {
		t.Fatal(err)
	}
	wide := s.Clone()
	wide.Resolutions = []int{96}
	got, err := Resize(s.Layers(s.Largest()), 96)
	if err != nil {
		t.Fatal(err)
	}
	if want := wide.Layers(wide.Largest()); !slices.Equal(got, want) {
		t.Errorf("resized %+v\nwant %+v", got, want)
	}
}

func TestBadDetect(t *testing.T) {
	for _, r := range []struct {
		change func(*Space)
		want   string
	}{
		{func(s *Space) { s.Detect = []int{0, 1} }, "leaves out the last stage"},
		{func(s *Space) { s.Detect = []int{2, 1, 2} }, "is not ascending"},
		{func(s *Space) { s.Detect = []int{3} }, "3 is outside [0, 2]"},
		{func(s *Space) { s.HeadWidths = nil }, "head_widths: is empty"},
		{func(s *Space) { s.FeatureMix = 8 }, "has no pool"},
	} {
		s, err := Preset("quick-coco")
		if err != nil {
			t.Fatal(err)
		}
		r.change(s)
		if err := s.Validate(); err == nil || !strings.Contains(err.Error(), r.want) {
			t.Errorf("error is %v, want %q in it", err, r.want)
		}
	}
}
