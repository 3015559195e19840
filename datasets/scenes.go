package datasets

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
)

// SceneClasses are the categories of glyph scenes, in order.
const SceneClasses = "0123456789"

// Sizes of a glyph scene, in pixels of the original image.
const (
	sceneScale = 3    // side of the original over that of the network's square
	mostGlyphs = 6    // objects in a scene
	leastInk   = 0.15 // height of a glyph as a share of the side, smallest
	mostInk    = 0.85 // and largest
	mostShared = 0.25 // intersection over union of two glyphs
)

// scenes is the built-in data set for detection: several digits of all sizes in
// an image that is three times the size of the network's. Image i of a split is a
// pure function of (seed, split, i).
type scenes struct{ glyphs }

// GlyphScenes is n drawn images with digits in them: what Open gives for one
// split. Splits of different numbers share no random draw.
func GlyphScenes(s Settings, split, n int) (Dataset, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	if s.Difficulty == 0 {
		s.Difficulty = 1
	}
	return &scenes{glyphs{uint64(split), n, s.Seed, s.Size * sceneScale, s.Difficulty}}, nil
}

func openScenes(_ context.Context, s Settings) (*Set, error) {
	return drawn(s, GlyphScenes, [3]int{8000, 1000, 1000}, Info{Name: "glyph scenes (drawn by the program)", Digest: fmt.Sprintf("scenes %d", sceneVersion)})
}

// drawn opens the three splits of a built-in data set.
func drawn(s Settings, one func(Settings, int, int) (Dataset, error), standard [3]int, info Info) (*Set, error) {
	var parts [3]Dataset
	for i, n := range [3]int{s.Train, s.Val, s.Test} {
		if n == 0 {
			n = standard[i]
		}
		d, err := one(s, i, n)
		if err != nil {
			return nil, err
		}
		parts[i] = d
	}
	return &Set{Train: parts[0], Val: parts[1], Test: parts[2], Info: info}, nil
}

// sceneVersion changes whenever the drawing does.
const sceneVersion = 1

func (g *scenes) Classes() []string { return strings.Split(SceneClasses, "") }

func (g *scenes) At(_ context.Context, i int) (Example, error) {
	if i < 0 || i >= g.n {
		return Example{}, outOfRange("scenes", i, g.n)
	}
	masks, err := glyphMasks()
	if err != nil {
		return Example{}, err
	}
	rng := rand.New(rand.NewPCG(g.seed*0x9e3779b97f4a7c15+0x7363656e65, g.split<<48|uint64(i)))
	p := newPainter(g.size, rng)
	p.background(g.strain)
	var objects []Object
	for range 1 + rng.IntN(mostGlyphs) {
		class := rng.IntN(len(SceneClasses))
		m := &masks[rng.IntN(len(masks))][strings.IndexByte(GlyphClasses, SceneClasses[class])]
		ps, box, ok := p.place(m, g.strain, objects)
		if !ok {
			continue
		}
		p.lay(m, ps, p.ink(g.strain), 256)
		objects = append(objects, Object{Category: class, Box: box, Area: box.W * box.H})
	}
	p.noise(g.strain / 2)
	return Example{Image: p.rgb(), W: g.size, H: g.size, Objects: objects}, nil
}

// place finds a pose whose ink lies inside the image and hides little of what
// is there; sizes are even in their logarithm.
func (p *painter) place(m *mask, strain float64, others []Object) (pose, Box, bool) {
	s := float64(p.size)
	turn := 0.15 * strain
	for range 30 {
		ps := pose{
			cx: s * p.between(0, 1), cy: s * p.between(0, 1), aspect: p.between(0.85, 1.15),
			height: s / 0.7 * math.Exp(p.between(math.Log(leastInk), math.Log(mostInk))),
			angle:  p.between(-turn, turn), shear: p.between(-turn, turn),
		}
		if box, ok := p.extent(m, ps); ok && !crowded(box, others) {
			return ps, box, true
		}
	}
	return pose{}, Box{}, false
}

// crowded says whether a box overlaps another by more than is allowed.
func crowded(b Box, others []Object) bool {
	for _, o := range others {
		w := min(b.X+b.W, o.Box.X+o.Box.W) - max(b.X, o.Box.X)
		h := min(b.Y+b.H, o.Box.Y+o.Box.H) - max(b.Y, o.Box.Y)
		if w > 0 && h > 0 && w*h > mostShared*(b.W*b.H+o.Box.W*o.Box.H-w*h) {
			return true
		}
	}
	return false
}

// extent is the box of the pixels whose centre is at least half covered; ok is
// false where the ink reaches the edge of the image, or there is none.
func (p *painter) extent(m *mask, ps pose) (b Box, ok bool) {
	a := ps.inverse()
	x0, y0, x1, y1 := p.size, p.size, -1, -1
	near := func(at float64) (from, to int) { // the em square, turned and sheared, lies within
		return max(0, int(at-ps.height)), min(p.size, int(at+ps.height)+1)
	}
	left, right := near(ps.cx)
	top, bottom := near(ps.cy)
	for y := top; y < bottom; y++ {
		for x := left; x < right; x++ {
			u, v := a.x0+a.xx*x+a.xy*y+(a.xx+a.xy)/2, a.y0+a.yx*x+a.yy*y+(a.yx+a.yy)/2
			if u < 0 || v < 0 || u > maskSide<<16 || v > maskSide<<16 || m.at(u, v) < 128 {
				continue
			}
			x0, y0, x1, y1 = min(x0, x), min(y0, y), max(x1, x), max(y1, y)
		}
	}
	if x0 <= 0 || y0 <= 0 || x1 >= p.size-1 || y1 >= p.size-1 || x1 < x0 {
		return Box{}, false
	}
	return Box{float64(x0), float64(y0), float64(x1 - x0 + 1), float64(y1 - y0 + 1)}, true
}
