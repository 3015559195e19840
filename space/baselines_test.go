package space

import (
	"math"
	"testing"
)

// TestBaselineParams compares with published parameter counts. Exact ones are
// those that torchvision prints for its models of these papers (trained
// parameters; its MobileNetV3 has a bias behind the feature mix, ours has
// none); the others are published rounded, in millions.
func TestBaselineParams(t *testing.T) {
	for _, r := range []struct {
		name string
		want float64
		tol  float64
	}{
		{"mobilenet-v1", 4_231_976, 0}, // Keras, trainable
		{"mobilenet-v2", 3_504_872, 0},
		{"mobilenet-v2-1.4-224", 6.06e6, .06e6},
		{"mobilenet-v3-large", 5_483_032 - 1280, 0},
		{"mobilenet-v3-small", 2_542_856 - 1024, 0},
		{"efficientnet-b0", 5_288_548, 0},
		{"mnasnet-b1", 4_383_312, 0},
		{"efficientnet-lite0", 4.65e6, .01e6},
		{"efficientnet-lite1", 5.42e6, .01e6},
		{"efficientnet-lite2", 6.09e6, .01e6},
		{"efficientnet-lite3", 8.20e6, .01e6},
		{"efficientnet-lite4", 13.01e6, .01e6},
		{"fbnet-c", 5.57e6, .01e6},
		{"proxyless-mobile", 4.08e6, .01e6},
	} {
		b, err := FindBaseline(r.name)
		if err != nil {
			t.Fatal(err)
		}
		if got := float64(Cost(b.Layers()).Params); math.Abs(got-r.want) > r.tol {
			t.Errorf("%s: %.0f parameters, want %.0f", r.name, got, r.want)
		}
	}
}

// TestBaselineMACs: multiply-accumulates as the papers state them, in millions.
func TestBaselineMACs(t *testing.T) {
	for name, want := range map[string]float64{
		"mobilenet-v1": 569, "mobilenet-v1-0.5-160": 76, "mobilenet-v1-0.25-128": 14, "mobilenet-v2": 300, "mobilenet-v3-large": 217,
		"mobilenet-v3-small": 57, "efficientnet-b0": 390, "fbnet-c": 382, "mnasnet-b1": 315, "proxyless-mobile": 320,
	} {
		b, err := FindBaseline(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := float64(Cost(b.Layers()).MACs) / 1e6; math.Abs(got-want) > .03*want+1 {
			t.Errorf("%s: %.1f million MACs, want %.0f", name, got, want)
		}
	}
}

func TestFindBaselineErrors(t *testing.T) {
	for _, name := range []string{"", "resnet", "mobilenet-v2-", "mobilenet-v2-0-224", "mobilenet-v2-1.0-9", "efficientnet-lite", "efficientnet-lite9", "efficientnet-lite0x"} {
		if b, err := FindBaseline(name); err == nil {
			t.Errorf("%q is %+v", name, b)
		}
	}
}
