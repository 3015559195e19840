package datasets

import "image"

// JPEG files keep colour at half the size. It is brought back with the triangle
// filter of libjpeg ("fancy upsampling", jdsample.c) and its conversion to RGB
// (jdcolor.c), because that is what published networks saw; the standard library
// repeats pixels.

// fromYCbCr writes the RGB bytes of a decoded JPEG, [H, W, 3].
func fromYCbCr(m *image.YCbCr) []byte {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	out := make([]byte, 3*w*h)
	cb, cr := newChroma(m, m.Cb, w, h), newChroma(m, m.Cr, w, h)
	for y := range h {
		luma := m.Y[y*m.YStride:][:w]
		b, r := cb.row(y), cr.row(y)
		to := out[3*y*w:][:3*w]
		for x, l := range luma {
			v, cb, cr := int32(l), int32(b[x])-128, int32(r[x])-128
			to[3*x] = clamp(v + (91881*cr+1<<15)>>16)             // 1.402
			to[3*x+1] = clamp(v + (-22554*cb-46802*cr+1<<15)>>16) // 0.34414, 0.71414
			to[3*x+2] = clamp(v + (116130*cb+1<<15)>>16)          // 1.772
		}
	}
	return out
}

func clamp(v int32) byte { return byte(max(0, min(255, v))) }

// chroma is a plane of colour that is read at the image's own size.
type chroma struct {
	plane        []byte
	stride, w, h int // of the plane
	across, down int // pixels of the image a sample stands for
	out          []byte
	sums         []int32 // of two rows
}

func newChroma(m *image.YCbCr, plane []byte, w, h int) *chroma {
	c := &chroma{plane: plane, stride: m.CStride, across: 1, down: 1}
	switch m.SubsampleRatio {
	case image.YCbCrSubsampleRatio422:
		c.across = 2
	case image.YCbCrSubsampleRatio420:
		c.across, c.down = 2, 2
	case image.YCbCrSubsampleRatio440:
		c.down = 2
	case image.YCbCrSubsampleRatio411:
		c.across = 4
	case image.YCbCrSubsampleRatio410:
		c.across, c.down = 4, 2
	}
	c.w, c.h = (w+c.across-1)/c.across, (h+c.down-1)/c.down
	c.out, c.sums = make([]byte, c.w*c.across), make([]int32, c.w)
	return c
}

func (c *chroma) at(y int) []byte { return c.plane[max(0, min(y, c.h-1))*c.stride:][:c.w] }

// row is the plane's row for row y of the image; it holds until the next call.
func (c *chroma) row(y int) []byte {
	near := c.at(y / c.down)
	far := c.at(y/c.down - 1 + 2*(y&1)) // the row above of the upper, below of the lower
	switch {
	case c.across == 1 && c.down == 1:
		return near
	case c.across == 1 && c.down == 2:
		for x, v := range near {
			c.out[x] = byte((3*int32(v) + int32(far[x]) + 1 + int32(y&1)) >> 2)
		}
	case c.across == 2 && c.w > 2:
		c.widen(near, far)
	default:
		for x := range c.out {
			c.out[x] = near[x/c.across]
		}
	}
	return c.out
}

// widen doubles a row, of 4:2:2 as it is, of 4:2:0 mixed three to one with the
// next; libjpeg's roundings alternate so that they do not add up.
func (c *chroma) widen(near, far []byte) {
	shift, left, right := 2, int32(1), int32(2)
	if c.down == 2 {
		shift, left, right = 4, 8, 7
	}
	for x, v := range near {
		c.sums[x] = int32(v)
		if c.down == 2 {
			c.sums[x] = 3*int32(v) + int32(far[x])
		}
	}
	s, out, last := c.sums, c.out, len(c.sums)-1
	for x, v := range s {
		before, after := s[max(x-1, 0)], s[min(x+1, last)]
		out[2*x] = byte((3*v + before + left) >> shift)
		out[2*x+1] = byte((3*v + after + right) >> shift)
	}
	if c.down == 1 { // the ends as they are
		out[0], out[2*last+1] = near[0], near[last]
	}
}
