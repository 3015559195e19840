package predictor

import (
	"context"
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

func TestCompareByHand(t *testing.T) {
	m := Compare([]float64{.1, .2, .4}, []float64{.1, .3, .2})
	// pairs: (1,2) and (1,3) agree, (2,3) does not: tau 1/3; ranks 1 2 3 against 1 3 2: rho 1/2
	if math.Abs(m.Tau-1./3) > 1e-12 || math.Abs(m.Rho-.5) > 1e-12 || math.Abs(m.BiasPP-10./3) > 1e-9 || math.Abs(m.RMSEpp-math.Sqrt(500./3)) > 1e-9 {
		t.Errorf("got %+v", m)
	}
}

// rows of a made-up law: accuracy rises with the logarithm of MACs and falls
// with low bits.
func rows(t *testing.T, sp *space.Space, n int) []samples.Sample {
	t.Helper()
	rng := rand.New(rand.NewPCG(5, 5))
	var out []samples.Sample
	for range n {
		s := samples.New(sp, sp.Random(rng))
		s.Accuracy = .3 + .03*math.Log(float64(s.MACs)) - .01*math.Log(float64(s.MACs)/float64(s.WeightBytes))
		out = append(out, s)
	}
	return out
}

func TestFitRanksUnseenRows(t *testing.T) {
	sp, err := space.Preset("quick")
	if err != nil {
		t.Fatal(err)
	}
	all := rows(t, sp, 460)
	set := Settings{Hidden: []int{16}, Members: 2, Epochs: 25, Batch: 32, Rate: 0.01}
	m, err := Fit(context.Background(), ref.Engine, sp, all[:400], set)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Fit(context.Background(), ref.Engine, sp, all[:400], set)
	if err != nil {
		t.Fatal(err)
	}
	a, _ := onnx.Marshal(m.Graph)
	b, _ := onnx.Marshal(again.Graph)
	if string(a) != string(b) {
		t.Error("the same seed gave other bytes")
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
	var archs []space.Arch
	var truth []float64
	for _, r := range all[400:] {
		arch, _ := sp.Parse(r.Arch)
		archs, truth = append(archs, arch), append(truth, r.Accuracy)
	}
	got, std, err := p.Predict(context.Background(), archs)
	if err != nil {
		t.Fatal(err)
	}
	if m := Compare(got, truth); m.Tau < .8 {
		t.Errorf("tau on unseen rows is %.3f, want .8 or more", m.Tau)
	}
	if std[0] < 0 || std[0] == 0 {
		t.Errorf("the members do not differ: std %v", std[0])
	}
	other, _ := space.Preset("cifar10")
	if _, err := Load(path, ref.Engine, other); err == nil || !strings.Contains(err.Error(), "quick") {
		t.Errorf("another space is not refused: %v", err)
	}
	if _, err := Fit(context.Background(), ref.Engine, sp, all[:3], set); err == nil {
		t.Error("3 rows are not refused")
	}
}
