package eval

import (
	"context"
	"errors"
	"fmt"

	"hanas/datasets"
	"hanas/onnx"
)

// BoxColumns are those of the boxes that a network gives with decoding and
// suppression inside it: the image's place in the batch; left, top, right and
// bottom in pixels of its input; confidence; class.
const BoxColumns = 7

// Detections runs networks whose only input is float [N, 3, Size, Size] and
// whose first output is float [M, BoxColumns], and scores their boxes with
// COCO's figures. Images are normalised once. It may be used by several
// goroutines.
type Detections struct {
	images *Evaluator
	scenes *datasets.Scenes
	placed []datasets.Placed
}

// NewDetections normalises the images, which must have objects.
func NewDetections(im *datasets.Images, s Settings) (*Detections, error) {
	if im.Located == nil {
		return nil, errors.New("eval: boxes: the images have no objects (use data of scenes)")
	}
	images, err := New(im, s)
	if err != nil {
		return nil, err
	}
	scenes := *im.Located.Scenes
	scenes.First(images.Len())
	return &Detections{images, &scenes, im.Located.Placed[:images.Len()]}, nil
}

// Len is the number of images.
func (d *Detections) Len() int { return d.images.Len() }

// Run scores a network. Every run has the same number of images, as
// Evaluator.Run does.
func (d *Detections) Run(ctx context.Context, r onnx.Runner) (Boxes, error) {
	var found []datasets.Detection
	err := d.find(ctx, r, func(i int, b imageBox) {
		found = append(found, datasets.Detection{Image: i, Category: b.class, Box: d.placed[i].Original(b.box), Score: b.score})
	})
	if err != nil {
		return Boxes{}, err
	}
	return ScoreBoxes(ctx, d.scenes, found, 1)
}

// Squares are the boxes that a network finds, in pixels of the squares that it
// sees, in the images' order.
func (d *Detections) Squares(ctx context.Context, r onnx.Runner) ([]datasets.Detection, error) {
	var found []datasets.Detection
	err := d.find(ctx, r, func(i int, b imageBox) {
		found = append(found, datasets.Detection{Image: i, Category: b.class, Box: b.box, Score: b.score})
	})
	return found, err
}

// find gives the boxes of every image.
func (d *Detections) find(ctx context.Context, r onnx.Runner, take func(i int, b imageBox)) error {
	batch, err := d.images.batch(r)
	if err != nil {
		return err
	}
	outputs := make([]*onnx.Tensor, len(r.Outputs()))
	for done := 0; done < d.Len(); {
		first := max(0, min(done, d.Len()-batch))
		outputs[0] = nil // the number of boxes differs from run to run
		if err := r.Run(ctx, []*onnx.Tensor{d.images.input(first, batch)}, outputs); err != nil {
			return fmt.Errorf("eval: boxes: images %d to %d: %w", first, min(first+batch, d.Len())-1, err)
		}
		end := min(first+batch, d.Len())
		boxes, err := readBoxes(outputs[0])
		if err != nil {
			return err
		}
		for _, b := range boxes {
			i := first + b.image
			if b.image >= batch || b.class >= len(d.scenes.Categories) {
				return fmt.Errorf("eval: boxes: a box of image %d and class %d in a run of %d images and %d classes", b.image, b.class, batch, len(d.scenes.Categories))
			}
			if i >= done && i < end {
				take(i, b)
			}
		}
		done = end
		if d.images.set.OnBatch != nil {
			d.images.set.OnBatch(done, d.Len())
		}
	}
	return nil
}

// imageBox is a candidate of one image of a batch.
type imageBox struct {
	candidate
	image int
}

// readBoxes reads [M, BoxColumns].
func readBoxes(out *onnx.Tensor) ([]imageBox, error) {
	if out.DType != onnx.Float || len(out.Shape) != 2 || out.Shape[1] != BoxColumns {
		return nil, fmt.Errorf("eval: boxes: output is %v%v (need float [M, %d]: image, left, top, right, bottom, confidence, class)", out.DType, out.Shape, BoxColumns)
	}
	v := out.Floats()
	boxes := make([]imageBox, out.Shape[0])
	for i := range boxes {
		row := v[i*BoxColumns:][:BoxColumns]
		b := &boxes[i]
		b.image, b.class, b.score = int(row[0]), int(row[6]), float64(row[5])
		b.box = datasets.Box{X: float64(row[1]), Y: float64(row[2]), W: float64(row[3]) - float64(row[1]), H: float64(row[4]) - float64(row[2])}
		if b.image < 0 || b.class < 0 || !(b.box.W >= 0 && b.box.H >= 0 && b.score >= 0) {
			return nil, fmt.Errorf("eval: boxes: row %d is %v (no box)", i, row)
		}
	}
	return boxes, nil
}

// decodeBoxes reads the boxes of a network that decodes and suppresses itself,
// run on one image.
func decodeBoxes(out *onnx.Tensor, _ int, least float64) ([]candidate, error) {
	boxes, err := readBoxes(out)
	if err != nil {
		return nil, err
	}
	var all []candidate
	for _, b := range boxes {
		if b.image > 0 {
			return nil, fmt.Errorf("a box of image %d in a run of one", b.image)
		}
		if b.score >= least {
			all = append(all, b.candidate)
		}
	}
	return all, nil
}
