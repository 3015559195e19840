package supernet

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hanas/onnx"
)

// fragile is an engine whose training graphs lose their loss to NaN when a
// classifier weight is larger than limit: a divergence that depends on the
// state of training alone, as real ones do.
func fragile(engine onnx.Engine, limit func() float32) onnx.Engine {
	return func(m *onnx.Model) (onnx.Runner, error) {
		r, err := engine(m)
		return &fragileRunner{r, limit}, err
	}
}

type fragileRunner struct {
	onnx.Runner
	limit func() float32
}

func (f *fragileRunner) Run(ctx context.Context, in, out []*onnx.Tensor) error {
	if err := f.Runner.Run(ctx, in, out); err != nil {
		return err
	}
	large := float32(0)
	for i, info := range f.Inputs() {
		if info.Name == "classifier.weight" {
			large = largest(in[i].Floats())
		}
	}
	for i, info := range f.Outputs() {
		if info.Name == outputLoss && large > f.limit() {
			out[i].Floats()[0] = float32(math.NaN())
		}
	}
	return nil
}

func largest(v []float32) float32 {
	m := float32(0)
	for _, x := range v {
		m = max(m, x, -x)
	}
	return m
}

// breaking is a limit that a healthy training crosses after two thirds of its
// steps.
func breaking(t *testing.T, engine onnx.Engine) float32 {
	t.Helper()
	tr, limit := tinyTrainer(t, engine, 2, ""), float32(0)
	tr.OnStep = func(p Point) {
		if p.Step <= 2*p.Steps/3 {
			limit = max(limit, largest(tr.Net.Param("classifier.weight").Data))
		}
	}
	if err := tr.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	return limit
}

// A training that diverges goes back to its last good state, goes on at half
// the rate and ends; with the same bytes on any number of workers and after a
// kill at any step.
func TestDivergedTrainingGoesBack(t *testing.T) {
	engine := testEngine(t)
	limit := breaking(t, engine)
	make := func(workers int, checkpoint string) (*Trainer, *[]Rollback) {
		tr := tinyTrainer(t, fragile(engine, func() float32 { return limit }), workers, checkpoint)
		tr.Set.CheckpointAt = 4
		back := new([]Rollback)
		tr.OnRollback = func(r Rollback) { *back = append(*back, r) }
		return tr, back
	}
	whole, back := make(1, "")
	if err := whole.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	if len(*back) == 0 {
		t.Fatal("it never went back: the test tests nothing")
	}
	first := (*back)[0]
	if first.Rate != .5 || first.To%4 != 0 || first.To >= first.Step || !strings.Contains(first.Cause, "loss is NaN") {
		t.Errorf("it went back so: %+v", first)
	}
	for _, kill := range []int{5, 13} {
		path := filepath.Join(t.TempDir(), "c.safetensors")
		cut, _ := make(3, path)
		ctx, cancel := context.WithCancel(context.Background())
		cut.OnStep = func(p Point) {
			if p.Step == kill {
				cancel()
			}
		}
		cut.OnRollback = func(Rollback) { cancel() } // right after the first, too
		if err := cut.Run(ctx); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		cancel()
		again, _ := make(2, path)
		if err := again.Run(context.Background()); err != nil {
			t.Fatal(err)
		}
		if !sameWeights(whole.Net, again.Net) {
			t.Errorf("killed at step %d, training ends with other weights", kill)
		}
	}
}

// What diverges at any rate ends with an error that says where and what to do,
// and leaves the checkpoint.
func TestHopelessTrainingEnds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.safetensors")
	limit := float32(math.Inf(1))
	tr := tinyTrainer(t, fragile(testEngine(t), func() float32 { return limit }), 1, path)
	tr.Set.CheckpointAt, tr.Set.Retries = 4, 3
	back := 0
	tr.OnRollback = func(Rollback) { back++ }
	tr.OnStep = func(p Point) {
		if p.Step == 6 {
			limit = 0
		}
	}
	err := tr.Run(context.Background())
	for _, want := range []string{"4 times from step 4 on", "0.125 of the rate", "lower supernet.rate", "loss is NaN", "r16"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	kept, readErr := ReadTensors(path)
	if readErr != nil || kept.Metadata["step"] != "4" || back != 3 {
		t.Errorf("went back %d times; the checkpoint is of step %s: %v", back, kept.Metadata["step"], readErr)
	}
}

func TestGuardWatchesTheLoss(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	falling := func(step int) float64 { return .9 + 1.4*math.Exp(-float64(step)/40) + .25*rng.NormFloat64() }
	for _, c := range []struct {
		name string
		loss func(step int) float64
		at   [2]int // where it must be found, 0 = nowhere
	}{
		{"noise on a falling loss", falling, [2]int{}},
		{"back to chance", func(step int) float64 {
			if step > 200 {
				return math.Log(10)
			}
			return falling(step)
		}, [2]int{202, 235}},
		{"growing without bound", func(step int) float64 { return falling(step) * math.Exp(max(0, float64(step-100))/10) }, [2]int{101, 125}},
	} {
		g, found := guard{health: health{factor: 1}}, 0
		for step := 1; step <= 400 && found == 0; step++ {
			if err := g.watch(Point{Step: step, Largest: c.loss(step)}, 10); err != nil {
				found = step
			}
		}
		if found < c.at[0] || found > c.at[1] {
			t.Errorf("%s: found at step %d, want %v", c.name, found, c.at)
		}
	}
}

func TestHealthIsKeptToTheLastDigit(t *testing.T) {
	for _, h := range []health{{1, 0, 0, math.Inf(1), 0}, {.125, 3, 1.0 / 3, .1, 77}} {
		if got, err := parseHealth(h.text()); err != nil || got != h {
			t.Errorf("%v came back as %v: %v", h, got, err)
		}
	}
	for _, text := range []string{"", "1 2 3", "1 0 a 0 0", "0 0 1 1 1", "1 -1 1 1 1", "1 0 NaN 0 0"} {
		if _, err := parseHealth(text); err == nil {
			t.Errorf("%q was read", text)
		}
	}
}

func TestClassWithoutImages(t *testing.T) {
	for _, c := range []struct {
		want  string
		spoil func(labels []int32)
	}{
		{"class 2 (c) has no training images", func(l []int32) {
			for i := range l {
				if l[i] == 2 {
					l[i] = 1
				}
			}
		}},
		{"image 5 has class 4", func(l []int32) { l[5] = 4 }},
		{"image 0 has class -1", func(l []int32) { l[0] = -1 }},
	} {
		tr := tinyTrainer(t, nil, 1, "")
		c.spoil(tr.Images.Labels)
		if err := tr.Run(context.Background()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
}

// A checkpoint that cannot be written ends training with an error that says
// so; the one before it stays, and training goes on from there.
func TestCheckpointCannotBeWritten(t *testing.T) {
	engine := testEngine(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "run", "c.safetensors")
	if err := os.Mkdir(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	tr := tinyTrainer(t, engine, 1, path)
	tr.Set.CheckpointAt = 4
	lost := filepath.Join(dir, "elsewhere")
	tr.OnStep = func(p Point) {
		if p.Step == 6 { // the folder is gone when the next checkpoint comes
			if err := os.Rename(filepath.Dir(path), lost); err != nil {
				t.Error(err)
			}
		}
	}
	if err := tr.Run(context.Background()); err == nil || !strings.Contains(err.Error(), "is the disk full?") {
		t.Fatalf("%v", err)
	}
	if err := os.Rename(lost, filepath.Dir(path)); err != nil {
		t.Fatal(err)
	}
	again, whole := tinyTrainer(t, engine, 1, path), tinyTrainer(t, engine, 1, "")
	again.Set.CheckpointAt, whole.Set.CheckpointAt = 4, 4
	if err := errors.Join(again.Run(context.Background()), whole.Run(context.Background())); err != nil {
		t.Fatal(err)
	}
	if !sameWeights(again.Net, whole.Net) {
		t.Error("training that went on ends with other weights")
	}
}
