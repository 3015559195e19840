package stages

import (
	"context"
	"errors"
	"fmt"

	"hanas/datasets"
	"hanas/eval"
	"hanas/onnx"
	"hanas/report"
	"hanas/space"
)

// score is what a network gets on images. The artifacts call Value "accuracy"
// or "top1" and Second "top5" whatever the task.
type score struct {
	Value  float64 // what the search raises: top-1 of a classifier, COCO's AP of a detector
	Second float64 // top-5; AP at an overlap of 0.5
	Loss   float64 // cross-entropy; 0 of a detector
	N      int     // images
	Lo, Hi float64 // 95 % interval of Value; equal to it where none is known
	Right  []bool  // of each image, whether a classifier's answer is right; nil of a detector
	Boxes  *eval.Boxes
}

// scorer runs networks on the same images.
type scorer interface {
	Len() int
	Score(ctx context.Context, r onnx.Runner) (score, error)
}

// task is a row of tasks: what the stages do in its own way.
type task struct {
	metric string // what Value is called
	scorer func(im *datasets.Images, set eval.Settings) (scorer, error)
	show   func(ctx context.Context, r onnx.Runner, im *datasets.Images) (first, wrong []report.Shown, err error) // for the gallery
}

// tasks has a row for each space.Space.Task.
var tasks = map[string]task{
	space.Classify: {"top-1", newClassScorer, showClasses},
	space.Locate:   {"AP", newBoxScorer, showBoxes},
}

func (e *Env) task() task { return tasks[e.Space.Task()] }

// classScorer scores classifiers.
type classScorer struct{ *eval.Evaluator }

func newClassScorer(im *datasets.Images, set eval.Settings) (scorer, error) {
	if im.Located != nil {
		return nil, errors.New("stages: the data are scenes, the space classifies (choose a space with detect, or other data)")
	}
	ev, err := eval.New(im, set)
	return classScorer{ev}, err
}

func (s classScorer) Score(ctx context.Context, r onnx.Runner) (score, error) {
	res, err := s.Run(ctx, r)
	if err != nil {
		return score{}, err
	}
	out := score{Value: res.Top1, Second: res.Top5, Loss: res.Loss, N: res.N, Right: res.PerImage}
	out.Lo, out.Hi = eval.Wilson(res.Correct1, res.N)
	return out, nil
}

// boxScorer scores detectors.
type boxScorer struct{ *eval.Detections }

func newBoxScorer(im *datasets.Images, set eval.Settings) (scorer, error) {
	d, err := eval.NewDetections(im, set)
	return boxScorer{d}, err
}

func (s boxScorer) Score(ctx context.Context, r onnx.Runner) (score, error) {
	b, err := s.Run(ctx, r)
	if err == nil && b.AP < 0 {
		err = fmt.Errorf("stages: the %d images have no object to find", s.Len())
	}
	return score{Value: b.AP, Second: b.AP50, N: s.Len(), Lo: b.AP, Hi: b.AP, Boxes: &b}, err
}
