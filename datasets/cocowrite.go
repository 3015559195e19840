package datasets

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
)

// WriteCOCO writes images with their objects as a folder that OpenCOCO reads:
// root/annotations/instances_<split>.json and root/<split>/000001.png and so on.
func WriteCOCO(ctx context.Context, ds Dataset, root, split string) error {
	images := filepath.Join(root, split)
	for _, dir := range []string{images, filepath.Join(root, "annotations")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("datasets: coco: %w", err)
		}
	}
	s := newLocated(ds.Len(), ds.Classes()).Scenes
	for i := range s.Images {
		ex, err := ds.At(ctx, i)
		if err != nil {
			return err
		}
		s.Images[i] = Scene{ID: int64(i) + 1, File: sceneFile(i), Width: ex.W, Height: ex.H}
		for _, o := range ex.Objects {
			o.Image = i
			s.Objects = append(s.Objects, o)
		}
		if err := writePNG(filepath.Join(images, sceneFile(i)), ex); err != nil {
			return err
		}
	}
	text, err := s.JSON()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(root, "annotations", "instances_"+split+".json"), text, 0o644); err != nil {
		return fmt.Errorf("datasets: coco: %w", err)
	}
	return nil
}

// sceneFile is the name of image i.
func sceneFile(i int) string { return fmt.Sprintf("%06d.png", i+1) }

// writePNG writes an image without loss.
func writePNG(path string, ex Example) error {
	im := image.NewNRGBA(image.Rect(0, 0, ex.W, ex.H))
	for p := range ex.W * ex.H {
		copy(im.Pix[4*p:], ex.Image[3*p:3*p+3])
		im.Pix[4*p+3] = 255
	}
	var b bytes.Buffer
	if err := png.Encode(&b, im); err != nil {
		return fmt.Errorf("datasets: coco: %w", err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		return fmt.Errorf("datasets: coco: %w", err)
	}
	return nil
}

// JSON is the instances file of the scenes; ParseCOCO reads it back.
func (s *Scenes) JSON() ([]byte, error) {
	type row = map[string]any
	images, categories, annotations := []row{}, []row{}, []row{}
	for _, m := range s.Images {
		images = append(images, row{"id": m.ID, "file_name": m.File, "width": m.Width, "height": m.Height})
	}
	for _, c := range s.Categories {
		categories = append(categories, row{"id": c.ID, "name": c.Name})
	}
	for i, o := range s.Objects {
		crowd := 0
		if o.Crowd {
			crowd = 1
		}
		annotations = append(annotations, row{
			"id": i + 1, "image_id": s.Images[o.Image].ID, "category_id": s.Categories[o.Category].ID,
			"bbox": []float64{o.Box.X, o.Box.Y, o.Box.W, o.Box.H}, "area": o.Area, "iscrowd": crowd,
		})
	}
	text, err := json.Marshal(row{"images": images, "categories": categories, "annotations": annotations})
	if err != nil { // only numbers that are not finite
		return nil, fmt.Errorf("datasets: coco: %w", err)
	}
	return text, nil
}
