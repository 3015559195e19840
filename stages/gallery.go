package stages

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"

	"hanas/datasets"
	"hanas/eval"
	"hanas/onnx"
	"hanas/pipeline"
	"hanas/report"
)

const (
	shownImages = 8    // in each row of the gallery
	searchedIn  = 1024 // test images that wrong answers are looked for in
	shownScore  = 0.3  // boxes below are not drawn
	pixelArt    = 96   // images up to this side are kept as PNG, larger ones as JPEG
)

// writeGallery shows what one file of the search makes of test images: the one that
// is most accurate on the held-out images, so that these choose nothing.
func (e *Env) writeGallery(ctx context.Context, p *pipeline.Pass, rec validationRecord, nets []*onnx.Model) error {
	best := -1
	for i, m := range rec.Models {
		if !m.Baseline && (best < 0 || m.Top1Again > rec.Models[best].Top1Again) {
			best = i
		}
	}
	if best < 0 {
		return writeJSON(p.Output(galleryFile), report.Gallery{})
	}
	engine, err := e.scoring(ctx)
	if err != nil {
		return err
	}
	r, err := engine(nets[best])
	if err != nil {
		return err
	}
	defer r.Close()
	im, err := e.split(ctx, "test")
	if err != nil {
		return err
	}
	g := report.Gallery{Winner: winnerName(best), Score: report.Fig(rec.Models[best].Top1, report.Measured)}
	if g.First, g.Errors, err = e.task().show(ctx, r, im); err != nil {
		return fmt.Errorf("stages: validate: gallery: %w", err)
	}
	return writeJSON(p.Output(galleryFile), g)
}

// showClasses are the first images with a classifier's answers, and the first
// wrong ones.
func showClasses(ctx context.Context, r onnx.Runner, im *datasets.Images) (first, wrong []report.Shown, err error) {
	take := func(i int, logits []float32) {
		likeliest := eval.Guesses(logits, 1)[0]
		s := report.Shown{Answer: im.Classes[likeliest.Class], Probability: likeliest.Probability, Truth: im.Classes[im.Labels[i]]}
		list := &first
		if i >= shownImages {
			list = &wrong
		}
		if err != nil || list == &wrong && (s.Answer == s.Truth || len(wrong) == shownImages) {
			return
		}
		s.Side = im.Size
		if s.Image, err = compress(im, i); err == nil {
			*list = append(*list, s)
		}
	}
	_, failed := eval.Classify(ctx, r, im, eval.Settings{Limit: min(searchedIn, im.Len()), OnImage: take})
	if failed != nil {
		return nil, nil, failed
	}
	return first, wrong, err
}

// showBoxes are the first images with the objects that are there and those that
// a detector finds.
func showBoxes(ctx context.Context, r onnx.Runner, im *datasets.Images) (first, _ []report.Shown, err error) {
	n := min(shownImages, im.Len())
	d, err := eval.NewDetections(im, eval.Settings{Limit: n})
	if err != nil {
		return nil, nil, err
	}
	found, err := d.Squares(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	for i := range n {
		s := report.Shown{Side: im.Size}
		if s.Image, err = compress(im, i); err != nil {
			return nil, nil, err
		}
		for _, o := range im.Located.In(i) {
			s.Boxes = append(s.Boxes, shownBox(o.Box, im.Classes[o.Category], 0))
		}
		for _, f := range found {
			if f.Image == i && f.Score >= shownScore {
				s.Boxes = append(s.Boxes, shownBox(f.Box, im.Classes[f.Category], f.Score))
			}
		}
		first = append(first, s)
	}
	return first, nil, nil
}

func shownBox(b datasets.Box, class string, score float64) report.ShownBox {
	return report.ShownBox{X: b.X, Y: b.Y, W: b.W, H: b.H, Class: class, Score: score}
}

// compress is image i as a file that browsers show.
func compress(im *datasets.Images, i int) ([]byte, error) {
	plane := im.Size * im.Size
	pixels := im.Pixels[i*3*plane:][:3*plane]
	out := image.NewNRGBA(image.Rect(0, 0, im.Size, im.Size))
	for k := range plane {
		copy(out.Pix[4*k:], []byte{pixels[k], pixels[plane+k], pixels[2*plane+k], 255})
	}
	var b bytes.Buffer
	if im.Size > pixelArt {
		err := jpeg.Encode(&b, out, &jpeg.Options{Quality: 85})
		return b.Bytes(), err
	}
	err := png.Encode(&b, out)
	return b.Bytes(), err
}
