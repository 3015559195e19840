package export

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"hanas/onnx"
	"hanas/onnx/ort"
	"hanas/onnx/quant"
	"hanas/onnx/ref"
	"hanas/space"
)

// floatOracle computes a network from its Units in float64: rounded weights,
// activations left alone.
func floatOracle(n *Network, image []float32) []float64 {
	x := make([]float64, len(image))
	for i, v := range image {
		x[i] = float64(v)
	}
	var block []float64
	for i, u := range n.Units {
		if startsBlock(n.Units, i) {
			block = x
		}
		l := u.Layer
		switch l.Kind {
		case space.Add:
			y := make([]float64, len(x))
			for k := range x {
				y[k] = x[k] + block[k]
			}
			x = y
		case space.Pool:
			x = means(x, l.In)
		case space.SE:
			s := dense(means(x, l.In), u.SE.Reduce, nil, u.SE.ReduceBias, l.WBits)
			for k := range s {
				s[k] = max(s[k], 0)
			}
			s = dense(s, u.SE.Expand, nil, u.SE.ExpandBias, l.WBits)
			y := make([]float64, len(x))
			for k := range x {
				y[k] = x[k] * min(max(s[k/(len(x)/l.In)]/6+0.5, 0), 1)
			}
			x = y
		case space.Linear:
			x = dense(x, u.Weight, u.Gain, u.Bias, l.WBits)
		default:
			x = floatConvolve(u, x)
			for k, v := range x {
				switch l.Act {
				case "relu":
					x[k] = max(v, 0)
				case "relu6":
					x[k] = min(max(v, 0), 6)
				case "hswish":
					x[k] = v * min(max(v/6+0.5, 0), 1)
				}
			}
		}
	}
	return x
}

func means(x []float64, channels int) []float64 {
	y := make([]float64, channels)
	area := len(x) / channels
	for i, v := range x {
		y[i/area] += v / float64(area)
	}
	return y
}

func dense(x []float64, w, gain, bias []float32, bits int) []float64 {
	fake := make([]float32, len(w))
	quant.FakeWeights(fake, w, len(bias), bits)
	y := make([]float64, len(bias))
	for o := range y {
		for i, v := range x {
			y[o] += v * float64(fake[o*len(x)+i])
		}
		if gain != nil {
			y[o] *= float64(gain[o])
		}
		y[o] += float64(bias[o])
	}
	return y
}

func floatConvolve(u Unit, x []float64) []float64 {
	l := u.Layer
	fake := make([]float32, len(u.Weight))
	quant.FakeWeights(fake, u.Weight, l.Out, l.WBits)
	in, area := l.In/l.Groups, l.Kernel*l.Kernel
	y := make([]float64, l.Out*l.OutSize*l.OutSize)
	for r := range y {
		o, row, col := r/(l.OutSize*l.OutSize), r/l.OutSize%l.OutSize*l.Stride-l.Kernel/2, r%l.OutSize*l.Stride-l.Kernel/2
		from := o / (l.Out / l.Groups) * in
		for t := range in * area {
			a, b := row+t%area/l.Kernel, col+t%l.Kernel
			if a >= 0 && b >= 0 && a < l.InSize && b < l.InSize {
				y[r] += x[((from+t/area)*l.InSize+a)*l.InSize+b] * float64(fake[o*in*area+t])
			}
		}
		if u.Gain != nil {
			y[r] *= float64(u.Gain[o])
		}
		y[r] += float64(u.Bias[o])
	}
	return y
}

func TestFloatProfileIsTheNetwork(t *testing.T) {
	engines := map[string]onnx.Engine{"reference": ref.Engine}
	if rt, err := ort.Open(t.Context(), ort.Options{}); err == nil {
		engines["all"] = rt.Engine(ort.Settings{})
	}
	rng := rand.New(rand.NewPCG(8, 80))
	for _, sp := range []*space.Space{quickSpace(t), gatedSpace(t)} {
		for range 4 {
			n := randomNetwork(sp, sp.Random(rng), rng)
			m, err := Build(n, Settings{Profile: Float})
			if err != nil {
				t.Fatal(err)
			}
			x := batchOf(m, 1, 2)
			var want []float32
			for _, v := range floatOracle(n, x.Floats()) {
				want = append(want, float32(v))
			}
			for name, e := range engines {
				if d := apart(evaluate(t, e, m, x), want); d > 1e-5 {
					t.Errorf("%s, %s: logits differ by %.3g of the largest", n.Arch, name, d)
				}
			}
		}
	}
}

// Without quantised activations (16 bits) the shipped file is the network too.
func TestSixteenBitsAreFloat(t *testing.T) {
	sp := gatedSpace(t)
	rng := rand.New(rand.NewPCG(8, 81))
	n := randomNetwork(sp, sp.WithBits(sp.Random(rng), 4, 16), rng)
	m, err := Build(n, Settings{})
	if err != nil {
		t.Fatal(err)
	}
	x := batchOf(m, 1, 2)
	got := evaluate(t, ref.Engine, m, x)
	for i, v := range floatOracle(n, x.Floats()) {
		if math.Abs(v-float64(got[i])) > 1e-4 {
			t.Fatalf("logit %d is %g, want %g", i, got[i], v)
		}
	}
}

func TestBuildRefuses(t *testing.T) {
	sp := gatedSpace(t)
	for name, row := range map[string]struct {
		spoil func(n *Network)
		want  string
	}{
		"no layers":      {func(n *Network) { n.Units = nil }, "no layers"},
		"weights":        {func(n *Network) { n.Units[0].Weight = n.Units[0].Weight[1:] }, "layer stem: 215 weights"},
		"gain":           {func(n *Network) { n.Units[0].Gain = []float32{1} }, "layer stem: 1 gains"},
		"range":          {func(n *Network) { n.Units[1].In = quant.Range{} }, "range [0,0]"},
		"kind":           {func(n *Network) { n.Units[0].Layer.Kind = "dream" }, `unknown kind "dream"`},
		"activation":     {func(n *Network) { n.Units[0].Layer.Act = "wish" }, `unknown activation "wish"`},
		"squeeze-excite": {func(n *Network) { n.Units[2].SE = nil }, "gate weights are missing"},
	} {
		n := randomNetwork(sp, sp.WithBits(sp.Smallest(), 8, 8), rand.New(rand.NewPCG(1, 1)))
		row.spoil(n)
		if _, err := Build(n, Settings{}); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: error %v, want %q", name, err, row.want)
		}
	}
	n := randomNetwork(sp, sp.Smallest(), rand.New(rand.NewPCG(1, 1)))
	if _, err := Build(n, Settings{Profile: "fast"}); err == nil || !strings.Contains(fmt.Sprint(err), "unknown profile") {
		t.Errorf("profile: %v", err)
	}
}
