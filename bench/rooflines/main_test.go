package main

import (
	"math"
	"path/filepath"
	"testing"

	"hanas/internal/realdata"
	"hanas/latency"
)

// data finds the measurements beside the repository, or skips.
func data(t *testing.T) string {
	t.Helper()
	return filepath.Dir(realdata.Path(t, "mlperf"))
}

// TestDeviceFilesAreCurrent: the models in the device files are what the fit
// gives, and their held-out errors are what they say.
func TestDeviceFilesAreCurrent(t *testing.T) {
	dir := data(t)
	for device, fit := range map[string]func(string) ([]latency.Roofline, error){"cortex-a78": cortexA78, "jetson-orin": jetsonOrin, "movidius-vpu": movidius} {
		models, err := fit(dir)
		if err != nil {
			t.Fatal(err)
		}
		d, err := latency.FindDevice(device)
		if err != nil {
			t.Fatal(err)
		}
		if len(d.Models) != len(models) {
			t.Fatalf("%s: %d models in the file, %d fitted", device, len(d.Models), len(models))
		}
		for i := range models {
			if got, want := d.Models[i].Fitted, models[i].Fitted; math.Abs(got.MAPE-want.MAPE) > 1e-3 || got.HeldOut != want.HeldOut || math.Abs(got.Tau-want.Tau) > 1e-3 {
				t.Errorf("%s, %s: the file says %+v, the fit %+v (run bench/rooflines -write latency/devices)", device, models[i].Runtime, got, want)
			}
		}
	}
}

// TestCortexA78: on held-out networks the mean error is at most 12 % for every
// runtime and precision but one: that runtime ran the signed-integer files of
// EfficientNet-Lite six times slower than unsigned ones of equal work, which a
// sum over layers cannot know.
func TestCortexA78(t *testing.T) {
	models, err := cortexA78(data(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range models {
		limit := .12
		if m.Precision == "int8" && m.Runtime == "nvidia_orin-tflite_cpp-cpu-tflite-vmaster-default_config" {
			limit = .2
		}
		if m.Fitted.MAPE > limit || m.Fitted.HeldOut < 20 || m.Fitted.Tau < .8 {
			t.Errorf("%s %s: %+v", m.Runtime, m.Precision, m.Fitted)
		}
	}
}
