package datasets

import (
	"math"
	"math/rand/v2"
)

// painter draws one glyph image. Colours are kept in units of 1/256 of a
// pixel value until the end, all in integers.
type painter struct {
	size int
	px   []int // [size, size, 3]
	rng  *rand.Rand
	mean [3]int // colour that the background is built around, 0..255
}

func newPainter(size int, rng *rand.Rand) *painter {
	return &painter{size: size, px: make([]int, 3*size*size), rng: rng}
}

// between is a number in [lo, hi).
func (p *painter) between(lo, hi float64) float64 { return lo + (hi-lo)*p.rng.Float64() }

func (p *painter) colour() [3]int { return [3]int{p.rng.IntN(256), p.rng.IntN(256), p.rng.IntN(256)} }

// luma is the brightness of a colour in [0,255] (ITU-R BT.601 weights).
func luma(c [3]int) int { return (299*c[0] + 587*c[1] + 114*c[2]) / 1000 }

// background paints smooth noise between two colours: random values on a
// coarse grid, interpolated, one grid of large and one of small cells.
func (p *painter) background(strain float64) {
	p.mean = p.colour()
	other := p.colour()
	depth := int(256 * min(1, 0.45*strain)) // how far the texture goes towards the other colour
	coarse, fine := p.lattice(3), p.lattice(9)
	for y := range p.size {
		for x := range p.size {
			t := (3*coarse.at(x, y, p.size) + 2*fine.at(x, y, p.size)) / 5 // 0..255
			t = t * depth >> 8
			o := 3 * (y*p.size + x)
			for c := range 3 {
				p.px[o+c] = p.mean[c]*(256-t) + other[c]*t
			}
		}
	}
}

// lattice is a grid of random values in [0,255].
type lattice struct {
	n int
	v []int
}

func (p *painter) lattice(n int) lattice {
	l := lattice{n, make([]int, (n+1)*(n+1))}
	for i := 0; i < len(l.v); i += 8 {
		bits := p.rng.Uint64()
		for k := i; k < min(i+8, len(l.v)); k++ {
			l.v[k] = int(bits >> (8 * (k - i)) & 255)
		}
	}
	return l
}

// at interpolates the grid stretched over size pixels.
func (l lattice) at(x, y, size int) int {
	gx, gy := x*l.n*256/size, y*l.n*256/size
	ix, iy, fx, fy := gx>>8, gy>>8, gx&255, gy&255
	r := l.v[iy*(l.n+1)+ix:]
	s := l.v[(iy+1)*(l.n+1)+ix:]
	return ((r[0]*(256-fx)+r[1]*fx)*(256-fy) + (s[0]*(256-fx)+s[1]*fx)*fy) >> 16
}

// glyph lays the letter on the image in a colour that differs in brightness.
func (p *painter) glyph(m *mask, strain float64) {
	s := float64(p.size)
	turn := 0.30 * strain
	ps := pose{
		cx: s * p.between(0.5-0.09*strain, 0.5+0.09*strain), cy: s * p.between(0.5-0.09*strain, 0.5+0.09*strain),
		height: s * p.between(max(0.5, 0.95-0.25*strain), 1.15), aspect: p.between(1-0.2*strain/2, 1+0.2*strain),
		angle: p.between(-turn, turn), shear: p.between(-turn, turn),
	}
	p.lay(m, ps, p.ink(strain), 256)
}

// ink is a random colour whose brightness is at least a contrast away from
// the background's.
func (p *painter) ink(strain float64) [3]int {
	contrast := int(80 / max(1, strain))
	for range 64 {
		c := p.colour()
		if d := luma(c) - luma(p.mean); d >= contrast || d <= -contrast {
			return c
		}
	}
	if luma(p.mean) < 128 {
		return [3]int{255, 255, 255}
	}
	return [3]int{}
}

// distractor lays part of some glyph, mostly outside the image or faint.
func (p *painter) distractor(masks [][len(GlyphClasses)]mask, strain float64) {
	s := float64(p.size)
	far := p.between(0.42, 0.62) * s
	dir := p.between(0, 2*math.Pi)
	ps := pose{
		cx: s/2 + far*math.Cos(dir), cy: s/2 + far*math.Sin(dir), height: s * p.between(0.5, 1.0),
		aspect: 1, angle: p.between(-math.Pi, math.Pi),
	}
	m := &masks[p.rng.IntN(len(masks))][p.rng.IntN(len(GlyphClasses))]
	p.lay(m, ps, p.colour(), int(256*min(1, p.between(0.3, 0.7)*strain)))
}

// lay blends a colour through a posed mask; opacity in 1/256. Each pixel is
// the mean of four samples of the mask.
func (p *painter) lay(m *mask, ps pose, colour [3]int, opacity int) {
	a := ps.inverse()
	for y := range p.size {
		for x := range p.size {
			// sample points at 1/4 and 3/4 of the pixel
			u := a.x0 + (a.xx*(4*x+1)+a.xy*(4*y+1))/4
			v := a.y0 + (a.yx*(4*x+1)+a.yy*(4*y+1))/4
			if u < -4<<16 || v < -4<<16 || u > (maskSide+4)<<16 || v > (maskSide+4)<<16 {
				continue
			}
			cover := m.at(u, v) + m.at(u+a.xx/2, v+a.yx/2) + m.at(u+a.xy/2, v+a.yy/2) + m.at(u+(a.xx+a.xy)/2, v+(a.yx+a.yy)/2)
			if cover == 0 {
				continue
			}
			t := cover * opacity / 1020
			o := 3 * (y*p.size + x)
			for c := range 3 {
				p.px[o+c] += (colour[c]<<8 - p.px[o+c]) * t >> 8
			}
		}
	}
}

// occlude hides part of the image behind a bar, in most images.
func (p *painter) occlude(strain float64) {
	if p.rng.Float64() >= min(0.95, 0.6*strain) {
		return
	}
	s := float64(p.size)
	angle := p.between(0, math.Pi)
	half := int(65536 * s * p.between(0.03, 0.03+0.045*strain))
	nx, ny := int(65536*math.Cos(angle)), int(65536*math.Sin(angle))
	at := s * p.between(-0.25, 0.25)
	offset := int(65536 * (at + s/2*(math.Cos(angle)+math.Sin(angle))))
	colour := p.colour()
	for y := range p.size {
		for x := range p.size {
			if d := nx*x + ny*y - offset; d < -half || d > half {
				continue
			}
			o := 3 * (y*p.size + x)
			for c := range 3 {
				p.px[o+c] = colour[c] << 8
			}
		}
	}
}

// noise adds grain to every value: the sum of two uniform numbers.
func (p *painter) noise(strain float64) {
	amount := int(36 * strain) // largest deviation of one of the two, of 255
	for i := 0; i < len(p.px); i += 4 {
		bits := p.rng.Uint64()
		for k := i; k < min(i+4, len(p.px)); k++ {
			grain := int(bits&255) + int(bits>>8&255) - 255
			p.px[k] += grain * amount
			bits >>= 16
		}
	}
}

// rgb rounds and clips to bytes.
func (p *painter) rgb() []byte {
	out := make([]byte, len(p.px))
	for i, v := range p.px {
		out[i] = uint8(max(0, min(255, (v+128)>>8)))
	}
	return out
}
