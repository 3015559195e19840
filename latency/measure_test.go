package latency

import (
	"context"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"hanas/export"
	"hanas/onnx"
	"hanas/onnx/ort"
	"hanas/onnx/quant"
	"hanas/space"
)

func engine(t testing.TB) onnx.Engine {
	t.Helper()
	rt, err := ort.Open(context.Background(), ort.Options{})
	if err != nil {
		t.Skipf("no ONNX Runtime: %v", err)
	}
	return rt.Engine(ort.Settings{})
}

func builder(l space.Layer) (*onnx.Model, error) { return export.BuildLayer(l, 1) }

// network makes a network of random weights for layers.
func network(sp *space.Space, a space.Arch, rng *rand.Rand) *export.Network {
	n := &export.Network{Arch: sp.Key(a), Space: sp.Name, Mean: []float32{.5, .5, .5}, Std: []float32{.5, .5, .5}}
	normal := func(n, fan int) []float32 {
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(rng.NormFloat64() / math.Sqrt(float64(fan)))
		}
		return v
	}
	in := quant.Range{Lo: -2, Hi: 2}
	for _, l := range sp.Layers(a) {
		u := export.Unit{Layer: l, In: in, Out: quant.Range{Lo: -4, Hi: 4}}
		if l.Act != "" {
			u.Out.Lo = 0
		}
		if l.WBits > 0 {
			u.Weight, u.Bias = normal(int(l.Weights()), int(l.Weights())/l.Out), normal(l.Out, 1)
		}
		if l.Kind == space.Pool || l.Kind == space.Add {
			u.Out = in
		}
		in = u.Out
		n.Units = append(n.Units, u)
	}
	n.Resolution = n.Units[0].Layer.InSize
	return n
}

// wholeNetworks measures n random networks end to end.
func wholeNetworks(t testing.TB, eng onnx.Engine, sp *space.Space, n int, usual float64) []Measured {
	t.Helper()
	rng := rand.New(rand.NewPCG(9, 9))
	var out []Measured
	var models []*onnx.Model
	for i := range n {
		a := sp.Random(rng)
		if i%3 == 1 {
			a = sp.WithBits(a, 8, 8)
		}
		m, err := export.Build(network(sp, a, rng), export.Settings{})
		if err != nil {
			t.Fatal(err)
		}
		models = append(models, m)
		out = append(out, Measured{Layers: sp.Layers(a)})
	}
	times, err := Networks(context.Background(), eng, models, Settings{Rounds: 6, MinTime: 20 * time.Millisecond, Usual: usual}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range out {
		out[i].Ms = times.Rows[i].MeanMs
	}
	return out
}

// TestMeasureThisMachine profiles the quick space, fits on measured networks
// and logs how well held-out ones are estimated. It takes a minute and judges
// nothing, so it runs on request only.
func TestMeasureThisMachine(t *testing.T) {
	name := os.Getenv("HANAS_MEASURE")
	if name == "" {
		t.Skip("set HANAS_MEASURE to the name of a space")
	}
	eng := engine(t)
	sp, err := space.Preset(name)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	tab, err := Profile(context.Background(), eng, sp.DistinctLayers(), builder, Settings{Header: Header{Device: "here"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d rows in %v, drift %.1f %%", tab.Len(), time.Since(start).Round(time.Millisecond), 100*tab.Drift)
	if err := tab.Write(filepath.Join(t.TempDir(), "lut.csv")); err != nil {
		t.Fatal(err)
	}
	nets := wholeNetworks(t, eng, sp, 170, tab.PaceMs)
	for _, share := range []int{20, 40, 80, 120} {
		c, err := tab.Fit(nets[:share])
		if err != nil {
			t.Fatal(err)
		}
		r, err := NewEstimator(tab, c).Report(nets[120:])
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("fitted on %d: %+v", share, c)
		t.Logf("held out %d: plain %+v", r.N, r.Plain)
		t.Logf("held out %d: corrected %+v", r.N, r.Corrected)
	}
	if dump := os.Getenv("HANAS_DUMP"); dump != "" {
		tab.Write(filepath.Join(dump, "lut.csv"))
	}
}
