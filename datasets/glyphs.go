package datasets

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
)

// GlyphClasses are the labels of the built-in data set, in order.
const GlyphClasses = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

// glyphs is the built-in data set: image i of a split is a pure function of
// (seed, split, i), drawn when it is asked for.
type glyphs struct {
	split  uint64
	n      int
	seed   uint64
	size   int
	strain float64 // difficulty
}

// Glyphs is n images of letters and digits: what Open gives for one split.
// Splits of different numbers share no random draw.
func Glyphs(s Settings, split, n int) (Dataset, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	if s.Difficulty == 0 {
		s.Difficulty = 1
	}
	return &glyphs{uint64(split), n, s.Seed, s.Size, s.Difficulty}, nil
}

func openGlyphs(_ context.Context, s Settings) (*Set, error) {
	var parts [3]Dataset
	for i, n := range []struct{ asked, standard int }{{s.Train, 20000}, {s.Val, 2000}, {s.Test, 2000}} {
		if n.asked == 0 {
			n.asked = n.standard
		}
		d, err := Glyphs(s, i, n.asked)
		if err != nil {
			return nil, err
		}
		parts[i] = d
	}
	return &Set{
		Train: parts[0], Val: parts[1], Test: parts[2],
		Info: Info{Name: "glyphs (drawn by the program)", Digest: fmt.Sprintf("glyphs %d", glyphVersion)},
	}, nil
}

// glyphVersion changes whenever the drawing does, so that what was made from
// the old images is made anew.
const glyphVersion = 1

func (g *glyphs) Len() int          { return g.n }
func (g *glyphs) Classes() []string { return strings.Split(GlyphClasses, "") }

func (g *glyphs) At(_ context.Context, i int) (Example, error) {
	if i < 0 || i >= g.n {
		return Example{}, outOfRange("glyphs", i, g.n)
	}
	masks, err := glyphMasks()
	if err != nil {
		return Example{}, err
	}
	rng := rand.New(rand.NewPCG(g.seed*0x9e3779b97f4a7c15+0x676c79706873, g.split<<48|uint64(i)))
	p := newPainter(g.size, rng)
	label := i % len(GlyphClasses) // balanced in every prefix
	p.background(g.strain)
	for range rng.IntN(3) {
		p.distractor(masks, g.strain)
	}
	p.glyph(&masks[rng.IntN(len(masks))][label], g.strain)
	p.occlude(g.strain)
	p.noise(g.strain)
	return Example{Image: p.rgb(), W: g.size, H: g.size, Label: label}, nil
}

// affine is an inverse map from image to mask, in units of 1/65536: integers,
// so that every machine draws the same pixels.
type affine struct{ xx, xy, x0, yx, yy, y0 int }

// pose is where and how a mask is laid on the image.
type pose struct {
	cx, cy float64 // centre, in pixels
	height float64 // of the em square, in pixels
	aspect float64 // width scale
	angle  float64 // radians
	shear  float64
}

// inverse maps image pixels to mask samples. math.Sin and the products below
// may differ in the last bit between machines; rounding to 1/65536 hides it.
func (p pose) inverse() affine {
	s, c := math.Sincos(p.angle)
	k := float64(maskSide) / p.height
	kx := k / p.aspect
	xx, xy := kx*(c+p.shear*s), kx*(s-p.shear*c)
	yx, yy := -k*s, k*c
	half := float64(maskSide) / 2
	q := func(v float64) int { return int(math.Round(v * 65536)) }
	return affine{q(xx), q(xy), q(half - xx*p.cx - xy*p.cy), q(yx), q(yy), q(half - yx*p.cx - yy*p.cy)}
}
