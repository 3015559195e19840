package datasets

import (
	"encoding/hex"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
)

// picture is the image of testdata/distortions.py.
func picture(n int) []uint8 {
	src := make([]uint8, 3*n*n)
	for c := range 3 {
		for y := range n {
			for x := range n {
				src[(c*n+y)*n+x] = uint8((x*x*7+y*13*(c+1)+x*y*5+c*40)%200 + 20)
			}
		}
	}
	return src
}

// TestDistortions: every row gives what Pillow gives, within the last level
// where arithmetic in floating point may round another way.
func TestDistortions(t *testing.T) {
	text, err := os.ReadFile("testdata/distortions.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Name   string
		Amount float64
		Hex    string
	}
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	const n = 16
	src, seen := picture(n), map[string]bool{}
	for _, c := range cases {
		want, err := hex.DecodeString(c.Hex)
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(distortions, func(d distortion) bool { return d.name == c.Name })
		if i < 0 {
			t.Fatalf("no row %q", c.Name)
		}
		seen[c.Name] = true
		got := make([]uint8, len(src))
		distortions[i].apply(got, src, n, c.Amount)
		worst, off := 0.0, 0
		for p := range got {
			d := math.Abs(float64(got[p]) - float64(want[p]))
			worst = max(worst, d)
			if d > 0 {
				off++
			}
		}
		if worst > 1 || off > len(got)/50 {
			t.Errorf("%s %g: %d of %d values differ, by %g at most", c.Name, c.Amount, off, len(got), worst)
		}
	}
	for _, d := range distortions {
		if !seen[d.name] {
			t.Errorf("%s has no case of Pillow's", d.name)
		}
	}
}

// TestDistortStrength: no strength changes nothing but what has none, and
// settings stay within their ranges.
func TestDistortStrength(t *testing.T) {
	const n = 16
	src, got := picture(n), make([]uint8, 3*n*n)
	for _, d := range distortions {
		if d.name == "equalise" || d.name == "autocontrast" {
			continue
		}
		d.apply(got, src, n, d.amount(0, 1, n))
		if !slices.Equal(got, src) {
			t.Errorf("%s at strength 0 changes the image", d.name)
		}
	}
	rng, different := rand.New(rand.NewPCG(1, 2)), 0
	for range 200 {
		distort(got, src, n, 1, rng)
		if !slices.Equal(got, src) {
			different++
		}
	}
	if different < 150 {
		t.Errorf("%d of 200 images were changed", different)
	}
}

func BenchmarkDistort(b *testing.B) {
	const n = 32
	src, dst, rng := picture(n), make([]uint8, 3*n*n), rand.New(rand.NewPCG(1, 2))
	b.ReportAllocs()
	for b.Loop() {
		distort(dst, src, n, 1, rng)
	}
}
