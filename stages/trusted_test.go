package stages

import (
	"path/filepath"
	"strings"
	"testing"

	"hanas/configs"
	"hanas/latency"
)

// TestSearchRefusesAnUntrustedTable unless it was told otherwise, or the check
// looked at next to nothing.
func TestSearchRefusesAnUntrustedTable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "latency.json")
	for _, r := range []struct {
		n           int
		mape, limit float64
		refused     bool
	}{
		{40, .04, 0, false}, {40, .3, 0, true}, {40, .3, .5, false}, {40, .04, .03, true}, {40, 3, -1, false}, {2, 3, 0, false},
	} {
		rec := lutRecord{Report: latency.Report{N: r.n, Corrected: latency.Quality{MAPE: r.mape}}}
		if err := writeJSON(file, rec); err != nil {
			t.Fatal(err)
		}
		e := &Env{Config: &configs.Config{Search: configs.Search{LatencyMAPE: r.limit}}}
		err := e.trusted(file)
		if (err != nil) != r.refused || err != nil && !strings.Contains(err.Error(), "failed its check") {
			t.Errorf("%+v: %v", r, err)
		}
	}
	if err := (&Env{Config: &configs.Config{}}).trusted(file + ".none"); err == nil {
		t.Error("a check that is not there")
	}
}
