package quant

import (
	"fmt"
	"math"
)

// WeightLevels is the largest code of symmetric weights: 1, 7, 127 or 32767.
func WeightLevels(bits int) int { return 1<<(bits-1) - 1 }

// smallestNormal is the smallest float32 whose inverse is finite and exact to
// 24 bits.
const smallestNormal = math.SmallestNonzeroFloat32 * (1 << 23)

// Scale is the step of one output channel. At 8 and 16 bits the largest weight
// is the largest code; at 2 and 4 bits the step has the least mean square
// error for a Gaussian of the channel's root mean square. A channel of zeros
// has scale 1.
func Scale(w []float32, bits int) float32 {
	s := float32(0)
	switch bits {
	case 2, 4:
		s = float32(gaussStep[bits] * math.Sqrt(sumSquares(w)/float64(len(w))))
	case 8, 16:
		s = peak(w) / float32(WeightLevels(bits))
	default:
		panic(fmt.Sprintf("quant: %d weight bits", bits))
	}
	if !(s > 0) {
		return 1
	}
	return max(s, smallestNormal)
}

// peak is the largest absolute value. Without its sign bit a float32 orders
// as an integer, which takes no branch.
func peak(w []float32) float32 {
	const magnitude = 1<<31 - 1
	var a, b, c, d uint32
	for len(w) >= 4 {
		a = max(a, math.Float32bits(w[0])&magnitude)
		b = max(b, math.Float32bits(w[1])&magnitude)
		c = max(c, math.Float32bits(w[2])&magnitude)
		d = max(d, math.Float32bits(w[3])&magnitude)
		w = w[4:]
	}
	for _, v := range w {
		a = max(a, math.Float32bits(v)&magnitude)
	}
	return math.Float32frombits(max(a, b, c, d))
}

// sumSquares keeps four sums, so that additions do not wait for each other.
func sumSquares(w []float32) float64 {
	var a, b, c, d float64
	for len(w) >= 4 {
		x, y, z, v := float64(w[0]), float64(w[1]), float64(w[2]), float64(w[3])
		a += float64(x * x) // a conversion forbids fusing: same bits on every CPU
		b += float64(y * y)
		c += float64(z * z)
		d += float64(v * v)
		w = w[4:]
	}
	for _, v := range w {
		x := float64(v)
		a += float64(x * x)
	}
	return (a + b) + (c + d)
}

// Adding 1.5·2^23 to a float32 below 2^22 rounds it, halves to even, to an
// integer in the low bits of the sum.
const (
	magic     = 1.5 * (1 << 23)
	magicBits = 0x4b400000
)

// code rounds a weight in steps; limit is the largest code. No weight is
// 2^22 steps away from 0: it would need a channel of 10^11 weights.
func code(v, inverse float32, limit int32) int32 {
	q := int32(math.Float32bits(float32(v*inverse)+magic)) - magicBits
	return max(min(q, limit), -limit)
}

// Weights rounds w, [out, …], to codes with one scale an output channel: the
// value is q*scale. Halves round to even. It panics unless bits is 2, 4, 8 or
// 16 and out divides the number of weights.
func Weights(w []float32, out, bits int) (q []int16, scale []float32) {
	q, scale = make([]int16, len(w)), make([]float32, out)
	per, limit := channel(w, out), int32(WeightLevels(bits))
	for o := range scale {
		row := w[o*per : (o+1)*per]
		to := q[o*per:][:len(row)]
		s := Scale(row, bits)
		scale[o] = s
		inverse := 1 / s
		for i, v := range row {
			to[i] = int16(code(v, inverse, limit))
		}
	}
	return q, scale
}

// FakeWeights writes the rounded values of w, q*scale as Weights gives them,
// into dst, without allocating; dst may be w. Their gradient in training is
// straight-through (Bengio et al. 2013, arXiv:1308.3432). It panics as Weights
// does.
func FakeWeights(dst, w []float32, out, bits int) {
	per, limit := channel(w, out), int32(WeightLevels(bits))
	for o := range out {
		row := w[o*per : (o+1)*per]
		to := dst[o*per:][:len(row)]
		s := Scale(row, bits)
		inverse := 1 / s
		if bits >= 8 { // the largest weight is the largest code: nothing to limit
			for i, v := range row {
				to[i] = (float32(float32(v*inverse)+magic) - magic) * s
			}
			continue
		}
		for i, v := range row {
			to[i] = float32(code(v, inverse, limit)) * s
		}
	}
}

// channel is the number of weights of an output channel.
func channel(w []float32, out int) int {
	if out < 1 || len(w)%out != 0 {
		panic(fmt.Sprintf("quant: %d weights in %d output channels", len(w), out))
	}
	return len(w) / out
}
