package latency

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hanas/space"
)

func preset(t testing.TB, name string) *space.Space {
	t.Helper()
	sp, err := space.Preset(name)
	if err != nil {
		t.Fatal(err)
	}
	return sp
}

// modelTable prices every layer of sp by its MACs: enough like a real one.
func modelTable(t testing.TB, sp *space.Space) *Table {
	t.Helper()
	tab := &Table{Header: Header{Device: "model", Provenance: Modelled}}
	for _, l := range sp.DistinctLayers() {
		ms := .002 + float64(l.MACs())*1e-7/(1+float64(16-l.ABits)/8) + float64(l.InBytes())*1e-8
		if err := tab.Set(l.Key(), Row{MeanMs: ms, StdMs: ms / 50, P95Ms: 1.1 * ms, Count: 7, EnergyMJ: 2 * ms}); err != nil {
			t.Fatal(err)
		}
	}
	return tab
}

func TestWriteAndReadTable(t *testing.T) {
	tab := modelTable(t, preset(t, "quick"))
	tab.Header = Header{Device: "board, \"A78\"", Runtime: "ORT", Version: "1.30.0", Threads: 2, Governor: "performance", Provenance: MeasuredHere, Drift: .03}
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a.csv"), filepath.Join(dir, "b.csv")
	if err := tab.Write(a); err != nil {
		t.Fatal(err)
	}
	back, err := ReadTable(a)
	if err != nil {
		t.Fatal(err)
	}
	if back.Header != tab.Header || back.Len() != tab.Len() {
		t.Errorf("header %+v with %d rows, want %+v with %d", back.Header, back.Len(), tab.Header, tab.Len())
	}
	for _, key := range tab.RowKeys() {
		want, _ := tab.Row(key)
		if got, ok := back.Row(key); !ok || got != want {
			t.Errorf("%s: %+v, want %+v", key, got, want)
		}
	}
	if err := back.Write(b); err != nil {
		t.Fatal(err)
	}
	one, _ := os.ReadFile(a)
	two, _ := os.ReadFile(b)
	if string(one) != string(two) {
		t.Error("the same table gives other bytes")
	}
	if files, _ := os.ReadDir(dir); len(files) != 2 {
		t.Errorf("temporary files stay: %v", files)
	}
}

const (
	goodHead = `# {"format":"hanas-lut","format_version":1,"device":"d","provenance":"measured"}` + "\n" + "key,mean_ms,std_ms,p95_ms,count,energy_mj\n"
	newHead  = `# {"format":"hanas-lut","format_version":2,"device":"d","provenance":"measured"}` + "\n" + "key,mean_ms,std_ms,p95_ms,count,energy_mj,provenance\n"
	head3    = `# {"format":"hanas-lut","format_version":3,"device":"d","provenance":"measured"}` + "\n" + "key,mean_ms,std_ms,p95_ms,count,energy_mj,traffic_bytes,provenance\n"
	goodRow  = "add/in:8x4x4/out:8x4x4/k1/s1/w0/a8,0.5,0.1,0.6,9,0\n"
)

func TestFaultyTablesNameTheLine(t *testing.T) {
	for _, r := range []struct{ name, text, want string }{
		{"empty", "", "line 1"},
		{"no header", "key,mean_ms\n", "line 1"},
		{"version", strings.Replace(goodHead, `version":1`, `version":4`, 1), "version 4"},
		{"unknown header field", strings.Replace(goodHead, `"device"`, `"devise"`, 1), "devise"},
		{"provenance", strings.Replace(goodHead, "measured", "guessed", 1), "guessed"},
		{"format", strings.Replace(goodHead, `"d",`, `"d","keys":"mine",`, 1), "mine"},
		{"columns", strings.Replace(goodHead, "std_ms", "sd", 1), "line 2"},
		{"negative", goodHead + goodRow + strings.Replace(goodRow, ",0.5,", ",-0.5,", 1), "line 4"},
		{"NaN", goodHead + strings.Replace(goodRow, "0.1", "NaN", 1), "line 3"},
		{"infinite", goodHead + strings.Replace(goodRow, "0.6", "+Inf", 1), "line 3"},
		{"text", goodHead + strings.Replace(goodRow, "0.6", "x", 1), "line 3: p95_ms"},
		{"count", goodHead + strings.Replace(goodRow, ",9,", ",-9,", 1), "line 3"},
		{"key", goodHead + strings.Replace(goodRow, "add", "gelu", 1), "line 3"},
		{"short", goodHead + goodRow + "a,b\n", "line 4"},
		{"disagree", goodHead + goodRow + "\n" + strings.Replace(goodRow, "0.5", "0.7", 1), "line 5"},
		{"foreign provenance", newHead + strings.Replace(goodRow, ",0\n", ",0,imported\n", 1), "line 3: provenance"},
		{"old row in a new table", newHead + goodRow, "line 3"},
		{"traffic", head3 + strings.Replace(goodRow, ",0\n", ",0,-5,measured\n", 1), "line 3"},
		{"traffic in text", head3 + strings.Replace(goodRow, ",0\n", ",0,5 kB,measured\n", 1), "line 3: traffic_bytes"},
		{"quote", goodHead + "\"abc\n", "line 3"},
	} {
		if _, err := parseTable([]byte(r.text)); err == nil || !strings.Contains(err.Error(), r.want) {
			t.Errorf("%s: %v, want %q", r.name, err, r.want)
		}
	}
	if tab, err := parseTable([]byte(goodHead + goodRow + goodRow)); err != nil || tab.Len() != 1 {
		t.Errorf("a repeated equal row: %v", err)
	}
}

func FuzzParseTable(f *testing.F) {
	f.Add([]byte(goodHead + goodRow))
	f.Fuzz(func(t *testing.T, data []byte) {
		tab, err := parseTable(data)
		if err != nil {
			return
		}
		path := filepath.Join(t.TempDir(), "t.csv")
		if err := tab.Write(path); err != nil {
			t.Fatal(err)
		}
		back, err := ReadTable(path)
		if err != nil || back.Len() != tab.Len() {
			t.Fatalf("what was read does not read back: %v", err)
		}
	})
}

// TestTableOfAnotherSize: not one row fits, and the error says what that means.
func TestTableOfAnotherSize(t *testing.T) {
	sp := preset(t, "quick")
	layers := sp.Layers(sp.Largest())
	small, err := space.Resize(layers, layers[0].InSize/2)
	if err != nil {
		t.Fatal(err)
	}
	tab := &Table{Header: Header{Device: "d"}}
	for _, l := range small {
		if l.InSize > 1 {
			tab.Set(l.Key(), Row{MeanMs: 1})
		}
	}
	_, _, err = tab.Sum(layers)
	if missing, ok := errors.AsType[*MissingError](err); !ok || !missing.All || !strings.Contains(err.Error(), "another space") {
		t.Errorf("%v", err)
	}
}

func TestMissingRowsAreAllNamed(t *testing.T) {
	sp := preset(t, "quick")
	layers := sp.Layers(sp.Largest())
	tab := &Table{Header: Header{Device: "bare"}}
	tab.Set(layers[0].Key(), Row{MeanMs: 1})
	_, _, err := NewEstimator(tab, Plain).Estimate(layers)
	missing, ok := errors.AsType[*MissingError](err)
	if !ok {
		t.Fatalf("error is %v", err)
	}
	for _, l := range layers[1:] {
		if !strings.Contains(err.Error(), l.Key()) {
			t.Errorf("%s is not named", l.Key())
		}
	}
	if len(missing.Keys) != len(keysOf(layers[1:])) {
		t.Errorf("%d keys missing", len(missing.Keys))
	}
	if _, err := NewEstimator(tab, Plain).Index(sp); !errors.As(err, &missing) {
		t.Errorf("index of an incomplete table: %v", err)
	}
}

func keysOf(layers []space.Layer) map[string]bool {
	keys := map[string]bool{}
	for _, l := range layers {
		keys[l.Key()] = true
	}
	return keys
}

// TestIndexEqualsEstimate over random Archs of every built-in space.
func TestIndexEqualsEstimate(t *testing.T) {
	c := correction(t, map[string]float64{"scale": .9, "offset_ms": .01, "border_ms float to mixed": .002, "element_ms float to float": 1e-7, "layer_ms add float": .003})
	c.Networks = 40
	for _, name := range space.Presets() {
		sp := preset(t, name)
		e := NewEstimator(modelTable(t, sp), c)
		fast, err := e.Index(sp)
		if err != nil {
			t.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(1, 1))
		for range 100 {
			layers := sp.Layers(sp.Random(rng))
			want, provenance, err := e.Estimate(layers)
			if err != nil || !strings.Contains(provenance, "40 networks") {
				t.Fatal(err, provenance)
			}
			if got := fast(layers); math.Abs(got/want-1) > 1e-12 {
				t.Fatalf("%s: index says %g, estimate %g", name, got, want)
			}
		}
		odd := sp.Layers(sp.Largest())
		odd[0].Kernel = 9
		if ms := fast(odd); !math.IsNaN(ms) {
			t.Errorf("a layer of no space has %g ms", ms)
		}
	}
}

func TestEstimatorFile(t *testing.T) {
	tab := modelTable(t, preset(t, "quick"))
	c := correction(t, map[string]float64{"scale": .9, "offset_ms": .01, "border_ms mixed to integer": -.003})
	c.Networks, c.MAPE = 40, .03
	path := filepath.Join(t.TempDir(), "estimator.json")
	if err := NewEstimator(tab, c).Write(path); err != nil {
		t.Fatal(err)
	}
	e, err := ReadEstimator(path, tab)
	if err != nil || e.Correction != c {
		t.Fatalf("%+v, %v", e, err)
	}
	if _, err := ReadEstimator(path, &Table{Header: Header{Device: "other"}}); err == nil {
		t.Error("an estimator of another device is taken")
	}
	text, _ := os.ReadFile(path)
	for _, bad := range []string{"{", strings.Replace(string(text), "0.9", "-1", 1), strings.Replace(string(text), "scale", "scala", 1)} {
		os.WriteFile(path, []byte(bad), 0o644)
		if _, err := ReadEstimator(path, tab); err == nil {
			t.Errorf("taken: %s", bad)
		}
	}
}

func BenchmarkIndex(b *testing.B) {
	sp := preset(b, "cifar10")
	fast, err := NewEstimator(modelTable(b, sp), correction(b, map[string]float64{"scale": .9, "offset_ms": .1, "border_ms float to integer": .001})).Index(sp)
	if err != nil {
		b.Fatal(err)
	}
	layers := sp.Layers(sp.Largest())
	b.ReportAllocs()
	b.ReportMetric(float64(len(layers)), "layers")
	for b.Loop() {
		fast(layers)
	}
}

func ExampleTable_Sum() {
	sp, _ := space.Preset("quick")
	t := &Table{Header: Header{Device: "board"}}
	layers := sp.Layers(sp.Smallest())
	for _, l := range layers {
		t.Set(l.Key(), Row{MeanMs: 0.5})
	}
	ms, _, err := t.Sum(layers)
	fmt.Println(len(layers), ms, err)
	// Output: 14 7 <nil>
}
