package report

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// front is a run whose front has such latencies and accuracies.
func front(pairs ...float64) *Data {
	d := &Data{Run: Run{Preset: "quick", Dataset: "glyphs", Device: "host", Space: "quick"}}
	for i := 0; i < len(pairs); i += 2 {
		d.Front = append(d.Front, Point{Arch: strings.Repeat("a", i+1), Latency: Fig(pairs[i], Predicted), Accuracy: Fig(pairs[i+1], Predicted)})
	}
	return d
}

// TestReached: what each front reaches under common limits, by hand: limits run
// from the later beginning, 2 ms, to the slower end, 8 ms.
func TestReached(t *testing.T) {
	runs := []Named{{"a", front(1, .5, 4, .7)}, {"b", front(2, .6, 8, .9)}}
	limits := commonLimits(runs)
	if len(limits) != 7 || limits[0] != 2 || limits[6] != 8 || !slices.IsSorted(limits) {
		t.Fatalf("limits %v", limits)
	}
	rows := reachedTable(runs).Rows
	want := map[int][2]string{0: {"50", "60"}, 2: {"50", "60"}, 3: {"70", "60"}, 6: {"70", "90"}} // the third is 2·4^(1/3) = 3.18 ms, the fourth 4
	for i, w := range want {
		if !strings.HasPrefix(rows[i][1], w[0]) || !strings.HasPrefix(rows[i][2], w[1]) {
			t.Errorf("under %s: %v, want %v", rows[i][0], rows[i][1:], w)
		}
	}
	if commonLimits([]Named{{"a", &Data{}}, {"b", &Data{}}}) != nil {
		t.Error("runs without fronts share limits")
	}
}

// TestCompare: every run is on the page; what does not compare is said; one run
// or seven are refused.
func TestCompare(t *testing.T) {
	a, b := front(1, .5, 4, .7), front(2, .6, 8, .9)
	var page bytes.Buffer
	if err := Compare(&page, []Named{{"first", a}, {"<second>", b}}); err != nil {
		t.Fatal(err)
	}
	text := page.String()
	for _, want := range []string{"first", "&lt;second&gt;", "run1", "Best accuracy under a limit"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(text, "do not compare") || strings.Contains(text, "<second>") {
		t.Error("equal runs are said not to compare, or a name is markup")
	}
	b.Run.Device, b.Run.Dataset = "phone", "cifar10"
	page.Reset()
	if err := Compare(&page, []Named{{"a", a}, {"b", b}}); err != nil {
		t.Fatal(err)
	}
	if strings.Count(page.String(), "do not compare") != 2 {
		t.Error("other devices and images are not told of")
	}
	for _, runs := range [][]Named{{{"a", a}}, slices.Repeat([]Named{{"a", a}}, 7), {{"a", &Data{}}, {"b", &Data{}}}} {
		if err := Compare(&page, runs); err == nil {
			t.Errorf("%d runs are compared", len(runs))
		}
	}
}
