package latency

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"hanas/internal/realdata"
	"hanas/space"
)

// TestDevices: every built-in device file is valid and named as its file.
func TestDevices(t *testing.T) {
	for _, name := range Devices() {
		d, err := FindDevice(name)
		if err != nil || d.Name != name || d.Title == "" || d.Source == "" || len(d.Bits) == 0 {
			t.Errorf("%s: %+v, %v", name, d, err)
		}
	}
	if _, err := FindDevice("toaster"); err == nil || !strings.Contains(err.Error(), "note10") {
		t.Error(err)
	}
}

// TestLegalBits: a float phone refuses integer layers and names all of them.
func TestLegalBits(t *testing.T) {
	d, err := FindDevice("note10")
	if err != nil {
		t.Fatal(err)
	}
	b, err := space.FindBaseline("mobilenet-v3-large")
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Check(b.Layers()); err != nil {
		t.Error(err)
	}
	var bad *IllegalError
	if err := d.Check(space.WithUniformBits(b.Layers(), 4, 8)); !errors.As(err, &bad) || len(bad.Layers) != len(b.Layers()) {
		t.Errorf("%v", err)
	}
}

// TestNote10Device: the published networks. 41 ms and 220 pixels lie between
// two tables: within 5 %, marked. Networks of the other width lack every row,
// and all are named. Beyond the largest table nothing is guessed.
func TestNote10Device(t *testing.T) {
	set := openDevice(t, "note10", "ofa/lut")
	nets := realdata.Path(t, "ofa/nets")
	found := 0
	for _, r := range []struct {
		name string
		ms   float64 // in the name of the network
		tol  float64
	}{{"note10_lat-30ms_top1-78.4*", 29.97, .005 / 29.97}, {"note10_lat-41ms*", 41, .05}, {"note10_lat-50ms*", 50, .05}} {
		dirs, _ := filepath.Glob(filepath.Join(nets, r.name))
		for _, dir := range dirs {
			found++
			p, err := set.Price(netLayers(t, dir))
			if err != nil {
				t.Fatal(err)
			}
			near(t, r.name, p.Ms, r.ms, r.tol*r.ms)
			if between := netLayers(t, dir)[0].InSize == 220; between != (p.Interpolated > 0) || between != strings.Contains(p.Provenance, "interpolated") {
				t.Errorf("%s: %+v", r.name, p)
			}
			t.Logf("%s: %.2f ms, %s", r.name, p.Ms, p.Provenance)
		}
	}
	if found == 0 {
		t.Skip("none of the networks is in the collection")
	}
	for pattern, rows := range map[string]int{"note10_lat-11ms*": 16, "note10_lat-22ms*": 18} {
		for _, dir := range glob(t, filepath.Join(nets, pattern)) {
			var missing *MissingError
			if _, err := set.Price(netLayers(t, dir)); !errors.As(err, &missing) || len(missing.Keys) != rows {
				t.Errorf("%s: %v, want %d missing rows", pattern, err, rows)
			}
		}
	}
	for _, dir := range glob(t, filepath.Join(nets, "note10_lat-64ms*")) {
		if _, err := set.Price(netLayers(t, dir)); err == nil || !strings.Contains(err.Error(), "260") {
			t.Error(err)
		}
	}
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	dirs, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return dirs
}

func openDevice(t testing.TB, name, folder string) *TableSet {
	t.Helper()
	d, err := FindDevice(name)
	if err != nil {
		t.Fatal(err)
	}
	set, err := d.Open([]string{realdata.Path(t, folder)})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// TestInterpolation has an oracle: the table in the middle, left out, is
// reproduced from its neighbours.
func TestInterpolation(t *testing.T) {
	set := openDevice(t, "note10", "ofa/lut")
	sp := preset(t, "ofa-mbv3-w1.2")
	for _, res := range []int{176, 192, 208} {
		var without TableSet
		var middle *Table
		without.Device = set.Device
		for _, s := range set.sized {
			if s.resolution == res {
				middle = s.table
				continue
			}
			without.Add(s.table, s.resolution)
		}
		at := sp.Clone()
		at.Resolutions = []int{res}
		for _, a := range []space.Arch{at.Smallest(), at.Largest()} {
			want, _, err := middle.Sum(at.Layers(a))
			if err != nil {
				t.Fatal(err)
			}
			p, err := without.Price(at.Layers(a))
			if err != nil {
				t.Fatal(err)
			}
			near(t, sp.Name, p.Ms, want, .08*want)
			t.Logf("%d: %.2f ms interpolated, %.2f ms measured", res, p.Ms, want)
		}
	}
}

func TestDeviceErrors(t *testing.T) {
	for _, r := range []struct{ text, want string }{
		{`{`, "EOF"},
		{`{"name": "a", "speed": 1}`, "speed"},
		{`{"name": "a b", "provenance": "measured"}`, "name"},
		{`{"name": "a", "provenance": "guessed"}`, "guessed"},
		{`{"name": "a", "provenance": "measured", "tables": [{"file": "../x", "format": "layer"}]}`, "plain file name"},
		{`{"name": "a", "provenance": "measured", "tables": [{"file": "x", "format": "none"}]}`, "none"},
		{`{"name": "a", "provenance": "modelled", "models": [{"precision": "int8", "ms_per_mmac": {"conv": -1}}]}`, "-1"},
		{`{"name": "a", "provenance": "modelled", "models": [{"precision": "int8", "ms_per_mmac": {"convolution": 1}}]}`, "convolution"},
		{`{"name": "a", "provenance": "modelled"}`, "neither tables nor models"},
	} {
		if _, err := parseDevice("test", []byte(r.text)); err == nil || !strings.Contains(err.Error(), r.want) {
			t.Errorf("%s: %v, want %q", r.text, err, r.want)
		}
	}
}

func FuzzDevice(f *testing.F) {
	for _, name := range Devices() {
		data, err := deviceFiles.ReadFile("devices/" + name + ".json")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if d, err := parseDevice("fuzz", data); err == nil && d.Validate() != nil {
			t.Fatal("a device that is not valid was read")
		}
	})
}
