package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestMatrixFigures reads a cell's figures from its files, and writes them into
// every table, with what LaTeX would read as commands spelt out.
func TestMatrixFigures(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"validation.json": `{"models":[{"top1":0.5,"latency_ms":{"predicted":1}},{"top1":0.75,"latency_ms":{"predicted":2.5}},{"top1":0.6,"latency_ms":{"predicted":9}}]}`,
		"predictor.json":  `{"tau":0.875}`,
		"front.json":      `{"hypervolume":30,"random_hypervolume":20}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	cell := matrixCell{Task: "my_task", Device: "host", Seed: "1", Dir: dir, CPU: .25, CPUSplit: .2, Hours: .125, Shared: 2}
	if err := cell.read(); err != nil {
		t.Fatal(err)
	}
	m := matrixAnswer{Paper: paperHours, Published: matrixPublished, Cells: []matrixCell{cell, {Task: "b", Device: "50 %", Seed: "2", Error: "it broke"}, {Task: "c", Device: "jetson-orin", Seed: "3"}}}
	if want := "| my_task | host | 1 | 75.0 | 2.500 | 0.875 | 1.50 | 2 | 0.1250 | 0.2500 | 0.2000 | 8 |  |  |"; !strings.Contains(m.markdown(), want) || !strings.Contains(m.markdown(), "it broke") {
		t.Errorf("%s\nlacks %s", m.markdown(), want)
	}
	if want := "| 8 | 79.8 | 12 |"; !strings.Contains(m.markdown(), want) { // the paper's Table 1
		t.Errorf("%s\nlacks %s", m.markdown(), want)
	}
	if want := `my\_task & host & 1 & 75.0 & 2.500 & 0.875 & 1.50 & 2 & 0.1250 & 0.2500 & 0.2000 & 8 &  &  \\`; !strings.Contains(m.latex(), want) || !strings.Contains(m.latex(), `50 \% & 2 & failed`) {
		t.Errorf("%s\nlacks %s", m.latex(), want)
	}
	if err := os.WriteFile(filepath.Join(dir, "front.json"), []byte(`{"hypervolume":"x"}`), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := cell.read(); err == nil || !strings.Contains(err.Error(), "front.json") {
		t.Errorf("%v", err)
	}
}
