package stages

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hanas/configs"
	"hanas/latency"
	"hanas/pipeline"
)

// phone is a table in which every layer of the quick space takes a microsecond
// for a thousand MACs, but for those that are left out.
func phone(t *testing.T, leaveOut int) (file string, env *Env) {
	t.Helper()
	env = quickEnv(t)
	table := &latency.Table{Header: latency.Header{Device: "a phone", Provenance: latency.Imported, Source: "made up"}}
	for _, l := range env.Space.DistinctLayers()[leaveOut:] {
		if err := table.Set(l.Key(), latency.Row{MeanMs: float64(1+l.MACs()) / 1e6}); err != nil {
			t.Fatal(err)
		}
	}
	file = filepath.Join(t.TempDir(), "phone.csv")
	if err := table.Write(file); err != nil {
		t.Fatal(err)
	}
	return file, env
}

// runLutAlone runs the stage lut of quick with a table.
func runLutAlone(t *testing.T, file string) (dir string, err error) {
	t.Helper()
	cfg, err := configs.Load("quick", []string{"lut.table=" + file})
	if err != nil {
		t.Fatal(err)
	}
	all, err := Stages(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	lut := slices.DeleteFunc(all, func(s pipeline.Stage) bool { return s.Name != "lut" })
	dir = t.TempDir()
	_, err = (&pipeline.Runner{Dir: dir, Stages: lut}).Run(t.Context())
	return dir, err
}

// TestLutFromTable: the run's estimator says what the table says, and an edited
// table makes the stage stale.
func TestLutFromTable(t *testing.T) {
	file, env := phone(t, 0)
	dir, err := runLutAlone(t, file)
	if err != nil {
		t.Fatal(err)
	}
	table, err := latency.ReadTable(filepath.Join(dir, lutFile))
	if err != nil {
		t.Fatal(err)
	}
	est, err := latency.ReadEstimator(filepath.Join(dir, estimatorFile), table)
	if err != nil {
		t.Fatal(err)
	}
	layers := env.Space.Layers(env.Space.Largest())
	want := 0.0
	for _, l := range layers {
		want += float64(1+l.MACs()) / 1e6
	}
	got, _, err := est.Estimate(layers)
	if err != nil || got/want < .999999 || got/want > 1.000001 || table.Device != "a phone" {
		t.Errorf("%g ms on %s, want %g: %v", got, table.Device, want, err)
	}
	if err := (&Env{Config: env.Config}).trusted(filepath.Join(dir, latencyJSON)); err != nil {
		t.Errorf("a table that nothing judged is refused: %v", err)
	}
}

// TestLutFromTableRefuses: rows that lack, and what is no table.
func TestLutFromTableRefuses(t *testing.T) {
	file, _ := phone(t, 3)
	if _, err := runLutAlone(t, file); err == nil || !strings.Contains(err.Error(), "hanas latency fill") {
		t.Errorf("%v", err)
	}
	if err := os.WriteFile(file, []byte("no table"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := runLutAlone(t, file); err == nil || !strings.Contains(err.Error(), "lut.table") {
		t.Errorf("%v", err)
	}
	if _, err := runLutAlone(t, file+"x"); err == nil {
		t.Error("a table that is not there is taken")
	}
}
