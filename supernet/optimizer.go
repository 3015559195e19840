package supernet

import (
	"fmt"
	"maps"
	"slices"

	"hanas/train"
)

// optimizers are the rows that TrainSettings.Optimizer chooses from, with the
// rate at a batch of 128 and the decay that are taken where none is given.
var optimizers = map[string]struct {
	rate, decay float64
	open        func(ps []train.Param, decay float64) clipping
}{
	"adamw": {0.003, 0.01, func(ps []train.Param, decay float64) clipping {
		return train.NewAdamW(ps, train.AdamWSettings{WeightDecay: decay})
	}},
	"sgd": {0.1, 0.0005, func(ps []train.Param, decay float64) clipping {
		return train.NewSGD(ps, train.SGDSettings{Momentum: 0.9, Nesterov: true, WeightDecay: decay})
	}},
}

// Optimizers are the names of the optimizers: "adamw" (Loshchilov & Hutter
// 2019) and "sgd" (Nesterov's momentum of 0.9, decay in the gradient).
func Optimizers() []string { return slices.Sorted(maps.Keys(optimizers)) }

// clipping is an optimizer that bounds its gradients.
type clipping interface {
	train.Optimizer
	ClipGradNorm(bound float64) float64
}

// optimizer is one with the average of the weights, if there is one.
type optimizer struct {
	clipping
	average *train.EMA
}

func newOptimizer(ps []train.Param, set *TrainSettings) (optimizer, error) {
	row, ok := optimizers[set.Optimizer]
	if !ok {
		return optimizer{}, fmt.Errorf("supernet: train: no optimizer %q (known: %v)", set.Optimizer, Optimizers())
	}
	o := optimizer{clipping: row.open(ps, set.Decay)}
	if set.Average > 0 {
		o.average = train.NewEMA(ps, set.Average)
	}
	return o, nil
}

// follow moves the average after a step.
func (o optimizer) follow() {
	if o.average != nil {
		o.average.Update()
	}
}

// finish makes the average the weights.
func (o optimizer) finish() {
	if o.average != nil {
		o.average.Swap()
	}
}

// State is the optimizer's and the average's.
func (o optimizer) State() map[string][]float32 {
	s := o.clipping.State()
	if o.average != nil {
		maps.Copy(s, o.average.State())
	}
	return s
}

// SetState is the reverse of State.
func (o optimizer) SetState(s map[string][]float32) error {
	if o.average == nil {
		return o.clipping.SetState(s)
	}
	own, average := maps.Clone(s), map[string][]float32{}
	for name := range o.average.State() {
		if v, ok := s[name]; ok {
			average[name] = v
			delete(own, name)
		}
	}
	if err := o.average.SetState(average); err != nil {
		return err
	}
	return o.clipping.SetState(own)
}
