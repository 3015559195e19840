package datasets

import "math/rand/v2"

// Augment says how training images are varied: shifted within a black border
// and mirrored, as He et al. 2016 (section 4.2) do for CIFAR-10; distorted and
// with a hole, if asked for. The zero value changes nothing.
type Augment struct {
	Pad     int     // pixels of border; the image is moved by -Pad to Pad in both directions
	Flip    bool    // mirrored left to right with probability 1/2
	Distort float64 // strength, in [0,1], of one random change of colours or geometry at most; not for images with boxes
	Cutout  int     // side, in pixels, of a square of the mean colour at a random place (DeVries & Taylor 2017); part of it may be outside
}

// variation is one draw of an Augment.
type variation struct {
	dx, dy int // the result at (x, y) is the source at (x+dx, y+dy)
	flip   bool
	hole   [4]int // left, top, right, bottom; empty if right is 0
}

// draw takes two numbers for the shift, one for the mirror and two for the
// hole, when they are in use.
func (a Augment) draw(rng *rand.Rand, size int) variation {
	var v variation
	if a.Pad > 0 {
		v.dx, v.dy = rng.IntN(2*a.Pad+1)-a.Pad, rng.IntN(2*a.Pad+1)-a.Pad
	}
	if a.Flip {
		v.flip = rng.Uint64()&1 == 1
	}
	if a.Cutout > 0 {
		x, y := rng.IntN(size)-a.Cutout/2, rng.IntN(size)-a.Cutout/2
		v.hole = [4]int{max(x, 0), max(y, 0), min(x+a.Cutout, size), min(y+a.Cutout, size)}
	}
	return v
}

// apply writes the normalised variation of src, [3, size, size], into dst.
func (v variation) apply(dst []float32, src []uint8, size int, t *[3][256]float32, background [3]float32) {
	plane := size * size
	for c := range t {
		for y := range size {
			out := dst[c*plane+y*size:][:size]
			sy := y + v.dy
			if sy < 0 || sy >= size {
				fillRow(out, background[c])
				continue
			}
			row := src[c*plane+sy*size:][:size]
			for x := range out {
				sx := x + v.dx
				if v.flip {
					sx = size - 1 - x + v.dx
				}
				if sx < 0 || sx >= size {
					out[x] = background[c]
					continue
				}
				out[x] = t[c][row[sx]]
			}
		}
		for y := v.hole[1]; y < v.hole[3]; y++ {
			clear(dst[c*plane+y*size:][v.hole[0]:v.hole[2]]) // 0 is the mean
		}
	}
}

func fillRow(row []float32, v float32) {
	for x := range row {
		row[x] = v
	}
}
