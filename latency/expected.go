package latency

import (
	"errors"
	"fmt"
	"math"

	"hanas/space"
)

// Expected is what a network costs on average when each slot of a space is
// drawn, independently, from a distribution over its choices (as ProxylessNAS,
// Cai et al. 2019, does for latency). Every cost is a polynomial in the
// probabilities, linear in those of one slot, so its gradient is exact. Where
// all distributions are one-hot, it is the table's own sum.
//
// The table's correction is not part of it: that is a function of the sum and
// of neighbouring precisions.
type Expected struct {
	slots []space.Slot
	terms []term
	group int // number of live sets
}

// Distribution holds the probabilities of each slot's choices, in the order of
// space.Slots. They need not add up to one: costs are polynomials of them.
type Distribution [][]float64

// metric is what a term's values count for.
type metric int

const (
	metricMs metric = iota
	metricMJ
	metricWeights
	metrics // plain sums; live bytes are summed by group
)

// term is one cost as a function of the few slots that it depends on: values
// are in row-major order of their choices.
type term struct {
	deps   []int
	values [metrics][]float64 // nil = none
	live   []float64          // bytes of activations; nil = none
	group  int                // of live: a layer of the network
}

// Costs are expected costs, or their derivatives.
type Costs struct {
	Ms          float64
	EnergyMJ    float64
	WeightBytes float64
	// PeakBytes is the largest over the layers of the expected bytes that live
	// while it runs. Between one-hot distributions it is a lower bound of the
	// expected peak.
	PeakBytes float64
}

// maxCombinations bounds the choices that one cost may depend on jointly.
const maxCombinations = 1 << 21

// Expected tabulates a table's rows over a space. A *MissingError names all
// rows that lack.
func (t *Table) Expected(sp *space.Space) (*Expected, error) {
	e := &Expected{slots: sp.Slots()}
	w := &tabulator{table: t, sp: sp, slots: map[string]int{}, missing: map[string]bool{}}
	for i, s := range e.slots {
		w.slots[s.Name] = i
		w.choices = append(w.choices, s.Choices)
	}
	var err error
	if e.terms, e.group, err = w.all(); err != nil {
		return nil, fmt.Errorf("latency: expected costs over %s: %w", sp.Name, err)
	}
	if len(w.missing) > 0 {
		return nil, w.lacking()
	}
	return e, nil
}

// OneHot is the distribution that is sure of a.
func (e *Expected) OneHot(a space.Arch) Distribution {
	p := e.zeros()
	for i, g := range a.Genes() {
		p[i][g] = 1
	}
	return p
}

// Uniform gives every choice of a slot the same probability.
func (e *Expected) Uniform() Distribution {
	p := e.zeros()
	for i := range p {
		for j := range p[i] {
			p[i][j] = 1 / float64(len(p[i]))
		}
	}
	return p
}

func (e *Expected) zeros() Distribution {
	p := make(Distribution, len(e.slots))
	for i, s := range e.slots {
		p[i] = make([]float64, s.Choices)
	}
	return p
}

func (e *Expected) check(p Distribution) error {
	if len(p) != len(e.slots) {
		return fmt.Errorf("latency: expected costs: %d distributions, the space has %d slots", len(p), len(e.slots))
	}
	for i, s := range e.slots {
		if len(p[i]) != s.Choices {
			return fmt.Errorf("latency: expected costs: slot %s has %d choices, its distribution %d", s.Name, s.Choices, len(p[i]))
		}
		for _, v := range p[i] {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return fmt.Errorf("latency: expected costs: slot %s: a probability is %g", s.Name, v)
			}
		}
	}
	return nil
}

// Value is the expected cost under p.
func (e *Expected) Value(p Distribution) (Costs, error) {
	c, _, err := e.value(p)
	return c, err
}

// value also tells the group of the peak.
func (e *Expected) value(p Distribution) (Costs, int, error) {
	if err := e.check(p); err != nil {
		return Costs{}, 0, err
	}
	var sums [metrics]float64
	live := make([]float64, e.group)
	for i := range e.terms {
		t := &e.terms[i]
		e.walk(t, p, func(at int, choice []int, _ []float64, product float64) {
			for m, values := range t.values {
				if values != nil {
					sums[m] += values[at] * product
				}
			}
			if t.live != nil {
				live[t.group] += t.live[at] * product
			}
		})
	}
	top := 0
	for g := range live {
		if live[g] > live[top] {
			top = g
		}
	}
	c := Costs{Ms: sums[metricMs], EnergyMJ: sums[metricMJ], WeightBytes: sums[metricWeights]}
	if len(live) > 0 {
		c.PeakBytes = live[top]
	}
	return c, top, nil
}

// Gradient is the expected cost under p and its derivative with respect to
// every probability: grad[slot][choice]. The peak's derivative is that of the
// layer where the peak is.
func (e *Expected) Gradient(p Distribution) (Costs, [][]Costs, error) {
	c, top, err := e.value(p)
	if err != nil {
		return Costs{}, nil, err
	}
	grad := make([][]Costs, len(p))
	for i := range p {
		grad[i] = make([]Costs, len(p[i]))
	}
	for i := range e.terms {
		t := &e.terms[i]
		at := func(values []float64, i int) float64 {
			if values == nil {
				return 0
			}
			return values[i]
		}
		e.walk(t, p, func(cell int, choice []int, others []float64, _ float64) {
			for d, slot := range t.deps {
				g := &grad[slot][choice[d]]
				g.Ms += at(t.values[metricMs], cell) * others[d]
				g.EnergyMJ += at(t.values[metricMJ], cell) * others[d]
				g.WeightBytes += at(t.values[metricWeights], cell) * others[d]
				if t.live != nil && t.group == top {
					g.PeakBytes += t.live[cell] * others[d]
				}
			}
		})
	}
	return c, grad, nil
}

// walk visits every cell of a term with its choices, the product of their
// probabilities, and for each slot the product of the others'.
func (e *Expected) walk(t *term, p Distribution, visit func(cell int, choice []int, others []float64, product float64)) {
	n := len(t.deps)
	choice, others, prefix := make([]int, n), make([]float64, n), make([]float64, n+1)
	for cell := 0; ; cell++ {
		prefix[0] = 1
		for d, slot := range t.deps {
			prefix[d+1] = prefix[d] * p[slot][choice[d]]
		}
		suffix := 1.0
		for d := n - 1; d >= 0; d-- {
			others[d] = prefix[d] * suffix
			suffix *= p[t.deps[d]][choice[d]]
		}
		visit(cell, choice, others, prefix[n])
		d := n - 1
		for ; d >= 0; d-- {
			if choice[d]++; choice[d] < len(p[t.deps[d]]) {
				break
			}
			choice[d] = 0
		}
		if d < 0 {
			return
		}
	}
}

// errTooMany says that a cost depends on too many choices at once.
var errTooMany = errors.New("a layer depends on too many choices jointly")
