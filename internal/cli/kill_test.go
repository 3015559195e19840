package cli

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"hanas/onnx/ort"
)

// tiny is a whole run of seconds.
const tiny = `extends: quick
name: tiny
data: {train: 640, val: 128, test: 64}
space:
  name: quick
  wbits: [4, 8]
  abits: [8]
supernet: {epochs: 2, batch: 64, micro_batch: 32, checkpoint: 1, pool: 4}
sample: {count: 80}
evaluate: {images: 64, calibration: 32}
predictor: {members: 2, kinds: [ridge, mlp], epochs: 20, hidden: [16]}
lut: {repeats: 6, warmup: 1, fit_nets: 10, test_nets: 2, net_runs: 2}
search: {population: 20, evaluations: 200}
export: {picks: [knee], count: 0, finetune: 1}
validate: {runs: 5}
`

// what a seed decides; the other artifacts hold times that were measured.
var decided = []string{"data.json", "supernet.safetensors", "archs.txt", "samples.arrow", "predictor.onnx", "predictor.json"}

// TestKilledRun: a run that is killed again and again, at random moments, ends
// with the bytes of one that was not. HANAS_KILLS=50 adds 50 runs that are killed
// once each, at any moment.
func TestKilledRun(t *testing.T) {
	if testing.Short() {
		t.Skip("a whole run")
	}
	rt, err := ort.Open(t.Context(), ort.Options{})
	if err != nil {
		t.Skipf("no ONNX Runtime: %v", err)
	}
	lib := rt.Path()
	rt.Close()
	dir := t.TempDir()
	file := filepath.Join(dir, "tiny.yaml")
	if err := os.WriteFile(file, []byte(tiny), 0o666); err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// run lets the command live for a while; it says whether it was done by then.
	run := func(out string, life time.Duration) (done bool, output string) {
		ctx, cancel := context.WithTimeout(t.Context(), life)
		defer cancel()
		cmd := exec.CommandContext(ctx, exe)
		cmd.Args = []string{"hanas", "run", file, "--out", filepath.Join(dir, out)}
		cmd.Env = append(os.Environ(), "ONNXRUNTIME_LIB="+lib)
		text, err := cmd.CombinedOutput()
		if err != nil && ctx.Err() == nil {
			t.Fatalf("%v\n%s", err, text)
		}
		return err == nil, string(text)
	}
	began := time.Now()
	if done, text := run("whole", 5*time.Minute); !done {
		t.Fatal(text)
	}
	took := time.Since(began)
	rng := rand.New(rand.NewPCG(uint64(began.UnixNano()), 0))
	kills := 0
	for range 8 {
		done, _ := run("killed", time.Duration(rng.Float64()*0.5*float64(took)))
		if done {
			break
		}
		kills++
	}
	if done, text := run("killed", 5*time.Minute); !done {
		t.Fatalf("after %d kills: %s", kills, text)
	}
	t.Logf("%v without interruption; killed %d times", took.Round(time.Millisecond), kills)
	for _, name := range decided {
		want, err := os.ReadFile(filepath.Join(dir, "whole", name))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(filepath.Join(dir, "killed", name)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s differs after %d kills (%v)", name, kills, err)
		}
	}
	if _, text := run("killed", time.Minute); !strings.Contains(text, "nothing to do") {
		t.Errorf("another call says %q", text)
	}
	more, _ := strconv.Atoi(os.Getenv("HANAS_KILLS"))
	hit := 0
	for i := range more {
		out := fmt.Sprint("once-", i)
		if done, _ := run(out, time.Duration(rng.Float64()*float64(took))); !done {
			hit++
		}
		if done, text := run(out, 5*time.Minute); !done {
			t.Fatal(text)
		}
		for _, name := range decided {
			want, err := os.ReadFile(filepath.Join(dir, "whole", name))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := os.ReadFile(filepath.Join(dir, out, name)); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: %s differs (%v)", out, name, err)
			}
		}
		os.RemoveAll(filepath.Join(dir, out))
	}
	if more > 0 {
		t.Logf("%d of %d more runs were killed before their end", hit, more)
	}
}
