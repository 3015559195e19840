package latency

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"hanas/onnx"
	"hanas/space"
)

// fusedShare is nn-Meter's rule (L. Zhang et al., MobiSys 2021, section 4.1;
// EMP_ALPHA in its code): two operators run as one kernel if together they save
// more than this share of the cheaper one.
const fusedShare = 0.5

// Pair is two operators that follow each other in a network.
type Pair struct{ First, Second space.Layer }

// Rule names what a runtime fuses by: the operators, what the first is followed
// by, and the forms of their numbers, e.g. "depthwise relu float, pointwise integer".
func (p Pair) Rule() string {
	name := func(l *space.Layer) string {
		return strings.Join(slices.DeleteFunc([]string{string(l.Kind), l.Act, forms[formOf(l)]}, func(s string) bool { return s == "" }), " ")
	}
	return name(&p.First) + ", " + name(&p.Second)
}

// Pairs lists the pairs of networks by rule, of each rule the one of least, of
// middle and of most MACs, in order of rules and then of MACs.
func Pairs(networks [][]space.Layer) []Pair {
	byRule := map[string][]Pair{}
	seen := map[[2]space.Layer]bool{}
	for _, layers := range networks {
		for i := 1; i < len(layers); i++ {
			key := [2]space.Layer{layers[i-1].Shape(), layers[i].Shape()}
			if !seen[key] {
				seen[key] = true
				p := Pair{layers[i-1], layers[i]}
				byRule[p.Rule()] = append(byRule[p.Rule()], p)
			}
		}
	}
	macs := func(p Pair) int64 { return p.First.MACs() + p.Second.MACs() }
	var rules []string
	for r := range byRule {
		rules = append(rules, r)
	}
	slices.Sort(rules)
	var out []Pair
	for _, r := range rules {
		all := byRule[r]
		slices.SortFunc(all, func(a, b Pair) int {
			if d := macs(a) - macs(b); d != 0 {
				return int(max(-1, min(1, d)))
			}
			return strings.Compare(a.First.Key()+a.Second.Key(), b.First.Key()+b.Second.Key())
		})
		at := []int{0, len(all) / 2, len(all) - 1}
		for _, i := range slices.Compact(at) {
			out = append(out, all[i])
		}
	}
	return out
}

// Fusion is what a pair takes alone and together, ms, and the verdict.
type Fusion struct {
	Rule     string  `json:"rule"`
	First    string  `json:"first"` // keys of rows
	Second   string  `json:"second"`
	FirstMs  float64 `json:"first_ms"`
	SecondMs float64 `json:"second_ms"`
	BorderMs float64 `json:"border_ms"` // of a model that only takes and gives what lies between the two: what two models pay twice
	PairMs   float64 `json:"pair_ms"`
	SavedMs  float64 `json:"saved_ms"` // first + second - border - pair
	Fused    bool    `json:"fused"`    // saves more than half of the cheaper one
}

// ChainBuilder makes the model of layers that follow each other;
// export.BuildChain with a fixed seed is one.
type ChainBuilder func(...space.Layer) (*onnx.Model, error)

// Fusions times pairs together and each of their operators alone, all in one
// profile. Two models pay the border between them twice, the call and the copy of
// the tensor; nn-Meter counts that as saved, which on layers of some
// microseconds makes everything look fused. Here it is timed and taken off.
func Fusions(ctx context.Context, engine onnx.Engine, pairs []Pair, build ChainBuilder, set Settings, progress func(done, total int)) ([]Fusion, Timings, error) {
	at := map[string]int{}
	var subjects []subject
	add := func(name string, build func() (*onnx.Model, error)) int {
		i, known := at[name]
		if !known {
			i = len(subjects)
			at[name] = i
			subjects = append(subjects, subject{name, name, build})
		}
		return i
	}
	parts := make([][4]int, len(pairs))
	for i, p := range pairs {
		a, b := p.First, p.Second
		parts[i] = [4]int{
			add(a.Key(), func() (*onnx.Model, error) { return build(a) }),
			add(b.Key(), func() (*onnx.Model, error) { return build(b) }),
			add(border(&b), func() (*onnx.Model, error) { return borderModel(&b), nil }),
			add(a.Key()+" "+b.Key(), func() (*onnx.Model, error) { return build(a, b) }),
		}
	}
	p := profiler{engine: engine, set: set.withDefaults(), subjects: subjects}
	t, err := p.run(ctx, progress)
	if err != nil {
		return nil, t, fmt.Errorf("latency: fusions: %w", err)
	}
	var out []Fusion
	for i, p := range pairs {
		ms := func(k int) float64 { return t.Rows[parts[i][k]].MeanMs }
		out = append(out, fusion(p, ms(0), ms(1), ms(2), ms(3)))
	}
	return out, t, nil
}

// fusion applies the rule. What a border takes cannot be more than either of the
// operators, which have one too.
func fusion(p Pair, first, second, border, pair float64) Fusion {
	border = min(border, first, second)
	f := Fusion{
		Rule: p.Rule(), First: p.First.Key(), Second: p.Second.Key(),
		FirstMs: first, SecondMs: second, BorderMs: border, PairMs: pair, SavedMs: first + second - border - pair,
	}
	f.Fused = f.SavedMs > fusedShare*(min(first, second)-border)
	return f
}

// border names the tensor that l reads.
func border(l *space.Layer) string {
	return fmt.Sprintf("border %dx%dx%d %s", l.In, l.InSize, l.InSize, borderType(l))
}

func borderType(l *space.Layer) onnx.DType {
	if l.ABits > 8 {
		return onnx.Float
	}
	return onnx.Uint8
}

// borderModel gives what it takes.
func borderModel(l *space.Layer) *onnx.Model {
	b := onnx.NewBuilder("border")
	x := b.Input("x", borderType(l), 1, l.In, max(1, l.InSize), max(1, l.InSize))
	b.Output(b.Name(b.Op("Identity", []onnx.Value{x}), "y"))
	m, err := b.Build()
	if err != nil { // an Identity of a tensor
		panic("latency: border: " + err.Error())
	}
	return m
}

// FusionRule is the verdict on a rule: of most of its pairs.
type FusionRule struct {
	Rule  string  `json:"rule"`
	Pairs int     `json:"pairs"`
	Fused int     `json:"fused"` // of them
	Saved float64 `json:"saved"` // middle of what is saved, as a share of the cheaper operator
}

// Holds tells whether most pairs are fused.
func (r FusionRule) Holds() bool { return 2*r.Fused > r.Pairs }

// FusionRules sums up by rule, in the order of fusions.
func FusionRules(fusions []Fusion) []FusionRule {
	var out []FusionRule
	var saved [][]float64
	for _, f := range fusions {
		if len(out) == 0 || out[len(out)-1].Rule != f.Rule {
			out, saved = append(out, FusionRule{Rule: f.Rule}), append(saved, nil)
		}
		r := &out[len(out)-1]
		r.Pairs++
		if f.Fused {
			r.Fused++
		}
		saved[len(out)-1] = append(saved[len(out)-1], f.SavedMs/max(1e-9, min(f.FirstMs, f.SecondMs)-f.BorderMs))
	}
	for i, s := range saved {
		slices.Sort(s)
		out[i].Saved = s[len(s)/2]
	}
	return out
}
