package stages

import (
	"context"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hanas/configs"
	"hanas/latency"
	"hanas/onnx/ref"
	"hanas/predictor"
	"hanas/samples"
	"hanas/search"
	"hanas/search/nsga2"
	"hanas/space"
)

// madeUp is a predictor of a law over MACs and bytes.
func madeUp(t *testing.T, sp *space.Space) *predictor.Predictor {
	t.Helper()
	rng := rand.New(rand.NewPCG(5, 5))
	var rows []samples.Sample
	for range 80 {
		s := samples.New(sp, sp.Random(rng))
		s.Accuracy = .3 + .03*math.Log(float64(s.MACs)) - .01*math.Log(float64(s.MACs)/float64(s.WeightBytes))
		rows = append(rows, s)
	}
	m, err := predictor.Fit(t.Context(), ref.Engine, sp, rows, predictor.Settings{Kinds: []string{"ridge"}, Members: 2})
	if err != nil {
		t.Fatal(err)
	}
	pr, err := predictor.New(m.Graph, ref.Engine, sp)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pr.Close() })
	return pr
}

// priced is a table of the quick space: 1 us and 1 us per 1,000 MACs a layer,
// and as many mJ as ms if energy is known.
func priced(t *testing.T, sp *space.Space, energy bool) string {
	t.Helper()
	table := &latency.Table{Header: latency.Header{Device: "a phone", Provenance: latency.Imported, Source: "made up"}}
	for _, l := range sp.DistinctLayers() {
		row := latency.Row{MeanMs: .001 + float64(l.MACs())/1e6}
		if energy {
			row.EnergyMJ = 2 * row.MeanMs
		}
		if err := table.Set(l.Key(), row); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(t.TempDir(), "phone.csv")
	if err := table.Write(file); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestMetricsAreTheConfigs: a row for each objective that a config can name, in
// the same order, each with a limit of its own.
func TestMetricsAreTheConfigs(t *testing.T) {
	var names []string
	for _, m := range metrics {
		names = append(names, m.name)
		if most := m.most(configs.Limits{}); most != 0 {
			t.Errorf("%s: no limit is %g", m.name, most)
		}
	}
	if !slices.Equal(names, configs.Objectives) {
		t.Errorf("%v, the configs have %v", names, configs.Objectives)
	}
	all := configs.Limits{LatencyMS: 2, MemoryMB: 3, EnergyMJ: 4, SizeKB: 5, MMACs: 6, Accuracy: 75}
	for i, want := range []float64{.25, 2, 3e6, 4, 5e3, 6e6} {
		if got := metrics[i].most(all); math.Abs(got-want) > 1e-12*want {
			t.Errorf("%s: limit %g, want %g", metrics[i].name, got, want)
		}
	}
	f := figures{err: .25, ms: 2, mj: 4, memory: 3e6, size: 5e3, macs: 6e6}
	g, err := newGoal(configs.Objectives, all, &pricing{energy: func([]space.Layer, float64) float64 { return 0 }})
	if err != nil {
		t.Fatal(err)
	}
	if pt := g.point(&f); pt.Violation > 1e-12 || !slices.Equal(pt.Objectives, []float64{.25, 2, 3e6, 4, 5e3, 6e6}) {
		t.Errorf("at all limits: %+v", pt)
	}
	for _, spoil := range []func(f *figures){
		func(f *figures) { f.err *= 1.5 }, func(f *figures) { f.ms *= 1.5 }, func(f *figures) { f.mj *= 1.5 },
		func(f *figures) { f.memory *= 1.5 }, func(f *figures) { f.size *= 1.5 }, func(f *figures) { f.macs *= 1.5 },
	} {
		over := f
		spoil(&over)
		if pt := g.point(&over); math.Abs(pt.Violation-.5) > 1e-9 {
			t.Errorf("%+v exceeds a limit by half: violation %g", over, pt.Violation)
		}
	}
}

// TestEveryObjectiveAndLimit: fronts by each pair of objectives are fronts by
// exactly these, and keep all limits; figures are those of the layers.
func TestEveryObjectiveAndLimit(t *testing.T) {
	e := quickEnv(t)
	pr := madeUp(t, e.Space)
	lut := priced(t, e.Space, true)
	limits := map[string]float64{"latency_ms": 4, "energy_mj": 9, "memory_bytes": 9e4, "size_bytes": 4e4, "macs": 3.5e6}
	e.Config.Search.LatencyMS, e.Config.Search.EnergyMJ, e.Config.Search.MemoryMB, e.Config.Search.SizeKB, e.Config.Search.MMACs = 4, 9, .09, 40, 3.5
	for _, other := range configs.Objectives[1:] {
		e.Config.Search.Objectives = []string{"error", other}
		j, err := e.judge(lut, "", pr)
		if err != nil {
			t.Fatal(err)
		}
		problem, err := e.problem(j)
		if err != nil {
			t.Fatal(err)
		}
		found, err := nsga2.Run(t.Context(), problem, nsga2.Settings{Population: 20, Evaluations: 400, Seed: 1}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := found.Front.Err(); err != nil {
			t.Fatal(err)
		}
		points, err := j.front(t.Context(), found.Front)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range points {
			checkPoint(t, e.Space, p, limits)
		}
		front := scaled(frontRecord{Objectives: j.names(), Points: points})
		if kept := search.NewFront(front.Objectives, front.Points); len(kept.Points) != len(points) {
			t.Errorf("%s: %d of %d points are not dominated", other, len(kept.Points), len(points))
		}
	}
}

// checkPoint sums the layers anew.
func checkPoint(t *testing.T, sp *space.Space, p frontPoint, limits map[string]float64) {
	t.Helper()
	a, err := sp.Parse(p.Arch)
	if err != nil {
		t.Fatal(err)
	}
	ms, macs := 0.0, int64(0)
	for _, l := range sp.Layers(a) {
		ms, macs = ms+.001+float64(l.MACs())/1e6, macs+l.MACs()
	}
	if math.Abs(p.LatencyMS-ms) > 1e-9 || math.Abs(p.EnergyMJ-2*ms) > 1e-9 || p.MACs != macs {
		t.Errorf("%s: %g ms, %g mJ, %d MACs, the layers have %g, %g, %d", p.Arch, p.LatencyMS, p.EnergyMJ, p.MACs, ms, 2*ms, macs)
	}
	for _, m := range metrics[1:] {
		if v := m.ofPoint(&p); v > limits[m.name]*(1+1e-9) {
			t.Errorf("%s: %s is %g, the limit %g", p.Arch, m.name, v, limits[m.name])
		}
	}
}

// TestEnergyNobodyKnows: asked for where a table has none it is refused, with
// what to do; a power makes it known.
func TestEnergyNobodyKnows(t *testing.T) {
	e := quickEnv(t)
	lut := priced(t, e.Space, false)
	e.Config.Search.Objectives = []string{"error", "energy_mj"}
	_, err := e.judge(lut, "", nil)
	for _, want := range []string{"energy is asked for", "a phone", "search.power_w"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	e.Config.Search.PowerW = 3
	j, err := e.judge(lut, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	f := j.figuresOf(e.Space.Layers(e.Space.Largest()))
	if math.Abs(f.mj-3*f.ms) > 1e-12 || f.ms <= 0 {
		t.Errorf("%g mJ for %g ms at 3 W", f.mj, f.ms)
	}
}

// TestSearchForDevices: each device has a front of its own, by its own times,
// limits and bits, from one predictor.
func TestSearchForDevices(t *testing.T) {
	e := quickEnv(t)
	e.Config.Search.Population, e.Config.Search.Evaluations = 20, 300
	pr := madeUp(t, e.Space)
	quiet := func(search.Step) {}
	table, err := e.searchTarget(t.Context(), configs.Target{Name: "phone", Table: priced(t, e.Space, true), Latency: 3, Bits: []int{4, 8}}, pr, quiet)
	if err != nil {
		t.Fatal(err)
	}
	board, err := e.searchTarget(t.Context(), configs.Target{Name: "board", Device: "jetson-orin", MMACs: 3}, pr, quiet)
	if err != nil {
		t.Fatal(err)
	}
	d, err := latency.FindDevice("jetson-orin")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range table.Points {
		if a, err := e.Space.Parse(p.Arch); err != nil || p.LatencyMS > 3 || slices.ContainsFunc(e.Space.Layers(a), func(l space.Layer) bool { return l.WBits == 2 || l.WBits == 16 }) {
			t.Errorf("phone: %+v, %v", p, err)
		}
	}
	if !slices.Contains(board.Bits, 8) {
		t.Errorf("the board runs %v bits", board.Bits)
	}
	for _, p := range board.Points {
		a, err := e.Space.Parse(p.Arch)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Check(e.Space.Layers(a)); err != nil {
			t.Errorf("board: %v", err)
		}
		price, err := d.Model(e.Space.Layers(a), "")
		if err != nil || math.Abs(price.Ms-p.LatencyMS) > 1e-12 || p.MACs > 3e6 {
			t.Errorf("board: %+v, the model says %+v, %v", p, price, err)
		}
	}
	if table.Device != "a phone" || len(table.Points) == 0 || len(board.Points) == 0 || len(board.Baselines) != 2 {
		t.Errorf("%s: %d points, %d points, %d baselines", table.Device, len(table.Points), len(board.Points), len(board.Baselines))
	}
}

// TestDevicesThatCannotBe: what is wrong with a device is said by its name.
func TestDevicesThatCannotBe(t *testing.T) {
	e := quickEnv(t)
	e.Config.Search.Population, e.Config.Search.Evaluations = 20, 60
	pr := madeUp(t, e.Space)
	for want, target := range map[string]configs.Target{
		"no candidate is within the limits: the nearest exceeds": {Name: "x", Device: "jetson-orin", Latency: 1e-9},
		"toaster":       {Name: "x", Device: "toaster"},
		"no such file":  {Name: "x", Table: "nowhere.csv"},
		"runs no width": {Name: "x", Device: "jetson-orin", Bits: []int{2}},
		"none of those": {Name: "x", Device: "jetson-orin", Bits: []int{3}},
	} {
		_, err := e.searchTarget(t.Context(), target, pr, func(search.Step) {})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", target, err, want)
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := e.searchTarget(ctx, configs.Target{Name: "x", Device: "jetson-orin"}, pr, func(search.Step) {}); err == nil {
		t.Error("a search that was cancelled has a front")
	}
}

// TestWinnersOfDevices: files of further devices are named after them, and a
// network that two fronts choose is one file.
func TestWinnersOfDevices(t *testing.T) {
	e := quickEnv(t)
	e.Config.Export.Picks, e.Config.Export.Count, e.Config.Export.LatencyMS = []string{"fastest", "most_accurate"}, 0, []float64{2}
	own := frontRecord{Objectives: []string{"error", "macs"}, Points: []frontPoint{
		{Arch: "a", Accuracy: .5, LatencyMS: 1, MACs: 9}, {Arch: "b", Accuracy: .6, LatencyMS: 3, MACs: 10}, {Arch: "c", Accuracy: .4, LatencyMS: 2, MACs: 8},
	}}
	far := deviceFront{Name: "far", frontRecord: frontRecord{Objectives: own.Objectives, Points: []frontPoint{{Arch: "b", Accuracy: .6, LatencyMS: 7, MACs: 10}, {Arch: "d", Accuracy: .7, LatencyMS: 8, MACs: 11}}}}
	got, err := e.winners(own, []deviceFront{far})
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, m := range got {
		files = append(files, m.File+" "+m.Arch+" "+strings.Join(m.Picks, "+"))
	}
	want := []string{"fastest.onnx a fastest+under-2ms+front-1", "most_accurate.onnx b most_accurate+front-2+far-fastest", "front-3.onnx c front-3", "far-most_accurate.onnx d far-most_accurate"}
	if !slices.Equal(files, want) {
		t.Errorf("%q\nwant %q", files, want)
	}
}

// TestWishes: a row for each figure that a config can name; a wish becomes a
// file, and one that nothing meets the nearest.
func TestWishes(t *testing.T) {
	for _, name := range configs.Figures {
		if wishes[name] == nil {
			t.Errorf("no figure %s", name)
		}
	}
	e := quickEnv(t)
	var told []string
	e.Log = func(line string) { told = append(told, line) }
	e.Config.Export.Picks, e.Config.Export.Count = nil, 0
	e.Config.Export.Prefer = []string{"top1>=55", "latency<=2, macs<=9", "top1>=90, latency<=2"}
	got, err := e.winners(frontRecord{Objectives: configs.DefaultObjectives, Points: []frontPoint{
		{Arch: "a", Accuracy: .5, LatencyMS: 1, MACs: 9e6, MemoryBytes: 1}, {Arch: "b", Accuracy: .6, LatencyMS: 3, MACs: 10e6, MemoryBytes: 2}, {Arch: "c", Accuracy: .7, LatencyMS: 9, MACs: 12e6, MemoryBytes: 3},
	}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, m := range got[:2] {
		files = append(files, m.File+" "+m.Arch+" "+strings.Join(m.Picks, "+"))
	}
	want := []string{"top1-55.onnx b top1-55+front-2", "latency-2-macs-9.onnx a latency-2-macs-9+top1-90-latency-2+front-1"}
	if !slices.Equal(files, want) {
		t.Errorf("%q, want %q", files, want)
	}
	if len(told) != 1 || !strings.Contains(told[0], "top1>=90, the nearest has 50") {
		t.Errorf("%q", told)
	}
}
