package quant

import (
	"fmt"
	"math"
)

// Range is the smallest and largest value of an activation: Lo is 0 behind a
// ReLU, else -Hi.
type Range struct{ Lo, Hi float64 }

// wide says how many sigmas the range of 8 and 16 bits spans: their steps are
// fine enough to leave room for channels that are wider than the mean (the
// least error of a single Gaussian is at 4 sigmas).
var wide = map[int]float64{8: 6, 16: 32}

// RangeFromMeanSquare is the range of a tensor of the given mean square. At 2
// and 4 bits it has the least mean square error: for a Gaussian, or behind a
// ReLU for a rectified one (whose mean square is half of sigma²). Mean squares
// add along residual sums. It panics unless bits is 2, 4, 8 or 16.
func RangeFromMeanSquare(meanSquare float64, relu bool, bits int) Range {
	sigma := math.Sqrt(meanSquare)
	if relu {
		sigma *= math.Sqrt2
	}
	hi, ok := wide[bits]
	switch {
	case ok:
	case halfStep[bits] == 0:
		panic(fmt.Sprintf("quant: range of %d bits", bits))
	case relu:
		hi = halfStep[bits] * float64(int(1)<<bits-1)
	default:
		hi = gaussStep[bits] * float64(WeightLevels(bits))
	}
	hi = max(hi*sigma, 1e-6) // a tensor of zeros has a range as well
	if relu {
		return Range{0, hi}
	}
	return Range{-hi, hi}
}

// BNMeanSquare is the mean square behind batch norm and an activation ("",
// "relu", "relu6" or "hswish"), over all channels: channel c is
// N(beta[c], gamma[c]²) before the activation. No data are needed (data-free
// quantisation: Nagel et al. 2019, arXiv:1906.04721, section 4). A hard-swish
// is bounded by its input; a ReLU6 by a ReLU.
func BNMeanSquare(gamma, beta []float32, act string) float64 {
	sum := 0.0
	for c := range gamma {
		mean, std := float64(beta[c]), math.Abs(float64(gamma[c]))
		if act == "relu" || act == "relu6" {
			sum += rectifiedSquare(mean, std)
		} else {
			sum += mean*mean + std*std
		}
	}
	return sum / float64(max(1, len(gamma)))
}

// BNRange is the range behind batch norm and an activation at the given bits:
// RangeFromMeanSquare of BNMeanSquare, and never above 6 behind a ReLU6.
func BNRange(gamma, beta []float32, act string, bits int) Range {
	r := RangeFromMeanSquare(BNMeanSquare(gamma, beta, act), act == "relu" || act == "relu6", bits)
	if act == "relu6" {
		r.Hi = min(r.Hi, 6)
	}
	return r
}

// rectifiedSquare is E[max(z,0)²] for z ~ N(mean, std²).
func rectifiedSquare(mean, std float64) float64 {
	if std == 0 {
		return max(mean, 0) * max(mean, 0)
	}
	t := mean / std
	return (mean*mean+std*std)*below(t) + mean*std*density(t)
}

// Grid is an activation's codes inside UINT8: the top 2^bits of them, so that
// saturation at 255 gives the largest value and one Max the smallest.
type Grid struct {
	Scale float32
	Zero  uint8 // the code of 0
	Low   uint8 // the smallest code
}

// NewGrid makes the codes of a range at 2, 4 or 8 bits. Behind a ReLU (Lo = 0)
// codes are 0 … 2^b-1 steps of Hi/(2^b-1); else -2^(b-1) … 2^(b-1)-1 steps of
// Hi/(2^(b-1)-1).
func NewGrid(r Range, bits int) (Grid, error) {
	if bits != 2 && bits != 4 && bits != 8 {
		return Grid{}, fmt.Errorf("quant: %d activation bits (2, 4 and 8 have a grid, 16 is float)", bits)
	}
	if !(r.Hi > 0) || math.IsInf(r.Hi, 0) || !(r.Lo <= 0) {
		return Grid{}, fmt.Errorf("quant: range [%g,%g] (needs Lo <= 0 < Hi)", r.Lo, r.Hi)
	}
	n := 1 << bits
	g := Grid{Low: uint8(256 - n), Zero: uint8(256 - n)}
	steps := n - 1
	if r.Lo < 0 {
		g.Zero = uint8(256 - n/2)
		steps = n/2 - 1
	}
	g.Scale = max(float32(r.Hi/float64(steps)), smallestNormal)
	return g, nil
}

// Value is what a code stands for.
func (g Grid) Value(code uint8) float32 { return float32(int(code)-int(g.Zero)) * g.Scale }

// Code is the code of a value as QuantizeLinear and Max give it: steps from 0,
// halves rounded to even, and values outside saturate.
func (g Grid) Code(v float32) uint8 {
	q := math.RoundToEven(float64(v/g.Scale)) + float64(g.Zero)
	return uint8(min(max(q, float64(g.Low)), 255))
}
