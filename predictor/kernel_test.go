package predictor

import (
	"context"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat/distmv"

	"hanas/onnx/ref"
	"hanas/samples"
	"hanas/space"
)

func evidenceOfTen(rng *rand.Rand) *evidence {
	var grams []*mat.SymDense
	for range 2 {
		x := mat.NewDense(10, 3, nil)
		x.Apply(func(_, _ int, _ float64) float64 { return rng.NormFloat64() }, x)
		g := mat.NewSymDense(10, nil)
		g.SymOuterK(1, x)
		grams = append(grams, g)
	}
	y := make([]float64, 10)
	for i := range y {
		y[i] = rng.NormFloat64()
	}
	return newEvidence(grams, y)
}

// The evidence is the density of the rows under the process, as another library
// has it, and its gradient that of finite differences.
func TestEvidence(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 1))
	e := evidenceOfTen(rng)
	p := append([]float64(nil), e.start...)
	for i := range p {
		p[i] += .5 * rng.NormFloat64()
	}
	gradient := make([]float64, len(p))
	got := e.at(p, gradient)
	c := e.of(p)
	k := mat.NewSymDense(10, nil)
	for i := range 10 {
		for j := range i + 1 {
			g := c.weights[0]*e.grams[0].At(i, j) + c.weights[1]*e.grams[1].At(i, j)
			k.SetSym(i, j, c.linear*g+c.smooth*math.Exp(g))
		}
		k.SetSym(i, i, k.At(i, i)+c.noise)
	}
	normal, ok := distmv.NewNormal(make([]float64, 10), k, nil)
	if !ok {
		t.Fatal("not positive definite")
	}
	want := -normal.LogProb(e.y) - 5*math.Log(2*math.Pi)
	for i := range p {
		want += math.Pow((p[i]-e.start[i])/priorDeviation, 2) / 2
	}
	if math.Abs(got-want) > 1e-9*math.Abs(want) {
		t.Errorf("evidence %v, want %v", got, want)
	}
	for i := range p {
		const h = 1e-5
		q := append([]float64(nil), p...)
		q[i] += h
		up := e.at(q, make([]float64, len(p)))
		q[i] -= 2 * h
		down := e.at(q, make([]float64, len(p)))
		if diff := (up - down) / (2 * h); math.Abs(diff-gradient[i]) > 1e-5*(1+math.Abs(diff)) {
			t.Errorf("parameter %d: gradient %v, finite differences %v", i, gradient[i], diff)
		}
	}
}

// Climbing ends where the gradient does.
func TestClimbEndsAtTheTop(t *testing.T) {
	e := evidenceOfTen(rand.New(rand.NewPCG(4, 1)))
	c, err := e.climb(func() error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	p := []float64{math.Log(c.weights[0]), math.Log(c.weights[1]), math.Log(c.linear), math.Log(c.smooth), math.Log(c.noise)}
	gradient := make([]float64, len(p))
	top := e.at(p, gradient)
	if slope := mat.Norm(mat.NewVecDense(len(p), gradient), 2); slope > .05 || top > e.at(e.start, make([]float64, len(p))) {
		t.Errorf("ends at %v with slope %v", top, slope)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := e.climb(ctx.Err); err == nil {
		t.Error("goes on when told to stop")
	}
}

// The metric is the lift's: products of lifted rows by family, and by matrix.
func TestLiftAgainstItsMetric(t *testing.T) {
	for _, name := range []string{"quick", "ofa-mbv3-w1.0"} {
		sp := preset(t, name)
		l := newLift(sp)
		if features, _ := l.to.Dims(); features != sp.FeatureCount() {
			t.Fatalf("%s: %d features, want %d", name, features, sp.FeatureCount())
		}
		x, y, err := table(sp, rows(t, sp, 20))
		if err != nil {
			t.Fatal(err)
		}
		d := standardise(x, y, sp.FeatureCount())
		rng := rand.New(rand.NewPCG(1, 1))
		weights := make([]float64, len(l.families))
		for i := range weights {
			weights[i] = rng.Float64()
		}
		all := d.spreadAll()
		g := inner(l.products(d, all), weights)
		m := l.metric(weights)
		for i := range all {
			for j := range all {
				want := mat.Inner(mat.NewVecDense(d.width, wide(d.row(i))), m, mat.NewVecDense(d.width, wide(d.row(j))))
				if math.Abs(g.At(i, j)-want) > 1e-6*(1+math.Abs(want)) {
					t.Fatalf("%s: rows %d and %d: %v, by the metric %v", name, i, j, g.At(i, j), want)
				}
			}
		}
	}
}

func (d *data) spreadAll() []int {
	out := make([]int, len(d.y))
	for i := range out {
		out[i] = i
	}
	return out
}

// The sums of a stage are what their name says: an Arch of all largest kernels
// has the full sum of every stage, one of all smallest has none.
func TestLiftSums(t *testing.T) {
	sp := preset(t, "ofa-mbv3-w1.0")
	l := newLift(sp)
	for _, c := range []struct {
		arch space.Arch
		want float64
	}{{sp.Largest(), 4}, {sp.Smallest(), 0}} {
		x := sp.Features(c.arch)
		found := 0
		for j, f := range l.family {
			if l.families[f] != "stage's kernel" {
				continue
			}
			found++
			if got := mat.Dot(l.to.ColView(j), mat.NewVecDense(len(x), wide(x))); got != c.want {
				t.Errorf("a stage's kernels sum to %v, want %v", got, c.want)
			}
		}
		if found != 5 {
			t.Errorf("%d stages have sums, want 5: %s", found, strings.Join(l.families, ", "))
		}
	}
}

// The graph, in float32, predicts what the solution in float64 does.
func TestKernelGraphAgainstItsSolution(t *testing.T) {
	sp := preset(t, "ofa-mbv3-w1.0")
	learned := drawn(t, sp, 300, byChoices)
	m, err := Fit(context.Background(), ref.Engine, sp, learned, Settings{Kinds: []string{"kernel"}})
	if err != nil {
		t.Fatal(err)
	}
	archs, truth := archsOf(t, sp, learned)
	got, err := m.predict(context.Background(), ref.Engine, sp, archs)
	if err != nil {
		t.Fatal(err)
	}
	if worst := worstOf(got, truth); worst > 2e-4 { // it learned these rows, which have no noise
		t.Errorf("off by up to %v", worst)
	}
	if e := m.Report.CrossValidated["kernel"].RMSEpp; e > .05 {
		t.Errorf("cross-validated error %.3f points of a sum that has no noise", e)
	}
}

func worstOf(a, b []float64) float64 {
	worst := 0.0
	for i := range a {
		worst = max(worst, math.Abs(a[i]-b[i]))
	}
	return worst
}

// On real measurements the predicted deviations cover what they should, over
// two splits of networks.
func TestCoverageOnMeasuredSubNetworks(t *testing.T) {
	sp := preset(t, "ofa-mbv3-w1.0")
	const splits = 2
	var c68, c95 float64
	for seed := range uint64(splits) {
		all := measured(t, sp, seed)
		j := judged(t, sp, all[400:800], all[:400])
		c68, c95 = c68+j.Coverage68/splits, c95+j.Coverage95/splits
	}
	t.Logf("within 1 deviation %.3f, within 1.96 %.3f", c68, c95)
	if math.Abs(c68-.683) > .08 || math.Abs(c95-.95) > .03 {
		t.Errorf("within 1 deviation %.3f, within 1.96 %.3f; want .68 and .95", c68, c95)
	}
}

func judged(t testing.TB, sp *space.Space, learn, test []samples.Sample) Judgement {
	t.Helper()
	m, err := Fit(context.Background(), ref.Engine, sp, learn, Settings{Kinds: []string{"kernel"}})
	if err != nil {
		t.Fatal(err)
	}
	j, err := JudgeModel(context.Background(), ref.Engine, m, sp, test)
	if err != nil {
		t.Fatal(err)
	}
	return j
}
