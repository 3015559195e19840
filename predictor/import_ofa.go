package predictor

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"hanas/onnx"
	"hanas/space"
	"hanas/torchfile"
)

// The encoding of Once-for-All's predictor (mit-han-lab/once-for-all, the
// accuracy predictor of its tutorial): for each of 20 blocks one of three
// kernels, then for each one of three expand ratios, nothing for a block beyond
// the depth, then one of eight resolutions (r-112)/16.
const (
	ofaBlocks      = 20
	ofaStageBlocks = 4
	ofaSizes       = 8
	ofaFeatures    = ofaBlocks*3*2 + ofaSizes
)

var (
	ofaKernels = []float64{3, 5, 7}
	ofaExpands = []float64{3, 4, 6}
)

// ImportOnceForAll reads an accuracy predictor of Once-for-All (a PyTorch file
// of linear layers with ReLU between them, on 128 features) and writes it on
// the features of sp, which must be a Once-for-All MobileNetV3 space. The
// output "std" is 0: the file says nothing of its error. Its accuracies are
// those of the supernet and images it was trained on: the published file's are
// the w1.2 supernet's on 10,000 images held out of the training set, some six
// points above w1.0's on the validation set.
func ImportOnceForAll(path string, sp *space.Space) (*Model, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("predictor: import: %w", err)
	}
	g, err := importOnceForAll(data, sp)
	if err != nil {
		return nil, fmt.Errorf("predictor: import %s: %w", path, err)
	}
	sum := sha256.Sum256(data)
	report := Report{Kind: "imported", Origin: filepath.Base(path) + " sha256:" + hex.EncodeToString(sum[:])}
	js, err := json.Marshal(report)
	if err != nil {
		return nil, fmt.Errorf("predictor: report: %w", err)
	}
	g.SetMeta("hanas.space", sp.Name)
	g.SetMeta("hanas.space_hash", sp.Hash())
	g.SetMeta("hanas.features_hash", featuresHash(sp))
	g.SetMeta("hanas.fit", string(js))
	return &Model{g, report}, nil
}

func importOnceForAll(data []byte, sp *space.Space) (*onnx.Model, error) {
	f, err := torchfile.Decode(data)
	if err != nil {
		return nil, err
	}
	layers, base, err := linearLayers(f)
	if err != nil {
		return nil, err
	}
	columns, err := ofaColumns(sp)
	if err != nil {
		return nil, err
	}
	b := onnx.NewBuilder("predictor")
	b.Opset("", 13)
	x := b.Input("features", onnx.Float, -1, len(columns))
	h := x
	for i, l := range layers {
		if i > 0 {
			h = b.Op("Relu", []onnx.Value{h})
		}
		w := l.transposed()
		if i == 0 {
			w = spread(w, columns, l.out)
		}
		h = b.Op("Gemm", []onnx.Value{h, b.Init(layerName("w", i+1), w), b.Init(layerName("b", i+1), onnx.From(l.bias, l.out))})
	}
	h = b.Op("Squeeze", []onnx.Value{h, b.ConstInts("last", 1)})
	b.Output(b.Name(b.Op("Add", []onnx.Value{h, b.ConstFloat("base", base)}), "accuracy"))
	none := b.Op("Mul", []onnx.Value{h, b.ConstFloat("unknown", 0)})
	b.Output(b.Name(none, "std"))
	return b.Build()
}

// linear is one layer of the file: weight [out, in] as PyTorch keeps it.
type linear struct {
	weight, bias []float32
	in, out      int
}

// transposed is the weight as [in, out].
func (l linear) transposed() *onnx.Tensor {
	t := onnx.NewTensor(onnx.Float, l.in, l.out)
	for o := range l.out {
		for i := range l.in {
			t.Floats()[i*l.out+o] = l.weight[o*l.in+i]
		}
	}
	return t
}

// linearLayers are the layers of the file in its order, and the accuracy that
// Once-for-All's library class adds to the last (base_acc; 0 without).
func linearLayers(f *torchfile.File) (layers []linear, base float32, err error) {
	tensors, err := f.StateDict()
	if err != nil {
		return nil, 0, err
	}
	for _, t := range tensors {
		v, err := t.Floats()
		if err != nil {
			return nil, 0, err
		}
		last := len(layers) - 1
		switch {
		case t.Name == "base_acc" && len(v) == 1:
			base = v[0]
		case strings.HasSuffix(t.Name, ".weight") && len(t.Shape) == 2:
			layers = append(layers, linear{v, make([]float32, t.Shape[0]), t.Shape[1], t.Shape[0]})
		case strings.HasSuffix(t.Name, ".bias") && len(t.Shape) == 1 && last >= 0 && t.Shape[0] == layers[last].out:
			layers[last].bias = v
		default:
			return nil, 0, fmt.Errorf("tensor %.60q of shape %v is not a linear layer's (want a predictor of Once-for-All)", t.Name, t.Shape)
		}
	}
	in := ofaFeatures
	for i, l := range layers {
		if l.in != in {
			return nil, 0, fmt.Errorf("layer %d takes %d numbers and gets %d (want a predictor of Once-for-All's MobileNetV3: %d features)", i+1, l.in, in, ofaFeatures)
		}
		in = l.out
	}
	if in != 1 || len(layers) == 0 {
		return nil, 0, fmt.Errorf("%d layers end in %d numbers, want one", len(layers), in)
	}
	return layers, base, nil
}

// spread puts the rows of a first layer's weight where the space has its
// features; columns that the file knows nothing of get zeros.
func spread(w *onnx.Tensor, columns []int, width int) *onnx.Tensor {
	t := onnx.NewTensor(onnx.Float, len(columns), width)
	for i, c := range columns {
		if c >= 0 {
			copy(t.Floats()[i*width:(i+1)*width], w.Floats()[c*width:(c+1)*width])
		}
	}
	return t
}

// ofaColumns says for every feature of sp which of the file's it is, -1 for
// none. A slot that the file cannot express is an error.
func ofaColumns(sp *space.Space) ([]int, error) {
	var columns []int
	kernels, expands, sizes := 0, 0, 0
	for _, sl := range sp.Slots() {
		block := (sl.Stage-1)*ofaStageBlocks + sl.Block
		for _, v := range sl.Values {
			c := -1
			switch sl.Kind {
			case space.SlotKernel:
				if sl.Stage > 0 && block < ofaBlocks && sl.Choices == 3 {
					c = choice(block*3, ofaKernels, v)
				}
			case space.SlotExpand:
				if sl.Stage > 0 && block < ofaBlocks && sl.Choices == 3 {
					c = choice(ofaBlocks*3+block*3, ofaExpands, v)
				}
			case space.SlotResolution:
				if n := (int(v) - 112) / 16; n >= 0 && n < ofaSizes {
					c = ofaBlocks*6 + n
				}
			case space.SlotDepth: // says which blocks have features
				c = -2
			}
			if sl.Choices == 1 {
				continue
			}
			if c == -1 {
				return nil, fmt.Errorf("space %q: %s=%g is no choice of Once-for-All's MobileNetV3 (use --space ofa-mbv3-w1.2)", sp.Name, sl.Name, v)
			}
			columns = append(columns, max(c, -1))
		}
		switch {
		case sl.Choices == 1:
		case sl.Kind == space.SlotKernel:
			kernels++
		case sl.Kind == space.SlotExpand:
			expands++
		case sl.Kind == space.SlotResolution:
			sizes++
		}
	}
	if kernels != ofaBlocks || expands != ofaBlocks || sizes != 1 {
		return nil, fmt.Errorf("space %q has %d kernels, %d expand ratios and %d resolutions to choose, Once-for-All's MobileNetV3 %d, %d and 1 (use --space ofa-mbv3-w1.2)", sp.Name, kernels, expands, sizes, ofaBlocks, ofaBlocks)
	}
	for range sp.FeatureCount() - len(columns) { // costs
		columns = append(columns, -1)
	}
	return columns, nil
}

// choice is the column of value v of a group that begins at from.
func choice(from int, values []float64, v float64) int {
	if i := slices.Index(values, v); i >= 0 {
		return from + i
	}
	return -1
}
