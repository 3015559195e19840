package datasets_test

import (
	"crypto/sha256"
	"encoding/hex"
	"math"
	"testing"

	"hanas/datasets"
)

func glyphImages(t testing.TB, s datasets.Settings, split, n int) *datasets.Images {
	t.Helper()
	g, err := datasets.Glyphs(s, split, n)
	if err != nil {
		t.Fatal(err)
	}
	size := s.Size
	if size == 0 {
		size = 32
	}
	im, err := datasets.Load(t.Context(), g, size, 2)
	if err != nil {
		t.Fatal(err)
	}
	return im
}

// TestGlyphsGolden fixes the drawing: whoever changes it must change
// glyphVersion too, so that nobody scores on images that were not trained on.
func TestGlyphsGolden(t *testing.T) {
	im := glyphImages(t, datasets.Settings{Seed: 1}, 0, 100)
	sum := sha256.Sum256(im.Pixels)
	const want = "b2045c6c545d9654"
	if got := hex.EncodeToString(sum[:8]); got != want {
		t.Errorf("the first 100 glyphs hash to %s, want %s (if the drawing was meant to change, raise glyphVersion)", got, want)
	}
}

func TestGlyphsVary(t *testing.T) {
	const n = 72
	base := glyphImages(t, datasets.Settings{}, 0, n)
	for name, other := range map[string]*datasets.Images{
		"seed": glyphImages(t, datasets.Settings{Seed: 1}, 0, n), "split": glyphImages(t, datasets.Settings{}, 1, n),
		"difficulty": glyphImages(t, datasets.Settings{Difficulty: 1.5}, 0, n),
	} {
		for i := range n {
			const one = 3 * 32 * 32
			same := 0
			for p := range one {
				if base.Pixels[i*one+p] == other.Pixels[i*one+p] {
					same++
				}
			}
			if same > one/4 {
				t.Errorf("another %s leaves %d of %d values of image %d as they were", name, same, one, i)
			}
		}
	}
	for i, l := range base.Labels {
		if int(l) != i%36 {
			t.Fatalf("image %d has label %d", i, l)
		}
	}
}

// TestGlyphsAreLegible classifies clean glyphs with the mean image of each
// class, which only works if a class looks alike and unlike the others; and
// checks that difficulty makes that harder.
func TestGlyphsAreLegible(t *testing.T) {
	accuracy := func(d float64) float64 {
		train := glyphImages(t, datasets.Settings{Difficulty: d}, 0, 36*60)
		test := glyphImages(t, datasets.Settings{Difficulty: d}, 2, 36*8)
		return nearestMean(train, test)
	}
	easy, hard := accuracy(0.05), accuracy(1.5)
	if easy < 0.6 || hard > easy/2 {
		t.Errorf("nearest class mean is right on %.2f of easy and %.2f of hard glyphs", easy, hard)
	}
}

// edges is an image's unsigned gradient, which does not depend on which of
// glyph and background is brighter, scaled to length 1.
func edges(im *datasets.Images, i int) []float64 {
	s := im.Size
	out := make([]float64, s*s)
	norm := 0.0
	for y := range s - 1 {
		for x := range s - 1 {
			d := 0.0
			for c := range 3 {
				p := (i*3+c)*s*s + y*s + x
				v := float64(im.Pixels[p])
				d += math.Abs(float64(im.Pixels[p+1])-v) + math.Abs(float64(im.Pixels[p+s])-v)
			}
			out[y*s+x] = d
			norm += d * d
		}
	}
	for p := range out {
		out[p] /= math.Sqrt(norm)
	}
	return out
}

func nearestMean(train, test *datasets.Images) float64 {
	var means [36][]float64
	for i := range train.Len() {
		e := edges(train, i)
		l := train.Labels[i]
		if means[l] == nil {
			means[l] = make([]float64, len(e))
		}
		for p, v := range e {
			means[l][p] += v
		}
	}
	right := 0
	for i := range test.Len() {
		e := edges(test, i)
		best, at := -1.0, 0
		for l, m := range means {
			dot, norm := 0.0, 0.0
			for p, v := range m {
				dot += v * e[p]
				norm += v * v
			}
			if s := dot / math.Sqrt(norm); s > best {
				best, at = s, l
			}
		}
		if at == int(test.Labels[i]) {
			right++
		}
	}
	return float64(right) / float64(test.Len())
}

func TestGlyphSizes(t *testing.T) {
	for _, size := range []int{8, 31, 64} {
		im := glyphImages(t, datasets.Settings{Size: size}, 0, 3)
		if im.Size != size {
			t.Errorf("size %d gives %d", size, im.Size)
		}
	}
}

func BenchmarkGlyph(b *testing.B) {
	g, err := datasets.Glyphs(datasets.Settings{}, 0, math.MaxInt32)
	if err != nil {
		b.Fatal(err)
	}
	for i := range b.N {
		if _, err := g.At(b.Context(), i); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "images/s")
}

func BenchmarkBatch(b *testing.B) {
	im := glyphImages(b, datasets.Settings{}, 0, 128)
	dst, idx := make([]float32, 128*3*32*32), make([]int, 128)
	for i := range idx {
		idx[i] = i
	}
	for range b.N {
		if err := im.Batch(dst, nil, idx); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(128*float64(b.N)/b.Elapsed().Seconds(), "images/s")
}
