package latency

import (
	"fmt"
	"math"
)

// ChoiceModel predicts the time of a network from one choice a place, for
// spaces of which only whole networks were timed: a table with a row for each
// choice at each place, plus a term for each pair of choices at neighbouring
// places (what fusion, layouts and caches add), shrunk towards nothing.
type ChoiceModel struct {
	Offset  float64
	Pull    float64 // regularisation of the pairs; +Inf = no pairs
	Robust  bool    // fitted to absolute, not squared, errors
	choices int
	single  []float64 // place*choices + choice
	pair    []float64 // (place*choices + choice)*choices + next choice
}

// pairPulls are the regularisations of pairs that FitChoices tries after none
// at all, the strongest first: of two that do equally well the simpler model is
// kept.
var pairPulls = []float64{300, 30, 3}

// FitChoices fits whole networks: archs[i][p] in [0, choices) is what network i
// has at place p, ms[i] its time. The error that is minimised is relative. The
// pull on the pairs is chosen by five-fold cross-validation inside the given
// networks, and so is whether squared or absolute errors are minimised (a few
// disturbed measurements pull the former away).
func FitChoices(archs [][]int, ms []float64, choices int) (*ChoiceModel, error) {
	if len(archs) != len(ms) || len(archs) < 10 {
		return nil, fmt.Errorf("latency: choices: %d networks with %d times (want at least 10)", len(archs), len(ms))
	}
	for i, a := range archs {
		if len(a) != len(archs[0]) || !(ms[i] > 0) || math.IsInf(ms[i], 0) {
			return nil, fmt.Errorf("latency: choices: network %d: %d places, %g ms", i, len(a), ms[i])
		}
		for _, c := range a {
			if c < 0 || c >= choices {
				return nil, fmt.Errorf("latency: choices: network %d: choice %d of %d", i, c, choices)
			}
		}
	}
	best, robust := math.Inf(1), false
	least := crossValidated(archs, ms, choices, best, false)
	if least > 1e-6 { // exact sums need neither
		if e := crossValidated(archs, ms, choices, best, true); e < .98*least {
			robust, least = true, e
		}
		for _, pull := range pairPulls {
			if e := crossValidated(archs, ms, choices, pull, robust); e < .999*least {
				best, least = pull, e
			}
		}
	}
	return fitRobust(archs, ms, choices, best, robust), nil
}

// crossValidated is the mean relative error over five folds.
func crossValidated(archs [][]int, ms []float64, choices int, pull float64, robust bool) float64 {
	e := 0.0
	for fold := range 5 {
		var inA, outA [][]int
		var in, out []float64
		for i := range archs {
			if i%5 == fold {
				outA, out = append(outA, archs[i]), append(out, ms[i])
			} else {
				inA, in = append(inA, archs[i]), append(in, ms[i])
			}
		}
		e += fitRobust(inA, in, choices, pull, robust).mape(outA, out) / 5
	}
	return e
}

// fitRobust minimises absolute errors by reweighting squared ones: each round
// divides a network's weight by its last error (Lawson 1961).
func fitRobust(archs [][]int, ms []float64, choices int, pull float64, robust bool) *ChoiceModel {
	trust := make([]float64, len(ms))
	for i := range trust {
		trust[i] = 1
	}
	m := fitChoices(archs, ms, choices, pull, trust)
	for range 4 {
		if !robust {
			break
		}
		typical := max(1e-9, m.mape(archs, ms))
		for i, a := range archs {
			trust[i] = 1 / math.Sqrt(max(math.Abs(m.Ms(a)/ms[i]-1)/typical, .05))
		}
		m = fitChoices(archs, ms, choices, pull, trust)
	}
	m.Robust = robust
	return m
}

// Ms is the predicted time.
func (m *ChoiceModel) Ms(arch []int) float64 {
	ms := m.Offset
	for p, c := range arch {
		ms += m.single[p*m.choices+c]
		if p+1 < len(arch) && m.pair != nil {
			ms += m.pair[(p*m.choices+c)*m.choices+arch[p+1]]
		}
	}
	return ms
}

func (m *ChoiceModel) mape(archs [][]int, ms []float64) float64 {
	e := 0.0
	for i, a := range archs {
		e += math.Abs(m.Ms(a)/ms[i]-1) / float64(len(ms))
	}
	return e
}

// singlePull keeps the rows determined: the choices of a place always add up
// to one, so that without it the offset could move between places.
const singlePull = 1e-9

// fitChoices solves the ridge problem by conjugate gradients on its normal
// equations; a network has few non-zero features, so that a step is cheap. trust
// multiplies the weight of each network's error.
func fitChoices(archs [][]int, ms []float64, choices int, pull float64, trust []float64) *ChoiceModel {
	places := len(archs[0])
	singles := places * choices
	n := 1 + singles
	if !math.IsInf(pull, 1) {
		n += singles * choices
	}
	mean := 0.0
	for _, v := range ms {
		mean += v / float64(len(ms))
	}
	index := make([][]int32, len(archs))
	weight := make([]float64, len(archs)) // relative errors, around 1
	for i, a := range archs {
		weight[i] = trust[i] * mean / ms[i]
		index[i] = append(index[i], 0)
		for p, c := range a {
			index[i] = append(index[i], int32(1+p*choices+c))
			if n > 1+singles && p+1 < places {
				index[i] = append(index[i], int32(1+singles+(p*choices+c)*choices+a[p+1]))
			}
		}
	}
	ridge := func(j int) float64 {
		if j > singles {
			return pull
		}
		return singlePull * float64(len(archs))
	}
	apply := func(v []float64) []float64 { // (XᵀWX + R)·v
		out := make([]float64, n)
		for i, at := range index {
			dot := 0.0
			for _, j := range at {
				dot += v[j]
			}
			dot *= weight[i] * weight[i]
			for _, j := range at {
				out[j] += dot
			}
		}
		for j := range out {
			out[j] += ridge(j) * v[j]
		}
		return out
	}
	right := make([]float64, n)
	for i, at := range index {
		for _, j := range at {
			right[j] += weight[i] * weight[i] * ms[i]
		}
	}
	w := conjugateGradients(apply, right)
	m := &ChoiceModel{Offset: w[0], Pull: pull, choices: choices, single: w[1 : 1+singles]}
	if n > 1+singles {
		m.pair = w[1+singles:]
	}
	return m
}

// conjugateGradients solves A·x = b for a positive definite A.
func conjugateGradients(apply func([]float64) []float64, b []float64) []float64 {
	dot := func(x, y []float64) float64 {
		s := 0.0
		for i := range x {
			s += x[i] * y[i]
		}
		return s
	}
	x := make([]float64, len(b))
	r := append([]float64(nil), b...)
	d := append([]float64(nil), b...)
	rr, start := dot(r, r), dot(b, b)
	for range 150 {
		if rr <= 1e-22*start {
			break
		}
		a := apply(d)
		step := rr / dot(d, a)
		for i := range x {
			x[i] += step * d[i]
			r[i] -= step * a[i]
		}
		next := dot(r, r)
		for i := range d {
			d[i] = r[i] + next/rr*d[i]
		}
		rr = next
	}
	return x
}
