package datasets

import (
	"fmt"
	"image"
	"image/draw"
	"sync"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/gobolditalic"
	"golang.org/x/image/font/gofont/goitalic"
	"golang.org/x/image/font/gofont/gomedium"
	"golang.org/x/image/font/gofont/gomediumitalic"
	"golang.org/x/image/font/gofont/gomono"
	"golang.org/x/image/font/gofont/gomonobold"
	"golang.org/x/image/font/gofont/gomonobolditalic"
	"golang.org/x/image/font/gofont/gomonoitalic"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// maskSide is the side of a rasterised glyph, in samples: about three times
// what an image shows, so that any pose of it is smooth.
const maskSide = 64

// mask is the coverage of a glyph, centred, 0 to 255, with one column and row
// of zeros beyond each edge.
type mask [(maskSide + 2) * (maskSide + 2)]uint8

// faces are the fonts that glyphs are set in. Order matters: a draw picks one
// by position.
var faces = [][]byte{
	goregular.TTF, gobold.TTF, goitalic.TTF, gobolditalic.TTF, gomedium.TTF, gomediumitalic.TTF,
	gomono.TTF, gomonobold.TTF, gomonoitalic.TTF, gomonobolditalic.TTF,
}

// glyphMasks rasterises every class in every face, once.
var glyphMasks = sync.OnceValues(func() ([][len(GlyphClasses)]mask, error) {
	out := make([][len(GlyphClasses)]mask, len(faces))
	for f, ttf := range faces {
		parsed, err := opentype.Parse(ttf)
		if err != nil {
			return nil, fmt.Errorf("datasets: glyphs: font %d: %w", f, err)
		}
		// Capitals of the Go fonts are 0.72 em high: fill 70 % of the mask.
		face, err := opentype.NewFace(parsed, &opentype.FaceOptions{Size: maskSide * 0.70 / 0.72, DPI: 72, Hinting: font.HintingNone})
		if err != nil {
			return nil, fmt.Errorf("datasets: glyphs: font %d: %w", f, err)
		}
		for c, letter := range GlyphClasses {
			if err := out[f][c].rasterise(face, letter); err != nil {
				return nil, fmt.Errorf("datasets: glyphs: font %d: %w", f, err)
			}
		}
	}
	return out, nil
})

func (m *mask) rasterise(face font.Face, letter rune) error {
	bounds, _, ok := face.GlyphBounds(letter)
	if !ok {
		return fmt.Errorf("no glyph for %q", letter)
	}
	middle := fixed.Point26_6{X: (bounds.Min.X + bounds.Max.X) / 2, Y: (bounds.Min.Y + bounds.Max.Y) / 2}
	side := maskSide + 2
	dst := &image.Alpha{Pix: m[:], Stride: side, Rect: image.Rect(0, 0, side, side)}
	dot := fixed.P(side/2, side/2).Sub(middle)
	dr, alpha, at, _, ok := face.Glyph(dot, letter)
	if !ok {
		return fmt.Errorf("cannot draw %q", letter)
	}
	inner := image.Rect(1, 1, side-1, side-1)
	clipped := dr.Intersect(inner)
	draw.DrawMask(dst, clipped, image.Opaque, image.Point{}, alpha, at.Add(clipped.Min.Sub(dr.Min)), draw.Src)
	return nil
}

// at is the coverage at (x, y) in units of 1/65536 sample, bilinear, 0 to 255.
func (m *mask) at(x, y int) int {
	const side = maskSide + 2
	x += 1<<16 - 1<<15 // the border, less half a sample
	y += 1<<16 - 1<<15
	ix, iy := x>>16, y>>16
	if ix < 0 || iy < 0 || ix >= side-1 || iy >= side-1 {
		return 0
	}
	fx, fy := x>>8&255, y>>8&255
	p := iy*side + ix
	top := int(m[p])*(256-fx) + int(m[p+1])*fx
	bottom := int(m[p+side])*(256-fx) + int(m[p+side+1])*fx
	return (top*(256-fy) + bottom*fy) >> 16
}
