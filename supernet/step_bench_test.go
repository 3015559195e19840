package supernet

import (
	"context"
	"math/rand/v2"
	"testing"

	"hanas/datasets"
	"hanas/onnx"
	"hanas/onnx/blocked"
	"hanas/onnx/ort"
	"hanas/space"
)

// BenchmarkSandwichStep is a step of the cifar10 preset: four sub-networks on
// 128 images, two workers, the blocked layout.
func BenchmarkSandwichStep(b *testing.B) {
	rt, err := ort.Open(context.Background(), ort.Options{})
	if err != nil {
		b.Skip(err)
	}
	defer rt.Close()
	sp, err := space.Preset("cifar10")
	if err != nil {
		b.Fatal(err)
	}
	net, err := New(sp, 1)
	if err != nil {
		b.Fatal(err)
	}
	engine := rt.Engine(ort.Settings{Threads: 1, Level: ort.Basic, DisableQDQFusion: true, SharedArena: true})
	size, err := blocked.SelfTest(engine)
	if err != nil || size == 0 {
		b.Skip("no blocked layout here: ", err)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	im := &datasets.Images{Size: 32, Classes: make([]string, 10), Mean: [3]float32{.5, .5, .5}, Std: [3]float32{.25, .25, .25}, Pixels: make([]uint8, 512*3072), Labels: make([]int32, 512)}
	for i := range im.Pixels {
		im.Pixels[i] = uint8(rng.Uint32())
	}
	for i := range im.Labels {
		im.Labels[i] = int32(i % 10)
	}
	tr := &Trainer{Net: net, Images: im, Info: tinyInfo, Set: TrainSettings{Random: 2, Pool: 2, FloatSteps: -1, Distil: .5, Augment: datasets.Augment{Pad: 4, Flip: true}}}
	tr.Backend = Backend{Engine: engine, Differentiate: func(m *onnx.Model, loss string, wrt []string) (*onnx.Model, error) {
		return blocked.Build(m, loss, wrt, size)
	}}
	if err := tr.prepare(); err != nil {
		b.Fatal(err)
	}
	defer tr.closeSessions()
	for i := range 8 { // load the sessions
		if _, err := tr.step(context.Background(), i, 100); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := tr.step(context.Background(), 1+i%199, 1000); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(4*128*b.N)/b.Elapsed().Seconds(), "images/s")
}
