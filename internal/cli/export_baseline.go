package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"hanas/export"
	"hanas/onnx"
	"hanas/space"
)

// baselineExported is what `hanas export --baseline --json` prints.
type baselineExported struct {
	File       string `json:"file"`
	Name       string `json:"name"`
	Source     string `json:"source"` // where its structure is published
	Resolution int    `json:"resolution"`
	WBits      int    `json:"wbits"`
	ABits      int    `json:"abits"`
	Params     int64  `json:"params"`
	MACs       int64  `json:"macs"`
	FileBytes  int64  `json:"file_bytes"`
}

// published are the layers of a baseline by name, or of a net.config.
func (f *supernetExport) published() (space.Baseline, []space.Layer, error) {
	b, err := space.FindBaseline(f.baseline)
	if err == nil {
		return b, b.Layers(), nil
	}
	data, cannot := os.ReadFile(f.baseline)
	if cannot != nil {
		return b, nil, fmt.Errorf("%w, or the net.config of Once-for-All", err)
	}
	layers, err := space.NetConfigLayers(data, 224)
	return space.Baseline{Name: filepath.Base(f.baseline), Source: "net.config of Once-for-All"}, layers, err
}

// exportBaseline writes a published network with random weights.
func (a *app) exportBaseline(f supernetExport) error {
	b, layers, err := f.published()
	if err != nil {
		return usage("%v", err)
	}
	if f.size > 0 {
		if layers, err = space.Resize(layers, f.size); err != nil {
			return usage("--size: %v", err)
		}
	}
	for _, bits := range []int{f.wbits, f.abits} {
		if bits != 2 && bits != 4 && bits != 8 && bits != 16 {
			return usage("bits are 2, 4, 8 or 16, not %d", bits)
		}
	}
	n := export.Random(b.Name, space.WithUniformBits(layers, f.wbits, f.abits), f.seed)
	n.Metadata = map[string]string{"hanas.source": b.Source, "hanas.weights": "random"}
	m, err := f.build(n)
	if err != nil {
		return err
	}
	if err := onnx.WriteFile(f.out, m); err != nil {
		return err
	}
	info, err := os.Stat(f.out)
	if err != nil {
		return fmt.Errorf("cli: %w", err)
	}
	cost := space.Cost(layers)
	answer := baselineExported{f.out, b.Name, b.Source, n.Resolution, f.wbits, f.abits, cost.Params, cost.MACs, info.Size()}
	return a.print(answer, func(w io.Writer) {
		fmt.Fprintf(w, "%s: %s at %d pixels (%s), random weights, %.2f M parameters, %.0f M MACs, %d kB\n",
			answer.File, answer.Name, answer.Resolution, answer.Source, float64(answer.Params)/1e6, float64(answer.MACs)/1e6, answer.FileBytes/1000)
	})
}
