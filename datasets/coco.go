package datasets

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
)

// Box is a rectangle in pixels of the original image; X and Y are its upper
// left corner.
type Box struct{ X, Y, W, H float64 }

// Scenes are images with the objects in them, as COCO's "instances" files
// describe them (https://cocodataset.org/#format-data). Objects name images
// and categories by their index here, not by their id in the file.
type Scenes struct {
	Images     []Scene
	Categories []Category
	Objects    []Object
}

// Scene is one image. Width and Height are pixels.
type Scene struct {
	ID            int64
	File          string
	Width, Height int
}

// Category is one kind of object.
type Category struct {
	ID   int64
	Name string
}

// Object is one annotated thing. Area is in square pixels: that of the outline
// where the file has one, so it may be less than the box's. A Crowd is a group
// that is not told apart.
type Object struct {
	Image, Category int // index into Scenes
	Box             Box
	Area            float64
	Crowd           bool
}

// Detection is a box that a network reports, with its confidence.
type Detection struct {
	Image, Category int // index into Scenes
	Box             Box
	Score           float64
}

// edge is how far an annotated box may lie outside its image, in pixels:
// COCO's own files round by less than one.
const edge = 1

// cocoFile is what is read of an instances file; outlines are skipped.
type cocoFile struct {
	Images []struct {
		ID       *int64 `json:"id"`
		FileName string `json:"file_name"`
		Width    int    `json:"width"`
		Height   int    `json:"height"`
	} `json:"images"`
	Categories []struct {
		ID   *int64 `json:"id"`
		Name string `json:"name"`
	} `json:"categories"`
	Annotations []struct {
		ID         int64     `json:"id"`
		ImageID    *int64    `json:"image_id"`
		CategoryID *int64    `json:"category_id"`
		BBox       []float64 `json:"bbox"`
		Area       *float64  `json:"area"`
		IsCrowd    int       `json:"iscrowd"`
	} `json:"annotations"`
}

// ReadCOCO reads an instances file. It refuses repeated ids, annotations of
// images or categories that the file does not have, and boxes that are not
// finite, have negative sides or lie outside their image.
func ReadCOCO(path string) (*Scenes, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("datasets: coco: %w", err)
	}
	s, err := ParseCOCO(data)
	if err != nil {
		return nil, fmt.Errorf("%w (in %s)", err, path)
	}
	return s, nil
}

// ParseCOCO is ReadCOCO on bytes.
func ParseCOCO(data []byte) (*Scenes, error) {
	var f cocoFile
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, fmt.Errorf("datasets: coco: not an instances file: %w%s", err, noNumber(data, err))
	}
	if len(f.Images) == 0 || len(f.Categories) == 0 {
		return nil, fmt.Errorf("datasets: coco: %d images and %d categories (an instances file has both)", len(f.Images), len(f.Categories))
	}
	s := &Scenes{}
	images, categories, err := s.index(&f)
	if err != nil {
		return nil, err
	}
	for i, a := range f.Annotations {
		o, err := object(s, images, categories, ids{a.ImageID, a.CategoryID}, a.BBox)
		if err != nil {
			return nil, fmt.Errorf("datasets: coco: annotation %d (id %d): %w", i, a.ID, err)
		}
		im := s.Images[o.Image]
		if b := o.Box; b.X < -edge || b.Y < -edge || b.X+b.W > float64(im.Width)+edge || b.Y+b.H > float64(im.Height)+edge {
			return nil, fmt.Errorf("datasets: coco: annotation %d (id %d): box %v lies outside its image of %dx%d", i, a.ID, a.BBox, im.Width, im.Height)
		}
		o.Crowd, o.Area = a.IsCrowd != 0, o.Box.W*o.Box.H
		if a.Area != nil {
			if o.Area = *a.Area; !(o.Area >= 0) || math.IsInf(o.Area, 0) {
				return nil, fmt.Errorf("datasets: coco: annotation %d (id %d): area %g (want 0 or more)", i, a.ID, o.Area)
			}
		}
		s.Objects = append(s.Objects, o)
	}
	return s, nil
}

// index takes over images and categories and gives their ids' indices.
func (s *Scenes) index(f *cocoFile) (images, categories map[int64]int, err error) {
	images, categories = map[int64]int{}, map[int64]int{}
	for i, m := range f.Images {
		if m.ID == nil || m.Width <= 0 || m.Height <= 0 {
			return nil, nil, fmt.Errorf("datasets: coco: image %d: no id, or a size of %dx%d", i, m.Width, m.Height)
		}
		if _, twice := images[*m.ID]; twice {
			return nil, nil, fmt.Errorf("datasets: coco: image %d: id %d is there twice", i, *m.ID)
		}
		images[*m.ID] = i
		s.Images = append(s.Images, Scene{ID: *m.ID, File: m.FileName, Width: m.Width, Height: m.Height})
	}
	for i, c := range f.Categories {
		if c.ID == nil {
			return nil, nil, fmt.Errorf("datasets: coco: category %d has no id", i)
		}
		if _, twice := categories[*c.ID]; twice {
			return nil, nil, fmt.Errorf("datasets: coco: category %d: id %d is there twice", i, *c.ID)
		}
		categories[*c.ID] = i
		s.Categories = append(s.Categories, Category{ID: *c.ID, Name: c.Name})
	}
	return images, categories, nil
}

// ids are what a row of the file points at; nil where the row says nothing.
type ids struct{ image, category *int64 }

// object checks what annotations and detections have in common.
func object(s *Scenes, images, categories map[int64]int, id ids, bbox []float64) (Object, error) {
	if id.image == nil || id.category == nil {
		return Object{}, fmt.Errorf("image_id or category_id is missing")
	}
	im, ok := images[*id.image]
	if !ok {
		return Object{}, fmt.Errorf("image_id %d is none of the %d images", *id.image, len(s.Images))
	}
	cat, ok := categories[*id.category]
	if !ok {
		return Object{}, fmt.Errorf("category_id %d is none of the %d categories", *id.category, len(s.Categories))
	}
	if len(bbox) != 4 {
		return Object{}, fmt.Errorf("bbox has %d numbers (want x, y, width, height)", len(bbox))
	}
	b := Box{bbox[0], bbox[1], bbox[2], bbox[3]}
	if sum := b.X + b.Y + b.W + b.H; math.IsNaN(sum) || math.IsInf(sum, 0) || b.W < 0 || b.H < 0 {
		return Object{}, fmt.Errorf("bbox %v (want finite x, y and no negative width or height)", bbox)
	}
	return Object{Image: im, Category: cat, Box: b}, nil
}

// ParseDetections reads COCO's results format, a list of {image_id,
// category_id, bbox, score}. It refuses images and categories that the scenes
// do not have: the figures would be those of another data set.
func ParseDetections(data []byte, s *Scenes) ([]Detection, error) {
	var rows []struct {
		ImageID    *int64    `json:"image_id"`
		CategoryID *int64    `json:"category_id"`
		BBox       []float64 `json:"bbox"`
		Score      *float64  `json:"score"`
	}
	if err := json.Unmarshal(data, &rows); err != nil {
		return nil, fmt.Errorf("datasets: coco: not a results file: %w%s", err, noNumber(data, err))
	}
	images, categories := map[int64]int{}, map[int64]int{}
	for i, m := range s.Images {
		images[m.ID] = i
	}
	for i, c := range s.Categories {
		categories[c.ID] = i
	}
	out := make([]Detection, 0, len(rows))
	for i, r := range rows {
		o, err := object(s, images, categories, ids{r.ImageID, r.CategoryID}, r.BBox)
		if err != nil {
			return nil, fmt.Errorf("datasets: coco: result %d: %w", i, err)
		}
		if r.Score == nil {
			return nil, fmt.Errorf("datasets: coco: result %d: no score", i)
		}
		out = append(out, Detection{Image: o.Image, Category: o.Category, Box: o.Box, Score: *r.Score})
	}
	return out, nil
}

// noNumber explains the commonest syntax error: Python writes NaN and Infinity,
// which JSON does not have.
func noNumber(data []byte, err error) string {
	var syntax *json.SyntaxError
	if !errors.As(err, &syntax) || syntax.Offset < 1 || syntax.Offset > int64(len(data)) {
		return ""
	}
	// The fault is found at the first letter of NaN, or at one behind a minus.
	for _, word := range []string{"NaN", "Infinity"} {
		if bytes.HasPrefix(data[syntax.Offset-1:], []byte(word)) {
			return fmt.Sprintf(" (byte %d is %s: a box or score is not a number)", syntax.Offset-1, word)
		}
	}
	return ""
}

// First keeps only the first n images and what is in them.
func (s *Scenes) First(n int) {
	s.Images = s.Images[:min(n, len(s.Images))]
	var kept []Object
	for _, o := range s.Objects {
		if o.Image < len(s.Images) {
			kept = append(kept, o)
		}
	}
	s.Objects = kept
}
