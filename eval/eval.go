package eval

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"hanas/datasets"
	"hanas/onnx"
)

// Settings say how images are run; the zero value works.
type Settings struct {
	Batch    int  // images a run, for graphs with a symbolic batch; 0 = 64
	Limit    int  // use only the first images; 0 = all
	PerImage bool // fill Result.PerImage

	// OnImage, when set, is called with the logits of each image in order; they
	// are the caller's until the next call.
	OnImage func(i int, logits []float32)

	// OnBatch, when set, is called after each run with the images done so far.
	OnBatch func(done, total int)
}

// Result is the score of one network. Accuracies are fractions in [0,1].
type Result struct {
	Top1, Top5 float64
	Loss       float64 // mean cross-entropy of the softmax, in nats
	N          int     // images
	Correct1   int     // images whose label has the highest logit
	Correct5   int     // images whose label is among the five highest
	PerImage   []bool  // top-1 correctness of each image, on request
}

// Add takes in the score of other images.
func (r *Result) Add(o Result) {
	n := r.N + o.N
	if n == 0 {
		return
	}
	r.Loss = (r.Loss*float64(r.N) + o.Loss*float64(o.N)) / float64(n)
	r.N, r.Correct1, r.Correct5 = n, r.Correct1+o.Correct1, r.Correct5+o.Correct5
	r.Top1, r.Top5 = float64(r.Correct1)/float64(n), float64(r.Correct5)/float64(n)
	r.PerImage = append(r.PerImage, o.PerImage...)
}

// Evaluator scores networks on the same images, which are normalised once. It
// may be used by several goroutines.
type Evaluator struct {
	set    Settings
	size   int
	labels []int32
	pixels []float32 // [N, 3, Size, Size]
	names  int       // classes
}

// New normalises the images.
func New(im *datasets.Images, s Settings) (*Evaluator, error) {
	if s.Batch < 0 || s.Limit < 0 {
		return nil, fmt.Errorf("eval: batch %d, limit %d (neither may be negative)", s.Batch, s.Limit)
	}
	if s.Batch == 0 {
		s.Batch = 64
	}
	n := im.Len()
	if s.Limit > 0 {
		n = min(n, s.Limit)
	}
	if n == 0 {
		return nil, errors.New("eval: there are no images")
	}
	idx := make([]int, n)
	for i := range idx {
		idx[i] = i
	}
	e := &Evaluator{
		set: s, size: im.Size, labels: make([]int32, n), names: len(im.Classes),
		pixels: make([]float32, n*3*im.Size*im.Size),
	}
	if err := im.Batch(e.pixels, e.labels, idx); err != nil {
		return nil, fmt.Errorf("eval: %w", err)
	}
	return e, nil
}

// Len is the number of images.
func (e *Evaluator) Len() int { return len(e.labels) }

// Classify scores one network; use an Evaluator for more than one.
func Classify(ctx context.Context, r onnx.Runner, im *datasets.Images, s Settings) (Result, error) {
	e, err := New(im, s)
	if err != nil {
		return Result{}, err
	}
	return e.Run(ctx, r)
}

// Run scores a network whose only input is float [N, 3, Size, Size], N
// symbolic or fixed, and whose first output is float logits [N, classes]. Of
// equal logits the one with the lowest index wins. Every run has the same
// number of images: the last one reaches back and its extra images are not
// counted again.
func (e *Evaluator) Run(ctx context.Context, r onnx.Runner) (Result, error) {
	batch, err := e.batch(r)
	if err != nil {
		return Result{}, err
	}
	res := Result{N: e.Len()}
	if e.set.PerImage {
		res.PerImage = make([]bool, res.N)
	}
	outputs := make([]*onnx.Tensor, len(r.Outputs()))
	var loss float64
	for done := 0; done < res.N; {
		first := max(0, min(done, res.N-batch))
		if err := r.Run(ctx, []*onnx.Tensor{e.input(first, batch)}, outputs); err != nil {
			return Result{}, fmt.Errorf("eval: images %d to %d: %w", first, min(first+batch, res.N)-1, err)
		}
		end := min(first+batch, res.N)
		if err := e.score(&res, &loss, outputs[0], [3]int{first, done, end}); err != nil {
			return Result{}, err
		}
		done = end
		if e.set.OnBatch != nil {
			e.set.OnBatch(done, res.N)
		}
	}
	n := float64(res.N)
	res.Top1, res.Top5, res.Loss = float64(res.Correct1)/n, float64(res.Correct5)/n, loss/n
	return res, nil
}

// batch checks the graph's input and chooses the number of images of a run.
func (e *Evaluator) batch(r onnx.Runner) (int, error) {
	ins, outs := r.Inputs(), r.Outputs()
	if len(ins) != 1 || len(outs) == 0 {
		return 0, fmt.Errorf("eval: the graph has %d inputs and %d outputs (need one input, the image, and the logits)", len(ins), len(outs))
	}
	in := ins[0]
	if in.DType != onnx.Float || len(in.Shape) != 4 {
		return 0, fmt.Errorf("eval: input %q is %v%v (need float [N,3,%d,%d])", in.Name, in.DType, in.Shape, e.size, e.size)
	}
	for k, want := range []int{3, e.size, e.size} {
		if got := in.Shape[k+1]; got >= 0 && got != want {
			return 0, fmt.Errorf("eval: input %q is %v, the images are [N,3,%d,%d] (load them at the network's size)", in.Name, in.Shape, e.size, e.size)
		}
	}
	if outs[0].DType != onnx.Float {
		return 0, fmt.Errorf("eval: output %q is %v (need float logits)", outs[0].Name, outs[0].DType)
	}
	if in.Shape[0] > 0 {
		return in.Shape[0], nil
	}
	return min(e.set.Batch, e.Len()), nil
}

// input is the images [first, first+batch) without a copy; beyond the last
// image, which only happens when a fixed batch exceeds the whole set, zeros.
func (e *Evaluator) input(first, batch int) *onnx.Tensor {
	one := 3 * e.size * e.size
	if first+batch <= e.Len() {
		return onnx.From(e.pixels[first*one:][:batch*one], batch, 3, e.size, e.size)
	}
	t := onnx.NewTensor(onnx.Float, batch, 3, e.size, e.size)
	copy(t.Floats(), e.pixels[first*one:])
	return t
}

// score adds the images [from, end) of a run that began at image first
// (span = first, from, end).
func (e *Evaluator) score(res *Result, loss *float64, out *onnx.Tensor, span [3]int) error {
	if out.DType != onnx.Float || len(out.Shape) < 2 || out.Shape[0] < span[2]-span[0] {
		return fmt.Errorf("eval: logits are %v%v for a run of %d images", out.DType, out.Shape, span[2]-span[0])
	}
	classes := out.Len() / out.Shape[0]
	all := out.Floats()
	for i := span[1]; i < span[2]; i++ {
		logits := all[(i-span[0])*classes:][:classes]
		label := int(e.labels[i])
		if label >= classes {
			return fmt.Errorf("eval: image %d has label %d, the network gives %d logits", i, label, classes)
		}
		rank, nats, ok := grade(logits, label)
		if !ok {
			return fmt.Errorf("eval: image %d: the network gives a logit that is not finite", i)
		}
		if e.set.OnImage != nil {
			e.set.OnImage(i, logits)
		}
		*loss += nats
		if rank == 0 {
			res.Correct1++
		}
		if rank < 5 {
			res.Correct5++
		}
		if res.PerImage != nil {
			res.PerImage[i] = rank == 0
		}
	}
	return nil
}

// grade is the number of classes that come before the label's, and the
// cross-entropy in nats; ok is false when a logit is not finite.
func grade(logits []float32, label int) (rank int, nats float64, ok bool) {
	mine := logits[label]
	top := float64(slices.Max(logits)) // NaN when any is
	sum := 0.0
	for c, v := range logits {
		if v > mine || v == mine && c < label {
			rank++
		}
		if math.IsInf(float64(v), 0) {
			return 0, 0, false
		}
		sum += math.Exp(float64(v) - top)
	}
	return rank, math.Log(sum) + top - float64(mine), !math.IsNaN(top)
}
