package latency

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"hanas/onnx"
	"hanas/space"
)

// Fusion tells which operators a runtime computes together, found as nn-Meter
// does (Zhang et al. 2021, section 4.1): two operators are timed alone and one
// behind the other, and what the pair saves decides. A model of one operator
// also pays for a call of the runtime, which a pair pays once; an operator that
// does next to nothing shows that cost, and it is taken off.
type Fusion struct {
	CallMs float64      `json:"call_ms"` // of a model that does nothing
	Rules  []FusionRule `json:"rules"`   // sorted
	Pairs  []PairTime   `json:"pairs"`
}

// FusionRule is what the pairs of two kinds of layer say together.
type FusionRule struct {
	First    string  `json:"first"`  // as "pointwise relu integer": operator, activation, form
	Second   string  `json:"second"` // reads what First writes
	Pairs    int     `json:"pairs"`
	Fused    bool    `json:"fused"`     // more than half of them
	SavedMs  float64 `json:"saved_ms"`  // mean over the pairs; negative: a border costs
	SavedOff float64 `json:"saved_off"` // half the range of what the pairs saved
}

// PairTime is one pair with its times, each of the whole model.
type PairTime struct {
	First    string  `json:"first"` // key
	Second   string  `json:"second"`
	FirstMs  float64 `json:"first_ms"`
	SecondMs float64 `json:"second_ms"`
	BothMs   float64 `json:"both_ms"`
	Fused    bool    `json:"fused"`
	SavedMs  float64 `json:"saved_ms"`
	rule     [2]string
}

// fusedShare is the share of the cheaper operator that a fused pair saves at
// least: nn-Meter's alpha.
const fusedShare = 0.5

// Pair is two layers of which the second reads the first.
type Pair [2]space.Layer

// PairsOf lists neighbours in networks, by the kinds of both: of each pair of
// kinds up to each pairs, spread from the least memory traffic to the most.
func PairsOf(networks [][]space.Layer, each int) []Pair {
	byRule := map[[2]string][]Pair{}
	seen := map[[2]string]bool{}
	for _, layers := range networks {
		for i := 1; i < len(layers); i++ {
			p := Pair{layers[i-1], layers[i]}
			if keys := [2]string{p[0].Key(), p[1].Key()}; !seen[keys] {
				seen[keys] = true
				byRule[p.rule()] = append(byRule[p.rule()], p)
			}
		}
	}
	var out []Pair
	for _, rule := range sortedRules(byRule) {
		all := byRule[rule]
		slices.SortStableFunc(all, func(a, b Pair) int { return cmp.Compare(a.traffic(), b.traffic()) })
		n := min(each, len(all))
		for i := range n {
			out = append(out, all[(2*i+1)*len(all)/(2*n)])
		}
	}
	return out
}

func sortedRules[V any](m map[[2]string]V) [][2]string {
	var rules [][2]string
	for r := range m {
		rules = append(rules, r)
	}
	slices.SortFunc(rules, func(a, b [2]string) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) })
	return rules
}

func (p *Pair) traffic() int64 { return Traffic(&p[0]) + Traffic(&p[1]) }

func (p *Pair) rule() [2]string { return [2]string{fusionKind(&p[0]), fusionKind(&p[1])} }

// fusionKind is what a rule tells apart.
func fusionKind(l *space.Layer) string {
	name := string(l.Kind)
	if l.Act != "" {
		name += " " + l.Act
	}
	return name + " " + forms[formOf(l)]
}

// ChainBuilder makes a model of layers that follow each other; export.BuildChain
// with a fixed seed is one.
type ChainBuilder func(layers ...space.Layer) (*onnx.Model, error)

// callLayer does next to nothing.
var callLayer = space.Layer{Name: "call", Kind: space.Add, In: 1, Out: 1, InSize: 1, OutSize: 1, Kernel: 1, Stride: 1, Groups: 1, ABits: 16}

// FindFusion times pairs, and the layers of each alone, and applies the rule.
func FindFusion(ctx context.Context, engine onnx.Engine, pairs []Pair, build ChainBuilder, set Settings, progress func(done, total int)) (*Fusion, error) {
	if len(pairs) == 0 {
		return nil, errors.New("latency: fusion: no pairs")
	}
	var subjects []subject
	at := map[string]int{}
	add := func(layers ...space.Layer) {
		key := chainKey(layers)
		if _, ok := at[key]; ok {
			return
		}
		at[key] = len(subjects)
		subjects = append(subjects, subject{key, key, func() (*onnx.Model, error) { return build(layers...) }})
	}
	add(callLayer)
	for _, p := range pairs {
		add(p[0])
		add(p[1])
		add(p[0], p[1])
	}
	p := profiler{engine: engine, set: set.withDefaults(), subjects: subjects}
	t, err := p.run(ctx, progress)
	if err != nil {
		return nil, fmt.Errorf("latency: fusion: %w", err)
	}
	ms := func(layers ...space.Layer) float64 { return t.Rows[at[chainKey(layers)]].MeanMs }
	f := &Fusion{CallMs: ms(callLayer)}
	for _, p := range pairs {
		f.Pairs = append(f.Pairs, f.judge(p, ms(p[0]), ms(p[1]), ms(p[0], p[1])))
	}
	f.Rules = rulesOf(f.Pairs)
	return f, nil
}

func chainKey(layers []space.Layer) string {
	key := ""
	for i, l := range layers {
		if i > 0 {
			key += " > "
		}
		key += l.Key()
	}
	return key
}

// judge applies nn-Meter's rule to three times.
func (f *Fusion) judge(p Pair, first, second, both float64) PairTime {
	t := PairTime{First: p[0].Key(), Second: p[1].Key(), FirstMs: first, SecondMs: second, BothMs: both, rule: p.rule()}
	t.SavedMs = first + second - f.CallMs - both
	least := math.Max(0, min(first, second)-f.CallMs)
	t.Fused = t.SavedMs > fusedShare*least && t.SavedMs > 0
	return t
}

// rulesOf joins the pairs of each two kinds.
func rulesOf(pairs []PairTime) []FusionRule {
	by := map[[2]string][]PairTime{}
	for _, p := range pairs {
		by[p.rule] = append(by[p.rule], p)
	}
	var out []FusionRule
	for _, rule := range sortedRules(by) {
		r := FusionRule{First: rule[0], Second: rule[1], Pairs: len(by[rule])}
		fused, lo, hi := 0, math.Inf(1), math.Inf(-1)
		for _, p := range by[rule] {
			fused += flag(p.Fused)
			r.SavedMs += p.SavedMs / float64(r.Pairs)
			lo, hi = min(lo, p.SavedMs), max(hi, p.SavedMs)
		}
		r.Fused, r.SavedOff = 2*fused > r.Pairs, (hi-lo)/2
		out = append(out, r)
	}
	return out
}
