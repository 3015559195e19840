package supernet

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"hanas/datasets"
	"hanas/export"
	"hanas/onnx"
	"hanas/onnx/ort"
	"hanas/onnx/ref"
	"hanas/space"
)

// tinySpace trains in a moment: two stages on 16x16 images of 4 classes.
func tinySpace(t testing.TB) *space.Space {
	t.Helper()
	sp := &space.Space{
		Name: "tiny", Resolutions: []int{16}, Channels: 3, Classes: 4,
		StemWidths: []int{8}, StemStride: 2, StemKernel: 3, StemAct: "relu",
		Stages: []space.Stage{
			{Widths: []int{8}, Depths: []int{1, 2}, Kernels: []int{3, 5}, Expands: []float64{1, 2}, Stride: 1, Act: "relu"},
			{Widths: []int{8, 16}, Depths: []int{1}, Kernels: []int{3}, Expands: []float64{2}, Stride: 2, Act: "relu6", SE: true},
		},
		HeadWidths: []int{16}, HeadAct: "relu", WBits: []int{2, 4, 8, 16}, ABits: []int{2, 4, 8, 16},
	}
	if err := sp.Validate(); err != nil {
		t.Fatal(err)
	}
	return sp
}

// tinyImages are four kinds of stripes with noise: easy to tell apart.
func tinyImages(n int) *datasets.Images {
	rng := rand.New(rand.NewPCG(9, 9))
	im := &datasets.Images{
		Size: 16, Classes: []string{"a", "b", "c", "d"}, Mean: [3]float32{.5, .5, .5}, Std: [3]float32{.25, .25, .25},
		Pixels: make([]uint8, n*3*256), Labels: make([]int32, n),
	}
	for i := range n {
		k := rng.IntN(4)
		im.Labels[i] = int32(k)
		for p := range 3 * 256 {
			y, x := p%256/16, p%16
			on := [4]int{y / 2, x / 2, y/2 + x/2, y/2 - x/2 + 16}[k]%2 == 0
			v := 60 + rng.IntN(60)
			if on {
				v += 100
			}
			im.Pixels[i*768+p] = uint8(v)
		}
	}
	return im
}

var tinyInfo = Preprocessing{Mean: []float32{.5, .5, .5}, Std: []float32{.25, .25, .25}, Labels: []string{"a", "b", "c", "d"}}

func testEngine(t testing.TB) onnx.Engine {
	t.Helper()
	rt, err := ort.Open(context.Background(), ort.Options{})
	if err != nil {
		t.Skipf("ONNX Runtime is not here: %v", err)
	}
	return rt.Engine(ort.Settings{Level: ort.Basic, DisableQDQFusion: true})
}

func tinyTrainer(t testing.TB, engine onnx.Engine, workers int, checkpoint string) *Trainer {
	t.Helper()
	net, err := New(tinySpace(t), 1)
	if err != nil {
		t.Fatal(err)
	}
	return &Trainer{
		Net: net, Backend: Backend{Engine: engine}, Images: tinyImages(128), Info: tinyInfo, Checkpoint: checkpoint,
		Set: TrainSettings{Epochs: 4, Batch: 32, MicroBatch: 16, Pool: 3, PoolSteps: 5, Rate: 0.01, Seed: 3, CheckpointAt: 1, Workers: workers, Augment: datasets.Augment{Pad: 1}},
	}
}

func sameWeights(a, b *Supernet) bool {
	for i, p := range a.Params() {
		for k, v := range p.Data {
			if math.Float32bits(v) != math.Float32bits(b.Params()[i].Data[k]) {
				return false
			}
		}
	}
	return true
}

func TestTrainingLearnsAndWorkersDoNotMatter(t *testing.T) {
	engine := testEngine(t)
	one, three := tinyTrainer(t, engine, 1, ""), tinyTrainer(t, engine, 3, "")
	var first, last Point
	one.OnStep = func(p Point) {
		if p.Step == 1 {
			first = p
		}
		last = p
	}
	if err := one.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := three.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	if last.Largest > first.Largest-0.1 {
		t.Errorf("the loss fell from %.3f to %.3f only", first.Largest, last.Largest)
	}
	if !sameWeights(one.Net, three.Net) {
		t.Error("1 and 3 workers give different weights")
	}
}

func TestResumeIsBitIdentical(t *testing.T) {
	engine := testEngine(t)
	whole := tinyTrainer(t, engine, 2, "")
	if err := whole.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "c.safetensors")
	cut := tinyTrainer(t, engine, 2, path)
	ctx, cancel := context.WithCancel(context.Background())
	cut.OnStep = func(p Point) {
		if p.Step == 7 {
			cancel()
		}
	}
	if err := cut.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("want a cancelled run, got %v", err)
	}
	again := tinyTrainer(t, engine, 2, path)
	from := 0
	again.OnStep = func(p Point) {
		if from == 0 {
			from = p.Step
		}
	}
	if err := again.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	if from < 7 {
		t.Errorf("it began again at step %d", from)
	}
	if !sameWeights(whole.Net, again.Net) {
		t.Error("the resumed run ends with other weights")
	}
}

func TestNaNStopsWithStepAndArch(t *testing.T) {
	tr := tinyTrainer(t, testEngine(t), 1, "")
	tr.Net.Param("classifier.bias").Data[0] = float32(math.NaN())
	err := tr.Run(context.Background())
	if err == nil || !strings.Contains(err.Error(), "step 1") || !strings.Contains(err.Error(), "r16") {
		t.Errorf("want an error naming step and sub-network, got %v", err)
	}
}

// The exported file, on the very images that the statistics come from, gives
// the logits of the training-mode graph as the slow reference computes them:
// folding, slicing, ranges and emission agree with an independent path.
func TestNetworkEqualsTrainingGraph(t *testing.T) {
	engine := testEngine(t)
	sp := tinySpace(t)
	net, _ := New(sp, 5)
	rng := rand.New(rand.NewPCG(6, 6))
	for _, p := range net.Params() { // batch norms that do something
		if strings.HasSuffix(p.Name, "gamma") || strings.HasSuffix(p.Name, "beta") {
			for i := range p.Data {
				p.Data[i] += float32(rng.NormFloat64() * .3)
			}
		}
	}
	im := tinyImages(16)
	x := onnx.NewTensor(onnx.Float, 16, 3, 16, 16)
	idx := rng.Perm(16)
	if err := im.Batch(x.Floats(), nil, idx); err != nil {
		t.Fatal(err)
	}
	for _, bits := range [][2]int{{16, 16}, {8, 8}, {4, 8}, {2, 16}} {
		a := sp.WithBits(sp.Largest(), bits[0], bits[1])
		cal := &Calibrator{Net: net, Engine: engine, Images: x, Info: tinyInfo}
		network, err := cal.Network(context.Background(), a)
		if err != nil {
			t.Fatal(err)
		}
		m, err := export.Build(network, export.Settings{})
		if err != nil {
			t.Fatal(err)
		}
		got := runOne(t, engine, m, x)
		layers := sp.Layers(a)
		plan, err := net.graph(layers, graphSettings{batch: 16, quantised: true, exact: true, stats: true})
		if err != nil {
			t.Fatal(err)
		}
		cal.bind(plan, layers, moments(layers, tinyInfo.ImageHi(), net.values))
		want := runOne(t, ref.Engine, plan.model, x)
		worst, size := 0.0, 0.0
		for i := range want {
			worst, size = math.Max(worst, math.Abs(float64(got[i]-want[i]))), math.Max(size, math.Abs(float64(want[i])))
		}
		limit := 0.02 // the ends have 8 bits: a code that falls to the other side moves a logit
		if bits[1] < 16 {
			limit = 0.08 // one 8-bit code now and then falls to the other side, and the residual has its own 8-bit codes
		}
		if worst > limit*size {
			t.Errorf("w%d a%d: logits differ by %.4g of %.4g", bits[0], bits[1], worst, size)
		}
	}
}

func runOne(t *testing.T, engine onnx.Engine, m *onnx.Model, x *onnx.Tensor) []float32 {
	t.Helper()
	r, err := engine(m)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	out := make([]*onnx.Tensor, len(r.Outputs()))
	if err := r.Run(context.Background(), []*onnx.Tensor{x}, out); err != nil {
		t.Fatal(err)
	}
	return out[0].Floats()
}

func BenchmarkTrainStep(b *testing.B) {
	engine := testEngine(b)
	tr := tinyTrainer(b, engine, 2, "")
	if err := tr.prepare(); err != nil {
		b.Fatal(err)
	}
	defer tr.closeSessions()
	for i := 0; b.Loop(); i++ {
		if _, err := tr.step(context.Background(), i%8, 8); err != nil {
			b.Fatal(err)
		}
	}
}

// TestStatisticsInBatches: images run some at a time give what the same batches
// give as further images, the mean of what each gives alone, and not what all of
// them give at once.
func TestStatisticsInBatches(t *testing.T) {
	engine := testEngine(t)
	sp := tinySpace(t)
	net, _ := New(sp, 5)
	im := tinyImages(32)
	x := onnx.NewTensor(onnx.Float, 32, 3, 16, 16)
	idx := make([]int, 32)
	for i := range idx {
		idx[i] = i
	}
	if err := im.Batch(x.Floats(), nil, idx); err != nil {
		t.Fatal(err)
	}
	halves, err := parted(x, 16)
	if err != nil || len(halves) != 2 || &halves[1].Floats()[0] != &x.Floats()[x.Len()/2] {
		t.Fatalf("%d parts, %v", len(halves), err)
	}
	layers := sp.Layers(sp.Smallest())
	measure := func(c *Calibrator) map[int]norm {
		c.Net, c.Engine, c.Info = net, engine, tinyInfo
		stats, err := c.measure(t.Context(), layers, moments(layers, tinyInfo.ImageHi(), net.values))
		if err != nil {
			t.Fatal(err)
		}
		return stats
	}
	got := measure(&Calibrator{Images: x, Batch: 16})
	whole := measure(&Calibrator{Images: x})
	if !reflect.DeepEqual(got, measure(&Calibrator{Images: halves[0], More: halves[1:]})) {
		t.Error("other statistics than of the batches one by one")
	}
	if reflect.DeepEqual(got, whole) {
		t.Error("the same statistics as of all at once: nothing was split")
	}
	one, two := measure(&Calibrator{Images: halves[0]}), measure(&Calibrator{Images: halves[1]})
	for i, n := range got {
		for c, v := range n.variance {
			if want := (one[i].variance[c] + two[i].variance[c]) / 2; math.Abs(float64(v-want)) > 1e-6*float64(want) {
				t.Fatalf("layer %d, channel %d: variance %g, want %g", i, c, v, want)
			}
		}
	}
	for _, n := range []int{-1, 5, 33} {
		if _, err := parted(x, n); err == nil {
			t.Errorf("batches of %d of 32 images", n)
		}
	}
}
