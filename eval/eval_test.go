package eval_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"hanas/datasets"
	"hanas/eval"
	"hanas/onnx"
)

// scripted is a Runner whose logits are a function of the image's first
// value, so that tests say what the network answers for each image.
type scripted struct {
	batch   int // -1 = symbolic
	shape   []int
	dtype   onnx.DType
	inputs  int
	logits  func(id int) []float32
	mu      sync.Mutex
	batches []int
}

func (s *scripted) Inputs() []onnx.ValueInfo {
	in := onnx.ValueInfo{Name: "image", DType: onnx.Float, Shape: []int{s.batch, 3, 2, 2}}
	if s.shape != nil {
		in.Shape = s.shape
	}
	if s.dtype != onnx.Undefined {
		in.DType = s.dtype
	}
	return slices.Repeat([]onnx.ValueInfo{in}, max(1, s.inputs))
}

func (s *scripted) Outputs() []onnx.ValueInfo {
	return []onnx.ValueInfo{{Name: "logits", DType: onnx.Float, Shape: []int{s.batch, 6}}}
}

func (s *scripted) Close() error { return nil }

func (s *scripted) Run(ctx context.Context, in, out []*onnx.Tensor) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	n := in[0].Shape[0]
	s.mu.Lock()
	s.batches = append(s.batches, n)
	s.mu.Unlock()
	rows := make([][]float32, n)
	for k := range rows {
		rows[k] = s.logits(int(math.Round(float64(in[0].Floats()[k*12]) * 255)))
		if rows[k] == nil {
			return errors.New("the device is on fire")
		}
	}
	if out[0] == nil {
		out[0] = onnx.NewTensor(onnx.Float, n, len(rows[0]))
	}
	for k, r := range rows {
		copy(out[0].Floats()[k*len(r):], r)
	}
	return nil
}

// numbered are images whose first value is their index; labels as given.
func numbered(labels ...int32) *datasets.Images {
	im := &datasets.Images{Size: 2, Labels: labels, Classes: make([]string, 6), Std: [3]float32{1, 1, 1}}
	for i := range labels {
		im.Pixels = append(im.Pixels, uint8(i))
		im.Pixels = append(im.Pixels, make([]uint8, 11)...)
	}
	return im
}

// answers are worked by hand: label, logits, and how many classes come before
// the label's when equal logits go to the lower index.
var answers = []struct {
	label  int32
	logits []float32
	rank   int
}{
	{0, []float32{9, 1, 2, 3, 4, 5}, 0},
	{5, []float32{9, 1, 2, 3, 4, 5}, 1},
	{1, []float32{9, 1, 2, 3, 4, 5}, 5},
	{2, []float32{7, 7, 7, 7, 7, 7}, 2},
	{5, []float32{7, 7, 7, 7, 7, 7}, 5},
	{0, []float32{7, 7, 7, 7, 7, 7}, 0},
	{4, []float32{-1, -2, -3, -4, -0.5, -0.5}, 0},
	{5, []float32{-1, -2, -3, -4, -0.5, -0.5}, 1},
	{3, []float32{500, -500, 0, 1000, 1, 2}, 0},
	{2, []float32{0.1, 0.2, 0.15, 0.3, 0.4, 0.5}, 4},
}

func answered() (*datasets.Images, func(int) []float32) {
	var labels []int32
	for _, a := range answers {
		labels = append(labels, a.label)
	}
	return numbered(labels...), func(id int) []float32 { return answers[id].logits }
}

func TestClassify(t *testing.T) {
	var top1, top5, loss float64
	var per []bool
	for _, a := range answers {
		z := 0.0
		for _, v := range a.logits { // the definition, in double precision
			z += math.Exp(float64(v) - float64(a.logits[a.label]))
		}
		loss += math.Log(z) / float64(len(answers))
		per = append(per, a.rank == 0)
		if a.rank == 0 {
			top1 += 1 / float64(len(answers))
		}
		if a.rank < 5 {
			top5 += 1 / float64(len(answers))
		}
	}
	im, logits := answered()
	for _, c := range []struct {
		fixed, asked int
		want         []int // batch sizes that the runner must see
	}{
		{-1, 0, []int{10}},
		{-1, 4, []int{4, 4, 4}},
		{-1, 5, []int{5, 5}},
		{-1, 3, []int{3, 3, 3, 3}},
		{-1, 100, []int{10}},
		{1, 64, slices.Repeat([]int{1}, 10)},
		{7, 0, []int{7, 7}},
		{16, 0, []int{16}},
	} {
		r := &scripted{batch: c.fixed, logits: func(id int) []float32 { return logits(id % 10) }}
		done := 0
		got, err := eval.Classify(t.Context(), r, im, eval.Settings{Batch: c.asked, PerImage: true, OnBatch: func(d, total int) {
			if d <= done || total != 10 {
				t.Errorf("progress %d of %d after %d", d, total, done)
			}
			done = d
		}})
		if err != nil {
			t.Fatalf("%+v: %v", c, err)
		}
		if math.Abs(got.Top1-top1) > 1e-12 || math.Abs(got.Top5-top5) > 1e-12 || math.Abs(got.Loss-loss) > 1e-9*loss || got.N != 10 || done != 10 {
			t.Errorf("%+v: %+v, want %v %v %v", c, got, top1, top5, loss)
		}
		if !slices.Equal(got.PerImage, per) {
			t.Errorf("%+v: per image %v, want %v", c, got.PerImage, per)
		}
		if !slices.Equal(r.batches, c.want) {
			t.Errorf("%+v: batches %v", c, r.batches)
		}
	}
}

func TestLimit(t *testing.T) {
	im, logits := answered()
	got, err := eval.Classify(t.Context(), &scripted{batch: -1, logits: logits}, im, eval.Settings{Limit: 2, Batch: 8})
	if err != nil || got.N != 2 || got.Top1 != 0.5 || got.Top5 != 1 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestErrors(t *testing.T) {
	im, logits := answered()
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	at := func(id int, v []float32) func(int) []float32 {
		return func(i int) []float32 {
			if i == id {
				return v
			}
			return logits(i)
		}
	}
	for want, r := range map[string]*scripted{
		"image 7: the network gives a logit that is not": {batch: -1, logits: at(7, []float32{1, 2, nan, 0, 0, 0})},
		"image 0: the network gives a logit that is not": {batch: -1, logits: at(0, []float32{nan, 2, 3, 0, 0, 0})},
		"image 9: the network gives a logit that is not": {batch: -1, logits: at(9, []float32{1, 2, inf, 0, 0, 0})},
		"images 4 to 7: the device is on fire":           {batch: -1, logits: at(5, nil)},
		"need float [N,3,2,2]":                           {shape: []int{-1, 12}},
		"load them at the network's size":                {shape: []int{-1, 3, 4, 4}},
		`input "image" is uint8`:                         {batch: 1, dtype: onnx.Uint8},
		"has 2 inputs":                                   {batch: 1, inputs: 2},
		"has label 5, the network gives 3 logits":        {batch: -1, logits: func(int) []float32 { return []float32{1, 2, 3} }},
	} {
		_, err := eval.Classify(t.Context(), r, im, eval.Settings{Batch: 4})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "eval: ") {
			t.Errorf("error is %v, want %q in it", err, want)
		}
	}
	if _, err := eval.New(&datasets.Images{Size: 2}, eval.Settings{}); err == nil {
		t.Error("no images, no error")
	}
	if _, err := eval.New(im, eval.Settings{Batch: -1}); err == nil {
		t.Error("negative batch, no error")
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := eval.Classify(ctx, &scripted{batch: -1, logits: logits}, im, eval.Settings{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestEvaluatorIsShared scores many networks at once on one Evaluator.
func TestEvaluatorIsShared(t *testing.T) {
	im, _ := answered()
	e, err := eval.New(im, eval.Settings{Batch: 3})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	failures := make(chan error, 6)
	for class := range 6 {
		wg.Go(func() {
			one := make([]float32, 6)
			one[class] = 1
			want := 0
			for _, a := range answers {
				if int(a.label) == class {
					want++
				}
			}
			for range 50 {
				res, err := e.Run(context.Background(), &scripted{batch: -1, logits: func(int) []float32 { return one }})
				if err != nil || res.Correct1 != want {
					failures <- fmt.Errorf("class %d: %d right, want %d (%v)", class, res.Correct1, want, err)
					return
				}
			}
		})
	}
	wg.Wait()
	close(failures)
	for err := range failures {
		t.Error(err)
	}
}

// TestWilson and TestClopperPearson compare with published intervals: Newcombe
// 1998, "Two-sided confidence intervals for the single proportion", table I
// (methods 3 and 5), 95 %.
func TestIntervals(t *testing.T) {
	for _, c := range []struct {
		k, n                 int
		wilsonLo, wilsonHi   float64
		clopperLo, clopperHi float64
	}{
		{81, 263, 0.2553, 0.3662, 0.2527, 0.3676},
		{15, 148, 0.0624, 0.1605, 0.0578, 0.1617},
		{0, 20, 0.0000, 0.1611, 0.0000, 0.1684},
		{1, 29, 0.0061, 0.1718, 0.0009, 0.1776},
	} {
		wl, wh := eval.Wilson(c.k, c.n)
		cl, ch := eval.ClopperPearson(c.k, c.n)
		for name, v := range map[string][2]float64{
			"wilson low": {wl, c.wilsonLo}, "wilson high": {wh, c.wilsonHi},
			"clopper low": {cl, c.clopperLo}, "clopper high": {ch, c.clopperHi},
		} {
			if math.Abs(v[0]-v[1]) > 0.00006 {
				t.Errorf("%d of %d: %s is %.4f, published %.4f", c.k, c.n, name, v[0], v[1])
			}
		}
		ml, mh := eval.Wilson(c.n-c.k, c.n)
		if math.Abs(ml-(1-wh)) > 1e-12 || math.Abs(mh-(1-wl)) > 1e-12 {
			t.Errorf("%d of %d: Wilson is not symmetric", c.k, c.n)
		}
	}
	if lo, hi := eval.Wilson(0, 0); lo != 0 || hi != 1 {
		t.Errorf("nothing seen: %v to %v", lo, hi)
	}
}

// BenchmarkRun measures what scoring costs beside the network: 2,000 images of
// 36 classes.
func BenchmarkRun(b *testing.B) {
	labels := make([]int32, 2000)
	im := numbered(labels...)
	logits := make([]float32, 36)
	for i := range logits {
		logits[i] = float32(i%7) / 3
	}
	e, err := eval.New(im, eval.Settings{Batch: 64})
	if err != nil {
		b.Fatal(err)
	}
	r := &scripted{batch: -1, logits: func(int) []float32 { return logits }}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.Run(b.Context(), r); err != nil {
			b.Fatal(err)
		}
	}
}
