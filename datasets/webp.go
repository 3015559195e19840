package datasets

import "image"

// A lossy WebP keeps colour at half the size and luma within 16 to 235. libwebp,
// which Pillow and browsers read it with, brings colour back with a filter of its
// own ("fancy upsampling", src/dsp/upsampling.c) and converts by ITU-R BT.601 in
// fixed point (src/dsp/yuv.h); a JPEG's conversion would be off by 5 levels.

// fromWebP writes the RGB bytes of a decoded lossy WebP, [H, W, 3].
func fromWebP(m *image.YCbCr) []byte {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	out := make([]byte, 3*w*h)
	cb, cr := make([]byte, w), make([]byte, w)
	for y := range h {
		near, far := webpRows(y, (h+1)/2)
		webpWiden(cb, m.Cb[near*m.CStride:], m.Cb[far*m.CStride:])
		webpWiden(cr, m.Cr[near*m.CStride:], m.Cr[far*m.CStride:])
		luma, to := m.Y[y*m.YStride:][:w], out[3*y*w:][:3*w]
		for x, l := range luma {
			v, b, r := int32(l)*19077>>8, int32(cb[x]), int32(cr[x])
			to[3*x] = clamp((v + r*26149>>8 - 14234) >> 6)
			to[3*x+1] = clamp((v - b*6419>>8 - r*13320>>8 + 8708) >> 6)
			to[3*x+2] = clamp((v + b*33050>>8 - 17685) >> 6)
		}
	}
	return out
}

// webpRows are the rows of colour, of n, that row y of the image is mixed from:
// the one it lies in and that row's neighbour on its side.
func webpRows(y, n int) (near, far int) {
	near = y / 2
	far = near - 1 + 2*(y&1)
	return near, max(0, min(far, n-1))
}

// webpWiden doubles a row: a pixel has nine sixteenths of the sample it lies in,
// three of either neighbour and one of the diagonal, rounded in two steps.
func webpWiden(to, near, far []byte) {
	last := (len(to)+1)/2 - 1
	for x := range to {
		n := x / 2
		side := max(0, min(n-1+2*(x&1), last))
		a, b, c, d := int32(near[n]), int32(near[side]), int32(far[n]), int32(far[side])
		if side == n { // at the ends the neighbour row alone is mixed in
			to[x] = byte((3*a + c + 2) >> 2)
			continue
		}
		to[x] = byte(((a+b+c+d+8+2*(b+c))>>3 + a) >> 1)
	}
}

// lossyWebP is the colour planes of an image that is one, nil of others.
func lossyWebP(img image.Image, format string) *image.YCbCr {
	if format != "webp" {
		return nil
	}
	switch m := img.(type) {
	case *image.YCbCr:
		return m
	case *image.NYCbCrA:
		return &m.YCbCr
	}
	return nil
}
