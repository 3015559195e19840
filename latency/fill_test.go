package latency

import (
	"errors"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hanas/space"
)

// priced is a table of all of sp's layers, priced by one rule and 2 % of noise.
func priced(t *testing.T, sp *space.Space) *Table {
	t.Helper()
	tab := &Table{Header: Header{Device: "paper", Provenance: MeasuredHere}}
	rng := rand.New(rand.NewPCG(5, 5))
	for _, l := range sp.DistinctLayers() {
		rate := .004 * float64(1+l.WBits%5) * float64(1+len(l.Kind)%3)
		ms := .002 + rate*float64(l.MACs())/1e6 + .01*float64(l.InBytes()+l.OutBytes(l.ABits))/1e6
		if err := tab.Set(l.Key(), Row{MeanMs: ms * (1 + .02*rng.NormFloat64()), Count: 3}); err != nil {
			t.Fatal(err)
		}
	}
	return tab
}

func TestFillFindsWhatIsMissing(t *testing.T) {
	sp := preset(t, "quick")
	whole := priced(t, sp)
	part := &Table{Header: whole.Header}
	var gone []string
	for i, key := range whole.RowKeys() {
		if i%5 == 2 {
			gone = append(gone, key)
		} else if err := part.Set(key, whole.rows[key]); err != nil {
			t.Fatal(err)
		}
	}
	f, err := part.Fill(sp.DistinctLayers())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(f.Keys, gone) || f.Rows == 0 {
		t.Fatalf("%d rows filled from %d, %d were missing", len(f.Keys), f.Rows, len(gone))
	}
	off := 0.0
	for _, key := range whole.RowKeys() {
		got, want := part.rows[key], whole.rows[key]
		if !got.Modelled && got != want {
			t.Errorf("%s was there and is changed: %+v, was %+v", key, got, want)
		}
		if got.Modelled {
			off += math.Abs(got.MeanMs/want.MeanMs-1) / float64(len(gone))
		}
	}
	if off > .05 || f.MAPE > .05 || f.MAPE < off/3 || f.Within10 < .9 {
		t.Errorf("filled rows are %.3f off, the rows left out %.3f, %.2f within 10 %%", off, f.MAPE, f.Within10)
	}
	file := filepath.Join(t.TempDir(), "lut.csv")
	if err := part.Write(file); err != nil {
		t.Fatal(err)
	}
	again, err := ReadTable(file)
	if err != nil || !again.rows[gone[0]].Modelled || again.rows[gone[0]] != part.rows[gone[0]] {
		t.Errorf("read again: %+v, %v", again.rows[gone[0]], err)
	}
	if _, from, err := NewEstimator(again, Plain).Estimate(sp.Layers(sp.Largest())); err != nil || !strings.Contains(from, "rows modelled") {
		t.Errorf("provenance %q, %v", from, err)
	}
}

func TestFillRefuses(t *testing.T) {
	sp := preset(t, "quick")
	tab := &Table{Header: Header{Device: "paper", Provenance: MeasuredHere}}
	if _, err := tab.Fill(sp.DistinctLayers()); err == nil {
		t.Error("a table without rows is filled")
	}
	whole := priced(t, sp)
	for _, l := range sp.DistinctLayers() {
		if l.Kind != space.Depthwise {
			tab.Set(l.Key(), whole.rows[l.Key()])
		}
	}
	before := tab.Len()
	_, err := tab.Fill(sp.DistinctLayers())
	missing, ok := errors.AsType[*MissingError](err)
	if !ok || tab.Len() != before {
		t.Fatalf("no depthwise row to learn from: %v, %d rows were added", err, tab.Len()-before)
	}
	for _, key := range missing.Keys {
		if !strings.HasPrefix(key, "depthwise/") {
			t.Errorf("%s is named, and could be filled", key)
		}
	}
	blocks := &Table{Header: Header{Keys: "ofa-mbv3"}}
	if _, err := blocks.Fill(sp.DistinctLayers()); err == nil {
		t.Error("a table of blocks is filled")
	}
}
