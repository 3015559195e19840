// Package gradient searches by descending on relaxed choices: every slot of a
// genome gets a distribution over its choices, and the distributions follow the
// gradient of a loss that is defined between the genomes too (H. Liu et al.,
// DARTS, ICLR 2019; H. Cai et al., ProxylessNAS, ICLR 2019, for latency). It is
// of use where accuracy comes from a predictor with a gradient and latency from a
// table with one; what it finds are genomes, to seed NSGA-II with or to take as
// they are.
//
// There are few types: Problem (the choices and the loss), Settings and Found.
//
//	found, err := gradient.Descend(ctx, gradient.Problem{Choices: []int{3, 2}, Loss: loss}, gradient.Settings{Starts: 16, Seed: 1})
//	genes := found[0].Genes
package gradient

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
)

// Relaxed holds the probabilities of each slot's choices, [slot][choice].
type Relaxed = [][]float64

// Problem is what to descend on.
type Problem struct {
	// Choices is how many each slot has, at least one.
	Choices []int
	// Loss gives, for each of the starts, the loss of its distributions and its
	// derivative with respect to every probability, into grad[start][slot][choice],
	// which is zero before. Start k may have a loss of its own, such as a limit.
	Loss func(ctx context.Context, p []Relaxed, grad []Relaxed) ([]float64, error)
}

// Settings of a descent; zero fields take the defaults.
type Settings struct {
	Starts int     // descents side by side; 16
	Steps  int     // of each; 120
	Rate   float64 // of Adam, on the logits; 0.2
	Spread float64 // standard deviation of the logits at the start; 0.5
	// The distributions sharpen from temperature Hot to Cold, each step by the
	// same factor: what a network between networks scores matters less and less.
	Hot, Cold float64 // 1, 0.1
	Seed      uint64
}

func (s Settings) withDefaults() Settings {
	for _, d := range []struct {
		field *int
		value int
	}{{&s.Starts, 16}, {&s.Steps, 120}} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	for _, d := range []struct{ field, value *float64 }{{&s.Rate, new(.2)}, {&s.Spread, new(.5)}, {&s.Hot, new(1.)}, {&s.Cold, new(.1)}} {
		if *d.field == 0 {
			*d.field = *d.value
		}
	}
	return s
}

// Found is where a descent ended.
type Found struct {
	Genes []byte  // the likeliest choice of each slot
	Sure  float64 // the least probability of these
	Loss  float64 // of the distributions
}

// Descend runs all starts and gives their ends in the order of starts. The same
// seed gives the same genes. A loss or a gradient that is no number is an error
// that names the start.
func Descend(ctx context.Context, problem Problem, set Settings) ([]Found, error) {
	set = set.withDefaults()
	if problem.Loss == nil || len(problem.Choices) == 0 {
		return nil, errors.New("gradient: the problem has no choices or no loss")
	}
	d := descent{problem: problem, set: set}
	for range set.Starts {
		d.logits, d.p, d.grad = append(d.logits, d.zeros()), append(d.p, d.zeros()), append(d.grad, d.zeros())
		d.mean, d.square = append(d.mean, d.zeros()), append(d.square, d.zeros())
	}
	rng := rand.New(rand.NewPCG(set.Seed, 0x67726164))
	for _, start := range d.logits {
		for _, slot := range start {
			for c := range slot {
				slot[c] = set.Spread * rng.NormFloat64()
			}
		}
	}
	var loss []float64
	for step := range set.Steps {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("gradient: stopped at step %d of %d: %w", step, set.Steps, err)
		}
		part := 1.0
		if set.Steps > 1 {
			part = float64(step) / float64(set.Steps-1)
		}
		var err error
		if loss, err = d.step(ctx, step+1, set.Hot*math.Pow(set.Cold/set.Hot, part)); err != nil {
			return nil, fmt.Errorf("gradient: step %d: %w", step+1, err)
		}
	}
	return d.found(loss), nil
}

// descent is the state of all starts.
type descent struct {
	problem                       Problem
	set                           Settings
	logits, p, grad, mean, square []Relaxed
}

func (d *descent) zeros() Relaxed {
	r := make(Relaxed, len(d.problem.Choices))
	for i, n := range d.problem.Choices {
		r[i] = make([]float64, n)
	}
	return r
}

// step follows the gradient once, at a temperature (Adam: D. Kingma, J. Ba, 2015).
func (d *descent) step(ctx context.Context, n int, temperature float64) ([]float64, error) {
	for k, start := range d.logits {
		for i, slot := range start {
			softmax(d.p[k][i], slot, temperature)
			clear(d.grad[k][i])
		}
	}
	loss, err := d.problem.Loss(ctx, d.p, d.grad)
	if err != nil {
		return nil, err
	}
	const keep1, keep2, tiny = .9, .99, 1e-12
	correct1, correct2 := 1-math.Pow(keep1, float64(n)), 1-math.Pow(keep2, float64(n))
	for k, start := range d.logits {
		if math.IsNaN(loss[k]) || math.IsInf(loss[k], 0) {
			return nil, fmt.Errorf("the loss of start %d is %g", k, loss[k])
		}
		for i, slot := range start {
			p, g := d.p[k][i], d.grad[k][i]
			along := 0.0 // what adding to all logits alike would do, which is nothing
			for c := range slot {
				along += p[c] * g[c]
			}
			for c := range slot {
				v := p[c] * (g[c] - along) / temperature
				if math.IsNaN(v) || math.IsInf(v, 0) {
					return nil, fmt.Errorf("start %d, slot %d, choice %d: the gradient is %g", k, i, c, v)
				}
				m, s := &d.mean[k][i][c], &d.square[k][i][c]
				*m = keep1**m + (1-keep1)*v
				*s = keep2**s + (1-keep2)*v*v
				slot[c] -= d.set.Rate * (*m / correct1) / (math.Sqrt(*s/correct2) + tiny)
			}
		}
	}
	return loss, nil
}

// softmax fills p with the distribution of logits at a temperature.
func softmax(p, logits []float64, temperature float64) {
	top := math.Inf(-1)
	for _, v := range logits {
		top = max(top, v)
	}
	sum := 0.0
	for c, v := range logits {
		p[c] = math.Exp((v - top) / temperature)
		sum += p[c]
	}
	for c := range p {
		p[c] /= sum
	}
}

func (d *descent) found(loss []float64) []Found {
	var out []Found
	for k, start := range d.p {
		f := Found{Genes: make([]byte, len(start)), Sure: 1, Loss: loss[k]}
		for i, slot := range start {
			for c, v := range slot {
				if v > slot[f.Genes[i]] {
					f.Genes[i] = byte(c)
				}
			}
			f.Sure = min(f.Sure, slot[f.Genes[i]])
		}
		out = append(out, f)
	}
	return out
}
