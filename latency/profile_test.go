package latency

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hanas/onnx"
	"hanas/space"
)

// bench is an engine that counts loads by graph name and runs nothing.
type bench struct {
	loads map[string]int
	open  int
	stop  func() // called at every load
}

func (b *bench) build(l space.Layer) (*onnx.Model, error) {
	return &onnx.Model{Graph: &onnx.Graph{Name: l.Key()}}, nil
}

func (b *bench) engine(m *onnx.Model) (onnx.Runner, error) {
	b.loads[m.Graph.Name]++
	b.open++
	if b.stop != nil {
		b.stop()
	}
	return idle{b}, nil
}

type idle struct{ b *bench }

func (idle) Inputs() []onnx.ValueInfo {
	return []onnx.ValueInfo{{Name: "x", DType: onnx.Float, Shape: []int{-1, 3}}, {Name: "q", DType: onnx.Uint8, Shape: []int{2}}}
}
func (idle) Outputs() []onnx.ValueInfo { return []onnx.ValueInfo{{Name: "y"}} }
func (i idle) Close() error            { i.b.open--; return nil }
func (idle) Run(ctx context.Context, in, out []*onnx.Tensor) error {
	if len(in) != 2 || in[0].Len() != 3 || in[1].Len() != 2 || len(out) != 1 {
		return errors.New("wrong inputs")
	}
	return ctx.Err()
}

var brief = Settings{Header: Header{Device: "bench", Threads: 1}, MinTime: time.Nanosecond, MinRuns: 2, Warmup: 1}

func TestProfileTimesEveryKeyInEveryRound(t *testing.T) {
	sp := preset(t, "quick")
	layers := sp.DistinctLayers()
	b := &bench{loads: map[string]int{}}
	calls, last := 0, 0
	tab, err := Profile(t.Context(), b.engine, append(layers, layers[:9]...), b.build, brief, func(done, total int) {
		calls++
		if done != last+1 || total != 3*len(layers) {
			t.Fatalf("progress %d of %d after %d", done, total, last)
		}
		last = done
	})
	if err != nil {
		t.Fatal(err)
	}
	if tab.Len() != len(layers) || calls != 3*len(layers) || b.open != 0 {
		t.Errorf("%d rows, %d calls, %d sessions open", tab.Len(), calls, b.open)
	}
	for _, l := range layers {
		if r, _ := tab.Row(l.Key()); b.loads[l.Key()] != 3 || r.Count < 3 || !(r.MeanMs > 0) {
			t.Fatalf("%s: %d loads, row %+v", l.Key(), b.loads[l.Key()], r)
		}
	}
	if b.loads["layer"] != len(probeLayers) || tab.Provenance != MeasuredHere || tab.Device != "bench" || !(tab.PaceMs > 0) {
		t.Errorf("%d probes, header %+v", b.loads["layer"], tab.Header)
	}
}

func TestProfileGoesOn(t *testing.T) {
	sp := preset(t, "quick")
	layers := sp.DistinctLayers()[:40]
	set := brief
	set.WorkFile = filepath.Join(t.TempDir(), "work.jsonl")
	ctx, cancel := context.WithCancel(t.Context())
	b := &bench{loads: map[string]int{}}
	b.stop = func() {
		if len(b.loads) == 30 {
			cancel()
		}
	}
	if _, err := Profile(ctx, b.engine, layers, b.build, set, nil); !errors.Is(err, context.Canceled) || b.open != 0 {
		t.Fatalf("%v, %d sessions open", err, b.open)
	}
	text, _ := os.ReadFile(set.WorkFile)
	os.WriteFile(set.WorkFile, text[:len(text)-7], 0o644) // the last line is cut
	kept := strings.Count(string(text), "\n") - 2

	other := set
	other.Seed = 99
	if _, err := Profile(t.Context(), b.engine, layers, b.build, other, nil); err == nil {
		t.Error("the working file of another profile is taken")
	}
	again := &bench{loads: map[string]int{}}
	tab, err := Profile(t.Context(), again.engine, layers, again.build, set, nil)
	if err != nil || tab.Len() != 40 {
		t.Fatal(err)
	}
	total := 0
	for _, n := range again.loads {
		total += n
	}
	if total != 3*40-kept+len(probeLayers) {
		t.Errorf("%d loads after %d measurements were kept", total, kept)
	}
	if _, err := os.Stat(set.WorkFile); err == nil {
		t.Error("the working file stays")
	}
}

func TestProfileNamesTheLayerThatFails(t *testing.T) {
	sp := preset(t, "quick")
	layers := sp.DistinctLayers()[:3]
	bad := func(l space.Layer) (*onnx.Model, error) { return nil, fmt.Errorf("no kernel") }
	_, err := Profile(t.Context(), (&bench{loads: map[string]int{}}).engine, layers, bad, brief, nil)
	if err == nil || !strings.Contains(err.Error(), "no kernel") || !strings.Contains(err.Error(), "/in:") {
		t.Errorf("%v", err)
	}
	if _, err := Profile(t.Context(), nil, nil, bad, brief, nil); err == nil {
		t.Error("a profile of nothing")
	}
}

func TestSummaryDropsInterruptions(t *testing.T) {
	r := summary([]float64{1, 1.2, .8, 1, 50, 2})
	if r.Count != 4 || r.MeanMs != 1 || r.P95Ms > 1.2 || r.StdMs > .15 || r.StdMs < .14 {
		t.Errorf("%+v", r)
	}
}

// TestProfileWithORT times a few real layers of every kind and bit width.
func TestProfileWithORT(t *testing.T) {
	eng := engine(t)
	sp := preset(t, "quick")
	all := sp.DistinctLayers()
	rng := rand.New(rand.NewPCG(1, 1))
	var few []space.Layer
	for _, i := range rng.Perm(len(all))[:25] {
		few = append(few, all[i])
	}
	tab, err := Profile(t.Context(), eng, few, builder, Settings{Header: Header{Device: "here"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range tab.RowKeys() {
		if r, _ := tab.Row(key); !(r.MeanMs > 0) || r.Count < 3*8/2 || r.StdMs < 0 || r.P95Ms < r.MeanMs/4 {
			t.Errorf("%s: %+v", key, r)
		}
	}
}

// TestRoundsAreJoinedAtTheUsualPace plays a machine that runs a third faster in
// some rounds; half the rows were interrupted in one.
func TestRoundsAreJoinedAtTheUsualPace(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	all := make([][]timing, 200)
	halves := [2][][]timing{make([][]timing, len(all)), make([][]timing, len(all))}
	truth := make([]float64, len(all))
	for i := range all {
		truth[i] = .01 + rng.Float64()
		for k := range 6 {
			speed := 1 + .01*rng.NormFloat64()
			if rng.IntN(4) == 0 {
				speed = .75
			}
			met := timing{Row{MeanMs: truth[i] * speed * (1 + .005*rng.NormFloat64()), Count: 5}, .02 * speed}
			all[i] = append(all[i], met)
			halves[k%2][i] = append(halves[k%2][i], met)
		}
	}
	usual := usualPace(all)
	if math.Abs(usual/.02-1) > .01 {
		t.Errorf("usual pace %v, want .02", usual)
	}
	for i, rounds := range all {
		if i%2 == 0 {
			rounds[i%6].MeanMs *= 3
		}
		if r := join(rounds, usual); math.Abs(r.MeanMs/truth[i]-1) > .03 || r.Count != 30 {
			t.Errorf("row %d: %+v, want %v", i, r, truth[i])
		}
	}
	if d := drift(halves, usual); !(d > 0) || d > .02 {
		t.Errorf("drift %v", d)
	}
	if slow := join(all[0], 2*usual).MeanMs / join(all[0], usual).MeanMs; slow < 1.9 || slow > 2.1 {
		t.Errorf("%v times as long at half the pace", slow)
	}
	if d := drift([2][][]timing{{{{Row{MeanMs: 1}, 1}}}, {nil}}, 1); d != 0 {
		t.Errorf("one round drifts by %v", d)
	}
}
