package stages

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"hanas/latency"
	"hanas/onnx/ref"
	"hanas/predictor"
	"hanas/samples"
	"hanas/search/gradient"
	"hanas/space"
)

// surrogates of a space made up for tests: a kernel predictor of a law, and a
// table in which a layer takes a microsecond and another a million MACs.
func surrogates(t *testing.T, sp *space.Space, starts int) *relaxed {
	t.Helper()
	rng := rand.New(rand.NewPCG(5, 5))
	var rows []samples.Sample
	for range 150 {
		s := samples.New(sp, sp.Random(rng))
		s.Accuracy = .3 + .03*math.Log(float64(s.MACs)) - .01*math.Log(float64(s.MACs)/float64(s.WeightBytes))
		rows = append(rows, s)
	}
	m, err := predictor.Fit(t.Context(), ref.Engine, sp, rows, predictor.Settings{Kinds: []string{"kernel"}, Members: 2})
	if err != nil {
		t.Fatal(err)
	}
	slope, err := predictor.NewSlope(m.Graph, ref.Engine, sp, starts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { slope.Close() })
	table := &latency.Table{}
	for _, l := range sp.DistinctLayers() {
		if err := table.Set(l.Key(), latency.Row{MeanMs: .001 + float64(l.MACs())/1e9}); err != nil {
			t.Fatal(err)
		}
	}
	ms, err := table.Expected(sp)
	if err != nil {
		t.Fatal(err)
	}
	work, err := workTable(sp).Expected(sp)
	if err != nil {
		t.Fatal(err)
	}
	r := &relaxed{slope: slope, ms: ms, work: work, slots: relaxedSlots(sp), width: sp.FeatureCount()}
	price := func(layers []space.Layer) float64 {
		sum := 0.0
		for _, l := range layers {
			sum += .001 + float64(l.MACs())/1e9
		}
		return sum
	}
	if err := r.setLimits(sp, price, starts); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestRelaxedAtNetworks: where the distributions are sure, the features are the
// space's own and the time is the table's.
func TestRelaxedAtNetworks(t *testing.T) {
	for _, name := range []string{"quick", "cifar10"} {
		sp, err := space.Preset(name)
		if err != nil {
			t.Fatal(err)
		}
		r := surrogates(t, sp, 1)
		rng := rand.New(rand.NewPCG(1, 1))
		x := make([]float32, r.width)
		for range 20 {
			a := sp.Random(rng)
			_, _, ms, _, err := r.features(r.ms.OneHot(a), x)
			if err != nil {
				t.Fatal(err)
			}
			for i, want := range sp.Features(a) {
				if math.Abs(float64(x[i]-want)) > 1e-4 {
					t.Fatalf("%s: %s: feature %s is %g, want %g", name, sp.Key(a), sp.FeatureNames()[i], x[i], want)
				}
			}
			want := 0.0
			for _, l := range sp.Layers(a) {
				want += .001 + float64(l.MACs())/1e9
			}
			if math.Abs(ms-want) > 1e-9 {
				t.Fatalf("%s: %g ms, want %g", name, ms, want)
			}
		}
	}
}

// TestRelaxedGradient holds the gradient of the loss against finite differences,
// above and below the limit.
func TestRelaxedGradient(t *testing.T) {
	sp, err := space.Preset("quick")
	if err != nil {
		t.Fatal(err)
	}
	const starts = 2
	r := surrogates(t, sp, starts)
	r.limits = []float64{1e-6, 1e6}
	rng := rand.New(rand.NewPCG(2, 2))
	blank := func() (p []gradient.Relaxed) {
		for range starts {
			p = append(p, r.ms.Uniform())
		}
		return p
	}
	p, grad := blank(), blank()
	for k := range p {
		for i := range p[k] {
			for c := range p[k][i] {
				p[k][i][c] *= .5 + rng.Float64()
				grad[k][i][c] = 0
			}
		}
	}
	if _, err := r.loss(context.Background(), p, grad); err != nil {
		t.Fatal(err)
	}
	checked := 0
	for range 60 {
		k, i := rng.IntN(starts), rng.IntN(len(p[0]))
		c := rng.IntN(len(p[k][i]))
		at := func(h float64) float64 {
			was := p[k][i][c]
			p[k][i][c] = was + h
			out, err := r.loss(context.Background(), p, blank())
			if err != nil {
				t.Fatal(err)
			}
			p[k][i][c] = was
			return out[k]
		}
		const h = 3e-3 // the predictor computes in float32
		want := (at(h) - at(-h)) / (2 * h)
		if math.Abs(want-grad[k][i][c]) > .05+.02*math.Abs(want) {
			t.Errorf("start %d, %s, choice %d: %g, differences say %g", k, sp.Slots()[i].Name, c, grad[k][i][c], want)
		}
		if math.Abs(want) > .1 {
			checked++
		}
	}
	if checked < 20 {
		t.Errorf("only %d derivatives are not about 0", checked)
	}
}
