package supernet

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hanas/export"
	"hanas/internal/realdata"
	"hanas/onnx"
	"hanas/onnx/ref"
	"hanas/space"
	"hanas/torchfile/torchfiletest"
)

// ofaCase is a sub-network as PyTorch computed it (bench/ofa/ofa.py).
type ofaCase struct {
	Width        string
	Size         int
	Recalibrated bool
	KS, E, D     []int
	Logits       [][]float64 // every 20th, two images
}

// arch spells the case as an Arch of the space.
func (c ofaCase) arch(t *testing.T, sp *space.Space) space.Arch {
	t.Helper()
	key := fmt.Sprintf("r224:st%d:w%dd1[k3e1w16.16a16.16]", sp.StemWidths[0], sp.Stages[0].Widths[0])
	for s := range 5 {
		var blocks []string
		for b := range c.D[s] {
			blocks = append(blocks, fmt.Sprintf("k%de%dw16.16.16a16.16.16", c.KS[4*s+b], c.E[4*s+b]))
		}
		key += fmt.Sprintf(":w%dd%d[%s]", sp.Stages[s+1].Widths[0], c.D[s], strings.Join(blocks, ","))
	}
	a, err := sp.Parse(fmt.Sprintf("%s:h%dw16a16", key, sp.HeadWidths[0]))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (c ofaCase) images() *onnx.Tensor {
	x := onnx.NewTensor(onnx.Float, 2, 3, c.Size, c.Size)
	for i, u := range torchfiletest.Uniform("images", len(x.Floats())) {
		x.Floats()[i] = float32(1.5 * u)
	}
	return x
}

// ofaFile writes a checkpoint of random weights: published names in the older
// container for width 1.0, today's names in the ZIP archive for 1.2.
func ofaFile(t *testing.T, width string) string {
	t.Helper()
	list := realdata.Path(t, filepath.Join("ofa", "ofa_mbv3_d234_e346_k357_w"+width+".state_dict.tsv"))
	tensors, err := torchfiletest.OnceForAll(list, width == "1.0")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "ofa.pth")
	if err := torchfiletest.Write(path, tensors, width == "1.0"); err != nil {
		t.Fatal(err)
	}
	return path
}

// Sub-networks of an imported checkpoint, exported and run, give PyTorch's
// logits: with the statistics of the file and with those of the images, on
// ONNX Runtime and, at the smallest size, on the slow reference.
func TestOFAEqualsPyTorch(t *testing.T) {
	data, err := os.ReadFile("testdata/ofa.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct{ Cases []ofaCase }
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	fast := testEngine(t)
	nets := map[string]*Supernet{}
	for _, c := range golden.Cases {
		if nets[c.Width] == nil {
			nets[c.Width], err = ImportOFA(ofaFile(t, c.Width))
			if err != nil {
				t.Fatal(err)
			}
		}
		engines := map[string]onnx.Engine{"ONNX Runtime": fast}
		if c.Size == 64 && c.KS[0] == 3 {
			engines["reference"] = ref.Engine
		}
		for name, engine := range engines {
			what := fmt.Sprintf("%s: w%s at %d pixels, recalibrated %v", name, c.Width, c.Size, c.Recalibrated)
			if off := c.off(t, nets[c.Width], engine); !(off <= 1e-4) {
				t.Errorf("%s: logits are off by %.2g", what, off)
			}
		}
	}
}

// off is the largest difference from PyTorch's logits.
func (c ofaCase) off(t *testing.T, net *Supernet, engine onnx.Engine) float64 {
	t.Helper()
	cal := &Calibrator{Net: net, Engine: engine, Info: tinyInfo}
	if c.Recalibrated {
		cal.Images = c.images()
	}
	network, err := cal.NetworkAt(context.Background(), c.arch(t, net.Space), c.Size)
	if err != nil {
		t.Fatal(err)
	}
	m, err := export.Build(network, export.Settings{Float32: true})
	if err != nil {
		t.Fatal(err)
	}
	r, err := engine(m)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	out := []*onnx.Tensor{nil}
	if err := r.Run(context.Background(), []*onnx.Tensor{c.images()}, out); err != nil {
		t.Fatal(err)
	}
	worst := 0.0
	for i, row := range c.Logits {
		for k, want := range row {
			worst = math.Max(worst, math.Abs(float64(out[0].Floats()[i*1000+20*k])-want))
		}
	}
	return worst
}

// An imported supernet survives its own checkpoint: weights, transforms and
// statistics, in a file that says its space.
func TestOFACheckpoint(t *testing.T) {
	net, err := ImportOFA(ofaFile(t, "1.0"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "ofa.safetensors")
	if err := WriteTensors(path, net.Tensors()); err != nil {
		t.Fatal(err)
	}
	again, err := Read(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if again.Space.Hash() != net.Space.Hash() || !again.Transforms() || !sameWeights(again, net) {
		t.Error("weights, transforms or space are not those that were written")
	}
	arch := net.Space.Smallest()
	a, err := (&Calibrator{Net: net, Info: tinyInfo}).Network(context.Background(), arch)
	if err != nil {
		t.Fatal(err)
	}
	b, err := (&Calibrator{Net: again, Info: tinyInfo}).Network(context.Background(), arch)
	if err != nil {
		t.Fatal(err)
	}
	for i := range a.Units {
		if fmt.Sprint(a.Units[i].Bias) != fmt.Sprint(b.Units[i].Bias) {
			t.Errorf("layer %s: statistics differ", a.Units[i].Layer.Name)
		}
	}
}

// Every damaged file is refused, and the message names the tensor.
func TestOFARefuses(t *testing.T) {
	list := realdata.Path(t, filepath.Join("ofa", "ofa_mbv3_d234_e346_k357_w1.0.state_dict.tsv"))
	tensors, err := torchfiletest.OnceForAll(list, false)
	if err != nil {
		t.Fatal(err)
	}
	at := map[string]int{}
	for i, x := range tensors {
		at[x.Name] = i
	}
	const matrix, dw = "blocks.3.conv.depth_conv.conv.7to5_matrix", "blocks.20.conv.depth_conv.conv.conv.weight"
	cases := []struct {
		name, want string
		spoil      func([]torchfiletest.Tensor) []torchfiletest.Tensor
	}{
		{"a wrong shape", dw + " has shape [960 1 5 5], want [960 1 7 7]", func(x []torchfiletest.Tensor) []torchfiletest.Tensor {
			x[at[dw]].Shape, x[at[dw]].Data = []int{960, 1, 5, 5}, x[at[dw]].Data[:960*25]
			return x
		}},
		{"a missing matrix", matrix + " is missing", func(x []torchfiletest.Tensor) []torchfiletest.Tensor {
			return append(x[:at[matrix]:at[matrix]], x[at[matrix]+1:]...)
		}},
		{"a tensor of another network", "the first is blocks.21.extra", func(x []torchfiletest.Tensor) []torchfiletest.Tensor {
			return append(x, torchfiletest.Tensor{Name: "blocks.21.extra", Shape: []int{1}, Data: []float32{1}})
		}},
		{"not a number", "classifier.linear.bias: value 7 is NaN", func(x []torchfiletest.Tensor) []torchfiletest.Tensor {
			k := at["classifier.linear.bias"]
			x[k].Data = append([]float32{}, x[k].Data...)
			x[k].Data[7] = float32(math.NaN())
			return x
		}},
		{"a negative variance", "first_conv.bn: channel 3", func(x []torchfiletest.Tensor) []torchfiletest.Tensor {
			k := at["first_conv.bn.running_var"]
			x[k].Data = append([]float32{}, x[k].Data...)
			x[k].Data[3] = -1
			return x
		}},
		{"another family", "first_conv.conv.weight is missing", func(x []torchfiletest.Tensor) []torchfiletest.Tensor {
			return []torchfiletest.Tensor{{Name: "features.0.0.weight", Shape: []int{1}, Data: []float32{1}}}
		}},
		{"another width", "first_conv.conv.weight has shape [8 3 3 3]", func(x []torchfiletest.Tensor) []torchfiletest.Tensor {
			x[0].Shape, x[0].Data = []int{8, 3, 3, 3}, x[0].Data[:216]
			return x
		}},
	}
	path := filepath.Join(t.TempDir(), "spoilt.pth")
	for i, c := range cases {
		spoilt := c.spoil(append([]torchfiletest.Tensor{}, tensors...))
		if err := torchfiletest.Write(path, spoilt, i%2 == 0); err != nil {
			t.Fatal(err)
		}
		if _, err := ImportOFA(path); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

func TestOFARefusesHalfAFile(t *testing.T) {
	whole, err := os.ReadFile(ofaFile(t, "1.0"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "half.pth")
	for _, n := range []int{0, 3, 1000, len(whole) / 2, len(whole) - 1} {
		if err := os.WriteFile(path, bytes.Clone(whole[:n]), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := ImportOFA(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%d bytes of %d: %v", n, len(whole), err)
		}
	}
}

// Without statistics in the file and without images there is nothing to
// normalise with.
func TestNoStatistics(t *testing.T) {
	net, err := New(testSpace(t), 1)
	if err != nil {
		t.Fatal(err)
	}
	_, err = (&Calibrator{Net: net, Info: tinyInfo}).Network(context.Background(), net.Space.Smallest())
	if err == nil || !strings.Contains(err.Error(), "layer stem: the weights came without batch-norm statistics") {
		t.Error(err)
	}
}
