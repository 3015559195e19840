package ort

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDoctor(t *testing.T) {
	rt := open(t)
	r := Doctor(context.Background(), Options{})
	if !r.OK() || r.ORT == nil || r.ORT.Path != rt.Path() || len(r.Providers) != len(providers) || !r.Providers[0].Usable {
		t.Errorf("%+v", r)
	}
	if r.Machine.Cores < 1 || r.Go == "" {
		t.Errorf("machine %+v", r.Machine)
	}
	for _, p := range r.Providers {
		if !p.Usable && p.Why == "" {
			t.Errorf("%s is not usable without a reason", p.Name)
		}
	}
	if data, err := json.Marshal(r); err != nil || !strings.Contains(string(data), `"onnx_runtime"`) {
		t.Errorf("%s, %v", data, err)
	}
}

func TestJudge(t *testing.T) {
	r := Report{Machine: Machine{Governor: "powersave", MemoryBytes: 1 << 30}}
	r.judge()
	var all []string
	for _, p := range r.Problems {
		all = append(all, p.What+" -> "+p.Remedy)
		if p.Remedy == "" || p.Fatal {
			t.Errorf("%+v", p)
		}
	}
	for _, want := range []string{"npm", "gcc", "governor", "2 GB"} {
		if !strings.Contains(strings.Join(all, "\n"), want) {
			t.Errorf("no word of %s in\n%s", want, strings.Join(all, "\n"))
		}
	}
	r.problem(true, "x", "y")
	if r.OK() {
		t.Error("a fatal problem is not OK")
	}
}

func TestMemory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "meminfo")
	for text, want := range map[string]int64{
		"MemTotal:       16384 kB\nMemFree: 1 kB\n": 16384 * 1024,
		"MemFree: 1 kB\n":  0,
		"MemTotal: x kB\n": 0,
	} {
		os.WriteFile(file, []byte(text), 0o644)
		if got := memory(file); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}
