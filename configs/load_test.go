package configs

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestPresets(t *testing.T) {
	if got := Presets(); !slices.Contains(got, "quick") || !slices.Contains(got, "cifar10") {
		t.Fatalf("presets %v", got)
	}
	for _, name := range Presets() {
		c, err := Load(name, []string{"data.path=somewhere"})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if c.Name != name {
			t.Errorf("%s: is called %q", name, c.Name)
		}
	}
}

// TestPresetReasons: no number without its reason, in the presets that are not
// built on another.
func TestPresetReasons(t *testing.T) {
	data, err := presets.ReadFile("presets/quick.yaml")
	if err != nil {
		t.Fatal(err)
	}
	reasons := 0
	for line := range strings.Lines(string(data)) {
		if strings.Contains(line, "  # ") {
			reasons++
		}
	}
	if reasons < 20 {
		t.Errorf("%d reasons in the quick preset, want 20 or more", reasons)
	}
}

func write(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "my.yaml")
	if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestOverridesAndExtends(t *testing.T) {
	file := write(t, "extends: quick\nname: mine\nsample:\n  count: 77\nexport:\n  picks: [knee]\n")
	c, err := Load(file, []string{"seed=9", "search.latency_ms=0.25", "space.wbits=[4, 8]", "Data.Kind=folder", "data.path=a b", "predictor.hidden=[3]"})
	if err != nil {
		t.Fatal(err)
	}
	if c.Name != "mine" || c.Seed != 9 || c.Sample.Count != 77 || c.Search.LatencyMS != 0.25 || c.Data.Kind != "folder" || c.Data.Path != "a b" {
		t.Errorf("%+v", c)
	}
	if !slices.Equal(c.Export.Picks, []string{"knee"}) || !slices.Equal(c.Predictor.Hidden, []int{3}) {
		t.Errorf("lists are replaced, not merged: %v %v", c.Export.Picks, c.Predictor.Hidden)
	}
	sp, err := c.Space.Resolve()
	if err != nil || !slices.Equal(sp.WBits, []int{4, 8}) || sp.Name != "quick" {
		t.Errorf("space %+v %v", sp, err)
	}
	quick, err := Load("quick", nil)
	if err != nil || c.Supernet != quick.Supernet {
		t.Errorf("supernet %+v, want that of quick %+v", c.Supernet, quick.Supernet)
	}
}

func TestDefinedSpace(t *testing.T) {
	const text = `extends: quick
space:
  define:
    name: tiny
    resolutions: [16]
    channels: 3
    classes: 4
    stem_widths: [8]
    stem_stride: 2
    stem_kernel: 3
    stem_act: relu
    stages:
      - {widths: [8], depths: [1, 2], kernels: [3], expands: [2, 1.5], stride: 1, act: relu}
    wbits: [8]
    abits: [8]
`
	text2 := strings.Replace(text, "[2, 1.5]", "[1.5, 2]", 1)
	c, err := Load(write(t, text2), nil)
	if err != nil {
		t.Fatal(err)
	}
	if sp, err := c.Space.Resolve(); err != nil || sp.Name != "tiny" || sp.Stages[0].Expands[1] != 2 {
		t.Errorf("%+v %v", sp, err)
	}
	_, err = Load(write(t, strings.Replace(text2, "depths", "dephts", 1)), nil)
	if err == nil || !strings.Contains(err.Error(), "dephts") {
		t.Errorf("unknown key in a stage: %v", err)
	}
}

func TestFaults(t *testing.T) {
	loop := filepath.Join(t.TempDir(), "loop.yaml")
	if err := os.WriteFile(loop, []byte("extends: loop.yaml\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, source string
		set          []string
		file         bool // the fault is the file's
		want         []string
	}{
		{"unknown key", write(t, "extends: quick\nsupernet:\n  epoch: 3\n"), nil, true, []string{"supernet.epoch: unknown key (nearest known: supernet.epochs, "}},
		{"unknown key on top", write(t, "extends: quick\nsed: 3\n"), nil, true, []string{"sed: unknown key (nearest known: seed,"}},
		{"not YAML", write(t, "a: [1\n"), nil, true, []string{"my.yaml"}},
		{"wrong type", write(t, "extends: quick\nsample:\n  count: many\n"), nil, true, []string{"sample.count"}},
		{"not whole", write(t, "extends: quick\nsample:\n  count: 10.5\n"), nil, true, []string{"sample.count", "whole number"}},
		{"negative seed", write(t, "extends: quick\nseed: -1\n"), nil, true, []string{"seed"}},
		{"section", write(t, "extends: quick\nsample: 3\n"), nil, true, []string{"sample: is a section"}},
		{
			"several", write(t, "extends: quick\nsupernet:\n  micro_batch: 60\n  rate: -1\nexport:\n  picks: [fastst]\n"), nil, true,
			[]string{"4 faults", "supernet.micro_batch: is 60 (want a multiple of 16)", "supernet.batch: is 64", "supernet.rate: is -1 (want 0 to 10)", `export.picks[0]: is "fastst" (want one of knee, fastest, most_accurate)`},
		},
		{"impossible space", write(t, "extends: quick\nspace:\n  wbits: [3]\n"), nil, true, []string{"space: ", "3"}},
		{"unknown space", write(t, "extends: quick\nspace:\n  name: qick\n"), nil, true, []string{"space: ", `"qick"`, "quick"}},
		{"circle", loop, nil, true, []string{"circles"}},
		{"extends nothing", write(t, "extends: qick\n"), nil, false, []string{"neither a preset nor a file"}},
		{"nowhere", "qick", nil, false, []string{`"qick": neither a preset nor a file (presets: cifar10-large, cifar10, quick`}},
		{"path to be given", "cifar10", nil, false, []string{"data.path: is empty"}},
		{"override unknown", "quick", []string{"epochs=3"}, false, []string{"--set epochs=3", "nearest known: supernet.epochs, predictor.epochs"}},
		{"override without value", "quick", []string{"seed"}, false, []string{"want key=value"}},
		{"override not YAML", "quick", []string{"space.wbits=[2"}, false, []string{"not YAML"}},
		{"override wrong", "quick", []string{"sample.count=1"}, false, []string{"quick with --set", "sample.count: is 1 (want at least 2)"}},
		{
			"objectives", "quick",
			[]string{"search.objectives=[latency_ms, speed, latency_ms]"},
			false,
			[]string{`search.objectives[1]: is "speed" (want one of error, latency_ms, memory_bytes, energy_mj, size_bytes, macs)`, "search.objectives[2]: is latency_ms once more", "search.objectives: lacks error"},
		},
		{"wishes", "quick", []string{`export.prefer=["speed>=3", "top1>70"]`}, false, []string{`export.prefer[0]: search: preference "speed>=3": no figure "speed"`, "export.prefer[1]: "}},
		{"error alone", "quick", []string{"search.objectives=[error]"}, false, []string{"search.objectives: is error alone"}},
		{"limits", "quick", []string{"search.energy_mj=-1", "search.accuracy=101"}, false, []string{"search.energy_mj: is -1", "search.accuracy: is 101 (want 0 to 100)"}},
		{
			"devices", write(t, "extends: quick\nsearch:\n  devices:\n    - {name: a/b, device: jetson-orin, bits: [3]}\n    - {name: x, latency_ms: -2}\n    - {name: X, table: t.csv, runtime: ort}\n"), nil, true,
			[]string{
				`search.devices[0].name: is "a/b" (want letters, digits, - and _)`, "search.devices[0].bits[0]: is 3", "search.devices[1].table: and device: say one of the two",
				"search.devices[1].latency_ms: is -2", `search.devices[2].name: is "X" like that of another device`, "search.devices[2].runtime: is of a device's models",
			},
		},
		{"device of an unknown key", write(t, "extends: quick\nsearch:\n  devices:\n    - {name: a, device: jetson-orin, latncy_ms: 3}\n"), nil, true, []string{"latncy_ms: unknown key"}},
		{"more than there are", "quick", []string{"evaluate.images=3000"}, false, []string{"evaluate.images: is 3000, more than data.val = 2000"}},
	} {
		_, err := Load(c.source, c.set)
		if err == nil {
			t.Errorf("%s: no error", c.name)
			continue
		}
		var e *Error
		if errors.As(err, &e) && e.File != c.file {
			t.Errorf("%s: the file's fault: %v, want %v", c.name, e.File, c.file)
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error lacks %q:\n%v", c.name, want, err)
			}
		}
	}
}

func TestOverrideMendsFile(t *testing.T) {
	file := write(t, "extends: quick\nsample:\n  count: 1\n")
	if c, err := Load(file, []string{"sample.count=5"}); err != nil || c.Sample.Count != 5 {
		t.Errorf("%v %v", c, err)
	}
}

// TestKeys: every leaf of Config has a lower-case key, and every key can be set.
func TestKeys(t *testing.T) {
	keys := Keys()
	for _, key := range []string{"seed", "data.kind", "space.define", "space.define.stages", "validate.runs"} {
		if !slices.Contains(keys, key) {
			t.Errorf("no key %q", key)
		}
	}
	for _, key := range keys {
		if key != strings.ToLower(key) || strings.HasSuffix(key, ".") {
			t.Errorf("bad key %q", key)
		}
	}
	if !reflect.DeepEqual(nearest("supernet.ephocs", keys, 1), []string{"supernet.epochs"}) {
		t.Error("nearest to supernet.ephocs:", nearest("supernet.ephocs", keys, 3))
	}
}

func TestEditDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"kitten", "sitting", 3}, {"flaw", "lawn", 2}, {"seed", "sed", 1}} {
		if got := editDistance(c.a, c.b); got != c.want {
			t.Errorf("%s %s: %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

func FuzzLoad(f *testing.F) {
	f.Add("extends: quick\nseed: 3\n", "seed=1")
	f.Add("a: [1", "space.wbits=[2,4]")
	f.Fuzz(func(t *testing.T, text, set string) {
		c, err := Load(write(t, text), []string{set})
		if err == nil && len(c.Validate()) > 0 {
			t.Errorf("loaded a config that is not valid: %v", c.Validate())
		}
	})
}
