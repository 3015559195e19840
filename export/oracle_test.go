package export

import (
	"fmt"
	"math"

	"hanas/onnx/quant"
	"hanas/space"
)

// The oracle computes an integer network from its Units, not from its graph,
// in the plainest way: codes in, sums of int32, one rounding a layer. It
// shares the rounding of weights with the exporter, nothing else.

// codes is a feature map of one image as a quantised network holds it.
type codes struct {
	q              []int
	channels, size int
	scale          float32
	zero, low      int
}

// gridOf is the grid of a range: codes fill the top of UINT8.
func gridOf(r quant.Range, bits int) codes {
	n := 1 << bits
	g := codes{low: 256 - n, zero: 256 - n, scale: float32(r.Hi / float64(n-1))}
	if r.Lo < 0 {
		g.zero, g.scale = 256-n/2, float32(r.Hi/float64(n/2-1))
	}
	return g
}

func (g codes) round(v float32) int {
	return max(g.low, min(255, int(math.RoundToEven(float64(v)))+g.zero))
}

// oracle returns the logits of one image, [channels, size, size].
func oracle(n *Network, image []float32) ([]float32, error) {
	first := n.Units[0]
	x := gridOf(first.In, first.Layer.ABits)
	x.channels, x.size = first.Layer.In, first.Layer.InSize
	for _, v := range image {
		x.q = append(x.q, x.round(v/x.scale))
	}
	var block codes
	for i, u := range n.Units {
		if startsBlock(n.Units, i) {
			block = x
		}
		next := codes{scale: 1}
		if i+1 < len(n.Units) {
			v := n.Units[i+1]
			next = gridOf(v.In, v.Layer.ABits)
			if v.Layer.Kind == space.Add || v.Layer.Kind == space.SE {
				next = gridOf(u.Out, 8)
			}
		}
		switch u.Layer.Kind {
		case space.Conv, space.Pointwise, space.Depthwise:
			if u.Layer.Act == "hswish" {
				x = hardSwish(convolve(u, x, beforeHardSwish(next)), next)
			} else {
				x = convolve(u, x, next)
			}
		case space.SE:
			x = squeezeExcite(u, x, next)
		case space.Add:
			x = sum(x, block, next)
		case space.Pool:
			x = mean(x, next)
		case space.Linear:
			return classify(u, x), nil
		default:
			return nil, fmt.Errorf("the oracle has no %s", u.Layer.Kind)
		}
	}
	return nil, fmt.Errorf("no classifier")
}

// integers are a unit's folded weights and biases, and the scales of its sums.
func integers(u Unit, shape []int, scale float32) (w *quant.Weight, bias []int, sums []float32) {
	w = quant.NewWeight("", u.Weight, shape, u.Layer.WBits)
	if u.Gain != nil {
		w.Fold(u.Gain)
	}
	w.Raise(u.Bias, scale)
	for o, b := range u.Bias {
		s := scale * w.Scale[o]
		sums = append(sums, s)
		bias = append(bias, int(math.RoundToEven(float64(b)/float64(s))))
	}
	return w, bias, sums
}

func convolve(u Unit, x, y codes) codes {
	l := u.Layer
	in := l.In / l.Groups
	w, bias, sums := integers(u, []int{l.Out, in, l.Kernel, l.Kernel}, x.scale)
	y.channels, y.size = l.Out, l.OutSize
	for o := range l.Out {
		from := o / (l.Out / l.Groups) * in
		for r := range l.OutSize * l.OutSize {
			acc := bias[o]
			for t := range in * l.Kernel * l.Kernel {
				c, ky, kx := t/(l.Kernel*l.Kernel), t/l.Kernel%l.Kernel, t%l.Kernel
				row, col := r/l.OutSize*l.Stride+ky-l.Kernel/2, r%l.OutSize*l.Stride+kx-l.Kernel/2
				if row < 0 || col < 0 || row >= x.size || col >= x.size {
					continue
				}
				acc += (x.q[((from+c)*x.size+row)*x.size+col] - x.zero) * int(w.Codes[o*in*l.Kernel*l.Kernel+t])
			}
			y.q = append(y.q, y.round(float32(acc)*(sums[o]/y.scale)))
		}
	}
	return y
}

func sum(a, b, y codes) codes {
	y.channels, y.size = a.channels, a.size
	ra, rb := a.scale/y.scale, b.scale/y.scale
	fixed := float32(y.zero) - (float32(ra*float32(a.zero)) + float32(rb*float32(b.zero)))
	for i := range a.q {
		v := float32(fixed + float32(float32(a.q[i])*ra))
		v += float32(float32(b.q[i]) * rb)
		y.q = append(y.q, max(y.low, min(255, int(math.RoundToEven(float64(v))))))
	}
	return y
}

// mean keeps the codes' grid; the reader's own is the same or rounds again.
func mean(x, y codes) codes {
	area := x.size * x.size
	m := x
	m.q, m.size = nil, 1
	for c := range x.channels {
		acc := -x.zero * area
		for _, q := range x.q[c*area : (c+1)*area] {
			acc += q
		}
		m.q = append(m.q, m.round(float32(acc)*(x.scale/(x.scale*float32(area)))))
	}
	if m.scale != y.scale || m.zero != y.zero {
		for i, q := range m.q {
			m.q[i] = y.round(float32(q-m.zero) * m.scale / y.scale)
		}
		y.q, y.channels, y.size = m.q, m.channels, 1
		return y
	}
	return m
}

func classify(u Unit, x codes) []float32 {
	w, bias, sums := integers(u, []int{u.Layer.Out, u.Layer.In}, x.scale)
	out := make([]float32, u.Layer.Out)
	for o := range out {
		acc := bias[o]
		for i := range u.Layer.In {
			acc += (x.q[i] - x.zero) * int(w.Codes[o*u.Layer.In+i])
		}
		out[o] = float32(acc) * sums[o]
	}
	return out
}

// beforeHardSwish are codes from -3 to the top of y, with 3 a whole number of steps.
func beforeHardSwish(y codes) codes {
	top := float64(y.scale) * float64(255-y.zero)
	three := int(math.Floor(765 / (3 + top)))
	return codes{scale: 3 / float32(three), zero: three}
}

func hardSwish(x, y codes) codes {
	g := x
	g.q, g.zero, g.scale = nil, 0, 0.5/float32(x.zero)
	for _, q := range x.q {
		g.q = append(g.q, min(q, 2*x.zero))
	}
	return multiply(x, g, y)
}

// multiply is ONNX Runtime's order of one product and one rounding.
func multiply(a, b, y codes) codes {
	y.channels, y.size = a.channels, a.size
	ratio := float32(a.scale*b.scale) / y.scale
	for i, q := range a.q {
		p := float32(q-a.zero) * float32(b.q[i*len(b.q)/len(a.q)]-b.zero)
		y.q = append(y.q, max(y.low, min(255, int(math.RoundToEven(float64(float32(p*ratio)+float32(y.zero)))))))
	}
	return y
}

// squeezeExcite has the 3 of its hard sigmoid in the second bias; codes of
// [0,6] saturate at both of its ends.
func squeezeExcite(u Unit, x, y codes) codes {
	l := u.Layer
	half := func(in, out int, w, b []float32) Unit {
		return Unit{Layer: space.Layer{In: in, Out: out, Kernel: 1, Stride: 1, Groups: 1, InSize: 1, OutSize: 1, WBits: l.WBits}, Weight: w, Bias: b}
	}
	raised := make([]float32, l.In)
	for i, b := range u.SE.ExpandBias {
		raised[i] = b + 3
	}
	s := convolve(half(l.In, l.Mid, u.SE.Reduce, u.SE.ReduceBias), mean(x, x), gridOf(u.SE.Hidden, 8))
	s = convolve(half(l.Mid, l.In, u.SE.Expand, raised), s, gridOf(quant.Range{Lo: 0, Hi: 6}, 8))
	s.scale = 1.0 / 255
	return multiply(x, s, y)
}
