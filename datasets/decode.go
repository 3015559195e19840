package datasets

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	_ "image/jpeg" // formats that Decode knows
	_ "image/png"

	"golang.org/x/image/draw"
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
	return upright(fromImage(img), orientation(data)), nil
}

// fromImage copies the colours of an image.
func fromImage(img image.Image) Example {
	b := img.Bounds()
	ex := Example{W: b.Dx(), H: b.Dy(), Image: make([]byte, 3*b.Dx()*b.Dy())}
	p := 0
	put := func(r, g, b uint8) {
		ex.Image[p], ex.Image[p+1], ex.Image[p+2] = r, g, b
		p += 3
	}
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			switch m := img.(type) {
			case *image.YCbCr:
				i, k := m.YOffset(x, y), m.COffset(x, y)
				put(color.YCbCrToRGB(m.Y[i], m.Cb[k], m.Cr[k]))
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

// apply scales the short side to f.Resize with a bilinear filter that averages
// when it shrinks (as Pillow's), and cuts out the centre.
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
	scaled := &rgb{w: ex.W, h: ex.H, pix: ex.Image}
	if w != ex.W || h != ex.H {
		scaled = scaled.resize(w, h)
	}
	out := make([]byte, 3*f.Size*f.Size)
	x0, y0 := centre(w, f.Size), centre(h, f.Size)
	for y := range f.Size {
		copy(out[3*y*f.Size:][:3*f.Size], scaled.pix[3*((y0+y)*w+x0):])
	}
	return out, nil
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

func (m *rgb) resize(w, h int) *rgb {
	src := image.NewRGBA(image.Rect(0, 0, m.w, m.h))
	for p := range m.w * m.h {
		copy(src.Pix[4*p:4*p+3], m.pix[3*p:3*p+3])
		src.Pix[4*p+3] = 255
	}
	dst := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.BiLinear.Scale(dst, dst.Rect, src, src.Rect, draw.Src, nil)
	out := &rgb{w, h, make([]byte, 3*w*h)}
	for p := range w * h {
		copy(out.pix[3*p:3*p+3], dst.Pix[4*p:4*p+3])
	}
	return out
}
