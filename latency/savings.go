package latency

import (
	"fmt"
	"math"
	"slices"

	"hanas/space"
)

// savings are what neighbours save by being in one network, in ms: a call of
// the runtime, the copy of what lies between them, and what is fused. They are
// the means of what pairs of the same rule were measured to save (see Fusions);
// pairs of other rules count as the middle of all. A sum of rows less these is
// what a correction starts from.
type savings struct {
	rules []PairSaving
	other float64
	ms    [nSorts * nSorts]float64
}

// PairSaving is what two neighbours save, by the rule of both (Pair.Rule).
type PairSaving struct {
	Rule    string  `json:"rule"`
	SavedMs float64 `json:"saved_ms"` // both alone, less both together; negative where a border costs
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

// ruleAt are the places of rules in the array.
var ruleAt = func() map[string]int {
	at := map[string]int{}
	for i := range nSorts {
		for j := range nSorts {
			at[Pair{sortLayer(i), sortLayer(j)}.Rule()] = i*nSorts + j
		}
	}
	return at
}()

// sortLayer is a layer of a sort.
func sortLayer(i int) space.Layer {
	l := space.Layer{Kind: kinds[i/nForms/nActs], Act: sortActs[i/nForms%nActs], WBits: 8, ABits: 8}
	switch forms[i%nForms] {
	case "float":
		l.ABits = 16
	case "mixed":
		l.WBits = 16
	}
	return l
}

// measuredSavings joins timed pairs by their rules.
func measuredSavings(pairs []Fusion) *savings {
	s := &savings{}
	var all []float64
	n := map[string]int{}
	for _, p := range pairs {
		saved := p.FirstMs + p.SecondMs - p.PairMs
		all = append(all, saved)
		if n[p.Rule]++; n[p.Rule] == 1 {
			s.rules = append(s.rules, PairSaving{Rule: p.Rule})
		}
		i := slices.IndexFunc(s.rules, func(r PairSaving) bool { return r.Rule == p.Rule })
		s.rules[i].SavedMs += (saved - s.rules[i].SavedMs) / float64(n[p.Rule])
	}
	slices.Sort(all)
	s.other = all[len(all)/2]
	return s
}

// place fills the array, and checks what was read.
func (s *savings) place() error {
	for i := range s.ms {
		s.ms[i] = s.other
	}
	for _, r := range append(slices.Clone(s.rules), PairSaving{SavedMs: s.other}) {
		if math.IsNaN(r.SavedMs) || math.IsInf(r.SavedMs, 0) {
			return fmt.Errorf("correction: pair %q saves %g ms", r.Rule, r.SavedMs)
		}
	}
	for _, r := range s.rules {
		at, ok := ruleAt[r.Rule]
		if !ok {
			return fmt.Errorf("correction: unknown pair %q", r.Rule)
		}
		s.ms[at] = r.SavedMs
	}
	return nil
}

// of is what a network's layers save together; 0 for nil.
func (s *savings) of(layers []space.Layer) float64 {
	if s == nil || len(layers) == 0 {
		return 0
	}
	saved := 0.0
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

// FitFused is Fit with and without what pairs of layers were measured to save
// (Fusions; none = Fit), whichever cross-validation prefers.
func (t *Table) FitFused(pairs []Fusion, nets []Measured) (Correction, error) {
	plain, err := t.fit(nil, nets)
	if err != nil || len(pairs) == 0 {
		return plain, err
	}
	s := measuredSavings(pairs)
	if err := s.place(); err != nil {
		return plain, fmt.Errorf("latency: fit: %w", err)
	}
	fused, err := t.fit(s, nets)
	if err != nil || fused.MAPE >= plain.MAPE {
		return plain, err
	}
	return fused, nil
}

// Fused says whether the correction takes off what pairs save.
func (c *Correction) Fused() bool { return c.savings != nil }
