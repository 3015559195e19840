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
		rows := NewAll(sp, sp.Uniform(50000, rand.New(rand.NewPCG(1, 1))))
		inParts(len(rows), func(i int) {
			a, err := sp.Parse(rows[i].Arch)
			must(b, err)
			rows[i].Accuracy = .7 + .05*float64(sp.Features(a)[0])
		})
		w, err := Create(filepath.Join(b.TempDir(), "s"), sp, Info{BatchRows: 1024})
		must(b, err)
		must(b, w.Append(rows))
		must(b, w.Close())
	}
}
