package eval

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"

	"hanas/datasets"
	"hanas/onnx"
)

// Detector says how a network's input is made of an image and its output of
// boxes. Input and output 0 of the graph are used.
type Detector struct {
	Decoder string // one of Decoders()
	Square  datasets.Square
	BGR     bool       // channels in OpenCV's order
	Mean    [3]float32 // of pixels in [0,1], in the network's channel order
	Std     [3]float32 // likewise; 0 = 1
	Score   float64    // boxes below are dropped
	Labels  []string   // names of the network's classes, found among the categories; none = class k is category k
	Overlap float64    // of two boxes of a kind that overlap more, the lower one is dropped; 0 = 0.45
}

// candidate is a box in pixels of the square.
type candidate struct {
	box   datasets.Box
	class int
	score float64
}

// decoders give the candidates of output 0 for a square of that side.
var decoders = map[string]func(out *onnx.Tensor, side int, least float64) ([]candidate, error){
	"fastestdet": decodeFastestDet,
	"boxes":      decodeBoxes,
}

// Decoders are the names that Detector.Decoder may have.
func Decoders() []string { return slices.Sorted(maps.Keys(decoders)) }

// Detect runs a detector on the images of the scenes,
// whose files are in folder, and gives the boxes in pixels of the images. Images are decoded by several goroutines
// while the network runs; the result does not depend on their number.
func Detect(ctx context.Context, r onnx.Runner, d Detector, s *datasets.Scenes, folder string) ([]datasets.Detection, error) {
	decode, ok := decoders[d.Decoder]
	if !ok {
		return nil, fmt.Errorf("eval: detect: unknown decoder %q (known: %s)", d.Decoder, strings.Join(Decoders(), ", "))
	}
	if len(r.Inputs()) != 1 || len(r.Outputs()) == 0 {
		return nil, fmt.Errorf("eval: detect: the graph has %d inputs and %d outputs (need one input, the image)", len(r.Inputs()), len(r.Outputs()))
	}
	category, err := categoriesOf(d.Labels, s)
	if err != nil {
		return nil, fmt.Errorf("eval: detect: %w", err)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var out []datasets.Detection
	outputs := make([]*onnx.Tensor, len(r.Outputs()))
	for i, ready := range d.prepare(ctx, s, folder) {
		var p prepared
		select {
		case p = <-ready:
		case <-ctx.Done():
			p.err = fmt.Errorf("eval: detect: stopped: %w", ctx.Err())
		}
		if p.err != nil {
			return nil, p.err
		}
		if err := r.Run(ctx, []*onnx.Tensor{p.input}, outputs); err != nil {
			return nil, fmt.Errorf("eval: detect: image %d: %w", s.Images[i].ID, err)
		}
		all, err := decode(outputs[0], d.Square.Size, d.Score)
		if err != nil {
			return nil, fmt.Errorf("eval: detect: image %d: %w", s.Images[i].ID, err)
		}
		for _, c := range suppress(all, d.Overlap) {
			at, err := category(c.class)
			if err != nil {
				return nil, fmt.Errorf("eval: detect: %w", err)
			}
			out = append(out, datasets.Detection{Image: i, Category: at, Box: p.placed.Original(c.box), Score: c.score})
		}
	}
	return out, nil
}

// prepared is an image ready for the network.
type prepared struct {
	input  *onnx.Tensor
	placed datasets.Placed
	err    error
}

// prepare decodes the images in order, a few ahead of the reader.
func (d Detector) prepare(ctx context.Context, s *datasets.Scenes, folder string) []chan prepared {
	ready := make([]chan prepared, len(s.Images))
	for i := range ready {
		ready[i] = make(chan prepared) // unbuffered: a worker waits until its image is taken
	}
	var mu sync.Mutex
	next := 0
	for range 2 * runtime.GOMAXPROCS(0) {
		go func() {
			for {
				mu.Lock()
				i := next
				next++
				mu.Unlock()
				if i >= len(ready) {
					return
				}
				select {
				case ready[i] <- d.image(ctx, s, folder, i):
				case <-ctx.Done():
					return
				}
			}
		}()
	}
	return ready
}

func (d Detector) image(ctx context.Context, s *datasets.Scenes, folder string, i int) (p prepared) {
	ex, err := s.Load(ctx, folder, i)
	if err != nil {
		return prepared{err: err}
	}
	if p.placed, err = d.Square.Fit(ex); err != nil {
		return prepared{err: err}
	}
	n := d.Square.Size
	p.input = onnx.NewTensor(onnx.Float, 1, 3, n, n)
	dst := p.input.Floats()
	for c := range 3 {
		from, std := c, d.Std[c]
		if d.BGR {
			from = 2 - c
		}
		if std == 0 {
			std = 1
		}
		for k := range n * n {
			dst[c*n*n+k] = (float32(p.placed.Pixels[3*k+from])/255 - d.Mean[c]) / std
		}
	}
	p.placed.Pixels = nil
	return p
}

// suppress keeps of the boxes of a class that overlap the best one.
func suppress(all []candidate, most float64) (kept []candidate) {
	if most == 0 {
		most = 0.45
	}
	slices.SortStableFunc(all, func(a, b candidate) int { return cmp.Compare(b.score, a.score) })
	for _, c := range all {
		sc := scene{boxes: []datasets.Detection{{Box: c.box}}}
		for _, k := range kept {
			if k.class == c.class {
				sc.objects = append(sc.objects, datasets.Object{Box: k.box})
			}
		}
		if len(sc.objects) == 0 || slices.Max(overlap(sc)) <= most {
			kept = append(kept, c)
		}
	}
	return kept
}

// decodeFastestDet reads [1, 5+classes, H, W]: in each cell an objectness, a
// box (centre offset through tanh in cells, sides through sigmoid as a fraction
// of the image) and class probabilities; the score is objectness^0.6 *
// probability^0.4. github.com/dog-qiuqiu/FastestDet, utils/tool.py.
func decodeFastestDet(out *onnx.Tensor, side int, least float64) ([]candidate, error) {
	if out.DType != onnx.Float || len(out.Shape) != 4 || out.Shape[0] != 1 || out.Shape[1] < 6 {
		return nil, fmt.Errorf("output is %v%v (need float [1, 5+classes, H, W])", out.DType, out.Shape)
	}
	h, w := out.Shape[2], out.Shape[3]
	v, plane := out.Floats(), h*w
	var all []candidate
	for k := range plane {
		at := func(c int) float64 { return float64(v[c*plane+k]) }
		class := 0
		for c := 1; c < out.Shape[1]-5; c++ {
			if at(5+c) > at(5+class) {
				class = c
			}
		}
		score := math.Pow(at(0), 0.6) * math.Pow(at(5+class), 0.4)
		if !(score >= least) || math.IsInf(score, 0) {
			continue
		}
		bw, bh := float64(side)/(1+math.Exp(-at(3))), float64(side)/(1+math.Exp(-at(4)))
		cx := (float64(k%w) + math.Tanh(at(1))) / float64(w) * float64(side)
		cy := (float64(k/w) + math.Tanh(at(2))) / float64(h) * float64(side)
		all = append(all, candidate{datasets.Box{X: cx - bw/2, Y: cy - bh/2, W: bw, H: bh}, class, score})
	}
	return all, nil
}
