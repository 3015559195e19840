package latency

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hanas/internal/realdata"
	"hanas/space"
)

func imported(t testing.TB, path, format string) *Table {
	t.Helper()
	tab, err := Import(realdata.Path(t, path), format, "device")
	if err != nil {
		t.Fatal(err)
	}
	return tab
}

func near(t *testing.T, what string, got, want, tol float64) {
	t.Helper()
	if math.Abs(got-want) > tol {
		t.Errorf("%s is %.4f, want %.4f", what, got, want)
	}
}

// TestNote10Range: over the w1.2 space the five tables reach from 9.89 ms
// (smallest at 160) to 92.40 ms (largest at 224); both ends were computed
// independently by a port of Once-for-All's own search.
func TestNote10Range(t *testing.T) {
	sp := preset(t, "ofa-mbv3-w1.2")
	for _, r := range []struct {
		file string
		res  int
		low  float64
		high float64
	}{
		{"ofa/lut/note10_160.yaml", 160, 9.89, 0},
		{"ofa/lut/note10_176.yaml", 176, 0, 0},
		{"ofa/lut/note10_192.yaml", 192, 0, 0},
		{"ofa/lut/note10_208.yaml", 208, 0, 0},
		{"ofa/lut/note10_224.yaml", 224, 0, 92.40},
	} {
		tab := imported(t, r.file, "ofa-mbv3")
		at := sp.Clone()
		at.Resolutions = []int{r.res}
		low, _, err := tab.Sum(at.Layers(at.Smallest()))
		if err != nil {
			t.Fatal(err)
		}
		high, _, err := tab.Sum(at.Layers(at.Largest()))
		if err != nil {
			t.Fatal(err)
		}
		if r.low > 0 {
			near(t, "smallest", low, r.low, .005)
		}
		if r.high > 0 {
			near(t, "largest", high, r.high, .005)
		}
		rng := rand.New(rand.NewPCG(1, 1))
		for range 200 { // no Arch lacks a row
			if ms, _, err := tab.Sum(at.Layers(at.Random(rng))); err != nil || ms < low || ms > high {
				t.Fatalf("%s: %g ms outside [%g, %g], %v", r.file, ms, low, high, err)
			}
		}
	}
}

// TestNote10Network: the specialised net of that name sums to 29.97 ms.
func TestNote10Network(t *testing.T) {
	tab := imported(t, "ofa/lut/note10_224.yaml", "ofa-mbv3")
	dir, _ := filepath.Glob(filepath.Join(realdata.Path(t, "ofa/nets"), "note10_lat-30ms_top1-78.4*"))
	if len(dir) == 0 {
		t.Skip("note10_lat-30ms_top1-78.4 is not in the collection")
	}
	ms, _, err := tab.Sum(netLayers(t, dir[0]))
	if err != nil {
		t.Fatal(err)
	}
	near(t, "note10_lat-30ms_top1-78.4", ms, 29.97, .005)
}

func netLayers(t testing.TB, dir string) []space.Layer {
	t.Helper()
	var run struct {
		Size int `json:"image_size"`
	}
	text, err := os.ReadFile(filepath.Join(dir, "run.config"))
	if err == nil {
		err = json.Unmarshal(text, &run)
	}
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "net.config"))
	if err != nil {
		t.Fatal(err)
	}
	layers, err := space.NetConfigLayers(data, run.Size)
	if err != nil {
		t.Fatal(err)
	}
	return layers
}

// proxyless is the space of the Pixel 1 and the BitFusion table.
func proxyless() *space.Space {
	s := &space.Space{
		Name: "proxyless", Resolutions: []int{224}, Channels: 3, Classes: 1000,
		StemWidths: []int{32}, StemStride: 2, StemKernel: 3, StemAct: "relu6",
		HeadWidths: []int{1280}, HeadAct: "relu6", WBits: []int{16}, ABits: []int{16}, FixedWBits: 16, FixedABits: 16,
		Stages: []space.Stage{{Widths: []int{16}, Depths: []int{1}, Kernels: []int{3}, Expands: []float64{1}, Stride: 1, Act: "relu6"}},
	}
	for i, w := range []int{24, 40, 80, 96, 192, 320} {
		st := space.Stage{Widths: []int{w}, Depths: []int{2, 4}, Kernels: []int{3, 5, 7}, Expands: []float64{3, 6}, Stride: []int{2, 2, 2, 1, 2, 1}[i], Act: "relu6"}
		if w == 320 {
			st.Depths = []int{1}
		}
		s.Stages = append(s.Stages, st)
	}
	return s
}

func TestPixel1CoversItsSpace(t *testing.T) {
	tab := imported(t, "ofa/lut/pixel1_mobile_trim.yaml", "ofa-proxyless")
	s := proxyless()
	rng := rand.New(rand.NewPCG(1, 1))
	for range 100 {
		if ms, _, err := tab.Sum(s.Layers(s.Random(rng))); err != nil || ms < 10 || ms > 200 {
			t.Fatalf("%g ms, %v", ms, err)
		}
	}
}

func TestI7CoversOnceForAll(t *testing.T) {
	tab := imported(t, "lut/i7-8700K_lut.yaml", "nsganetv2")
	if tab.Len() != 4050 {
		t.Errorf("%d rows, want 4050", tab.Len())
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for _, name := range []string{"ofa-mbv3-w1.0", "ofa-mbv3-w1.2"} {
		sp := preset(t, name)
		sp.Resolutions = []int{192, 224}
		for range 100 {
			if ms, _, err := tab.Sum(sp.Layers(sp.Random(rng))); err != nil || ms < 4 || ms > 50 {
				t.Fatalf("%s: %g ms, %v", name, ms, err)
			}
		}
	}
}

// TestBitfusion: single rows as published, and whole networks whose bits cost
// what they should.
func TestBitfusion(t *testing.T) {
	tab := imported(t, "lut/bitfusion_b1.json", "bitfusion")
	if tab.Len() != 6569 {
		t.Errorf("%d rows, want 6569", tab.Len())
	}
	for key, want := range map[string]float64{
		"(96, 480, 14, 1, 1, 0, 1)-W4A4": .0654, "(96, 480, 14, 1, 1, 0, 1)-W8A8": .0741,
		"(480, 480, 14, 5, 1, 2, 480)-W4A4": .177, "(480, 480, 14, 5, 1, 2, 480)-W8A8": .6145, "head": .2959, "tail": .0816,
	} {
		r, _ := tab.Row(key)
		near(t, key, r.MeanMs, want, .0005)
	}
	s := proxyless()
	s.WBits, s.ABits, s.FixedWBits, s.FixedABits = []int{4, 8}, []int{4, 8}, 8, 8
	for i := range s.Stages[1:] {
		s.Stages[i+1].Kernels, s.Stages[i+1].Expands = []int{3, 5}, []float64{4, 6}
	}
	a := s.Largest()
	high, energy, err := tab.Sum(s.Layers(a))
	if err != nil {
		t.Fatal(err)
	}
	low, less, err := tab.Sum(s.Layers(s.WithBits(a, 4, 4)))
	if err != nil || low > .7*high || less > .8*energy || less <= 0 {
		t.Errorf("4 bits: %g ms %g mJ, 8 bits: %g ms %g mJ, %v", low, less, high, energy, err)
	}
}

// TestTablesKeepToWhatTheyPrice: low bits on a float table and shapes without
// a row are errors, not guesses.
func TestTablesKeepToWhatTheyPrice(t *testing.T) {
	s := proxyless()
	tab := &Table{Header: Header{Keys: "ofa-proxyless"}}
	low := s.Layers(s.Largest())
	low[3].WBits = 8
	if _, _, err := tab.Sum(low); err == nil || !strings.Contains(err.Error(), "float only") {
		t.Errorf("%v", err)
	}
	tab.Keys = "bitfusion"
	ofa := preset(t, "ofa-mbv3-w1.0")
	if _, _, err := tab.Sum(ofa.Layers(ofa.Largest())); err == nil || !strings.Contains(err.Error(), "squeeze-excite") {
		t.Errorf("%v", err)
	}
}

func TestImportErrors(t *testing.T) {
	dir := t.TempDir()
	for _, r := range []struct{ format, text, want string }{
		{"ofa-mbv3", "", "no rows"},
		{"ofa-mbv3", "a:\n  mean: x\n", "line 2"},
		{"ofa-mbv3", "a:\n  mean: -1\n", "line 2"},
		{"ofa-mbv3", "a:\n  count: 3\nb:\n  mean: 1\n", "line 3: a: no mean"},
		{"ofa-mbv3", "  mean: 1\n", "line 1"},
		{"ofa-mbv3", "a\n", "line 1"},
		{"ofa-mbv3", "a:\n  skew: 1\n", "skew"},
		{"nsganetv2", "a:\n  mean: 1\na:\n  mean: 2\n", "disagrees"},
		{"bitfusion", `{"a": {"latency": 1}}`, "no energy"},
		{"bitfusion", `{"a": {"latency": 1, "energy": 1}, "a": {"latency": 2, "energy": 1}}`, "disagrees"},
		{"bitfusion", `{"a": {"latency": -1, "energy": 1}}`, "-1"},
		{"bitfusion", `[]`, "object"},
		{"bitfusion", `{} x`, "behind"},
		{"bitfusion", `{"a": {"latency": 1, "energy": 1}`, "EOF"},
		{"layer", "", "own"},
		{"tflite", "", "unknown key format"},
	} {
		path := filepath.Join(dir, "in")
		if err := os.WriteFile(path, []byte(r.text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Import(path, r.format, "d"); err == nil || !strings.Contains(err.Error(), r.want) {
			t.Errorf("%s %q: %v, want %q", r.format, r.text, err, r.want)
		}
	}
}

// TestImportedTablesAreStored through our own file.
func TestImportedTablesAreStored(t *testing.T) {
	tab := imported(t, "ofa/lut/note10_160.yaml", "ofa-mbv3")
	path := filepath.Join(t.TempDir(), "lut.csv")
	if err := tab.Write(path); err != nil {
		t.Fatal(err)
	}
	back, err := ReadTable(path)
	if err != nil || back.Keys != "ofa-mbv3" || back.Len() != tab.Len() || back.Provenance != Imported {
		t.Fatalf("%+v, %v", back, err)
	}
	sp := preset(t, "ofa-mbv3-w1.2")
	sp.Resolutions = []int{160}
	fast, err := NewEstimator(back, Plain).Index(sp)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "smallest", fast(sp.Layers(sp.Smallest())), 9.89, .005)
}

func FuzzImport(f *testing.F) {
	f.Add([]byte("a:\n  mean: 1\n  var: 2\n  count: 3\n"), true)
	f.Add([]byte(`{"a": {"latency": 1, "energy": 1}}`), false)
	f.Fuzz(func(t *testing.T, data []byte, yaml bool) {
		tab := new(Table)
		read := readBitfusion
		if yaml {
			read = readYAML
		}
		if read(data, tab) != nil {
			return
		}
		for _, key := range tab.RowKeys() {
			if r, _ := tab.Row(key); !(r.MeanMs >= 0) {
				t.Fatalf("%s: %+v", key, r)
			}
		}
	})
}
