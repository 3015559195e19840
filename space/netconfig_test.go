package space

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"hanas/internal/realdata"
)

// TestNetConfigs: published MACs and parameters of networks, and every
// MobileNetV3 of the collection against the space it comes from.
func TestNetConfigs(t *testing.T) {
	rows := []struct {
		path   string
		res    int
		macs   float64 // millions
		params float64
		tol    float64
	}{
		{"models/proxyless-w0.3-r176_imagenet.json", 176, 38.282216, 0.75, .005},
		{"ofa/nets/flops-482M_top1-79.6_finetune-75/net.config", 224, 482, 0, .5},
	}
	for _, r := range rows {
		data, err := os.ReadFile(realdata.Path(t, filepath.FromSlash(r.path)))
		if err != nil {
			t.Fatal(err)
		}
		layers, err := NetConfigLayers(data, r.res)
		if err != nil {
			t.Fatal(err)
		}
		c := Cost(layers)
		if d := math.Abs(float64(c.MACs)/1e6 - r.macs); d > r.tol {
			t.Errorf("%s: %.6f MMACs, want %g", r.path, float64(c.MACs)/1e6, r.macs)
		}
		if d := math.Abs(float64(c.Params)/1e6 - r.params); r.params > 0 && d > .006 {
			t.Errorf("%s: %d parameters, want %gM", r.path, c.Params, r.params)
		}
	}
	if c, err := NetConfigLayers(mustRead(t, rows[0].path), 176); err == nil && Cost(c).MACs != 38_282_216 {
		t.Errorf("%d MACs, want 38282216", Cost(c).MACs)
	}
}

func mustRead(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(realdata.Path(t, filepath.FromSlash(path)))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestNetConfigsAreInTheirSpace: each specialised MobileNetV3 has only layers
// that the Once-for-All space has at its resolution.
func TestNetConfigsAreInTheirSpace(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(realdata.Path(t, "ofa", "nets"), "*", "net.config"))
	seen := 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var run struct {
			Size int `json:"image_size"`
		}
		text, err := os.ReadFile(filepath.Join(filepath.Dir(file), "run.config"))
		if err != nil || json.Unmarshal(text, &run) != nil {
			t.Fatal(err)
		}
		layers, err := NetConfigLayers(data, run.Size)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		preset := map[int]string{16: "ofa-mbv3-w1.0", 24: "ofa-mbv3-w1.2"}[layers[0].Out]
		if preset == "" {
			continue // Proxyless
		}
		seen++
		s, _ := Preset(preset)
		s.Resolutions = []int{run.Size}
		known := map[Layer]bool{}
		for _, l := range s.DistinctLayers() {
			known[l.Shape()] = true
		}
		for _, l := range layers {
			if !known[l.Shape()] {
				t.Errorf("%s: %s is not in %s", file, l.Key(), preset)
			}
		}
	}
	if seen < 10 {
		t.Errorf("only %d networks", seen)
	}
}

func FuzzNetConfig(f *testing.F) {
	f.Add([]byte(`{"name":"MobileNetV3","first_conv":{"kernel_size":3,"stride":2,"out_channels":8,"use_bn":true,"act_func":"relu"},"classifier":{"out_features":3}}`), 32)
	f.Fuzz(func(t *testing.T, data []byte, res int) {
		layers, err := NetConfigLayers(data, res)
		if err == nil {
			Cost(layers)
		}
	})
}
