package supernet

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"hanas/eval"
	"hanas/export"
	"hanas/onnx"
	"hanas/space"
)

// score is the exported network's accuracy on images that were not trained on.
func score(t *testing.T, engine onnx.Engine, net *Supernet, arch space.Arch) float64 {
	t.Helper()
	im := tinyImages(192)
	x := onnx.NewTensor(onnx.Float, 64, 3, 16, 16)
	idx := make([]int, 64)
	for i := range idx {
		idx[i] = i
	}
	if err := im.Batch(x.Floats(), nil, idx); err != nil {
		t.Fatal(err)
	}
	network, err := (&Calibrator{Net: net, Engine: engine, Images: x, Info: tinyInfo}).Network(context.Background(), arch)
	if err != nil {
		t.Fatal(err)
	}
	m, err := export.Build(network, export.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := engine(m)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	held := *im // the last third: the tiny trainer has the first 128
	held.Pixels, held.Labels = im.Pixels[128*768:], im.Labels[128:]
	e, err := eval.New(&held, eval.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	res, err := e.Run(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	return res.Top1
}

// The weights that are cut out make the same file as the shared ones.
func TestSubnetIsItsSlice(t *testing.T) {
	s, _ := transformed(t)
	s.addSteps()
	for _, p := range s.params {
		if strings.Contains(p.Name, ".step") {
			p.Data[0] = .2
		}
	}
	info := tinyInfo
	for _, arch := range []space.Arch{s.Space.Smallest(), s.Space.WithBits(s.Space.Largest(), 4, 8)} {
		sub, err := s.Subnet(arch)
		if err != nil {
			t.Fatal(err)
		}
		var files [2]string
		for i, net := range []*Supernet{s, sub} {
			network, err := net.Untrained(arch, info)
			if err != nil {
				t.Fatal(err)
			}
			m, err := export.Build(network, export.Settings{})
			if err != nil {
				t.Fatal(err)
			}
			data, err := onnx.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			files[i] = string(data)
		}
		if files[0] != files[1] {
			t.Errorf("%s: another file", s.Space.Key(arch))
		}
	}
}

// Fine-tuning at 2 bits moves the steps and scores better than what the
// supernet left, on images that neither saw; with the same bytes on any number
// of workers and after a kill.
func TestFineTune(t *testing.T) {
	engine := testEngine(t)
	base := tinyTrainer(t, engine, 2, "")
	if err := base.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	arch := base.Net.Space.WithBits(base.Net.Space.Largest(), 2, 8)
	before := score(t, engine, base.Net, arch)
	weight := base.Net.Param("stem.weight").Data[0]
	tune := func(workers int, path string, step func(Point)) (*Supernet, error) {
		tr := tinyTrainer(t, engine, workers, path)
		tr.Net, tr.OnStep, tr.Set.Epochs, tr.Set.Inherit = base.Net, step, 12, true
		return tr.FineTune(context.Background(), arch)
	}
	one, err := tune(1, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	after := score(t, engine, one, arch)
	t.Logf("2 bits: %.3f inherited, %.3f after", before, after)
	if after < before+.05 {
		t.Errorf("it scores %.3f, inherited %.3f", after, before)
	}
	if base.Net.Param("stem.weight").Data[0] != weight {
		t.Error("the shared weights have moved")
	}
	moved := 0
	for _, p := range one.Params() {
		if strings.HasSuffix(p.Name, ".step2") && math.Abs(float64(p.Data[0])) > 1e-3 {
			moved++
		}
	}
	if moved < 5 {
		t.Errorf("%d steps have moved", moved)
	}
	path := filepath.Join(t.TempDir(), "c.safetensors")
	boom := errors.New("killed")
	func() {
		defer func() { _ = recover() }()
		_, _ = tune(3, path, func(p Point) {
			if p.Step == 20 {
				panic(boom)
			}
		})
	}()
	again, err := tune(3, path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !sameWeights(one, again) {
		t.Error("killed and gone on with, it ends with other weights")
	}
}

// What is trained is what is written: with learned steps far from 1 the file
// has the codes of the training graph's weights.
func TestLearnedStepsShip(t *testing.T) {
	net, err := New(tinySpace(t), 5)
	if err != nil {
		t.Fatal(err)
	}
	net.addSteps()
	for i, p := range net.Params() {
		if strings.Contains(p.Name, ".step") {
			p.Data[0] = float32(i%5-2) / 4
		}
	}
	arch := net.Space.WithBits(net.Space.Largest(), 4, 16)
	network, err := net.Untrained(arch, tinyInfo)
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range network.Units {
		if u.Weight == nil || u.Layer.WBits != 4 {
			continue
		}
		views, err := net.views(u.Layer)
		if err != nil {
			t.Fatal(err)
		}
		trained := make([]float32, len(u.Weight))
		net.round(trained, u.Weight, views[0], 4)
		per := len(trained) / u.Layer.Out
		for i, w := range trained {
			if code := float64(w / u.Step[i/per]); math.Abs(code) > 7.001 || math.Abs(code-math.Round(code)) > 1e-3 {
				t.Fatalf("%s: weight %d is %v, no code of step %v", u.Layer.Name, i, w, u.Step[i/per])
			}
		}
	}
	path := filepath.Join(t.TempDir(), "c.safetensors")
	if err := WriteTensors(path, net.Tensors()); err != nil {
		t.Fatal(err)
	}
	again, err := Read(path, nil)
	if err != nil || !sameWeights(net, again) {
		t.Errorf("the checkpoint lost the steps: %v", err)
	}
}

func TestWidthsOpenFromHighToLow(t *testing.T) {
	for _, c := range []struct {
		widths           []int
		step, from, want int
	}{
		{[]int{2, 4, 8, 16}, 0, 0, 8},
		{[]int{2, 4, 8, 16}, 19, 0, 8},
		{[]int{2, 4, 8, 16}, 20, 0, 4},
		{[]int{2, 4, 8, 16}, 40, 0, 2},
		{[]int{2, 4, 8, 16}, 119, 0, 2},
		{[]int{2, 4, 8, 16}, 30, 30, 8},
		{[]int{8}, 100, 0, 8},
		{[]int{16}, 100, 0, 16},
	} {
		if got := opened(c.widths, c.step, c.from, 120); got != c.want {
			t.Errorf("%v at step %d of 120: %d, want %d", c.widths, c.step, got, c.want)
		}
	}
}
