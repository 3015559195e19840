package pretrained

import (
	"fmt"
	"math"
	"slices"

	"hanas/export"
	"hanas/onnx/quant"
	"hanas/space"
)

// Bits are the widths of every unit: of its weights and of its input.
type Bits struct{ W, A []int }

// Uniform is one width for all weights and one for all activations, but for the
// first layer and the classifier, which get 8 bits where others get fewer: they
// hold a small part of the weights, or see the image itself.
func (n *Net) Uniform(w, a int) Bits {
	b := Bits{make([]int, len(n.Units)), make([]int, len(n.Units))}
	for i := range n.Units {
		b.W[i], b.A[i] = w, a
		if i == 0 || n.Units[i].Layer.Kind == space.Linear {
			b.W[i], b.A[i] = max(w, 8), max(a, 8)
		}
	}
	return b
}

// Bytes are those of the weights as the file packs them, with scales and biases.
func (n *Net) Bytes(b Bits) int64 {
	total := int64(0)
	for i, u := range n.Units {
		l := u.Layer
		if l.WBits > 0 {
			l.WBits = b.W[i]
		}
		total += l.WeightBytes()
	}
	return total
}

// Quantise chooses ranges, steps and biases for the bits b: ranges and steps of
// the least mean square error, weights whose rounding errors make up for one
// another (compensated), and biases that take back what rounding the weights
// does to the mean of each output (Nagel et al. 2019,
// arXiv:1906.04721, section 4.2, with means seen instead of modelled).
func (n *Net) Quantise(s *Statistics, b Bits) (*export.Network, error) {
	if len(b.W) != len(n.Units) || len(b.A) != len(n.Units) {
		return nil, fmt.Errorf("pretrained: quantise: bits for %d and %d units, the network has %d", len(b.W), len(b.A), len(n.Units))
	}
	units := slices.Clone(n.Units)
	for i := range units {
		u := &units[i]
		if !slices.Contains([]int{2, 4, 8, 16}, b.W[i]) || !slices.Contains([]int{2, 4, 8, 16}, b.A[i]) {
			return nil, fmt.Errorf("pretrained: quantise: layer %s: bits %d and %d (want 2, 4, 8 or 16)", u.Layer.Name, b.W[i], b.A[i])
		}
		u.Layer.ABits = b.A[i]
		if in := s.in[i]; in != nil {
			u.In = in.rangeAt(b.A[i])
		}
		if out := s.out[i]; out != nil {
			u.Out = out.rangeAt(8)
		}
		if mid := s.mid[i]; mid != nil {
			gate := *u.SE
			gate.Hidden = mid.rangeAt(8)
			u.SE = &gate
		}
		if u.Layer.WBits > 0 {
			u.Layer.WBits = b.W[i]
		}
		if u.Weight != nil && b.W[i] <= 8 {
			r := s.round(i, u)
			u.Weight, u.Step, u.Bias = r.weight, r.step, r.bias
		}
	}
	return n.network(units), nil
}

// rounding is what Quantise makes of a unit's weights.
type rounding struct{ weight, step, bias []float32 }

// round rounds the weights of unit i at the bits of its layer, once.
func (s *Statistics) round(i int, u *export.Unit) rounding {
	key := [2]int{i, u.Layer.WBits}
	r, ok := s.rounded[key]
	if ok {
		return r
	}
	v := *u
	v.Step = steps(u.Weight, u.Layer.Out, u.Layer.WBits)
	r = rounding{weight: u.Weight, step: v.Step}
	if sp := s.spread[i]; sp != nil {
		r.weight = compensated(&v, sp)
	}
	r.bias = corrected(&v, r.weight, s.in[i])
	s.rounded[key] = r
	return r
}

// steps are the steps of the least mean square error, one an output channel.
func steps(w []float32, out, bits int) []float32 {
	per, limit := len(w)/out, float64(quant.WeightLevels(bits))
	step := make([]float32, out)
	for o := range step {
		row := w[o*per : (o+1)*per]
		peak := 0.0
		for _, v := range row {
			peak = math.Max(peak, math.Abs(float64(v)))
		}
		if peak == 0 {
			step[o] = 1
			continue
		}
		least := math.Inf(1)
		for part := 100; part >= 30; part -= 2 {
			try, off := peak*float64(part)/100/limit, 0.0
			for _, v := range row {
				d := float64(v) - try*math.Max(-limit, math.Min(limit, math.RoundToEven(float64(v)/try)))
				off += d * d
			}
			if off < least {
				least, step[o] = off, float32(try)
			}
		}
	}
	return step
}

// corrected is the bias that keeps the mean of each output channel when the
// weights become the codes of rounded.
func corrected(u *export.Unit, rounded []float32, in *seen) []float32 {
	l := u.Layer
	bias := make([]float32, l.Out)
	copy(bias, u.Bias)
	if in == nil {
		return bias
	}
	q := quant.NewWeight("", u.Weight, []int{l.Out, len(u.Weight) / l.Out}, l.WBits)
	q.Round(rounded, u.Step)
	per, area := len(u.Weight)/l.Out, max(1, l.Kernel*l.Kernel)
	groups := max(1, l.Groups)
	for o := range bias {
		first := o / (l.Out / groups) * (l.In / groups) // input channel of the row's first weight
		shift := 0.0
		for k := range per {
			off := float64(q.Codes[o*per+k])*float64(q.Scale[o]) - float64(u.Weight[o*per+k])
			shift += off * in.mean[first+k/area]
		}
		if u.Gain != nil {
			shift *= float64(u.Gain[o])
		}
		bias[o] -= float32(shift)
	}
	return bias
}
