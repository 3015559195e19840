package cli

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"hanas/latency"
	"hanas/onnx"
	"hanas/onnx/ort"
	"hanas/predictor"
	"hanas/samples"
	"hanas/space"
)

func driftEngine(t *testing.T) (onnx.Engine, *space.Space) {
	t.Helper()
	rt, err := ort.Open(context.Background(), ort.Options{})
	if err != nil {
		t.Skipf("no ONNX Runtime: %v", err)
	}
	t.Cleanup(func() { rt.Close() })
	sp, err := space.Preset("quick")
	if err != nil {
		t.Fatal(err)
	}
	return rt.Engine(ort.Settings{}), sp
}

// TestFreshTau: a predictor of the MACs ranks fresh samples that follow them,
// and ranks those that oppose them upside down.
func TestFreshTau(t *testing.T) {
	engine, sp := driftEngine(t)
	dir := t.TempDir()
	draw := func(seed uint64, sign float64) (rows []samples.Sample) {
		rng := rand.New(rand.NewPCG(seed, 2))
		for range 80 {
			s := samples.New(sp, sp.Random(rng))
			s.Accuracy = .5 + sign*float64(s.MACs)/20e6
			rows = append(rows, s)
		}
		return rows
	}
	m, err := predictor.Fit(t.Context(), engine, sp, draw(1, 1), predictor.Settings{Kinds: []string{"ridge"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := onnx.WriteFile(filepath.Join(dir, "predictor.onnx"), m.Graph); err != nil {
		t.Fatal(err)
	}
	f := scheduleFlags{out: dir}
	for _, c := range []struct{ sign, low, high float64 }{{1, .7, 1}, {-1, -1, -.7}} {
		f.drift.fresh = filepath.Join(dir, "fresh.arrow")
		os.Remove(f.drift.fresh)
		w, err := samples.Create(f.drift.fresh, sp, samples.Info{})
		if err == nil {
			err = errors.Join(w.Append(draw(9, c.sign)), w.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
		if tau, err := freshTau(t.Context(), engine, sp, f); err != nil || tau < c.low || tau > c.high {
			t.Errorf("sign %v: tau %v, %v", c.sign, tau, err)
		}
	}
	f.drift.fresh = filepath.Join(dir, "none.arrow")
	if _, err := freshTau(t.Context(), engine, sp, f); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no fresh samples: %v", err)
	}
}

// TestAnchorsMoved holds layers against tables that no machine can have.
func TestAnchorsMoved(t *testing.T) {
	engine, sp := driftEngine(t)
	file := filepath.Join(t.TempDir(), "lut.csv")
	for _, c := range []struct{ ms, low, high float64 }{{1e-9, 10, 1e12}, {1e6, -1, -.9}} {
		table := &latency.Table{Header: latency.Header{Device: "here", Provenance: latency.MeasuredHere}}
		for _, l := range sp.DistinctLayers() {
			if err := table.Set(l.Key(), latency.Row{MeanMs: c.ms}); err != nil {
				t.Fatal(err)
			}
		}
		if err := table.Write(file); err != nil {
			t.Fatal(err)
		}
		if moved, err := anchorsMoved(t.Context(), engine, sp, file); err != nil || moved < c.low || moved > c.high {
			t.Errorf("rows of %g ms: moved by %g, %v", c.ms, moved, err)
		}
	}
	if moved, err := anchorsMoved(t.Context(), engine, sp, filepath.Join(t.TempDir(), "none.csv")); moved != 0 || err != nil {
		t.Errorf("no table: %v, %v (the plan says so)", moved, err)
	}
}
