package datasets

import "fmt"

// Located is what is where in the images of a split, in memory.
type Located struct {
	// Scenes are the images and objects in pixels of the originals, as
	// detections are scored. Images are numbered from 1.
	Scenes *Scenes
	// Placed says where each image lies in its square; without pixels.
	Placed []Placed

	inside [][]Object // by image, in pixels of the square
	whole  [][]Object // by image, in pixels of the original
}

func newLocated(n int, classes []string) *Located {
	l := &Located{
		Scenes: &Scenes{Images: make([]Scene, n)}, Placed: make([]Placed, n),
		inside: make([][]Object, n), whole: make([][]Object, n),
	}
	for c, name := range classes {
		l.Scenes.Categories = append(l.Scenes.Categories, Category{ID: int64(c) + 1, Name: name})
	}
	return l
}

// In are the objects of image i, in pixels of the square.
func (l *Located) In(i int) []Object { return l.inside[i] }

// put fits image i; several goroutines may call it for different images.
func (l *Located) put(i int, ex Example, size int) ([]byte, error) {
	p, err := (Square{Size: size}).Fit(ex)
	if err != nil {
		return nil, err
	}
	for _, o := range ex.Objects {
		if o.Category < 0 || o.Category >= len(l.Scenes.Categories) {
			return nil, fmt.Errorf("an object is of category %d, there are %d", o.Category, len(l.Scenes.Categories))
		}
		o.Image = i
		l.whole[i] = append(l.whole[i], o)
		o.Box = p.Inside(o.Box)
		l.inside[i] = append(l.inside[i], o)
	}
	l.Scenes.Images[i] = Scene{ID: int64(i) + 1, File: sceneFile(i), Width: ex.W, Height: ex.H}
	pixels := p.Pixels
	p.Pixels = nil
	l.Placed[i] = p
	return pixels, nil
}

// gather lists the objects in the order of the images.
func (l *Located) gather() {
	for _, objects := range l.whole {
		l.Scenes.Objects = append(l.Scenes.Objects, objects...)
	}
	l.whole = nil
}

// Inside moves a box of the image into the square; Original is its inverse.
func (p Placed) Inside(b Box) Box {
	return Box{b.X*p.ScaleX + float64(p.X), b.Y*p.ScaleY + float64(p.Y), b.W * p.ScaleX, b.H * p.ScaleY}
}

// Categories are those of all objects.
func (l *Located) Categories() []int32 {
	out := make([]int32, len(l.Scenes.Objects))
	for i, o := range l.Scenes.Objects {
		out[i] = int32(o.Category)
	}
	return out
}
