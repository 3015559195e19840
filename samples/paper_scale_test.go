package samples

import (
	"math/rand/v2"
	"path/filepath"
	"testing"

	"hanas/space"
)

// BenchmarkPaperScale draws 50,000 distinct Archs, encodes, labels and writes
// them: the sample store at the paper's scale.
func BenchmarkPaperScale(b *testing.B) {
	sp, err := space.Preset("ofa-mbv3-w1.0")
	must(b, err)
	for b.Loop() {
		rng := rand.New(rand.NewPCG(1, 1))
		w, err := Create(filepath.Join(b.TempDir(), "s"), sp, Info{})
		must(b, err)
		var features []float32
		for w.Rows() < 50000 {
			a := sp.Random(rng)
			if w.Has(sp.Key(a)) {
				continue
			}
			s := New(sp, a)
			features = sp.AppendFeatures(features[:0], a)
			s.Accuracy = .7 + .05*float64(features[0])
			must(b, w.Append([]Sample{s}))
		}
		must(b, w.Close())
	}
}
