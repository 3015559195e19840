package latency

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"hanas/space"
)

// randomTable prices every row of a space at random.
func randomTable(t testing.TB, sp *space.Space) *Table {
	t.Helper()
	rng := rand.New(rand.NewPCG(7, 7))
	tab := &Table{Header: Header{Device: "random", Provenance: Modelled}}
	for _, l := range sp.DistinctLayers() {
		if err := tab.Set(l.Key(), Row{MeanMs: rng.Float64(), EnergyMJ: .1 + rng.Float64()}); err != nil {
			t.Fatal(err)
		}
	}
	return tab
}

// expectedSpaces differ in what a layer can depend on.
func expectedSpaces(t testing.TB) []*space.Space {
	t.Helper()
	quick, cifar := preset(t, "quick"), preset(t, "cifar10")
	ends := preset(t, "quick")
	ends.Name, ends.SearchEnds, ends.HeadWidths = "ends", true, nil
	ends.WBits, ends.ABits, ends.Stages = []int{4, 8}, []int{8, 16}, ends.Stages[:2]
	ends.Stages[1].SE, ends.Stages[0].Expands, ends.Resolutions = true, []float64{1, 2}, []int{24, 32}
	return []*space.Space{quick, cifar, ends}
}

// TestExpectedAtOneHot: a distribution that is sure of an Arch costs what the
// table, and the space, say of it.
func TestExpectedAtOneHot(t *testing.T) {
	for _, sp := range expectedSpaces(t) {
		if err := sp.Validate(); err != nil {
			t.Fatal(err)
		}
		tab := randomTable(t, sp)
		e, err := tab.Expected(sp)
		if err != nil {
			t.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(3, 1))
		for range 100 {
			a := sp.Random(rng)
			layers := sp.Layers(a)
			ms, mj, err := tab.Sum(layers)
			if err != nil {
				t.Fatal(err)
			}
			cost := space.Cost(layers)
			got, err := e.Value(e.OneHot(a))
			if err != nil {
				t.Fatal(err)
			}
			if math.Abs(got.Ms-ms) > 1e-9 || math.Abs(got.EnergyMJ-mj) > 1e-9 || math.Abs(got.WeightBytes-float64(cost.WeightBytes)) > 1e-6 || math.Abs(got.PeakBytes-float64(cost.PeakActivationBytes)) > 1e-6 {
				t.Fatalf("%s: %+v, want %g ms, %g mJ, %d and %d bytes", sp.Key(a), got, ms, mj, cost.WeightBytes, cost.PeakActivationBytes)
			}
		}
	}
}

// TestExpectedIsTheMean: under uniform draws the mean over many Archs comes
// near. The error of a mean of 4,000 is far below the 2 % allowed.
func TestExpectedIsTheMean(t *testing.T) {
	sp := preset(t, "quick")
	tab := randomTable(t, sp)
	e, err := tab.Expected(sp)
	if err != nil {
		t.Fatal(err)
	}
	want, err := e.Value(e.Uniform())
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(3, 2))
	mean := 0.0
	const n = 4000
	for range n {
		genes := make([]byte, sp.GeneCount())
		for i, s := range e.slots {
			genes[i] = byte(rng.IntN(s.Choices))
		}
		a, err := sp.New(genes)
		if err != nil {
			t.Fatal(err)
		}
		ms, _, err := tab.Sum(sp.Layers(a))
		if err != nil {
			t.Fatal(err)
		}
		mean += ms / n
	}
	near(t, "mean", mean, want.Ms, .02*want.Ms)
}

// TestExpectedGradient compares with central differences, which are exact up
// to rounding for polynomials that are linear in each probability.
func TestExpectedGradient(t *testing.T) {
	for _, sp := range expectedSpaces(t)[1:] {
		e, err := randomTable(t, sp).Expected(sp)
		if err != nil {
			t.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(3, 3))
		p := e.zeros()
		for i := range p {
			sum := 0.0
			for j := range p[i] {
				p[i][j] = -math.Log(rng.Float64())
				sum += p[i][j]
			}
			for j := range p[i] {
				p[i][j] /= sum
			}
		}
		_, grad, err := e.Gradient(p)
		if err != nil {
			t.Fatal(err)
		}
		const h = 1e-4
		for range 60 {
			i := rng.IntN(len(p))
			j := rng.IntN(len(p[i]))
			at := func(d float64) Costs {
				p[i][j] += d
				c, err := e.Value(p)
				p[i][j] -= d
				if err != nil {
					t.Fatal(err)
				}
				return c
			}
			up, down, g := at(h), at(-h), grad[i][j]
			for _, d := range [][3]float64{
				{up.Ms, down.Ms, g.Ms}, {up.EnergyMJ, down.EnergyMJ, g.EnergyMJ}, {up.WeightBytes, down.WeightBytes, g.WeightBytes}, {up.PeakBytes, down.PeakBytes, g.PeakBytes},
			} {
				if want := (d[0] - d[1]) / (2 * h); math.Abs(d[2]-want) > 1e-6*(1+math.Abs(want)) {
					t.Fatalf("%s, slot %s, choice %d: derivative %g, difference %g", sp.Name, e.slots[i].Name, j, d[2], want)
				}
			}
		}
	}
}

// TestExpectedOfBlocks: tables that price whole blocks work the same.
func TestExpectedOfBlocks(t *testing.T) {
	tab := imported(t, "ofa/lut/note10_224.yaml", "ofa-mbv3")
	sp := preset(t, "ofa-mbv3-w1.2")
	sp.Resolutions = []int{224}
	e, err := tab.Expected(sp)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(3, 4))
	for range 50 {
		a := sp.Random(rng)
		ms, _, err := tab.Sum(sp.Layers(a))
		if err != nil {
			t.Fatal(err)
		}
		got, err := e.Value(e.OneHot(a))
		if err != nil {
			t.Fatal(err)
		}
		near(t, sp.Key(a), got.Ms, ms, 1e-9)
	}
}

func TestExpectedErrors(t *testing.T) {
	sp := preset(t, "quick")
	var missing *MissingError
	if _, err := new(Table).Expected(sp); !errors.As(err, &missing) || len(missing.Keys) != len(sp.DistinctLayers()) {
		t.Errorf("%v", err)
	}
	e, err := randomTable(t, sp).Expected(sp)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Value(nil); err == nil {
		t.Error("no distribution was taken")
	}
	p := e.Uniform()
	p[3][0] = math.NaN()
	if _, _, err := e.Gradient(p); err == nil {
		t.Error("NaN was taken")
	}
}
