package train

import (
	"fmt"
	"math"
)

// Param is one parameter tensor, flat, and its gradient. Value is changed in
// place by an optimizer; Grad is the caller's to fill before each step.
type Param struct {
	Name        string // unique among the parameters of an optimizer
	Value, Grad []float32
	Decay       bool // weight decay applies (usually weights, not biases and norms)
}

// Optimizer moves parameters along their gradients.
type Optimizer interface {
	// Step makes one update with the given learning rate.
	Step(rate float64)
	// State is the optimizer's memory as named vectors, shared, for a
	// checkpoint; SetState copies such vectors in.
	State() map[string][]float32
	SetState(map[string][]float32) error
}

// params is the part that every optimizer has.
type params []Param

// newParams checks what only a bug of the caller can get wrong.
func newParams(ps []Param) params {
	names := make(map[string]bool, len(ps))
	for _, p := range ps {
		if len(p.Value) != len(p.Grad) {
			panic(fmt.Sprintf("train: parameter %q has %d values and %d gradients", p.Name, len(p.Value), len(p.Grad)))
		}
		if names[p.Name] {
			panic(fmt.Sprintf("train: parameter %q is given twice", p.Name))
		}
		names[p.Name] = true
	}
	return ps
}

// ClipGradNorm scales all gradients together so that their Euclidean norm is
// at most bound (Pascanu, Mikolov & Bengio 2013, section 3.2), and returns the
// norm before. A bound of 0 only measures. A norm that is not finite leaves
// the gradients as they are: the caller should stop, or skip the step.
func (ps params) ClipGradNorm(bound float64) float64 {
	var sum float64
	for i := range ps {
		for _, g := range ps[i].Grad {
			sum += float64(g) * float64(g)
		}
	}
	norm := math.Sqrt(sum)
	if bound <= 0 || !(norm > bound) || math.IsInf(norm, 0) {
		return norm
	}
	scale := float32(bound / norm)
	for i := range ps {
		grad := ps[i].Grad
		for k := range grad {
			grad[k] *= scale
		}
	}
	return norm
}

// CheckFinite reports the first value that is NaN or infinite. The name is of
// the vector, for the message. Adding up is enough to find out that there is
// one, so good vectors cost one addition a value.
func CheckFinite(name string, values []float32) error {
	var sum float32
	for _, v := range values {
		sum += v * 0 // NaN for NaN and infinities, else 0
	}
	if sum == 0 {
		return nil
	}
	for i, v := range values {
		if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
			return fmt.Errorf("train: %s: value %d of %d is %v (lower the learning rate, or clip gradients)", name, i, len(values), v)
		}
	}
	return nil
}

// slots makes one zero vector for each parameter.
func (ps params) slots() [][]float32 {
	out := make([][]float32, len(ps))
	for i, p := range ps {
		out[i] = make([]float32, len(p.Value))
	}
	return out
}

// export names the vectors of slots "prefix/parameter".
func (ps params) export(into map[string][]float32, prefix string, slots [][]float32) {
	for i, p := range ps {
		into[prefix+"/"+p.Name] = slots[i]
	}
}

// restore is the reverse of export: all or an error. It copies only when every
// vector is there with the right length, so a failed restore changes nothing.
func restore(own, from map[string][]float32) error {
	for name, have := range own {
		got, ok := from[name]
		if !ok {
			return fmt.Errorf("train: optimizer state: %q is missing (is the checkpoint of another optimizer?)", name)
		}
		if len(got) != len(have) {
			return fmt.Errorf("train: optimizer state: %q has %d values, not %d", name, len(got), len(have))
		}
	}
	for name := range from {
		if _, ok := own[name]; !ok {
			return fmt.Errorf("train: optimizer state: %q is not of this optimizer", name)
		}
	}
	for name, have := range own {
		copy(have, from[name])
	}
	return nil
}
