package export

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"hanas/onnx"
	"hanas/onnx/ort"
	"hanas/onnx/quant"
	"hanas/space"
)

// randomNetwork gives an Arch random weights, with ranges that fit each other
// as those of a trained network do.
func randomNetwork(sp *space.Space, a space.Arch, rng *rand.Rand) *Network {
	n := &Network{Arch: sp.Key(a), Space: sp.Name, Resolution: sp.Resolutions[0], Mean: []float32{.5, .5, .5}, Std: []float32{.5, .5, .5}, Labels: []string{"a", "b"}}
	x := quant.Range{Lo: -4, Hi: 4}
	for _, l := range sp.Layers(a) {
		u := randomUnit(l, rng)
		u.In, u.Out = x, quant.Range{Lo: -4, Hi: 4}
		switch {
		case l.Act == "relu" || l.Act == "relu6":
			u.Out.Lo = 0
		case l.Kind == space.SE || l.Kind == space.Pool:
			u.Out = x
		}
		if u.Weight != nil && l.Kind != space.Linear {
			u.Gain = make([]float32, l.Out)
			for o := range u.Gain {
				u.Gain[o] = float32(rng.NormFloat64())
			}
		}
		x = u.Out
		n.Units = append(n.Units, u)
	}
	return n
}

func quickSpace(t testing.TB) *space.Space {
	t.Helper()
	sp, err := space.Preset("quick")
	if err != nil {
		t.Fatal(err)
	}
	return sp
}

// gatedSpace has what quick has not: squeeze-excite, hard-swish, ReLU6, a
// block without expansion and a layer behind the pool, all of them searched.
func gatedSpace(t testing.TB) *space.Space {
	t.Helper()
	sp := &space.Space{
		Name: "gated", Resolutions: []int{16}, Channels: 3, Classes: 10,
		StemWidths: []int{8}, StemStride: 1, StemKernel: 3, StemAct: "hswish",
		Stages: []space.Stage{
			{Widths: []int{8, 16}, Depths: []int{1, 2}, Kernels: []int{3}, Expands: []float64{1, 2}, Stride: 1, Act: "relu6", SE: true},
			{Widths: []int{16}, Depths: []int{2}, Kernels: []int{5}, Expands: []float64{2}, Stride: 2, Act: "hswish", SE: true},
			{Widths: []int{24}, Depths: []int{2}, Kernels: []int{3}, Expands: []float64{2}, Stride: 2, Act: "relu"},
		},
		HeadWidths: []int{32}, HeadAct: "hswish", FeatureMix: 40,
		WBits: []int{2, 4, 8, 16}, ABits: []int{2, 4, 8, 16}, SearchEnds: true,
	}
	if err := sp.Validate(); err != nil {
		t.Fatal(err)
	}
	return sp
}

func openORT(t testing.TB) *ort.Runtime {
	t.Helper()
	rt, err := ort.Open(context.Background(), ort.Options{})
	if err != nil {
		t.Skipf("ONNX Runtime is not here: %v", err)
	}
	return rt
}

// The file's size falls with the bits: by what the weights' bits say, but for
// the operators that unpack them.
func TestFileSizeFallsWithTheBits(t *testing.T) {
	sp := quickSpace(t)
	sizes := map[int]int{}
	var weights, layers float64
	for _, bits := range []int{2, 4, 8, 16} {
		a := sp.WithBits(sp.Largest(), bits, 8)
		m, err := Build(randomNetwork(sp, a, rand.New(rand.NewPCG(1, 1))), Settings{})
		if err != nil {
			t.Fatal(err)
		}
		data, err := onnx.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		sizes[bits], weights, layers = len(data), 0, 0
		for _, l := range sp.Layers(a)[1:] {
			if l.Kind == space.Pointwise || l.Kind == space.Depthwise {
				weights += float64(l.Weights())
				layers++
			}
		}
	}
	for _, pair := range [][2]int{{2, 4}, {4, 8}, {8, 16}} {
		saved := float64(sizes[pair[1]] - sizes[pair[0]])
		want := weights * float64(pair[1]-pair[0]) / 8
		// a Cast and its names take 100 bytes or so, the scales of inputs and
		// biases that a 16-bit layer does without some more
		if math.Abs(saved-want) > layers*120+float64(pair[1]/16)*layers*900 {
			t.Errorf("%d instead of %d bits saves %.0f bytes, the weights' bits are %.0f bytes", pair[0], pair[1], saved, want)
		}
	}
	t.Logf("bytes by weight bits: %v, %.0f weights", sizes, weights)
}

func TestOpsetIsTheLowestThatCarriesTheBits(t *testing.T) {
	sp := quickSpace(t)
	for bits, want := range map[int]int{2: 25, 4: 21, 8: 13, 16: 13} {
		m, err := Build(randomNetwork(sp, sp.WithBits(sp.Smallest(), bits, 8), rand.New(rand.NewPCG(1, 1))), Settings{})
		if err != nil {
			t.Fatal(err)
		}
		if m.Opset("") != want {
			t.Errorf("%d-bit weights: opset %d, want %d", bits, m.Opset(""), want)
		}
	}
}

func TestSameNetworkSameBytes(t *testing.T) {
	sp := quickSpace(t)
	var first []byte
	for range 2 {
		m, err := Build(randomNetwork(sp, sp.Random(rand.New(rand.NewPCG(4, 4))), rand.New(rand.NewPCG(1, 1))), Settings{})
		if err != nil {
			t.Fatal(err)
		}
		data, _ := onnx.Marshal(m)
		if first == nil {
			first = data
		} else if string(first) != string(data) {
			t.Fatal("two builds of one network differ")
		}
	}
}

// Every sub-network that is scored is built: 50,000 times in a large run.
func BenchmarkBuild(b *testing.B) {
	for _, name := range []string{"quick", "cifar10"} {
		sp, err := space.Preset(name)
		if err != nil {
			b.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(1, 1))
		for _, row := range []struct {
			name string
			arch space.Arch
		}{{"random", sp.Random(rng)}, {"largest-w8a8", sp.WithBits(sp.Largest(), 8, 8)}, {"largest-w4a4", sp.WithBits(sp.Largest(), 4, 4)}} {
			n := randomNetwork(sp, row.arch, rng)
			b.Run(name+"/"+row.name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := Build(n, Settings{}); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(len(n.Units)), "layers")
			})
		}
	}
}
