package pretrained

import (
	"context"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hanas/export"
	"hanas/internal/realdata"
	"hanas/onnx"
	"hanas/onnx/ort"
	"hanas/onnx/quant"
	"hanas/onnx/ref"
	"hanas/space"
)

// real is a file of the real ProxylessNAS network.
func real(t *testing.T, name string) string { return realdata.Path(t, name) }

// here is a file of this package.
func here(_ *testing.T, name string) string { return filepath.Join("testdata", name) }

const (
	tinyWeights      = "mobilenetv3-tiny.pth"
	tinyConfig       = "mobilenetv3-tiny.json"
	proxylessWeights = "models/proxyless-w0.3-r176_imagenet.pth"
	proxylessConfig  = "models/proxyless-w0.3-r176_imagenet.json"
)

// slow is the reference runner.
func slow(m *onnx.Model) (onnx.Runner, error) { return ref.Settings{}.Engine(m) }

func engine(t *testing.T) onnx.Engine {
	t.Helper()
	rt, err := ort.Open(context.Background(), ort.Options{})
	if err != nil {
		t.Skipf("no ONNX Runtime: %v", err)
	}
	return rt.Engine(ort.Settings{})
}

// TestFloatEqualsPyTorch: the answers to sin(i/100) that PyTorch 1.13 gave, of
// the real network (bench/quantise/peer.py) and of a tiny one with all that
// MobileNetV3 has (bench/quantise/tiny.py).
func TestFloatEqualsPyTorch(t *testing.T) {
	for _, c := range []struct {
		find            func(t *testing.T, name string) string
		weights, config string
		size            int
		want            []float64 // the first logits
	}{
		{real, proxylessWeights, proxylessConfig, 176, []float64{-0.38199, -0.27154, -1.71359, -4.75735, -2.4791, -1.76141, -2.67061, -2.01355}},
		{here, tinyWeights, tinyConfig, 16, []float64{-0.01553, 0.05467, -0.02635, -0.19222, -0.00711}},
	} {
		t.Run(filepath.Base(c.config), func(t *testing.T) {
			n, err := Read(c.find(t, c.weights), c.find(t, c.config), c.size)
			if err != nil {
				t.Fatal(err)
			}
			x := onnx.NewTensor(onnx.Float, 1, 3, c.size, c.size)
			for i := range x.Floats() {
				x.Floats()[i] = float32(math.Sin(float64(i) * .01))
			}
			got := answers(t, n, x)
			largest := math.Max(slices.Max(c.want), -slices.Min(c.want))
			for i, want := range c.want {
				if math.Abs(float64(got[i])-want) > 1e-3*largest { // weights have 16 bits
					t.Errorf("logit %d is %.5f, PyTorch has %.5f", i, got[i], want)
				}
			}
		})
	}
}

// answers are the logits of the float network.
func answers(t *testing.T, n *Net, x *onnx.Tensor) []float32 {
	t.Helper()
	m, err := export.Build(n.Float(), export.Settings{Profile: export.Float})
	if err != nil {
		t.Fatal(err)
	}
	r, err := engine(t)(m)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	out := []*onnx.Tensor{nil}
	if err := r.Run(t.Context(), []*onnx.Tensor{x}, out); err != nil {
		t.Fatal(err)
	}
	return out[0].Floats()
}

func TestReadRefuses(t *testing.T) {
	weights, config := realdata.Path(t, proxylessWeights), realdata.Path(t, proxylessConfig)
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(weights)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	put := func(name string, data []byte) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, data, 0o644); err != nil {
			t.Fatal(err)
		}
		return file
	}
	wider := strings.Replace(string(text), `"out_features": 1000`, `"out_features": 10`, 1)
	for _, c := range []struct{ name, weights, config, want string }{
		{"another classifier", weights, put("wider", []byte(wider)), "classifier.linear.weight has shape [1000 384], want [10 384]"},
		{"no config", weights, filepath.Join(dir, "none"), "no such file"},
		{"broken config", weights, put("broken", text[:500]), "net.config"},
		{"cut weights", put("cut", raw[:len(raw)/2]), config, "torchfile"},
		{"no weights", put("text", []byte("hello")), config, "torchfile"},
	} {
		if _, err := Read(c.weights, c.config, 176); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// tiny is a network of random weights: stem, an inverted bottleneck with a
// shortcut, pool, classifier.
func tiny(t *testing.T) *Net {
	t.Helper()
	config := `{"name":"ProxylessNASNets","first_conv":{"kernel_size":3,"stride":2,"out_channels":8,"use_bn":true,"act_func":"relu6"},
	"blocks":[{"mobile_inverted_conv":{"name":"MBInvertedConvLayer","in_channels":8,"out_channels":8,"kernel_size":3,"stride":1,"expand_ratio":3,"act_func":"relu6"},"shortcut":{"name":"IdentityLayer"}}],
	"classifier":{"out_features":5}}`
	layers, err := space.NetConfigLayers([]byte(config), 16)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(8, 8))
	n := &Net{Name: "tiny"}
	for _, l := range layers {
		u := export.Unit{Layer: l}
		if w := int(l.Weights()); w > 0 {
			for range w {
				u.Weight = append(u.Weight, float32(rng.NormFloat64())*float32(math.Sqrt(float64(l.Out)/float64(w))))
			}
			for range l.Out {
				u.Bias = append(u.Bias, .3*float32(rng.NormFloat64()))
			}
		}
		n.Units = append(n.Units, u)
	}
	return n
}

func images(seed uint64) []*onnx.Tensor {
	rng := rand.New(rand.NewPCG(seed, 1))
	var out []*onnx.Tensor
	var colour float32
	for range 2 {
		x := onnx.NewTensor(onnx.Float, 6, 3, 16, 16)
		for i := range x.Floats() { // each image has colours of its own, or biases could make up for all rounding
			if i%256 == 0 {
				colour = 2*rng.Float32() - 1
			}
			x.Floats()[i] = min(max(colour+rng.Float32()-.5, -1), 1)
		}
		out = append(out, x)
	}
	return out
}

// TestQuantisedNearsFloat runs on the reference runner: the more bits, the
// nearer the answers are to the float network's.
func TestQuantisedNearsFloat(t *testing.T) {
	v3, err := Read(here(t, tinyWeights), here(t, tinyConfig), 16)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []*Net{tiny(t), v3} {
		s, err := n.Calibrate(t.Context(), slow, images(1))
		if err != nil {
			t.Fatal(err)
		}
		last := math.Inf(1)
		for _, bits := range []int{2, 4, 8} {
			b := n.Uniform(8, 8)
			for i := range b.W {
				b.W[i] = bits
			}
			q, err := n.Quantise(s, b)
			if err != nil {
				t.Fatal(err)
			}
			loss, err := s.Loss(t.Context(), slow, q)
			if err != nil {
				t.Fatal(err)
			}
			if !(loss >= 0) || loss > last {
				t.Errorf("%s, %d bits: divergence %g, with fewer %g", n.Name, bits, loss, last)
			}
			last = loss
		}
		if last > 1e-3 {
			t.Errorf("%s, 8 bits: divergence %g", n.Name, last)
		}
		if _, err := n.Quantise(s, Bits{[]int{8}, []int{8}}); err == nil {
			t.Error("bits for one unit pass")
		}
		if _, err := n.Calibrate(t.Context(), slow, nil); err == nil {
			t.Error("no images pass")
		}
	}
}

// TestRangesAndStepsAreTheBest holds them against every other choice.
func TestRangesAndStepsAreTheBest(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	x := onnx.NewTensor(onnx.Float, 1, 4, 30, 30)
	for i := range x.Floats() {
		x.Floats()[i] = float32(math.Abs(rng.NormFloat64()))
	}
	s := &seen{}
	s.extremes(x)
	s.count(x)
	for _, bits := range []int{2, 4, 8} {
		r := s.rangeAt(bits)
		off := func(hi float64) (sum float64) {
			step := hi / float64(int(1)<<bits-1)
			for _, v := range x.Floats() {
				d := float64(v) - math.Min(math.Round(float64(v)/step)*step, hi)
				sum += d * d
			}
			return sum
		}
		for hi := .05; hi < 6; hi += .05 {
			if off(hi) < .97*off(r.Hi) {
				t.Errorf("%d bits: up to %.2f has error %g, %.2f has %g", bits, r.Hi, off(r.Hi), hi, off(hi))
			}
		}
		if r.Lo != 0 {
			t.Errorf("values from 0 have range %+v", r)
		}
	}
	w := make([]float32, 64)
	for i := range w {
		w[i] = float32(rng.NormFloat64())
	}
	for _, bits := range []int{2, 4, 8} {
		step := steps(w, 2, bits)
		q := quant.NewWeight("w", w, []int{2, 32}, bits)
		off := func() (sum float64) {
			for i, v := range w {
				d := float64(v) - float64(q.Codes[i])*float64(q.Scale[i/32])
				sum += d * d
			}
			return sum
		}
		plain := off()
		q.Round(w, step)
		if off() > 1.02*plain {
			t.Errorf("%d bits: error %g, with the Gaussian's step %g", bits, off(), plain)
		}
	}
}

// TestBiasKeepsTheMean: on an input that is constant by channel the rounded
// layer's mean output is the float layer's.
func TestBiasKeepsTheMean(t *testing.T) {
	n := tiny(t)
	for i, u := range n.Units {
		if u.Layer.Kind != space.Pointwise {
			continue
		}
		u.Layer.WBits = 2
		u.Step = steps(u.Weight, u.Layer.Out, 2)
		u.Gain = make([]float32, u.Layer.Out)
		in := &seen{mean: make([]float64, u.Layer.In)}
		for c := range in.mean {
			in.mean[c] = float64(c%5) - 1
		}
		for o := range u.Gain {
			u.Gain[o] = 1 + float32(o)/7
		}
		q := quant.NewWeight("", u.Weight, []int{u.Layer.Out, u.Layer.In}, 2)
		q.Round(u.Weight, u.Step)
		bias := corrected(&u, u.Weight, in)
		for o := range bias {
			want, got := float64(u.Bias[o]), float64(bias[o])
			for c, m := range in.mean {
				k := o*u.Layer.In + c
				want += float64(u.Gain[o]) * float64(u.Weight[k]) * m
				got += float64(u.Gain[o]) * float64(q.Codes[k]) * float64(q.Scale[o]) * m
			}
			if math.Abs(got-want) > 1e-4 {
				t.Fatalf("unit %d, channel %d: mean %g, want %g", i, o, got, want)
			}
		}
	}
}

// TestSearchIsTheBestChoice tries every choice of bits of the tiny network.
func TestSearchIsTheBestChoice(t *testing.T) {
	n := tiny(t)
	s, err := n.Calibrate(t.Context(), slow, images(2))
	if err != nil {
		t.Fatal(err)
	}
	from := n.Uniform(8, 8)
	widths := []int{2, 4, 8}
	steps, err := n.sensitivities(t.Context(), slow, s, from, widths, nil)
	if err != nil {
		t.Fatal(err)
	}
	cost := func(b Bits) (sum float64) {
		for _, st := range steps {
			if b.W[st.unit] == st.bits {
				sum += st.loss
			}
		}
		return sum
	}
	var units []int
	for i := range n.Units {
		if n.free(i) {
			units = append(units, i)
		}
	}
	for _, share := range []float64{.9, .5, .1} {
		least := n.Bytes(n.lowest(from, widths))
		limit := least + int64(share*float64(n.Bytes(from)-least))
		got, err := n.Search(t.Context(), slow, s, from, widths, limit, nil)
		if err != nil {
			t.Fatal(err)
		}
		if n.Bytes(got) > limit {
			t.Errorf("%d bytes, limit %d", n.Bytes(got), limit)
		}
		best := math.Inf(1)
		all := int(math.Pow(3, float64(len(units))))
		for code := range all {
			b := Bits{append([]int(nil), from.W...), from.A}
			for _, i := range units {
				b.W[i] = widths[code%3]
				code /= 3
			}
			if n.Bytes(b) <= limit {
				best = math.Min(best, cost(b))
			}
		}
		if cost(got) > best*1.001+1e-12 {
			t.Errorf("limit %d: loss %g, the best choice has %g", limit, cost(got), best)
		}
	}
	if _, err := n.Search(t.Context(), slow, s, from, widths, 10, nil); err == nil || !strings.Contains(err.Error(), "raise it or allow fewer bits") {
		t.Errorf("ten bytes: %v", err)
	}
}
