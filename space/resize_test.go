package space

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestResize: a network resized to another resolution of its space is the
// network that the space expands to there.
func TestResize(t *testing.T) {
	s, err := Preset("ofa-mbv3-w1.0")
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(4, 4))
	for range 50 {
		genes := s.Random(rng).Genes()
		want := make([][]Layer, len(s.Resolutions))
		for i := range s.Resolutions {
			genes[0] = byte(i)
			a, err := s.New(genes)
			if err != nil {
				t.Fatal(err)
			}
			want[i] = s.Layers(a)
		}
		for i, r := range s.Resolutions {
			got, err := Resize(want[rng.IntN(len(want))], r)
			if err != nil || !slices.Equal(got, want[i]) {
				t.Fatalf("resolution %d: %v, %v", r, got, err)
			}
		}
	}
	if _, err := Resize(nil, 0); err == nil {
		t.Error("resolution 0 was taken")
	}
}
