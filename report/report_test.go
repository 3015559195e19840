package report_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"flag"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"hanas/report"
)

var update = flag.Bool("update", false, "write the golden files anew")

func html(t testing.TB, d *report.Data) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.HTML(&b, d); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestMarkdownGolden(t *testing.T) {
	var b bytes.Buffer
	if err := report.Markdown(&b, demo()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", "demo.md")
	if *update {
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := b.String(); got != string(want) {
		g, w := strings.Split(got, "\n"), strings.Split(string(want), "\n")
		for i := range min(len(g), len(w)) {
			if g[i] != w[i] {
				t.Fatalf("line %d is\n%s\nwant\n%s\n(run with -update if that is meant)", i+1, g[i], w[i])
			}
		}
		t.Fatalf("%d lines, want %d", len(g), len(w))
	}
}

// TestMarkdownTables checks that every row has as many cells as its head, also
// when texts hold the separator.
func TestMarkdownTables(t *testing.T) {
	for name, d := range map[string]*report.Data{"demo": demo(), "hostile": hostile()} {
		var b bytes.Buffer
		if err := report.Markdown(&b, d); err != nil {
			t.Fatal(err)
		}
		cells := 0
		for i, line := range strings.Split(b.String(), "\n") {
			if !strings.HasPrefix(line, "|") {
				cells = 0
				continue
			}
			n := strings.Count(strings.ReplaceAll(line, `\|`, ""), "|")
			if cells != 0 && n != cells {
				t.Errorf("%s: line %d has %d separators, its head %d: %s", name, i+1, n, cells, line)
			}
			cells = n
		}
		if plain := regexp.MustCompile("`[^`\n]*`").ReplaceAllString(strings.ReplaceAll(b.String(), "\\`", ""), ""); strings.Contains(plain, "<script") {
			t.Errorf("%s: markup gets through", name)
		}
	}
}

// script cuts out the page's own script and style, which are not XML.
var script = regexp.MustCompile(`(?s)<(script|style)>.*?</(?:script|style)>`)

// wellFormed parses a page as XML: every element is closed, in order.
func wellFormed(page string) error {
	dec := xml.NewDecoder(strings.NewReader(script.ReplaceAllString(page, "")))
	dec.Entity = xml.HTMLEntity
	for {
		if _, err := dec.Token(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// quoted is an attribute's value, inside which markup is only text.
var quoted = regexp.MustCompile(`="[^"]*"`)

// pictures are the test images inside the page.
var pictures = regexp.MustCompile(` href="data:image/(png|jpeg);base64,[A-Za-z0-9+/=]+"`)

func TestHTML(t *testing.T) {
	empty := &report.Data{}
	thin := &report.Data{
		Front:  []report.Point{{Arch: "a", Accuracy: report.Fig(0.5, report.Predicted), Latency: report.Fig(1, report.Modelled)}},
		Random: []report.Point{{Arch: "b"}}, Progress: []report.Progress{{Evaluations: 1, Search: 1}}, Training: []report.Step{{Step: 1, Largest: 2}},
		Accuracy: []report.Pair{{Predicted: 0.5, Measured: 0.5}}, Latency: []report.Pair{{Predicted: -1, Measured: 0}},
		Winners: []report.Winner{{Name: "A", Layers: []report.Layer{{Name: "stem", WBits: 8, Out: 1}}}},
	}
	for name, d := range map[string]*report.Data{"demo": demo(), "empty": empty, "thin": thin, "odd": odd(), "hostile": hostile()} {
		page := html(t, d)
		if err := wellFormed(page); err != nil {
			t.Errorf("%s: not well formed: %v", name, err)
		}
		whole := len(page)
		page = pictures.ReplaceAllString(page, "")
		for _, bad := range []string{"NaN", "Inf", "%!", "<no value>", "ZgotmplZ"} {
			if i := strings.Index(page, bad); i >= 0 {
				t.Errorf("%s: the page has %q in %q", name, bad, page[max(0, i-60):min(len(page), i+60)])
			}
		}
		if whole > 3e6 {
			t.Errorf("%s: %d bytes", name, whole)
		}
		if n := strings.Count(page, "<script"); n != 1 {
			t.Errorf("%s: %d scripts", name, n)
		}
		if m := regexp.MustCompile(`(?i)<[^>]*\s(src|href|action|xlink:href)\s*=|<(link|img|iframe|object|embed|base)\b|url\(|@import`).FindString(quoted.ReplaceAllString(page, `=""`)); m != "" {
			t.Errorf("%s: the page refers to something outside: %q", name, m)
		}
	}
}

// odd is data with figures that are no numbers.
func odd() *report.Data {
	d := demo()
	d.Front[3].Accuracy.Value, d.Front[4].Latency.Value, d.Accuracy[0].Measured = math.NaN(), math.Inf(1), math.NaN()
	return d
}

func TestHTMLShowsEverything(t *testing.T) {
	page := html(t, demo())
	for _, want := range []string{
		"89.1", "3/3", "τ", "✓ equal", "Kendall", "published", "obtained here", "79.8 %", "38.0 ms", "MobileNetV3-Large",
		"random search", "95 % interval", "87.6 – 90.3 %", "off by 4.1 % on average", "stand-in drawn by the program", "hanas run quick", "1,800", "depthwise 3x3", "frog 98 %", "cat, said dog 51 %", "1 there, 1 found", "dog 83 %", "The first that it gets wrong",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not have %q", want)
		}
	}
}

// TestGalleryShowsPicturesOnly: bytes that are no image are left out, and
// without images there is no gallery.
func TestGalleryShowsPicturesOnly(t *testing.T) {
	d := demo()
	d.Gallery.First = append(d.Gallery.First, report.Shown{Image: []byte("GIF89a"), Side: 4, Truth: "not shown"})
	page := html(t, d)
	if n := len(pictures.FindAllString(page, -1)); n != 3 || strings.Contains(page, "not shown") {
		t.Errorf("%d pictures, want 3", n)
	}
	d.Gallery = nil
	if page := html(t, d); strings.Contains(page, "What it sees") {
		t.Error("a gallery of nothing")
	}
}

// TestHeadlineIsNotChosenByTestImages: the file that is best on validation images is
// told with its figure on test images, though another happens to have a higher one.
func TestHeadlineIsNotChosenByTestImages(t *testing.T) {
	d := demo()
	d.Winners[1].Top1Test.Value = 0.93
	if page := html(t, d); !strings.Contains(page, "top-1 of A on 2,000 test images") {
		t.Error("the headline is of another file")
	}
	for i := range d.Winners {
		d.Winners[i].Top1Val = report.Figure{}
	}
	if page := html(t, d); !strings.Contains(page, "top-1 of B on 2,000 test images") {
		t.Error("without validation images the test images must do")
	}
}

func TestUnequalScoreIsMarked(t *testing.T) {
	d := demo()
	*d.Winners[1].Scored -= 0.01
	page := html(t, d)
	if !strings.Contains(page, "✗ &#43;1.00 pp") || !strings.Contains(page, "2/3") {
		t.Error("a file that scores otherwise than it did in the search is not marked")
	}
}

func TestJSONRoundTrip(t *testing.T) {
	var b bytes.Buffer
	if err := report.JSON(&b, demo()); err != nil {
		t.Fatal(err)
	}
	var back report.Data
	if err := json.Unmarshal(b.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(&back, demo()) {
		t.Error("JSON loses something")
	}
	d := demo()
	d.Progress[0].Search = math.NaN()
	if err := report.JSON(&b, d); err == nil || !strings.HasPrefix(err.Error(), "report: json: ") {
		t.Errorf("NaN: %v", err)
	}
}

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		if err := report.Write(dir, demo()); err != nil {
			t.Fatal(err)
		}
	}
	list, err := os.ReadDir(dir)
	if err != nil || len(list) != 3 {
		t.Errorf("%d files, %v", len(list), err)
	}
	if err := report.Write(filepath.Join(dir, "absent"), demo()); err == nil {
		t.Error("no folder, no error")
	}
	if out := os.Getenv("REPORT_DEMO_DIR"); out != "" { // to look at the page
		if err := report.Write(out, demo()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDeterministic(t *testing.T) {
	if one, other := html(t, demo()), html(t, demo()); one != other {
		t.Error("the same data give another page")
	}
}

func TestPublishedTable(t *testing.T) {
	rows := report.Table1()
	last := rows[len(rows)-1]
	if len(rows) != 5 || last.Model != "HA-NAS" || last.Top1 != 0.798 || last.LatencyMS != 12 || last.ParamsM != 4.2 || last.MemoryMB != 16 || last.PowerW != 2.8 {
		t.Errorf("%+v", rows)
	}
}

// TestDetectorsHaveAP: a report of detectors says AP where one of classifiers says
// top-1, gives no interval of a share, and prints no published classifiers.
func TestDetectorsHaveAP(t *testing.T) {
	d := demo()
	d.Run.Metric = "AP"
	var md, page bytes.Buffer
	if err := report.Markdown(&md, d); err != nil {
		t.Fatal(err)
	}
	if err := report.HTML(&page, d); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"report.md": md.String(), "report.html": page.String()} {
		for _, not := range []string{"top-1", "top-5", "95 % interval", "MobileNet"} {
			if strings.Contains(text, not) {
				t.Errorf("%s of detectors says %q", name, not)
			}
		}
		for _, want := range []string{"AP test", "AP at IoU 0.5 test", "AP in search", "AP of "} {
			if !strings.Contains(text, want) {
				t.Errorf("%s of detectors lacks %q", name, want)
			}
		}
	}
}
