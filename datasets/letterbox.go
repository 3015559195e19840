package datasets

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Square says how a whole image becomes a square for a detector: nothing is
// cut off.
type Square struct {
	Size    int  // side in pixels
	Stretch bool // scale the sides apart; otherwise keep the shape and pad with grey 114 on both sides
}

// Placed is an image in a square, and where it lies there.
type Placed struct {
	Pixels         []byte  // [Size, Size, 3] RGB
	ScaleX, ScaleY float64 // pixels of the square a pixel of the image
	X, Y           int     // upper left corner of the image in the square
}

// padding is the grey that detectors of the YOLO line are trained with.
const padding = 114

// Fit scales and places an image.
func (s Square) Fit(ex Example) (Placed, error) {
	if s.Size < 1 || s.Size > maxSide || ex.W < 1 || ex.H < 1 || len(ex.Image) != 3*ex.W*ex.H {
		return Placed{}, fmt.Errorf("datasets: square: size %d for an image of %dx%d with %d bytes", s.Size, ex.W, ex.H, len(ex.Image))
	}
	w, h := s.Size, s.Size
	if !s.Stretch {
		scale := min(float64(s.Size)/float64(ex.W), float64(s.Size)/float64(ex.H))
		w, h = max(1, int(float64(ex.W)*scale+0.5)), max(1, int(float64(ex.H)*scale+0.5))
	}
	p := Placed{
		Pixels: make([]byte, 3*s.Size*s.Size), X: (s.Size - w) / 2, Y: (s.Size - h) / 2,
		ScaleX: float64(w) / float64(ex.W), ScaleY: float64(h) / float64(ex.H),
	}
	scaled := (&rgb{ex.W, ex.H, ex.Image})
	if w != ex.W || h != ex.H {
		scaled = scaled.resize(w, h)
	}
	for i := range p.Pixels {
		p.Pixels[i] = padding
	}
	for y := range h {
		copy(p.Pixels[3*((p.Y+y)*s.Size+p.X):][:3*w], scaled.pix[3*y*w:][:3*w])
	}
	return p, nil
}

// Original moves a box of the square back into the image.
func (p Placed) Original(b Box) Box {
	return Box{(b.X - float64(p.X)) / p.ScaleX, (b.Y - float64(p.Y)) / p.ScaleY, b.W / p.ScaleX, b.H / p.ScaleY}
}

// OpenCOCO reads annotations/instances_<split>*.json below root and gives the
// folder of the images, which has the name that follows "instances_". An
// instances file may be named instead of a root.
func OpenCOCO(path, split string) (s *Scenes, images string, err error) {
	if st, statErr := os.Stat(path); statErr == nil && st.IsDir() {
		entries, err := os.ReadDir(filepath.Join(path, "annotations"))
		if err != nil {
			return nil, "", fmt.Errorf("datasets: coco: %w (expected annotations/instances_<split>.json)", err)
		}
		var found []string
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), "instances_"+split) && strings.HasSuffix(e.Name(), ".json") {
				found = append(found, e.Name())
			}
		}
		if len(found) != 1 {
			return nil, "", fmt.Errorf("datasets: coco: %s: %d files annotations/instances_%s*.json (want one; or name the file)", path, len(found), split)
		}
		path = filepath.Join(path, "annotations", found[0])
	}
	if s, err = ReadCOCO(path); err != nil {
		return nil, "", err
	}
	name := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), "instances_"), ".json")
	return s, filepath.Join(filepath.Dir(path), "..", name), nil
}

// Load decodes image i of the scenes from its folder. An image of another size
// than the annotations say is refused: its boxes would be wrong.
func (s *Scenes) Load(ctx context.Context, folder string, i int) (Example, error) {
	if i < 0 || i >= len(s.Images) {
		return Example{}, outOfRange("coco", i, len(s.Images))
	}
	if err := ctx.Err(); err != nil {
		return Example{}, fmt.Errorf("datasets: coco: stopped: %w", err)
	}
	m := s.Images[i]
	path, err := findImage(filepath.FromSlash(m.File), []string{folder})
	if err != nil {
		return Example{}, fmt.Errorf("datasets: coco: image %d: %w", m.ID, err)
	}
	data, err := readLimited(path)
	if err != nil {
		return Example{}, fmt.Errorf("datasets: coco: %w", err)
	}
	ex, err := Decode(data)
	if err != nil {
		return Example{}, fmt.Errorf("datasets: coco: %s: %w", path, err)
	}
	if ex.W != m.Width || ex.H != m.Height {
		return Example{}, fmt.Errorf("datasets: coco: %s is %dx%d pixels, its annotation says %dx%d", path, ex.W, ex.H, m.Width, m.Height)
	}
	return ex, nil
}
