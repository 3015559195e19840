package latency

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"hanas/space"
)

// Correction turns the sum of a network's rows into its time:
//
//	ms = scale·(sum − saved) + offset + Σ layer[kind, form] + Σ border[form, form] + Σ element[form, form]·elements
//
// The form of a layer is how a runtime computes it (see forms). A row measures
// a layer alone, with a call of the runtime around it that a network pays only
// once: the terms per layer take that off. A border is a tensor that one layer
// hands to the next, between layers of the same form or of different ones,
// where it is converted; elements is its size. nn-Meter (Zhang et al. 2021)
// finds such effects by measuring pairs of operators; here they are fitted on
// whole networks, and saved is what pairs were measured to save, if they were
// (see Fusions). The zero value is not useful, Plain is.
type Correction struct {
	Networks int     // it was fitted on; 0 = not fitted
	MAPE     float64 // cross-validated on them, as a fraction
	weights  [terms]float64
	savings  *savings // nil = none
}

// Plain is the correction that changes nothing.
var Plain = Correction{weights: [terms]float64{1}}

// forms are the ways to compute a layer, by what is at hand: a float input, an
// input of few bits with weights of 16 (it is widened and computed in float),
// or both of at most 8 bits.
var forms = []string{"float", "mixed", "integer"}

func formOf(l *space.Layer) int {
	switch {
	case l.ABits > 8:
		return 0
	case l.WBits > 8:
		return 1
	}
	return 2
}

// integer says whether a layer computes with integers.
func integer(l *space.Layer) bool { return formOf(l) == 2 }

// kinds are the operators that have terms of their own.
var kinds = []space.Kind{space.Conv, space.Pointwise, space.Depthwise, space.Linear, space.SE, space.Pool, space.Add}

// The places of the terms: scale, offset, then a block for each sum.
const (
	nForms       = 3
	nKinds       = 7
	layerTerms   = 2
	borderTerms  = layerTerms + nKinds*nForms
	elementTerms = borderTerms + nForms*nForms
	terms        = elementTerms + nForms*nForms
)

// termNames spells the terms in files.
var termNames = func() (names [terms]string) {
	names[0], names[1] = "scale", "offset_ms"
	for k, kind := range kinds {
		for f, form := range forms {
			names[layerTerms+k*nForms+f] = fmt.Sprintf("layer_ms %s %s", kind, form)
		}
	}
	for i, from := range forms {
		for j, to := range forms {
			names[borderTerms+i*nForms+j] = fmt.Sprintf("border_ms %s to %s", from, to)
			names[elementTerms+i*nForms+j] = fmt.Sprintf("element_ms %s to %s", from, to)
		}
	}
	return names
}()

// features are the factors of the terms.
func features(sum float64, layers []space.Layer) (x [terms]float64) {
	x[0], x[1] = sum, 1
	before := -1
	for i := range layers {
		l := &layers[i]
		f := formOf(l)
		if k := slices.Index(kinds, l.Kind); k >= 0 {
			x[layerTerms+k*nForms+f]++
		}
		if before >= 0 {
			x[borderTerms+before*nForms+f]++
			x[elementTerms+before*nForms+f] += float64(l.In * l.InSize * l.InSize)
		}
		before = f
	}
	return x
}

// apply corrects a sum. It never gives less than nothing.
func (c *Correction) apply(sum float64, layers []space.Layer) float64 {
	if c.weights == Plain.weights && c.savings == nil {
		return sum
	}
	x := features(sum-c.savings.of(layers), layers)
	return math.Max(0, dot(&x, &c.weights))
}

func dot(a, b *[terms]float64) float64 {
	s := 0.0
	for k := range a {
		s += a[k] * b[k]
	}
	return s
}

// correctionFile is a Correction in JSON; terms that are zero are left out.
type correctionFile struct {
	Terms    map[string]float64 `json:"terms"`
	Networks int                `json:"networks"`
	MAPE     float64            `json:"mape"`
	Pairs    []PairSaving       `json:"pairs,omitempty"`
	Others   float64            `json:"other_pairs_ms,omitempty"`
}

// MarshalJSON writes the terms by name.
func (c Correction) MarshalJSON() ([]byte, error) {
	f := correctionFile{Terms: map[string]float64{}, Networks: c.Networks, MAPE: c.MAPE}
	for k, v := range c.weights {
		if v != 0 {
			f.Terms[termNames[k]] = v
		}
	}
	if c.savings != nil {
		f.Pairs, f.Others = c.savings.rules, c.savings.other
	}
	return json.Marshal(f)
}

// UnmarshalJSON reads what MarshalJSON writes; an unknown term is an error.
func (c *Correction) UnmarshalJSON(text []byte) error {
	var f correctionFile
	if err := json.Unmarshal(text, &f); err != nil {
		return err
	}
	*c = Correction{Networks: f.Networks, MAPE: f.MAPE}
	for name, v := range f.Terms {
		k := slices.Index(termNames[:], name)
		if k < 0 {
			return fmt.Errorf("correction: unknown term %q", name)
		}
		c.weights[k] = v
	}
	if f.Pairs != nil {
		c.savings = &savings{rules: f.Pairs, other: f.Others}
		if err := c.savings.place(); err != nil {
			return err
		}
	}
	if !(c.weights[0] > 0) {
		return fmt.Errorf("correction: scale is %g, want more than 0", c.weights[0])
	}
	return nil
}
