package datasets

import "math"

// Images are scaled with Pillow's arithmetic, value for value (Resample.c,
// described in its documentation under "filters": a triangle as wide as a
// pixel of the smaller image, horizontally first, 8 bits between the passes), because
// published networks were trained and tested on images that it scaled.

// kernelBits is the precision of weights: 8 bits of value and two of sign and
// sum are left of 32.
const kernelBits = 32 - 8 - 2

// kernel is the weights of one output position.
type kernel struct {
	from    int // first input
	weights []int32
}

// kernels are the weights for scaling in to out pixels, at outputs [at, at+n).
func kernels(in, out, at, n int) []kernel {
	scale := float64(in) / float64(out)
	support := max(scale, 1)
	list := make([]kernel, n)
	for i := range list {
		centre := (float64(at+i) + 0.5) * scale
		from, to := max(0, int(centre-support+0.5)), min(in, int(centre+support+0.5))
		real, sum := make([]float64, to-from), 0.0
		for k := range real {
			real[k] = max(0, 1-math.Abs((float64(k+from)-centre+0.5)/support))
			sum += real[k]
		}
		w := make([]int32, len(real))
		for k, v := range real {
			w[k] = int32(math.Round(v / sum * (1 << kernelBits)))
		}
		list[i] = kernel{from, w}
	}
	return list
}

// cut is a part of a scaled image: its place and size there.
type cut struct{ x, y, w, h int }

// resize scales to w x h.
func (m *rgb) resize(w, h int) *rgb { return m.resizeCut(w, h, cut{0, 0, w, h}) }

// resizeCut is a part of resize, at the cost of the part.
func (m *rgb) resizeCut(w, h int, c cut) *rgb {
	across, down := kernels(m.w, w, c.x, c.w), kernels(m.h, h, c.y, c.h)
	first, last := down[0].from, 0
	for _, k := range down {
		last = max(last, k.from+len(k.weights))
	}
	wide := &rgb{c.w, last - first, nil} // rows that the second pass reads
	if m.w == w {
		wide.pix = make([]byte, 3*wide.w*wide.h)
		for y := range wide.h {
			copy(wide.pix[3*y*wide.w:][:3*wide.w], m.pix[3*((first+y)*m.w+c.x):])
		}
	} else {
		wide.pix = m.horizontal(across, first, last)
	}
	if m.h == h {
		return &rgb{c.w, c.h, wide.pix}
	}
	return &rgb{c.w, c.h, wide.vertical(down, first)}
}

// horizontal scales rows [first, last).
func (m *rgb) horizontal(across []kernel, first, last int) []byte {
	out := make([]byte, 3*len(across)*(last-first))
	p := 0
	for y := first; y < last; y++ {
		row := m.pix[3*y*m.w:][:3*m.w]
		for i := range across {
			k := &across[i]
			px := row[3*k.from:][:3*len(k.weights)]
			r, g, b := int32(1<<(kernelBits-1)), int32(1<<(kernelBits-1)), int32(1<<(kernelBits-1))
			for j, w := range k.weights {
				r += w * int32(px[3*j])
				g += w * int32(px[3*j+1])
				b += w * int32(px[3*j+2])
			}
			out[p], out[p+1], out[p+2] = clip8(r), clip8(g), clip8(b)
			p += 3
		}
	}
	return out
}

// vertical scales columns; the rows of m are those from first on.
func (m *rgb) vertical(down []kernel, first int) []byte {
	stride := 3 * m.w
	out := make([]byte, stride*len(down))
	sums := make([]int32, stride)
	for i := range down {
		k := &down[i]
		for x := range sums {
			sums[x] = 1 << (kernelBits - 1)
		}
		for j, w := range k.weights {
			row := m.pix[(k.from-first+j)*stride:][:len(sums)]
			for x, v := range row {
				sums[x] += w * int32(v)
			}
		}
		to := out[i*stride:][:len(sums)]
		for x, v := range sums {
			to[x] = clip8(v)
		}
	}
	return out
}

func clip8(v int32) byte { return byte(max(0, min(255, v>>kernelBits))) }
