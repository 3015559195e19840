package latency

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"hanas/space"
)

// TestRooflineFindsItsCoefficients: networks priced by a known model give a
// fit that prices unseen networks the same.
func TestRooflineFindsItsCoefficients(t *testing.T) {
	truth := Roofline{
		Precision: "float", PerMMAC: map[string]float64{"conv": .01, "pointwise": .004, "depthwise": .02, "linear": .01},
		PerLayer: map[string]float64{"pointwise": .01, "depthwise": .02, "add": .005}, PerMB: .1, PerWMB: .05, Offset: .3,
	}
	sp := preset(t, "ofa-mbv3-w1.0")
	rng := rand.New(rand.NewPCG(1, 6))
	var nets []Measured
	for range 120 {
		layers := sp.Layers(sp.Random(rng))
		nets = append(nets, Measured{layers, truth.Price(layers)})
	}
	m := Roofline{Precision: "float"}
	if err := m.Fit(nets[:60], nil, 1e-9); err != nil {
		t.Fatal(err)
	}
	if q := m.Judge(nets[60:]); q.MAPE > .005 || q.Tau < .99 {
		t.Errorf("%+v", q)
	}
}

// TestRooflineSumsItsLayers: the price by work and the sum over layers agree.
func TestRooflineSumsItsLayers(t *testing.T) {
	for _, name := range []string{"cortex-a78", "jetson-orin", "movidius-vpu"} {
		d, err := FindDevice(name)
		if err != nil {
			t.Fatal(err)
		}
		b, err := space.FindBaseline("efficientnet-b0")
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range d.Models {
			layers := b.Layers()
			if m.Precision == "int8" {
				layers = space.WithUniformBits(layers, 8, 8)
			}
			p, err := d.Model(layers, m.Runtime)
			if err != nil || !strings.HasPrefix(p.Provenance, "modelled: roofline") {
				t.Fatalf("%+v, %v", p, err)
			}
			if want := m.Price(layers); math.Abs(p.Ms-want) > 1e-9*want || !(want > 0) {
				t.Errorf("%s %s: %g and %g ms", name, m.Runtime, p.Ms, want)
			}
		}
	}
	d, _ := FindDevice("movidius-vpu")
	if _, err := d.Model(space.WithUniformBits(preset(t, "quick").Layers(preset(t, "quick").Largest()), 8, 8), ""); err == nil || !strings.Contains(err.Error(), "no int8 model") {
		t.Error(err)
	}
}

func TestRooflineFitErrors(t *testing.T) {
	var m Roofline
	if err := m.Fit(nil, nil, 0); err == nil {
		t.Error("fitted on nothing")
	}
	sp := preset(t, "quick")
	layers := sp.Layers(sp.Largest())
	if err := m.Fit([]Measured{{layers, 1}, {layers, math.NaN()}}, nil, 0); err == nil || !strings.Contains(err.Error(), "network 1") {
		t.Error(err)
	}
}
