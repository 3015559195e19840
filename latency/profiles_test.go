package latency

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hanas/export"
	"hanas/onnx/ort"
	"hanas/space"
)

// profileFixtures holds for every profile format how a file of it says that
// step names[i] takes ms[i]; the forms are those of the tools' documentation.
var profileFixtures = map[string]func(names []string, ms []float64) string{
	"ort-profile": func(names []string, ms []float64) string {
		var events []string
		events = append(events, `{"cat":"Session","pid":1,"tid":1,"dur":9,"ts":1,"ph":"X","name":"model_loading_array","args":{}}`)
		for run, factor := range []float64{5, 1, 1} { // the first run is slow
			for i, n := range names {
				events = append(events, fmt.Sprintf(`{"cat":"Node","pid":1,"tid":1,"dur":%g,"ts":%d,"ph":"X","name":"%s_kernel_time","args":{"op_name":"Conv","provider":"CPUExecutionProvider"}}`, 1000*ms[i]*factor, run, n))
				events = append(events, fmt.Sprintf(`{"cat":"Node","pid":1,"tid":1,"dur":3,"ts":%d,"ph":"X","name":"%s_fence_after","args":{"op_name":"Conv"}}`, run, n))
			}
		}
		return "[\n" + strings.Join(events, ",\n") + "\n]\n"
	},
	"tensorrt-profile": func(names []string, ms []float64) string {
		s := "[\n  { \"count\" : 100 }\n"
		for i, n := range names {
			s += fmt.Sprintf(", { \"name\" : %q, \"timeMs\" : %g, \"averageMs\" : %g, \"percentage\" : 1 }\n", n, 100*ms[i], ms[i])
		}
		return s + "]\n"
	},
	"openvino-counters": func(names []string, ms []float64) string {
		s := "layerName;execStatus;layerType;execType;realTime (ms);cpuTime (ms)\n"
		for i, n := range names {
			s += fmt.Sprintf("%s;EXECUTED;Convolution;MyriadXHwOp;%g;%g\n", n, ms[i], ms[i])
		}
		return s + "skipped;OPTIMIZED_OUT;Reshape;Undefined;7;7\nTotal;;;;99;99\n"
	},
	"tflite-profile": func(names []string, ms []float64) string {
		line := "node type, first, avg_ms, %, cdf%, mem KB, times called, name\n"
		s := "Profiling Info for Benchmark Initialization:\n=== Run Order ===\n" + line + "ModifyGraph, 9, 9, 100%, 100%, 0, 1, stem/0\n\n"
		s += "Operator-wise Profiling Info for Regular Benchmark Runs:\n============================== Run Order ==============================\n" + line
		for i, n := range names {
			s += fmt.Sprintf("CONV_2D, 9, %g, 1%%, 1%%, 0, 1, [%s/Relu, %s/Conv]:%d\n", ms[i], n, n, i)
		}
		return s + "\n============================== Top by Computation Time ==============================\n" + line + "CONV_2D, 9, 9, 1%, 1%, 0, 1, stem/0\n"
	},
}

// TestProfileFormats: whatever the format, the table has the written times, a
// step that fuses an add counts for the convolution, and what the runtime adds
// is spread.
func TestProfileFormats(t *testing.T) {
	sp := preset(t, "quick")
	layers := sp.Layers(sp.Largest())
	rng := rand.New(rand.NewPCG(2, 3))
	var steps []string
	var ms []float64
	for _, l := range layers {
		if l.Kind == space.Add {
			steps[len(steps)-1] += " + " + l.Name
			continue
		}
		steps, ms = append(steps, l.Name), append(ms, .1+rng.Float64())
	}
	total := 0.0
	for _, v := range ms {
		total += v
	}
	for _, f := range profileFormats {
		t.Run(f.name, func(t *testing.T) {
			fixture := profileFixtures[f.name]
			if fixture == nil {
				t.Fatal("the format has no fixture")
			}
			path := filepath.Join(t.TempDir(), "profile")
			text := fixture(append(steps, "input reformatter 0"), append(ms, total/9))
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			tab, stray, err := ImportProfile(path, f.name, "vendor", layers)
			if err != nil {
				t.Fatal(err)
			}
			near(t, "share of reformatting", stray, .1, 1e-6)
			sum, _, err := tab.Sum(layers)
			if err != nil {
				t.Fatal(err)
			}
			near(t, "sum", sum, total*10/9, 1e-6)
			if r, _ := tab.Row(layers[0].Key()); math.Abs(r.MeanMs-ms[0]*10/9) > 1e-6 || tab.Provenance != Imported {
				t.Errorf("%+v, %+v", r, tab.Header)
			}
			if _, _, err := ImportProfile(path, f.name, "vendor", sp.Layers(sp.Smallest())[:3]); err != nil && !strings.Contains(err.Error(), "latency: import") {
				t.Error(err)
			}
		})
	}
}

func TestProfileErrors(t *testing.T) {
	for _, r := range []struct{ format, text, want string }{
		{"ort-profile", `{}`, "array"},
		{"ort-profile", `[]`, "no kernel times"},
		{"ort-profile", `[{"cat":"Node","name":"a_kernel_time"}]`, "no duration"},
		{"ort-profile", `[{"cat":"Node","name":"a_kernel_time","dur":-1}]`, "-0.001"},
		{"tensorrt-profile", `[]`, "count"},
		{"tensorrt-profile", `[{"count":10},{"name":"a","timeMs":1}]`, "averageMs"},
		{"tensorrt-profile", `[{"count":10},{"name":"a","timeMs":10,"averageMs":1000}]`, "mixed units"},
		{"openvino-counters", "layerName;execStatus;layerType;execType;realTime;cpuTime\n", "no unit"},
		{"openvino-counters", "a;b\n", "want layerName"},
		{"openvino-counters", "layerName;execStatus;realTime (ms)\na;EXECUTED;x\n", "line 2"},
		{"openvino-counters", "layerName;execStatus;realTime (ms)\na;EXECUTED;NaN\n", "line 2"},
		{"openvino-counters", "layerName;execStatus;realTime (ms)\na;NOT_RUN;1\n", "no layer"},
		{"tflite-profile", "", "Run Order"},
		{"tflite-profile", "=== Run Order ===\nx, y\n", "line 2"},
		{"tflite-profile", "=== Run Order ===\nnode type, avg_ms, name\nCONV_2D, -3, a\n", "line 3"},
	} {
		path := filepath.Join(t.TempDir(), "p")
		if err := os.WriteFile(path, []byte(r.text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadProfile(path, r.format); err == nil || !strings.Contains(err.Error(), r.want) {
			t.Errorf("%s %q: %v, want %q", r.format, r.text, err, r.want)
		}
	}
	layers := []space.Layer{{Name: "a", Kind: space.Conv, WBits: 8}, {Name: "b", Kind: space.Conv, WBits: 8}}
	if _, _, err := ProfileTable([]OpTime{{Name: "a + b", Ms: 1}}, layers, Header{}); err == nil || !strings.Contains(err.Error(), "both have weights") {
		t.Error(err)
	}
	if _, _, err := ProfileTable([]OpTime{{Name: "a", Ms: 1}}, layers, Header{}); err == nil || !strings.Contains(err.Error(), "layer b") {
		t.Error(err)
	}
}

// TestORTProfileOfARealSession: ONNX Runtime's own file of a one-layer model,
// summed, is a time that the session needed at most.
func TestORTProfileOfARealSession(t *testing.T) {
	rt, err := ort.Open(context.Background(), ort.Options{})
	if err != nil {
		t.Skipf("no ONNX Runtime: %v", err)
	}
	sp := preset(t, "quick")
	for _, l := range []space.Layer{sp.Layers(sp.Largest())[1], sp.Layers(sp.Smallest())[2]} {
		m, err := export.BuildLayer(l, 1)
		if err != nil {
			t.Fatal(err)
		}
		prefix := filepath.Join(t.TempDir(), "profile")
		run, err := rt.Engine(ort.Settings{ProfilePrefix: prefix})(m)
		if err != nil {
			t.Fatal(err)
		}
		in, out, err := randomInputs(run, 1)
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		const runs = 6
		for range runs {
			if err := run.Run(context.Background(), in, out); err != nil {
				t.Fatal(err)
			}
		}
		wall := float64(time.Since(begin)) / float64(time.Millisecond)
		run.Close()
		files, _ := filepath.Glob(prefix + "*")
		if len(files) != 1 {
			t.Fatalf("profiles: %v", files)
		}
		ops, err := ReadProfile(files[0], "ort-profile")
		if err != nil {
			t.Fatal(err)
		}
		if r := LayerProfile(ops); !(r.MeanMs > 0 && r.MeanMs <= wall) || r.Count != runs-1 {
			t.Errorf("%s: %+v, all runs took %g ms", l.Key(), r, wall)
		}
	}
}

func FuzzProfiles(f *testing.F) {
	for i, format := range profileFormats {
		f.Add([]byte(profileFixtures[format.name]([]string{"stem", "a + b"}, []float64{1, .5})), uint8(i))
	}
	f.Fuzz(func(t *testing.T, data []byte, which uint8) {
		ops, err := profileFormats[int(which)%len(profileFormats)].read(data)
		if err != nil {
			return
		}
		for _, op := range ops {
			if !(op.Ms >= 0) || math.IsInf(op.Ms, 0) {
				t.Fatalf("%+v", op)
			}
		}
	})
}
