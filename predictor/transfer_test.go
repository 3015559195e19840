package predictor

import (
	"context"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"hanas/onnx/ort"
	"hanas/onnx/ref"
	"hanas/samples"
	"hanas/space"
)

// halved is an accuracy of which each choice of a network decides a part of its
// own, and bits the rest: 2 points less where the weights are half the bytes.
func halved(sp *space.Space, a space.Arch, rng *rand.Rand) samples.Sample {
	s := samples.New(sp, a)
	high := sp.WithBits(a, 16, 16)
	ratio := float64(s.WeightBytes) / float64(samples.New(sp, high).WeightBytes)
	s.Accuracy = .7 - .04*(1-ratio) + .0005*rng.NormFloat64()
	parts := rand.New(rand.NewPCG(11, 11))
	for _, v := range sp.Features(high)[:sp.FeatureCount()-3] {
		s.Accuracy += .015 * parts.NormFloat64() * float64(v)
	}
	return s
}

func halvedRows(sp *space.Space, n int, high bool, seed uint64) []samples.Sample {
	rng := rand.New(rand.NewPCG(seed, 9))
	var out []samples.Sample
	for _, a := range sp.Uniform(n, rng) {
		if high {
			a = sp.WithBits(a, 16, 16)
		}
		out = append(out, halved(sp, a, rng))
	}
	return out
}

// Few samples at low bits on top of many at the highest do better than the
// few alone, on networks at bits that nothing has learned from.
func TestTransferToBits(t *testing.T) {
	sp := preset(t, "quick")
	set := Settings{Kinds: []string{"ridge", "kernel"}}
	base, err := Fit(context.Background(), ref.Engine, sp, halvedRows(sp, 500, true, 1), set)
	if err != nil {
		t.Fatal(err)
	}
	few, test := halvedRows(sp, 60, false, 2), halvedRows(sp, 300, false, 3)
	alone, err := Fit(context.Background(), ref.Engine, sp, few, set)
	if err != nil {
		t.Fatal(err)
	}
	m, err := Transfer(context.Background(), ref.Engine, sp, base, few, set)
	if err != nil {
		t.Fatal(err)
	}
	of := func(m *Model) Judgement {
		j, err := JudgeModel(context.Background(), ref.Engine, m, sp, test)
		if err != nil {
			t.Fatal(err)
		}
		return j
	}
	a, b, c := of(alone), of(m), of(base)
	t.Logf("60 rows alone: tau %.3f, error %.3f; on a base of %d: %.3f, %.3f, within 1.96 deviations %.2f; the base alone %.3f, %.3f", a.Tau, a.RMSEpp, m.Report.Base, b.Tau, b.RMSEpp, b.Coverage95, c.Tau, c.RMSEpp)
	if !strings.HasSuffix(m.Report.Kind, onBaseSuffix) || m.Report.Base < 400 || b.RMSEpp > .85*a.RMSEpp || b.RMSEpp > .2*c.RMSEpp {
		t.Errorf("%s: error %.3f; alone %.3f, base %.3f", m.Report.Kind, b.RMSEpp, a.RMSEpp, c.RMSEpp)
	}
	if math.Abs(b.Coverage95-.95) > .06 {
		t.Errorf("within 1.96 deviations %.2f", b.Coverage95)
	}
	if len(m.Report.CrossValidated) != 4 {
		t.Errorf("competitors: %v", m.Report.CrossValidated)
	}
	rt, err := ort.Open(context.Background(), ort.Options{})
	if err != nil {
		t.Skip(err)
	}
	defer rt.Close()
	if j, err := JudgeModel(context.Background(), rt.Engine(ort.Settings{}), m, sp, test); err != nil || math.Abs(j.RMSEpp-b.RMSEpp) > 1e-4 {
		t.Errorf("ONNX Runtime: error %.5f, reference %.5f: %v", j.RMSEpp, b.RMSEpp, err)
	}
}

// A base that learned at one set of bits says the same of a network at any.
func TestBaseDoesNotSeeBits(t *testing.T) {
	sp := preset(t, "quick")
	base, err := Fit(context.Background(), ref.Engine, sp, halvedRows(sp, 100, true, 1), Settings{Kinds: []string{"kernel"}})
	if err != nil {
		t.Fatal(err)
	}
	var low, high []space.Arch
	for _, a := range sp.Uniform(20, rand.New(rand.NewPCG(4, 4))) {
		low, high = append(low, sp.WithBits(a, 2, 4)), append(high, sp.WithBits(a, 16, 16))
	}
	l, err := base.predict(context.Background(), ref.Engine, sp, low)
	if err != nil {
		t.Fatal(err)
	}
	h, err := base.predict(context.Background(), ref.Engine, sp, high)
	if err != nil {
		t.Fatal(err)
	}
	if d := worstOf(l, h); d > 1e-6 {
		t.Errorf("differs by up to %v", d)
	}
}

// A base that says nothing of use is not used.
func TestTransferFromNonsense(t *testing.T) {
	sp := preset(t, "quick")
	rng := rand.New(rand.NewPCG(8, 8))
	bad := halvedRows(sp, 200, false, 1)
	for i := range bad {
		bad[i].Accuracy = rng.Float64()
	}
	set := Settings{Kinds: []string{"ridge"}}
	base, err := Fit(context.Background(), ref.Engine, sp, bad, set)
	if err != nil {
		t.Fatal(err)
	}
	m, err := Transfer(context.Background(), ref.Engine, sp, base, halvedRows(sp, 200, false, 2), set)
	if err != nil {
		t.Fatal(err)
	}
	if m.Report.Kind != "ridge" || m.Report.Base != 0 {
		t.Errorf("%s on %d rows of noise", m.Report.Kind, m.Report.Base)
	}
}
