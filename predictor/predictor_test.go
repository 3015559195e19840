package predictor

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"hanas/onnx"
	"hanas/onnx/ref"
	"hanas/samples"
	"hanas/space"
)

// Kendall's tau-b against its definition, pair by pair, with many ties.
func TestKendallAgainstPairs(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		n := 2 + rng.IntN(40)
		x, y := make([]float64, n), make([]float64, n)
		for i := range x {
			x[i], y[i] = float64(rng.IntN(8)), float64(rng.IntN(8))
		}
		var s, tx, ty float64
		for i := range n {
			for j := range i {
				a, b := x[i]-x[j], y[i]-y[j]
				if a != 0 && b != 0 {
					s += math.Copysign(1, a*b)
				}
				if a != 0 {
					tx++
				}
				if b != 0 {
					ty++
				}
			}
		}
		want := 0.0
		if tx > 0 && ty > 0 {
			want = s / math.Sqrt(tx*ty)
		}
		if got := Kendall(x, y); math.Abs(got-want) > 1e-12 {
			t.Fatalf("tau of %v and %v: got %v, want %v", x, y, got, want)
		}
	}
}

// The examples in SciPy's documentation of kendalltau and spearmanr, with the
// values printed there.
func TestRankCorrelationsAgainstSciPy(t *testing.T) {
	if got := Kendall([]float64{12, 2, 1, 12, 2}, []float64{1, 4, 7, 1, 0}); math.Abs(got+0.47140452079103173) > 1e-15 {
		t.Errorf("tau-b is %v", got)
	}
	if got := Spearman([]float64{1, 2, 3, 4, 5}, []float64{5, 6, 7, 8, 7}); math.Abs(got-0.82078268166812329) > 1e-15 {
		t.Errorf("rho is %v", got)
	}
	if Kendall([]float64{1, 1}, []float64{1, 2}) != 0 || Spearman([]float64{1, 1}, []float64{1, 2}) != 0 {
		t.Error("a constant side has a correlation")
	}
}

func TestCompareByHand(t *testing.T) {
	m := Compare([]float64{.1, .2, .4}, []float64{.1, .3, .2})
	// pairs: (1,2) and (1,3) agree, (2,3) does not: tau 1/3; ranks 1 2 3 against 1 3 2: rho 1/2
	if math.Abs(m.Tau-1./3) > 1e-12 || math.Abs(m.Rho-.5) > 1e-12 || math.Abs(m.BiasPP-10./3) > 1e-9 || math.Abs(m.RMSEpp-math.Sqrt(500./3)) > 1e-9 {
		t.Errorf("got %+v", m)
	}
}

func TestBandsCutTheTruth(t *testing.T) {
	var predicted, truth []float64
	for i := range 80 {
		at := (i * 37) % 80 // shuffled
		truth = append(truth, float64(at)/100)
		bias := 0.0
		if at >= 60 { // the best quarter is predicted upside down, 1 point too high
			at, bias = 139-at, 0.01
		}
		predicted = append(predicted, float64(at)/100+bias)
	}
	m := Compare(predicted, truth)
	if len(m.Bands) != 4 {
		t.Fatalf("%d bands", len(m.Bands))
	}
	for k, b := range m.Bands {
		tau, bias := 1.0, 0.0
		if k == 3 {
			tau, bias = -1, 1
		}
		if b.N != 20 || b.Tau != tau || math.Abs(b.BiasPP-bias) > 1e-9 || b.From != float64(20*k)/100 || b.To != float64(20*k+19)/100 {
			t.Errorf("band %d: %+v", k, b)
		}
	}
	if Compare(predicted[:39], truth[:39]).Bands != nil {
		t.Error("39 rows are cut into bands")
	}
}

// rows of a made-up law: accuracy rises with the logarithm of MACs and falls
// with low bits, give or take 0.1 points.
func rows(t *testing.T, sp *space.Space, n int) []samples.Sample {
	t.Helper()
	rng := rand.New(rand.NewPCG(5, 5))
	var out []samples.Sample
	for range n {
		s := samples.New(sp, sp.Random(rng))
		s.Accuracy = .3 + .03*math.Log(float64(s.MACs)) - .01*math.Log(float64(s.MACs)/float64(s.WeightBytes)) + .001*rng.NormFloat64()
		out = append(out, s)
	}
	return out
}

func preset(t *testing.T, name string) *space.Space {
	t.Helper()
	sp, err := space.Preset(name)
	if err != nil {
		t.Fatal(err)
	}
	return sp
}

// small is quick to fit with the slow engine.
var small = Settings{Hidden: []int{16}, Members: 3, Epochs: 25, Batch: 32, Rate: 0.01}

// Every kind of model ranks rows that it has not seen; its file says the same
// as the cross-validation did; its uncertainty is of the size of its error.
func TestEveryKindRanksUnseenRows(t *testing.T) {
	sp := preset(t, "quick")
	all := rows(t, sp, 460)
	archs, truth := archsOf(t, sp, all[300:])
	for _, k := range Kinds() {
		set := small
		set.Kinds = []string{k}
		m, err := Fit(context.Background(), ref.Engine, sp, all[:300], set)
		if err != nil {
			t.Fatal(err)
		}
		p, err := New(m.Graph, ref.Engine, sp)
		if err != nil {
			t.Fatal(err)
		}
		got, std, err := p.Predict(context.Background(), archs)
		if err != nil {
			t.Fatal(err)
		}
		held, seen := Compare(got, truth), m.Report.CrossValidated[k]
		t.Logf("%s: held out tau %.3f, error %.3f; cross-validated %.3f, %.3f", k, held.Tau, held.RMSEpp, seen.Tau, seen.RMSEpp)
		if m.Report.Kind != k || held.Tau < .8 || held.RMSEpp > 1.5*seen.RMSEpp || held.Tau < seen.Tau-.05 {
			t.Errorf("%s: held out %+v, report %+v", k, held, m.Report)
		}
		if s := 100 * mean(std); s < held.RMSEpp/3 || s > held.RMSEpp*3 {
			t.Errorf("%s: the mean std is %.3f points, the error %.3f", k, s, held.RMSEpp)
		}
		if r := p.Report(); r.Kind != k || r.Rows != 300 {
			t.Errorf("%s: the file's report is %+v", k, r)
		}
		p.Close()
	}
}

// The graph, in float32, computes what the fit computed in float64: the rows of
// fold k predicted by a graph whose members are all member k.
func TestGraphAgreesWithTheFit(t *testing.T) {
	sp := preset(t, "quick")
	x, y, err := table(sp, rows(t, sp, 90))
	if err != nil {
		t.Fatal(err)
	}
	d := standardise(x, y, sp.FeatureCount())
	d.lift = newLift(sp)
	d.split(small)
	for _, k := range kinds {
		f, err := k.fit(context.Background(), ref.Engine, d, small)
		if err != nil {
			t.Fatal(err)
		}
		b := onnx.NewBuilder("members")
		b.Opset("", 13)
		_, members := f.emit(b, b.Input("x", onnx.Float, len(y), d.width))
		b.Output(members)
		g, err := b.Build()
		if err != nil {
			t.Fatal(err)
		}
		r, err := ref.Engine(g)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		out := make([]*onnx.Tensor, 1)
		if err := r.Run(context.Background(), []*onnx.Tensor{onnx.From(d.x, len(y), d.width)}, out); err != nil {
			t.Fatal(err)
		}
		for i, want := range f.unseen {
			if got := float64(out[0].Floats()[i*small.Members+d.fold[i]]); math.Abs(got-want) > 1e-3 {
				t.Fatalf("%s: row %d is %v by the graph, %v by the fit", k.name, i, got, want)
			}
		}
	}
}

// A line is found by the linear model: the weights are those of a closed form,
// so the error is the penalty's alone.
func TestRidgeFindsALine(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	var x []float32
	var y []float64
	for range 200 {
		a, b := rng.NormFloat64(), rng.NormFloat64()
		x, y = append(x, float32(a), float32(b), 1), append(y, 0.7+0.02*a-0.01*b)
	}
	d := standardise(x, y, 3)
	d.split(small)
	f, err := fitRidge(context.Background(), nil, d, small)
	if err != nil {
		t.Fatal(err)
	}
	if e := rms(residuals(f.unseen, d.y)); e > 1e-3 {
		t.Errorf("the error is %v of a standard deviation", e)
	}
}

func TestSameSeedSameBytes(t *testing.T) {
	sp := preset(t, "quick")
	all := rows(t, sp, 60)
	fit := func(kind string, seed uint64) string {
		set := small
		set.Kinds, set.Seed, set.Epochs = []string{kind}, seed, 2
		m, err := Fit(context.Background(), ref.Engine, sp, all, set)
		if err != nil {
			t.Fatal(err)
		}
		m.Graph.SetMeta("hanas.settings", "") // holds the seed
		data, err := onnx.Marshal(m.Graph)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	for _, k := range Kinds() {
		first := fit(k, 1)
		if fit(k, 1) != first {
			t.Errorf("%s: the same seed gives other bytes", k)
		}
		if fit(k, 2) == first {
			t.Errorf("%s: another seed gives the same bytes", k)
		}
	}
}

// A file of many chunks predicts what one Arch at a time does.
func TestLoadedFilePredicts(t *testing.T) {
	sp := preset(t, "quick")
	m, err := Fit(context.Background(), ref.Engine, sp, rows(t, sp, 40), Settings{Kinds: []string{"ridge"}, Supernet: "5eed"})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "p.onnx")
	if err := onnx.WriteFile(path, m.Graph); err != nil {
		t.Fatal(err)
	}
	p, err := Load(path, ref.Engine, sp)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	archs, _ := archsOf(t, sp, rows(t, sp, 2*chunk+3))
	got, std, err := p.Predict(context.Background(), archs)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{0, chunk - 1, chunk, 2*chunk + 2} {
		one, s, err := p.Predict(context.Background(), archs[i:i+1])
		if err != nil || math.Abs(one[0]-got[i]) > 1e-6 || math.Abs(s[0]-std[i]) > 1e-6 {
			t.Errorf("arch %d: %v ± %v alone, %v ± %v among others, %v", i, one, s, got[i], std[i], err)
		}
	}
	if none, _, err := p.Predict(context.Background(), nil); err != nil || len(none) != 0 {
		t.Errorf("nothing gives %v, %v", none, err)
	}
	if m.Graph.Meta("hanas.supernet") != "5eed" || p.Report().Kind != "ridge" {
		t.Errorf("metadata %v", m.Graph.Metadata)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Fit(ctx, ref.Engine, sp, rows(t, sp, 40), Settings{}); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled fit: %v", err)
	}
}

func TestRefusals(t *testing.T) {
	sp, other := preset(t, "quick"), preset(t, "cifar10")
	all := rows(t, sp, 40)
	broken := append([]samples.Sample(nil), all...)
	broken[7].Accuracy = math.NaN()
	for _, c := range []struct {
		rows []samples.Sample
		set  Settings
		want string
	}{
		{all[:3], Settings{}, "3 rows"},
		{broken, Settings{}, "row 7"},
		{all, Settings{Kinds: []string{"forest"}}, `no kind "forest" (known: ridge, kernel, mlp)`},
	} {
		if _, err := Fit(context.Background(), ref.Engine, sp, c.rows, c.set); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("want %q, got %v", c.want, err)
		}
	}
	m, err := Fit(context.Background(), ref.Engine, sp, all, Settings{Kinds: []string{"ridge"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(m.Graph, ref.Engine, other); err == nil || !strings.Contains(err.Error(), "quick") {
		t.Errorf("another space is not refused: %v", err)
	}
	for key, want := range map[string]string{"hanas.features_hash": "other features", "hanas.fit": "hanas.fit"} {
		g := m.Graph.Clone()
		g.SetMeta(key, "?")
		if _, err := New(g, ref.Engine, sp); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: want %q, got %v", key, want, err)
		}
	}
}
