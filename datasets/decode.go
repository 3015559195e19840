package datasets

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	_ "image/jpeg" // formats that Decode knows
	_ "image/png"

	_ "golang.org/x/image/webp"
)

const (
	// maxSide bounds both sides of an image.
	maxSide = 1 << 14
	// maxPixels bounds what a decoder may allocate: 64 megapixels.
	maxPixels = 1 << 26
	// maxPerByte is how many pixels a byte of a compressed image may stand
	// for, above a megapixel; photographs stay below 100, and a header that
	// claims more is refused before it costs memory.
	maxPerByte = 1024
)

// Decode turns a JPEG, PNG or WebP file into RGB bytes, [H, W, 3]. Alpha is
// dropped and a JPEG's EXIF orientation is carried out. The size that the header claims is checked before anything of that
// size is allocated.
func Decode(data []byte) (Example, error) {
	if len(data) == 0 {
		return Example{}, errors.New("image is empty")
	}
	cfg, format, err := image.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return Example{}, fmt.Errorf("not a whole JPEG, PNG or WebP image (%d bytes): %w", len(data), err)
	}
	w, h := cfg.Width, cfg.Height
	if w < 1 || h < 1 || w > maxSide || h > maxSide || w*h > maxPixels {
		return Example{}, fmt.Errorf("%s header claims %dx%d pixels (at most %d a side and %d in all)", format, w, h, maxSide, maxPixels)
	}
	if w*h > 1<<20 && w*h/maxPerByte > len(data) {
		return Example{}, fmt.Errorf("%s header claims %dx%d pixels in %d bytes", format, w, h, len(data))
	}
	img, _, err := image.Decode(bytes.NewReader(data))
	if err != nil {
		return Example{}, fmt.Errorf("%s of %d bytes: %w", format, len(data), err)
	}
	if planes := lossyWebP(img, format); planes != nil {
		return upright(Example{W: w, H: h, Image: fromWebP(planes)}, orientation(data)), nil
	}
	return upright(fromImage(img), orientation(data)), nil
}

// fromImage copies the colours of an image, as Pillow's convert("RGB") does.
func fromImage(img image.Image) Example {
	b := img.Bounds()
	ex := Example{W: b.Dx(), H: b.Dy()}
	switch m := img.(type) {
	case *image.YCbCr:
		ex.Image = fromYCbCr(m)
		return ex
	case *image.CMYK:
		ex.Image = fromCMYK(m)
		return ex
	}
	ex.Image = make([]byte, 3*ex.W*ex.H)
	p := 0
	put := func(r, g, b uint8) {
		ex.Image[p], ex.Image[p+1], ex.Image[p+2] = r, g, b
		p += 3
	}
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			switch m := img.(type) {
			case *image.Gray:
				v := m.Pix[m.PixOffset(x, y)]
				put(v, v, v)
			case *image.NRGBA:
				i := m.PixOffset(x, y)
				put(m.Pix[i], m.Pix[i+1], m.Pix[i+2])
			default:
				c := color.NRGBAModel.Convert(img.At(x, y)).(color.NRGBA)
				put(c.R, c.G, c.B)
			}
		}
	}
	return ex
}

// fromCMYK takes inks for what they leave of the light.
func fromCMYK(m *image.CMYK) []byte {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	out := make([]byte, 0, 3*w*h)
	for y := range h {
		row := m.Pix[y*m.Stride:][:4*w]
		for x := range w {
			light := int32(255 - row[4*x+3])
			for c := range 3 {
				ink := int32(row[4*x+c])*light + 128
				out = append(out, clamp(light-(ink>>8+ink)>>8))
			}
		}
	}
	return out
}

// apply scales the short side to f.Resize with Pillow's bilinear filter, which
// averages when it shrinks, and cuts out the centre.
func (f Fit) apply(ex Example) ([]byte, error) {
	if ex.W == f.Size && ex.H == f.Size && f.Resize == f.Size {
		return ex.Image, nil
	}
	w, h := f.Resize, f.Resize
	if ex.W > ex.H {
		w = f.Resize * ex.W / ex.H
	} else {
		h = f.Resize * ex.H / ex.W
	}
	if w*h > maxPixels {
		return nil, fmt.Errorf("image of %dx%d pixels is too thin to scale to a short side of %d", ex.W, ex.H, f.Resize)
	}
	whole := &rgb{w: ex.W, h: ex.H, pix: ex.Image}
	return whole.resizeCut(w, h, cut{centre(w, f.Size), centre(h, f.Size), f.Size, f.Size}).pix, nil
}

// centre is the offset of a cut of length n, rounded half to even as
// torchvision's CenterCrop does.
func centre(length, n int) int {
	d := length - n
	if d%2 == 0 {
		return d / 2
	}
	return (d/2 + 1) &^ 1
}

// rgb is an opaque image of 3 bytes a pixel.
type rgb struct {
	w, h int
	pix  []byte
}
