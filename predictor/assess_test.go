package predictor

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"hanas/onnx/ref"
	"hanas/samples"
	"hanas/space"
)

// drawn are n distinct scored sub-networks of the space; score sees the sample
// without its accuracy.
func drawn(t testing.TB, sp *space.Space, n int, score func(samples.Sample, *rand.Rand) float64) []samples.Sample {
	t.Helper()
	rng := rand.New(rand.NewPCG(7, 7))
	seen := map[string]bool{}
	var rows []samples.Sample
	for len(rows) < n {
		s := samples.New(sp, sp.Random(rng))
		if seen[s.Arch] {
			continue
		}
		seen[s.Arch] = true
		s.Accuracy = score(s, rng)
		rows = append(rows, s)
	}
	return rows
}

// byChoices is an accuracy that MACs do not tell: large kernels do harm.
func byChoices(s samples.Sample, _ *rand.Rand) float64 {
	return .6 + .02*math.Log10(float64(s.Params)) - .004*float64(strings.Count(s.Arch, "k7"))
}

func TestAssess(t *testing.T) {
	sp, err := space.Preset("ofa-mbv3-w1.0")
	if err != nil {
		t.Fatal(err)
	}
	rows := drawn(t, sp, 500, byChoices)
	again := rows[:40] // measured twice
	for _, s := range again {
		s.Seed, s.Accuracy = 1, s.Accuracy+.0002
		rows = append(rows, s)
	}
	m, a, err := Assess(context.Background(), ref.Engine, sp, rows, Trial{Curve: true, Settings: Settings{Kinds: []string{"ridge", "kernel"}}})
	if err != nil {
		t.Fatal(err)
	}
	if a.NTrain+a.NTest != 500 || a.N != a.NTest || len(a.Held.Arch) != a.NTest || m.Report.Kind != a.Kind {
		t.Errorf("%d learned from and %d judged on, want 500 in all, repeats once; %+v", a.NTrain, a.NTest, a.Judgement)
	}
	for _, key := range a.Held.Arch {
		if samples.SplitOf(key) != samples.Test {
			t.Fatalf("%s is judged on, but of split %s", key, samples.SplitOf(key))
		}
	}
	if !a.Blessed || a.Complaint() != "" || a.Tau < .9 {
		t.Errorf("tau %.3f, MACs alone %.3f: %s", a.Tau, a.TauMACs, a.Complaint())
	}
	if a.Noise == nil || a.Noise.Repeated != 40 || math.Abs(a.Noise.MaxRange-.02) > 1e-9 || a.TauCeiling <= a.TauMACs {
		t.Errorf("noise %+v, ceiling %.3f", a.Noise, a.TauCeiling)
	}
	var sizes []int
	for i, p := range a.Curve {
		sizes = append(sizes, p.Rows)
		if i > 1 && p.RMSEpp > 1.3*a.Curve[i-1].RMSEpp {
			t.Errorf("the error rises with the rows: %+v", a.Curve)
		}
	}
	if last := a.Curve[len(a.Curve)-1]; len(sizes) != 5 || sizes[0] != 50 || sizes[3] != 400 || last.Rows != a.NTrain || last.RMSEpp != a.RMSEpp {
		t.Errorf("curve at %v, and last %+v", sizes, last)
	}
}

// A predictor of noise is returned, but not blessed; MACs rank better.
func TestAssessDoesNotBless(t *testing.T) {
	sp, err := space.Preset("ofa-mbv3-w1.0")
	if err != nil {
		t.Fatal(err)
	}
	noise := func(s samples.Sample, rng *rand.Rand) float64 {
		v := .7 + .002*rng.NormFloat64()
		if samples.SplitOf(s.Arch) == samples.Test { // what is judged on obeys the MACs, what is learned from does not
			v = .01 * math.Log10(float64(s.MACs))
		}
		return v
	}
	rows := drawn(t, sp, 200, noise)
	m, a, err := Assess(context.Background(), ref.Engine, sp, rows, Trial{Settings: Settings{Kinds: []string{"ridge"}}})
	if err != nil {
		t.Fatal(err)
	}
	if m == nil || a.Blessed || a.Useful() || !strings.Contains(a.Complaint(), "no better") || a.Curve != nil {
		t.Errorf("tau %.3f, MACs alone %.3f, blessed %v: %q", a.Tau, a.TauMACs, a.Blessed, a.Complaint())
	}
	_, _, err = Assess(context.Background(), ref.Engine, sp, samples.Select(rows, samples.Train), Trial{})
	if !errors.Is(err, ErrNothingHeldOut) {
		t.Errorf("without a test split: %v", err)
	}
}

// What ranks worse than chance is of no use, however bad MACs are.
func TestUseful(t *testing.T) {
	for _, c := range []struct {
		tau, macs float64
		want      bool
	}{{.9, .8, true}, {.8, .8, false}, {.1, -.3, true}, {-.1, -.3, false}, {0, -.3, false}} {
		j := Judgement{Metrics: Metrics{Tau: c.tau}, TauMACs: c.macs}
		r := Report{Kind: "k", CrossValidated: map[string]Metrics{"k": {Tau: c.tau}}, TauMACs: c.macs}
		if j.Useful() != c.want || r.Useful() != c.want {
			t.Errorf("tau %v, MACs alone %v: useful is %v and %v", c.tau, c.macs, j.Useful(), r.Useful())
		}
	}
}
