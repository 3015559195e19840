package space

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hanas/internal/realdata"
)

// ArchOf finds an Arch again from its own layers, but for the bits.
func TestArchOfIsTheReverseOfLayers(t *testing.T) {
	for _, name := range Presets() {
		s, _ := Preset(name)
		rng := rand.New(rand.NewPCG(3, 1))
		for range 50 {
			a := s.WithBits(s.Random(rng), s.WBits[len(s.WBits)-1], s.ABits[len(s.ABits)-1])
			got, err := s.ArchOf(s.Layers(a))
			if err != nil || got != a {
				t.Fatalf("%s: %s came back as %s: %v", name, s.Key(a), s.Key(got), err)
			}
		}
	}
}

// The specialised networks of Once-for-All's MobileNetV3 lie in its spaces.
func TestArchOfNetConfigs(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(realdata.Path(t, "ofa", "nets"), "*", "net.config"))
	seen := 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		layers, err := NetConfigLayers(data, 260)
		if err != nil {
			t.Fatal(err)
		}
		s, _ := Preset("ofa-mbv3-w1.0-r4")
		if layers[0].Out == 24 {
			s, _ = Preset("ofa-mbv3-w1.2-r4")
		}
		_, err = s.ArchOf(layers)
		if proxyless := strings.Contains(string(data), "ProxylessNASNets"); (err != nil) != proxyless {
			t.Errorf("%s: %v", file, err)
		}
		seen++
	}
	if seen < 20 {
		t.Errorf("only %d networks", seen)
	}
}

func TestArchOfRefuses(t *testing.T) {
	s, _ := Preset("quick")
	whole := s.Layers(s.Largest())
	change := func(name string, f func(*Layer)) []Layer {
		out := append([]Layer{}, whole...)
		for i := range out {
			if out[i].Name == name {
				f(&out[i])
			}
		}
		return out
	}
	for _, c := range []struct {
		name, want string
		layers     []Layer
	}{
		{"nothing", "without layers", nil},
		{"the stem alone", "no block is left for stage 0", whole[:1]},
		{"another expand ratio", "no ratio of", change("s1.b0.dw", func(l *Layer) { l.Out += 8 })},
		{"another kernel", "not one of [3 5]", change("s1.b0.dw", func(l *Layer) { l.Kernel = 9 })},
		{"another activation", "layer s1.b0.dw is", change("s1.b0.dw", func(l *Layer) { l.Act = "hswish" })},
	} {
		if _, err := s.ArchOf(c.layers); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}
