package datasets

import (
	"math"
	"math/rand/v2"
)

// distortion changes how an image looks, not what it shows: a row of
// distortions. amount is its setting, drawn from strength; src and dst are
// planar RGB, [3, size, size], and do not overlap.
type distortion struct {
	name string
	// amount is the setting for a strength in [0,1] and a sign.
	amount func(strength, sign float64, size int) float64
	apply  func(dst, src []uint8, size int, amount float64)
}

// distortions are those of RandAugment (Cubuk et al. 2020, section 3) but for
// sharpness, over the ranges of AutoAugment (Cubuk et al. 2019, table 6), with
// Pillow's arithmetic: ImageOps, ImageEnhance and nearest-neighbour transforms.
var distortions = []distortion{
	{"identity", func(_, _ float64, _ int) float64 { return 0 }, func(dst, src []uint8, _ int, _ float64) { copy(dst, src) }},
	{"autocontrast", func(_, _ float64, _ int) float64 { return 0 }, autocontrast},
	{"equalise", func(_, _ float64, _ int) float64 { return 0 }, equalise},
	{"posterise", func(s, _ float64, _ int) float64 { return math.Round(8 - 4*s) }, posterise},
	{"solarise", func(s, _ float64, _ int) float64 { return math.Round(256 - 256*s) }, solarise},
	{"brightness", enhancement, brightness},
	{"colour", enhancement, colour},
	{"contrast", enhancement, contrast},
	{"shear x", shearing, func(dst, src []uint8, n int, by float64) { resample(dst, src, n, [6]float64{1, by, 0, 0, 1, 0}) }},
	{"shear y", shearing, func(dst, src []uint8, n int, by float64) { resample(dst, src, n, [6]float64{1, 0, 0, by, 1, 0}) }},
	{"translate x", shift, func(dst, src []uint8, n int, by float64) { resample(dst, src, n, [6]float64{1, 0, by, 0, 1, 0}) }},
	{"translate y", shift, func(dst, src []uint8, n int, by float64) { resample(dst, src, n, [6]float64{1, 0, 0, 0, 1, by}) }},
	{"rotate", func(s, sign float64, _ int) float64 { return sign * 30 * s }, rotate},
}

func enhancement(s, sign float64, _ int) float64 { return 1 + sign*0.9*s }
func shearing(s, sign float64, _ int) float64    { return sign * 0.3 * s }

// shift is up to 0.45 of the side, in whole pixels.
func shift(s, sign float64, size int) float64 { return sign * math.Round(0.45*s*float64(size)) }

// distort writes src with one distortion, chosen at random at a random strength
// up to most, as TrivialAugment (Müller & Hutter 2021) chooses.
func distort(dst, src []uint8, size int, most float64, rng *rand.Rand) {
	row := distortions[rng.IntN(len(distortions))]
	strength, sign := most*rng.Float64(), 1.0
	if rng.Uint64()&1 == 1 {
		sign = -1
	}
	row.apply(dst, src, size, row.amount(strength, sign, size))
}

// look maps the values of each channel by a table of its own.
func look(dst, src []uint8, table func(channel []uint8) [256]uint8) {
	plane := len(src) / 3
	for c := range 3 {
		from, to := src[c*plane:][:plane], dst[c*plane:][:plane]
		t := table(from)
		for p, v := range from {
			to[p] = t[v]
		}
	}
}

// autocontrast stretches each channel to the whole range.
func autocontrast(dst, src []uint8, _ int, _ float64) {
	look(dst, src, func(channel []uint8) (t [256]uint8) {
		lo, hi := uint8(255), uint8(0)
		for _, v := range channel {
			lo, hi = min(lo, v), max(hi, v)
		}
		scale, offset := 1.0, 0.0
		if hi > lo {
			scale = 255 / float64(hi-lo)
			offset = -float64(lo) * scale
		}
		for v := range t {
			t[v] = clip(float64(v)*scale + offset)
		}
		return t
	})
}

// equalise gives the values of each channel a flat histogram.
func equalise(dst, src []uint8, _ int, _ float64) {
	look(dst, src, func(channel []uint8) (t [256]uint8) {
		var count [256]int
		last := uint8(0)
		for _, v := range channel {
			count[v]++
			last = max(last, v)
		}
		step := (len(channel) - count[last]) / 255
		n := step / 2
		for v := range t {
			t[v] = uint8(v)
			if step > 0 {
				t[v] = uint8(min(n/step, 255))
			}
			n += count[v]
		}
		return t
	})
}

// posterise keeps so many bits of each value.
func posterise(dst, src []uint8, _ int, bits float64) {
	mask := ^uint8(0) << (8 - uint(bits))
	for p, v := range src {
		dst[p] = v & mask
	}
}

// solarise turns values from a threshold on into their negative.
func solarise(dst, src []uint8, _ int, threshold float64) {
	for p, v := range src {
		dst[p] = v
		if float64(v) >= threshold {
			dst[p] = 255 - v
		}
	}
}

// blend is from + by*(v-from), as Pillow rounds: towards zero.
func blend(from, v uint8, by float64) uint8 {
	return clip(float64(float32(from) + float32(by)*(float32(v)-float32(from))))
}

func clip(v float64) uint8 { return uint8(max(0, min(255, v))) }

func brightness(dst, src []uint8, _ int, by float64) {
	for p, v := range src {
		dst[p] = blend(0, v, by)
	}
}

// grey is the luma of pixel p (ITU-R 601-2), in Pillow's fixed point.
func grey(src []uint8, plane, p int) uint8 {
	return uint8((19595*int(src[p]) + 38470*int(src[plane+p]) + 7471*int(src[2*plane+p]) + 0x8000) >> 16)
}

func colour(dst, src []uint8, size int, by float64) {
	plane := size * size
	for p := range plane {
		g := grey(src, plane, p)
		for c := range 3 {
			dst[c*plane+p] = blend(g, src[c*plane+p], by)
		}
	}
}

func contrast(dst, src []uint8, size int, by float64) {
	plane, sum := size*size, 0
	for p := range plane {
		sum += int(grey(src, plane, p))
	}
	mean := uint8(float64(sum)/float64(plane) + 0.5)
	for p, v := range src {
		dst[p] = blend(mean, v, by)
	}
}

// rotate turns around the centre, counter-clockwise, by degrees.
func rotate(dst, src []uint8, size int, degrees float64) {
	sin, cos := math.Sincos(-degrees * math.Pi / 180)
	centre := float64(size) / 2
	resample(dst, src, size, [6]float64{cos, sin, centre - cos*centre - sin*centre, -sin, cos, centre + sin*centre - cos*centre})
}

// resample takes the value at (x, y) from (m0 x + m1 y + m2, m3 x + m4 y + m5),
// measured at the centres of pixels; what lies outside is black.
func resample(dst, src []uint8, size int, m [6]float64) {
	plane := size * size
	for y := range size {
		for x := range size {
			cx, cy := float64(x)+0.5, float64(y)+0.5
			sx, sy := math.Floor(m[0]*cx+m[1]*cy+m[2]), math.Floor(m[3]*cx+m[4]*cy+m[5])
			inside := sx >= 0 && sy >= 0 && sx < float64(size) && sy < float64(size)
			for c := range 3 {
				v := uint8(0)
				if inside {
					v = src[c*plane+int(sy)*size+int(sx)]
				}
				dst[c*plane+y*size+x] = v
			}
		}
	}
}
