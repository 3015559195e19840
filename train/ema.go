package train

// EMA keeps an exponential moving average of parameters (Polyak & Juditsky
// 1992 average uniformly; the exponential form is the usual one for networks).
// Averages start at the values that the parameters have when it is made, so
// they need no correction of bias.
type EMA struct {
	params
	decay   float32
	average [][]float32
}

// NewEMA averages params, whose Grad may be nil. Decay is the share of the old
// average that an Update keeps, in [0,1).
func NewEMA(ps []Param, decay float64) *EMA {
	e := &EMA{params: ps, decay: float32(decay)}
	e.average = e.slots()
	for i, p := range ps {
		copy(e.average[i], p.Value)
	}
	return e
}

// Update takes in the parameters' present values.
func (e *EMA) Update() {
	for i := range e.params {
		w := e.params[i].Value
		a := e.average[i][:len(w)]
		for k, v := range w {
			a[k] += (1 - e.decay) * (v - a[k])
		}
	}
}

// Swap exchanges the parameters' values and their averages: once to evaluate
// with the averages, once more to go on training.
func (e *EMA) Swap() {
	for i := range e.params {
		w := e.params[i].Value
		a := e.average[i][:len(w)]
		for k := range w {
			w[k], a[k] = a[k], w[k]
		}
	}
}

// State is the averages, "ema/<parameter>", shared.
func (e *EMA) State() map[string][]float32 {
	s := map[string][]float32{}
	e.export(s, "ema", e.average)
	return s
}

// SetState copies the vectors of a State; an error changes nothing.
func (e *EMA) SetState(s map[string][]float32) error { return restore(e.State(), s) }
