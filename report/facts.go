package report

import (
	"fmt"
	"math"
	"slices"

	"hanas/eval"
)

// headline is a large figure with what it means.
type headline struct{ Big, Unit, Text string }

// headlines picks what a reader wants to know first; at most five.
func headlines(d *Data) []headline {
	var out []headline
	metric, _ := d.metric()
	if w, f, where := bestWinner(d); w != nil {
		text := fmt.Sprintf("%s of %s on %s images, %s", metric, w.Name, where, f.From)
		if where == "test" && w.TestN > 0 {
			text = fmt.Sprintf("%s of %s on %s test images, %s", metric, w.Name, whole(w.TestN), f.From)
		}
		out = append(out, headline{fmt.Sprintf("%.1f", 100*f.Value), "%", text})
	}
	if b, p, times := speedup(d); p != nil {
		out = append(out, headline{fmt.Sprintf("%.1f", times), "×", gainText("faster", b, p, figure(p.Latency, ms))})
	}
	if b, p, times := shrink(d); p != nil {
		out = append(out, headline{fmt.Sprintf("%.1f", times), "×", gainText("smaller", b, p, figure(p.Memory, size))})
	}
	if equal, n := scoredEqual(d.Winners); n > 0 {
		out = append(out, headline{fmt.Sprintf("%d/%d", equal, n), "", "exported files score exactly what the search scored"})
	}
	if n := len(d.Progress); n > 0 && d.Progress[n-1].Random > 0 {
		last := d.Progress[n-1]
		out = append(out, headline{fmt.Sprintf("%+.1f", 100*(last.Search/last.Random-1)), "%", fmt.Sprintf("hypervolume over random search after %s evaluations", whole(last.Evaluations))})
	}
	if d.Predictor.NTest > 0 {
		out = append(out, headline{fmt.Sprintf("%.2f", d.Predictor.Tau), "τ", fmt.Sprintf("Kendall's rank correlation of the accuracy predictor on %s held-out samples", whole(d.Predictor.NTest))})
	}
	return out[:min(5, len(out))]
}

// gainText says what is compared and how its accuracy is known.
func gainText(what string, b *Baseline, p *Point, at string) string {
	return fmt.Sprintf("%s than %s at no less %s accuracy (%s)", what, b.Name, p.seen().From, at)
}

// bestWinner has the highest top-1 on validation images, or on test images where no
// other is known. Its figure is that of the test images when those were run: chosen
// by them, it would be too good.
func bestWinner(d *Data) (best *Winner, f Figure, where string) {
	chosenBy := func(w Winner) Figure { return w.Top1Val }
	if !slices.ContainsFunc(d.Winners, func(w Winner) bool { return w.Top1Val.Has() }) {
		chosenBy = func(w Winner) Figure { return w.Top1Test }
	}
	for i := range d.Winners {
		if g := chosenBy(d.Winners[i]); g.Has() && (best == nil || g.Value > chosenBy(*best).Value) {
			best = &d.Winners[i]
		}
	}
	switch {
	case best == nil:
		return nil, Figure{}, ""
	case best.Top1Test.Has():
		return best, best.Top1Test, "test"
	}
	return best, best.Top1Val, "validation"
}

// speedup compares the first baseline with the fastest point that is at least
// as accurate; shrink with the smallest.
func speedup(d *Data) (*Baseline, *Point, float64) {
	return gain(d, func(p Point) Figure { return p.Latency }, func(b Baseline) Figure { return b.Latency })
}

func shrink(d *Data) (*Baseline, *Point, float64) {
	return gain(d, func(p Point) Figure { return p.Memory }, func(b Baseline) Figure { return b.Memory })
}

// gain compares only figures of the same provenance, and says nothing when
// there is no gain.
func gain(d *Data, of func(Point) Figure, ofBase func(Baseline) Figure) (*Baseline, *Point, float64) {
	if len(d.Baselines) == 0 {
		return nil, nil, 0
	}
	b := &d.Baselines[0]
	var best *Point
	for i, p := range d.Front {
		y := p.seen()
		if !y.Has() || !of(p).Has() || !ofBase(*b).Has() || !b.Accuracy.Has() || y.From != b.Accuracy.From || of(p).From != ofBase(*b).From ||
			of(p).Value <= 0 || y.Value < b.Accuracy.Value {
			continue
		}
		if best == nil || of(p).Value < of(*best).Value {
			best = &d.Front[i]
		}
	}
	if best == nil || ofBase(*b).Value < 1.05*of(*best).Value {
		return nil, nil, 0
	}
	return b, best, ofBase(*b).Value / of(*best).Value
}

// scoredEqual counts the files whose score before and after export is the
// same number.
func scoredEqual(list []Winner) (equal, n int) {
	for _, w := range list {
		if w.Scored == nil || !w.Top1Val.Has() {
			continue
		}
		n++
		if *w.Scored == w.Top1Val.Value {
			equal++
		}
	}
	return equal, n
}

// table is a table in any form: HTML and Markdown print the same cells.
type table struct {
	Head []string
	Rows [][]string
	Left int      // how many columns are text, aligned left
	IDs  []string // of the rows, to light up in plots
}

// first keeps so many rows.
func (t table) first(n int) table {
	t.Rows = t.Rows[:min(n, len(t.Rows))]
	return t
}

func winnersTable(d *Data) table {
	metric, loose := d.metric()
	t := table{Head: []string{
		"", metric + " test", "95 % interval", loose + " test", metric + " test, ORT basic", metric + " val", "scored = shipped", "latency predicted", "latency measured",
		"file", "weights", "peak activations", "params", "MACs",
	}, Left: 1}
	for _, w := range d.Winners {
		interval := "–"
		if metric == topOne && w.Top1Test.Has() && w.TestN > 0 { // of a share; an AP is none
			lo, hi := eval.Wilson(int(math.Round(w.Top1Test.Value*float64(w.TestN))), w.TestN)
			interval = fmt.Sprintf("%.1f – %.1f %%", 100*lo, 100*hi)
		}
		same := "–"
		if w.Scored != nil && w.Top1Val.Has() {
			same = "✓ equal"
			if *w.Scored != w.Top1Val.Value {
				same = fmt.Sprintf("✗ %+.2f pp", 100*(w.Top1Val.Value-*w.Scored))
			}
		}
		measured := figure(w.LatencyMeasured, ms)
		if w.LatencyMeasured.Has() && w.LatencyMeasured.Std > 0 {
			measured = fmt.Sprintf("%s ± %s", measured, digits(w.LatencyMeasured.Std))
		}
		t.IDs = append(t.IDs, w.Name)
		t.Rows = append(t.Rows, []string{
			w.Name, figure(w.Top1Test, percent2), interval, figure(w.Top5Test, percent2), figure(w.TestBasic, percent2), figure(w.Top1Val, percent2), same,
			figure(w.LatencyPredicted, ms), measured, bytesOf(w.FileBytes), bytesOf(w.WeightBytes), bytesOf(w.PeakActivationBytes), count(w.Params), count(w.MACs),
		})
	}
	return t.trim()
}

// trim drops columns that are a dash in every row.
func (t table) trim() table {
	for c := len(t.Head) - 1; c >= t.Left; c-- {
		empty := true
		for _, r := range t.Rows {
			empty = empty && r[c] == "–"
		}
		if !empty {
			continue
		}
		t.Head = slices.Delete(slices.Clone(t.Head), c, c+1)
		for i := range t.Rows {
			t.Rows[i] = slices.Delete(t.Rows[i], c, c+1)
		}
	}
	return t
}

func bytesOf(n int64) string {
	if n <= 0 {
		return "–"
	}
	return size(float64(n))
}

func count(n int64) string {
	if n <= 0 {
		return "–"
	}
	return scaled(float64(n))
}

// frontTable lists the points of a front by latency.
func frontTable(points []Point, metric string) table {
	t := table{Head: []string{"latency", metric + " in search", metric + " scored", "weights", "energy", "weight bits", "activation bits", "arch"}}
	sorted := slices.Clone(points)
	slices.SortStableFunc(sorted, func(a, b Point) int {
		switch {
		case a.Latency.Value < b.Latency.Value:
			return -1
		case a.Latency.Value > b.Latency.Value:
			return 1
		}
		return 0
	})
	bits := func(b []int) string {
		if m := meanBits(b); m > 0 {
			return fmt.Sprintf("%.1f", m)
		}
		return "–"
	}
	for _, p := range sorted {
		t.Rows = append(t.Rows, []string{
			figure(p.Latency, ms), figure(p.Accuracy, percent2), figure(p.Measured, percent2), figure(p.Memory, size),
			figure(p.Energy, func(v float64) string { return digits(v) + " mJ" }), bits(p.WBits), bits(p.ABits), p.Arch,
		})
	}
	return t.trim()
}

func kindsTable(s TableSummary) table {
	t := table{Head: []string{"operator", "rows", marks[Measured] + " measured", marks[Imported] + " imported", marks[Predicted] + " predicted", marks[Modelled] + " modelled", "least µs", "median µs", "most µs"}, Left: 1}
	some := func(n int) string {
		if n == 0 {
			return "–"
		}
		return whole(n)
	}
	for _, k := range s.Kinds {
		t.Rows = append(t.Rows, []string{
			k.Kind, whole(k.Measured + k.Imported + k.Predicted + k.Modelled), some(k.Measured), some(k.Imported), some(k.Predicted),
			some(k.Modelled), digits(1000 * k.MinMS), digits(1000 * k.MedianMS), digits(1000 * k.MaxMS),
		})
	}
	return t.trim()
}

// publishedTable prints published rows and, below, what was obtained here; none
// for detectors, of which nothing is published.
func publishedTable(d *Data) table {
	if name, _ := d.metric(); name != topOne {
		return table{}
	}
	t := table{Head: []string{"model", "figures", "top-1", "latency", "params", "memory", "power"}, Left: 2}
	rows := d.Published
	if rows == nil {
		rows = Table1()
	}
	for _, p := range rows {
		t.Rows = append(t.Rows, []string{p.Model, "published", percent(p.Top1), ms(p.LatencyMS), fmt.Sprintf("%.1f M", p.ParamsM), fmt.Sprintf("%.0f MB", p.MemoryMB), fmt.Sprintf("%.1f W", p.PowerW)})
	}
	for _, w := range d.Winners {
		top1, lat := w.Top1Test, w.LatencyMeasured
		if !top1.Has() {
			top1 = w.Top1Val
		}
		if !lat.Has() {
			lat = w.LatencyPredicted
		}
		t.Rows = append(t.Rows, []string{"hanas " + w.Name, "obtained here", figure(top1, percent), figure(lat, ms), count(w.Params), bytesOf(w.WeightBytes), "–"})
	}
	return t
}

func stagesTable(list []Stage) table {
	t := table{Head: []string{"stage", "time"}, Left: 1}
	for _, s := range list {
		text := duration(s.Seconds)
		if s.Reused {
			text = "reused"
		}
		t.Rows = append(t.Rows, []string{s.Name, text})
	}
	return t
}

// runFacts are the lines that say what was run.
func runFacts(r Run) []Setting {
	var out []Setting
	add := func(key, value string) {
		if value != "" {
			out = append(out, Setting{key, value})
		}
	}
	add("Preset", r.Preset)
	if r.Space != "" {
		space := r.Space
		if r.SpaceLog10 > 0 {
			space += ", about " + power(r.SpaceLog10) + " sub-networks"
		}
		add("Search space", space)
	}
	if r.Dataset != "" {
		data := fmt.Sprintf("%s: %s train, %s val, %s test", r.Dataset, whole(r.Images[0]), whole(r.Images[1]), whole(r.Images[2]))
		if r.Classes > 0 {
			data += fmt.Sprintf(", %d classes", r.Classes)
		}
		if r.ImageSize > 0 {
			data += fmt.Sprintf(", %dx%d", r.ImageSize, r.ImageSize)
		}
		add("Images", data)
	}
	add("Device", r.Device)
	add("Ran on", r.Machine)
	runtime := r.Runtime
	if runtime != "" && r.Threads > 0 {
		runtime += fmt.Sprintf(", latency on %d thread(s)", r.Threads)
	}
	add("Runtime", runtime)
	add("Seed", fmt.Sprint(r.Seed))
	if r.Seconds > 0 {
		add("Time", duration(r.Seconds))
	}
	add("Version", r.Version)
	add("Again with", r.Command)
	return out
}
