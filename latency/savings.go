package latency

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"hanas/space"
)

// savings are what neighbours save by being in one network, in ms: the call of
// the runtime, and what Fusion measured for layers of their kinds. A sum less
// these is what a correction starts from.
type savings struct {
	callMs float64
	rules  []FusionRule // with a place in the array
	ms     [nSorts * nSorts]float64
}

// The sorts of layer that rules tell apart: operator, activation, form.
var sortActs = []string{"", "relu", "relu6", "hswish"}

const (
	nActs  = 4
	nSorts = nKinds * nActs * nForms
)

// sortOf is the index of a layer's sort; -1 = none.
func sortOf(l *space.Layer) int {
	k, a := slices.Index(kinds, l.Kind), slices.Index(sortActs, l.Act)
	if k < 0 || a < 0 {
		return -1
	}
	return (k*nActs+a)*nForms + formOf(l)
}

// sortNames spells sorts as FusionRule does.
var sortNames = func() (names [nSorts]string) {
	for k, kind := range kinds {
		for a, act := range sortActs {
			for f, form := range forms {
				names[(k*nActs+a)*nForms+f] = strings.Join(strings.Fields(fmt.Sprint(kind, " ", act, " ", form)), " ")
			}
		}
	}
	return names
}()

// savingsOf puts the rules of a Fusion into place.
func savingsOf(callMs float64, rules []FusionRule) (*savings, error) {
	s := &savings{callMs: callMs, rules: rules}
	if !(callMs >= 0) || math.IsInf(callMs, 0) {
		return nil, fmt.Errorf("correction: call_ms is %g", callMs)
	}
	for _, r := range rules {
		i, j := slices.Index(sortNames[:], r.First), slices.Index(sortNames[:], r.Second)
		if i < 0 || j < 0 || math.IsNaN(r.SavedMs) || math.IsInf(r.SavedMs, 0) {
			return nil, fmt.Errorf("correction: unknown pair %q, %q, or no time %g", r.First, r.Second, r.SavedMs)
		}
		s.ms[i*nSorts+j] = r.SavedMs
	}
	return s, nil
}

// of is what a network's layers save together; 0 for nil.
func (s *savings) of(layers []space.Layer) float64 {
	if s == nil || len(layers) == 0 {
		return 0
	}
	saved := s.callMs * float64(len(layers)-1)
	before := sortOf(&layers[0])
	for i := 1; i < len(layers); i++ {
		after := sortOf(&layers[i])
		if before >= 0 && after >= 0 {
			saved += s.ms[before*nSorts+after]
		}
		before = after
	}
	return saved
}

// FitFused is Fit with and without what pairs of layers were measured to save,
// whichever cross-validation prefers.
func (t *Table) FitFused(f *Fusion, pairs []Measured) (Correction, error) {
	plain, err := t.fit(nil, pairs)
	if err != nil || f == nil {
		return plain, err
	}
	s, err := savingsOf(f.CallMs, f.Rules)
	if err != nil {
		return plain, fmt.Errorf("latency: fit: %w", err)
	}
	fused, err := t.fit(s, pairs)
	if err != nil || fused.MAPE >= plain.MAPE {
		return plain, err
	}
	return fused, nil
}

// Fused says whether the correction takes off what pairs save.
func (c *Correction) Fused() bool { return c.savings != nil }
