package train

// SGDSettings are the constants of SGD; the zero value is plain gradient
// descent.
type SGDSettings struct {
	Momentum    float64 // share of the last update that is kept, in [0,1); 0 = none
	Nesterov    bool    // look ahead (Sutskever et al. 2013); needs Momentum
	WeightDecay float64 // pull to zero, for parameters with Decay
	// Decoupled applies the decay to the parameter (times the learning rate,
	// Loshchilov & Hutter 2019) and not to the gradient, so that it does not
	// pass through the momentum.
	Decoupled bool
}

// SGD is stochastic gradient descent with momentum, in the form of PyTorch:
// b = momentum*b + g; w -= rate*b, or with Nesterov w -= rate*(g + momentum*b).
type SGD struct {
	params
	set      SGDSettings
	momentum [][]float32
}

// NewSGD makes an optimizer for params, which it keeps.
func NewSGD(ps []Param, set SGDSettings) *SGD {
	o := &SGD{params: newParams(ps), set: set}
	if set.Momentum != 0 {
		o.momentum = o.slots()
	}
	return o
}

// Step makes one update.
func (o *SGD) Step(rate float64) {
	for i := range o.params {
		p := &o.params[i]
		pull, shrink := float32(0), float32(1)
		if p.Decay && o.set.Decoupled {
			shrink = float32(1 - rate*o.set.WeightDecay)
		} else if p.Decay {
			pull = float32(o.set.WeightDecay)
		}
		if o.momentum == nil {
			descend(p, float32(rate), pull, shrink)
		} else {
			o.roll(p, o.momentum[i], [3]float32{float32(rate), pull, shrink})
		}
	}
}

func descend(p *Param, rate, pull, shrink float32) {
	w, g := p.Value, p.Grad[:len(p.Value)]
	for k, v := range w {
		w[k] = v*shrink - rate*(g[k]+pull*v)
	}
}

// roll is descend with momentum; by = rate, pull, shrink.
func (o *SGD) roll(p *Param, b []float32, by [3]float32) {
	mu, rate, pull, shrink := float32(o.set.Momentum), by[0], by[1], by[2]
	w, g, b := p.Value, p.Grad[:len(p.Value)], b[:len(p.Value)]
	if !o.set.Nesterov {
		for k, v := range w {
			b[k] = mu*b[k] + g[k] + pull*v
			w[k] = v*shrink - rate*b[k]
		}
		return
	}
	for k, v := range w {
		d := g[k] + pull*v
		b[k] = mu*b[k] + d
		w[k] = v*shrink - rate*(d+mu*b[k])
	}
}

// State is the momentum, "momentum/<parameter>".
func (o *SGD) State() map[string][]float32 {
	s := map[string][]float32{}
	if o.momentum != nil {
		o.export(s, "momentum", o.momentum)
	}
	return s
}

// SetState copies the vectors of a State; an error changes nothing.
func (o *SGD) SetState(s map[string][]float32) error { return restore(o.State(), s) }
