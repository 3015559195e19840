package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Named is a run in a comparison.
type Named struct {
	Name string
	Data *Data
}

// mostCompared is how many runs a page can tell apart.
const mostCompared = 6

// ReadJSON reads the report.json of a run's folder.
func ReadJSON(dir string) (*Data, error) {
	path := filepath.Join(dir, "report.json")
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("report: %w (hanas run makes it)", err)
	}
	var d Data
	if err := json.Unmarshal(text, &d); err != nil {
		return nil, fmt.Errorf("report: %s: %w (hanas report DIR draws it anew)", path, err)
	}
	return &d, nil
}

// Compare writes a page with the fronts of some runs in one plot, and a table of
// what each reached under common limits.
func Compare(w io.Writer, runs []Named) error {
	if len(runs) < 2 || len(runs) > mostCompared {
		return fmt.Errorf("report: compare: %d runs (want 2 to %d)", len(runs), mostCompared)
	}
	b := newExploreBuilder()
	b.called(runs[0].Data)
	var names []string
	for i, r := range runs {
		names = append(names, r.Name)
		b.group(r.Name, fmt.Sprint("run", i), r.Data.Front, r.Data.Shapes)
	}
	v := &view{Title: strings.Join(names, ", "), Intro: "The fronts of " + whole(len(runs)) + " runs.", Legend: legend, Notes: caveats(runs), Explore: b.finish()}
	if v.Explore == nil {
		return errors.New("report: compare: no run has a front")
	}
	v.Runs, v.Reached = runsTable(runs), reachedTable(runs)
	t, err := template.ParseFS(files, "page/page.html")
	if err != nil {
		return fmt.Errorf("report: html: %w", err)
	}
	if v.Style, v.Script, err = dress(); err != nil {
		return err
	}
	if err := t.Execute(w, v); err != nil {
		return fmt.Errorf("report: html: %w", err)
	}
	return nil
}

// caveats say where the figures of runs cannot be held against each other.
func caveats(runs []Named) []string {
	var out []string
	for _, c := range []struct {
		of   func(*Run) string
		text string
	}{
		{func(r *Run) string { return fmt.Sprint(r.Dataset, " ", r.Images) }, "The runs are on different images: their accuracies do not compare."},
		{func(r *Run) string { return fmt.Sprint(r.Device, " ", r.Runtime, " ", r.Threads) }, "The runs are for different devices or runtimes: their latencies do not compare."},
		{func(r *Run) string { return r.Metric }, "The runs are of different tasks: their accuracies do not compare."},
		{func(r *Run) string { return r.Space }, "The runs search different spaces."},
	} {
		for _, r := range runs[1:] {
			if c.of(&r.Data.Run) != c.of(&runs[0].Data.Run) {
				out = append(out, c.text)
				break
			}
		}
	}
	return out
}

// runsTable tells what was run.
func runsTable(runs []Named) table {
	t := table{Head: []string{"run", "preset", "space", "images", "device", "seed", "on the front", "τ-b of the predictor", "most accurate, test", "time"}, Left: 5}
	for _, r := range runs {
		d := r.Data
		best := Figure{}
		for _, w := range d.Winners {
			if w.Top1Test.Has() && (!best.Has() || w.Top1Test.Value > best.Value) {
				best = w.Top1Test
			}
		}
		tau := "–"
		if d.Predictor.NTest > 0 {
			tau = fmt.Sprintf("%.3f", d.Predictor.Tau)
		}
		seconds := 0.0
		for _, s := range d.Stages {
			seconds += s.Seconds
		}
		t.Rows = append(t.Rows, []string{
			r.Name, d.Run.Preset, d.Run.Space, d.Run.Dataset, d.Run.Device, fmt.Sprint(d.Run.Seed), whole(len(d.Front)), tau, figure(best, percent2), duration(max(seconds, d.Run.Seconds)),
		})
	}
	return t.trim()
}

// reachedTable is the best accuracy of each front under limits that all share:
// seven, evenly over the logarithm of the latencies that every front reaches.
func reachedTable(runs []Named) table {
	t := table{Head: []string{"latency at most"}, Left: 1}
	for _, r := range runs {
		t.Head = append(t.Head, r.Name)
	}
	for _, limit := range commonLimits(runs) {
		row := []string{ms(limit)}
		for _, r := range runs {
			best := Figure{}
			for i := range r.Data.Front {
				p := &r.Data.Front[i]
				if f := p.seen(); f.Has() && p.Latency.Has() && p.Latency.Value <= limit && (!best.Has() || f.Value > best.Value) {
					best = f
				}
			}
			row = append(row, figure(best, percent2))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// commonLimits are latencies from where the last front begins to where the
// slowest ends.
func commonLimits(runs []Named) []float64 {
	const n = 7
	low, high := 0.0, 0.0
	for _, r := range runs {
		first := math.Inf(1)
		for _, p := range r.Data.Front {
			if p.Latency.Has() && p.Latency.Value > 0 {
				first, high = min(first, p.Latency.Value), max(high, p.Latency.Value)
			}
		}
		if !math.IsInf(first, 1) {
			low = max(low, first)
		}
	}
	if !(low > 0) {
		return nil
	}
	var out []float64
	for i := range n {
		v := low * math.Pow(high/low, float64(i)/(n-1))
		// three digits, upwards: a limit that was rounded down would cut off the network it comes from
		unit := math.Pow(10, math.Floor(math.Log10(v))-2)
		v, _ = strconv.ParseFloat(strconv.FormatFloat(math.Ceil(v/unit-1e-9)*unit, 'g', 6, 64), 64)
		if len(out) == 0 || v > out[len(out)-1] {
			out = append(out, v)
		}
	}
	return out
}
