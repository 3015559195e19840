package datasets

import (
	"os"
	"path/filepath"
	"testing"

	"hanas/internal/realdata"
)

// BenchmarkImageNet is a photograph from its file to 224x224 pixels.
func BenchmarkImageNet(b *testing.B) {
	files, err := filepath.Glob(filepath.Join(realdata.Path(b, "imagenet/val"), "*.JPEG"))
	if err != nil || len(files) < 32 {
		b.Skip("no images here")
	}
	var data [][]byte
	for _, f := range files[:32] {
		text, err := os.ReadFile(f)
		if err != nil {
			b.Fatal(err)
		}
		data = append(data, text)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		ex, err := Decode(data[i%len(data)])
		if err != nil {
			b.Fatal(err)
		}
		if _, err := (Fit{Size: 224, Resize: 256}).apply(ex); err != nil {
			b.Fatal(err)
		}
	}
}
