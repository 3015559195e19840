package onnx

import "math"

// HalfValue is the value of an IEEE 754 binary16 (FLOAT16).
func HalfValue(h uint16) float64 {
	sign := 1.0
	if h&0x8000 != 0 {
		sign = -1
	}
	exponent, fraction := int(h>>10&31), float64(h&1023)
	switch exponent {
	case 0:
		return sign * math.Ldexp(fraction, -24)
	case 31:
		if fraction != 0 {
			return math.NaN()
		}
		return sign * math.Inf(1)
	}
	return sign * math.Ldexp(1024+fraction, exponent-25)
}

// HalfBits rounds to the nearest binary16, halves to even; what is too large
// becomes infinite.
func HalfBits(v float64) uint16 {
	if v != v {
		return 0x7e00
	}
	sign := uint16(0)
	if math.Signbit(v) {
		sign, v = 0x8000, -v
	}
	if v == 0 {
		return sign
	}
	if v < 65520 { // smaller rounds to a finite number
		_, e := math.Frexp(v)
		unit := max(e-11, -24) // exponent of the last place
		places := uint16(math.RoundToEven(math.Ldexp(v, -unit)))
		if unit == -24 {
			return sign | places // subnormal, or carried into the smallest normal
		}
		return sign | (uint16(unit+25)<<10 + places - 1024)
	}
	return sign | 0x7c00
}
