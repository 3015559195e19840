package supernet

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"hanas/onnx/quant"
	"hanas/space"
)

// Learned quantisation steps: one factor for the weights of every layer at
// every width of at most 8 bits, times the data's own step of each output
// channel (quant.Scale), so that it holds for every slice. What is trained is
// the factor's logarithm, 0 at first.

// stepName is the parameter of a weight's step at some bits.
func stepName(weight string, bits int) string { return fmt.Sprintf("%s.step%d", weight, bits) }

// addSteps gives every convolution and the classifier learned steps at the
// widths of the space; squeeze-excite keeps the data's.
func (s *Supernet) addSteps() {
	if s.steps {
		return
	}
	s.steps = true
	widths := widths(s.Space)
	for _, p := range slices.Clone(s.params) {
		if !isWeight(p.Name) || strings.Contains(p.Name, ".se.") {
			continue
		}
		for _, bits := range widths {
			if bits > 8 {
				continue
			}
			step := &Param{Name: stepName(p.Name, bits), Shape: []int{1}, Data: make([]float32, 1)}
			s.params = append(s.params, step)
			s.index[step.Name] = step
		}
	}
}

// widths are the bits that weights of a space may have, ascending.
func widths(sp *space.Space) []int {
	all := slices.Clone(sp.WBits)
	for _, l := range sp.Layers(sp.Largest()) {
		if l.WBits > 0 { // of stem and classifier too
			all = append(all, l.WBits)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// factor is what a weight's step is multiplied with at some bits, and the
// parameter that it comes from; nil when steps are the data's.
func (s *Supernet) factor(weight string, bits int) (float32, *Param) {
	p := s.index[stepName(weight, bits)]
	if p == nil {
		return 1, nil
	}
	return float32(math.Exp(float64(p.Data[0]))), p
}

// round writes the rounded values of a weight's slice into dst, which may be
// raw.
func (s *Supernet) round(dst, raw []float32, v view, bits int) {
	if f, p := s.factor(v.spec.name, bits); p != nil {
		quant.FakeWeightsBy(dst, raw, v.out, bits, f)
		return
	}
	quant.FakeWeights(dst, raw, v.out, bits)
}

// backStep takes the gradient by a rounded weight, src, to that by the weight,
// in place, and adds scale times the step's to grads.
func (s *Supernet) backStep(grads map[string][]float32, v view, use rounding, scale float32) {
	f, p := s.factor(v.spec.name, use.bits)
	if p == nil {
		return
	}
	raw := use.scratch[:v.size()]
	v.slice(raw)
	grads[p.Name][0] += scale * float32(quant.LearnedGradient(use.grad, raw, v.out, use.bits, f))
}

// rounding is one use of a weight at some bits: the gradient by its rounded
// values, and room for the weight.
type rounding struct {
	bits          int
	grad, scratch []float32
}

// exportSteps are the steps that a layer's file is written with; nil where they
// are the data's.
func (s *Supernet) exportSteps(l space.Layer, weight []float32) []float32 {
	if l.WBits == 0 || l.WBits > 8 {
		return nil
	}
	f, p := s.factor(l.Name+".weight", l.WBits)
	if p == nil {
		return nil
	}
	return quant.StepsBy(weight, l.Out, l.WBits, f)
}

// Bit inheritance (Shen et al. 2021, Once Quantization-Aware training): widths
// open from high to low, so that the weights a lower one starts from were
// trained at the one above.

// opened is the fewest bits in use at a step: all after the first half of the
// quantised steps, at equal distances before.
func opened(widths []int, step, from, steps int) int {
	low := slices.DeleteFunc(slices.Clone(widths), func(b int) bool { return b > 8 })
	if len(low) == 0 {
		return 16
	}
	at := len(low) - 1
	if part := (steps - from) / 2 / len(low); part > 0 {
		at = min(at, max(0, step-from)/part)
	}
	return low[len(low)-1-at]
}

// raise gives layers at least so many bits, as long as they are low.
func raise(layers []space.Layer, bits int) {
	for i := range layers {
		l := &layers[i]
		if l.WBits > 0 {
			l.WBits = max(l.WBits, bits)
		}
		if l.ABits > 0 {
			l.ABits = max(l.ABits, bits)
		}
	}
}

// inherit starts the steps of a width that has just opened at those of the
// width above, where both are relative to the least-error step.
func (s *Supernet) inherit(bits int) {
	if bits != 2 {
		return
	}
	for _, p := range s.params {
		weight, ok := strings.CutSuffix(p.Name, ".step2")
		if from := s.index[stepName(weight, 4)]; ok && from != nil {
			p.Data[0] = from.Data[0]
		}
	}
}
