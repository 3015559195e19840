package train

import "math"

// AdamWSettings are the constants of AdamW; zero means the default beside it.
type AdamWSettings struct {
	Beta1       float64 // memory of the gradient; default 0.9
	Beta2       float64 // memory of its square; default 0.999
	Epsilon     float64 // added to the root of the square; default 1e-8
	WeightDecay float64 // decoupled, times the learning rate, for parameters with Decay; default 0
}

func (s *AdamWSettings) defaults() {
	for _, d := range []struct {
		p *float64
		v float64
	}{{&s.Beta1, 0.9}, {&s.Beta2, 0.999}, {&s.Epsilon, 1e-8}} {
		if *d.p == 0 {
			*d.p = d.v
		}
	}
}

// AdamW is Adam (Kingma & Ba 2015, algorithm 1) with decoupled weight decay
// (Loshchilov & Hutter 2019, algorithm 2).
type AdamW struct {
	params
	set   AdamWSettings
	m, v  [][]float32
	count []float32 // one number: the steps made, exact up to 2^24; the bias corrections follow from it
}

// NewAdamW makes an optimizer for params, which it keeps.
func NewAdamW(ps []Param, set AdamWSettings) *AdamW {
	set.defaults()
	o := &AdamW{params: newParams(ps), set: set, count: make([]float32, 1)}
	o.m, o.v = o.slots(), o.slots()
	return o
}

// Step makes one update.
func (o *AdamW) Step(rate float64) {
	o.count[0]++
	t := float64(o.count[0])
	unbias1 := 1 - math.Pow(o.set.Beta1, t)
	unbias2 := math.Sqrt(1 - math.Pow(o.set.Beta2, t))
	step := float32(rate / unbias1)
	root := float32(1 / unbias2)
	for i := range o.params {
		p := &o.params[i]
		shrink := float32(1)
		if p.Decay {
			shrink = float32(1 - rate*o.set.WeightDecay)
		}
		o.update(p, o.m[i], o.v[i], [3]float32{step, root, shrink})
	}
}

// update is the inner loop; by = step, root, shrink.
func (o *AdamW) update(p *Param, m, v []float32, by [3]float32) {
	b1, b2, eps := float32(o.set.Beta1), float32(o.set.Beta2), float32(o.set.Epsilon)
	c1, c2 := float32(1-o.set.Beta1), float32(1-o.set.Beta2)
	step, root, shrink := by[0], by[1], by[2]
	w := p.Value
	grad, m, v := p.Grad[:len(w)], m[:len(w)], v[:len(w)]
	for k := range w {
		g := grad[k]
		mk := b1*m[k] + c1*g
		vk := b2*v[k] + c2*g*g
		m[k], v[k] = mk, vk
		w[k] = w[k]*shrink - step*mk/(float32(math.Sqrt(float64(vk)))*root+eps)
	}
}

// State is both moments, "m/<parameter>" and "v/<parameter>", and "steps".
func (o *AdamW) State() map[string][]float32 {
	s := map[string][]float32{"steps": o.count}
	o.export(s, "m", o.m)
	o.export(s, "v", o.v)
	return s
}

// SetState copies the vectors of a State; an error changes nothing.
func (o *AdamW) SetState(s map[string][]float32) error { return restore(o.State(), s) }
