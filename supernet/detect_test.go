package supernet

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"hanas/datasets"
	"hanas/onnx"
	"hanas/onnx/grad/gradtest"
	"hanas/onnx/ref"
	"hanas/space"
)

// tinyDetector has heads on strides 4 and 8 of 16x16 images.
func tinyDetector(t testing.TB) *space.Space {
	t.Helper()
	sp := tinySpace(t)
	sp.Name, sp.Classes, sp.Detect, sp.HeadWidths = "tiny-boxes", 3, []int{1, 2}, []int{8, 16}
	sp.Stages = append(sp.Stages, space.Stage{Widths: []int{16}, Depths: []int{1}, Kernels: []int{3}, Expands: []float64{2}, Stride: 2, Act: "relu"})
	if err := sp.Validate(); err != nil {
		t.Fatal(err)
	}
	return sp
}

func someObjects(rng *rand.Rand, n int, size float64) []datasets.Object {
	out := make([]datasets.Object, n)
	for i := range out {
		w, h := 1+rng.Float64()*(size-1), 1+rng.Float64()*(size-1)
		out[i] = datasets.Object{Category: rng.IntN(3), Crowd: rng.IntN(8) == 0, Box: datasets.Box{X: rng.Float64() * (size - w), Y: rng.Float64() * (size - h), W: w, H: h}}
	}
	return out
}

// slowTargets asks, cell by cell and from the definition, which object a cell
// is to find, and writes the whole target of the cell.
func slowTargets(layers []space.Layer, classes int, objects []datasets.Object) (rows [][]float64) {
	var strides []float64
	for _, l := range layers {
		if l.Predicts() {
			strides = append(strides, float64(layers[0].InSize)/float64(l.OutSize))
		}
	}
	for level, s := range strides {
		side := int(float64(layers[0].InSize) / s)
		for k := range side * side {
			row := make([]float64, classes+6)
			cx, cy := (float64(k%side)+.5)*s, (float64(k/side)+.5)*s
			area := math.Inf(1)
			for _, o := range objects {
				longest := max(o.Box.W, o.Box.H)
				tooLong := level < len(strides)-1 && longest > 4*s
				tooShort := level > 0 && longest <= 4*strides[level-1]
				far := max(math.Abs(o.Box.X+o.Box.W/2-cx), math.Abs(o.Box.Y+o.Box.H/2-cy)) > .5*s
				if o.Crowd || tooLong || tooShort || far || o.Box.W*o.Box.H >= area {
					continue
				}
				area = o.Box.W * o.Box.H
				l, tp, r, b := (cx-o.Box.X)/s, (cy-o.Box.Y)/s, (o.Box.X+o.Box.W-cx)/s, (o.Box.Y+o.Box.H-cy)/s
				row = make([]float64, classes+6)
				row[o.Category] = 1
				copy(row[classes:], []float64{-l, -tp, r, b, 0, 1})
				row[classes+4] = 1 - (math.Pow((r-l)/2, 2) + math.Pow((b-tp)/2, 2))
			}
			if math.IsInf(area, 1) {
				copy(row[classes:], []float64{-.5, -.5, .5, .5})
			}
			rows = append(rows, row)
		}
	}
	return rows
}

func TestTargetsAgainstSlowReference(t *testing.T) {
	sp := tinyDetector(t)
	layers := sp.Layers(sp.Largest())
	grid := cells(layers)
	rng := rand.New(rand.NewPCG(5, 5))
	dst, positives := make([]float32, (sp.Classes+targetRows)*len(grid)), 0
	for range 300 {
		objects := someObjects(rng, rng.IntN(6), 16)
		cellTargets(dst, grid, sp.Classes, objects)
		for k, row := range slowTargets(layers, sp.Classes, objects) {
			for r, want := range row {
				if got := float64(dst[r*len(grid)+k]); math.Abs(got-want) > 1e-5 {
					t.Fatalf("%v: cell %+v: row %d is %g, want %g", objects, grid[k], r, got, want)
				}
			}
			positives += int(row[len(row)-1])
		}
	}
	if positives < 300 {
		t.Fatalf("only %d cells had an object", positives)
	}
}

// slowLoss is the loss of one batch from its definition, in float64.
func slowLoss(logits, labels []float64, batch, classes, n int) float64 {
	focal, boxes, positives := 0.0, 0.0, 0.0
	sigmoid := func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
	cross := func(x, t float64) float64 { return -t*math.Log(sigmoid(x)) - (1-t)*math.Log(1-sigmoid(x)) }
	for i := range batch {
		for k := range n {
			x := func(r int) float64 { return logits[(i*(classes+5)+r)*n+k] }
			y := func(r int) float64 { return labels[(i*(classes+6)+r)*n+k] }
			focal += math.Pow(math.Abs(y(classes+4)-sigmoid(x(classes+4))), 2) * cross(x(classes+4), y(classes+4))
			if y(classes+5) == 0 {
				continue
			}
			positives++
			sum := 0.0
			for c := range classes {
				sum += math.Exp(x(c))
			}
			for c := range classes {
				boxes -= y(c) * math.Log(math.Exp(x(c))/sum)
			}
			w, h := math.Exp(x(classes+2)), math.Exp(x(classes+3))
			p := [4]float64{x(classes) - w/2, x(classes+1) - h/2, x(classes) + w/2, x(classes+1) + h/2}
			g := [4]float64{y(classes), y(classes + 1), y(classes + 2), y(classes + 3)}
			inter := max(0, min(p[2], g[2])-max(p[0], g[0])) * max(0, min(p[3], g[3])-max(p[1], g[1]))
			union := w*h + (g[2]-g[0])*(g[3]-g[1]) - inter
			hull := (max(p[2], g[2]) - min(p[0], g[0])) * (max(p[3], g[3]) - min(p[1], g[1]))
			boxes += 1 - (inter/union - (hull-union)/hull)
		}
	}
	return (focal + boxes) / (positives + 1)
}

// TestDetectionLoss compares the loss with its definition, and its gradients
// with finite differences.
func TestDetectionLoss(t *testing.T) {
	const batch, classes, n = 2, 3, 20
	sp := tinyDetector(t)
	layers := sp.Layers(sp.Smallest())
	tr := &tracer{b: onnx.NewBuilder("loss"), layers: layers, set: graphSettings{batch: batch}}
	tr.x = tr.b.Input("x", onnx.Float, batch, classes+space.BoxChannels, n)
	tr.b.Output(tr.detectionLoss(tr.b.Input("y", onnx.Float, batch, classes+targetRows, n)))
	m, err := tr.b.Build()
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(6, 6))
	x, y := onnx.NewTensor(onnx.Double, batch, classes+space.BoxChannels, n), onnx.NewTensor(onnx.Double, batch, classes+targetRows, n)
	for i := range onnx.View[float64](x) {
		onnx.View[float64](x)[i] = rng.NormFloat64()
	}
	target := make([]float32, (classes+targetRows)*n)
	for i := range batch {
		cellTargets(target, cells(layers), classes, someObjects(rng, 6, 16))
		for k, v := range target {
			onnx.View[float64](y)[i*len(target)+k] = float64(v)
		}
	}
	engine := ref.Settings{Float64: true}.Engine
	r, err := engine(m)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]*onnx.Tensor, 1)
	if err := r.Run(context.Background(), []*onnx.Tensor{x, y}, out); err != nil {
		t.Fatal(err)
	}
	if got, want := onnx.View[float64](out[0])[0], slowLoss(onnx.View[float64](x), onnx.View[float64](y), batch, classes, n); math.Abs(got-want) > 1e-9*want {
		t.Errorf("loss %.12g, want %.12g", got, want)
	}
	worst, err := gradtest.Compare(context.Background(), engine, gradtest.Case{Model: m, Loss: outputLoss, Wrt: []string{"x"}, Inputs: map[string]*onnx.Tensor{"x": x, "y": y}})
	if err != nil || worst > 1e-6 {
		t.Errorf("gradients differ from finite differences by %g (%v)", worst, err)
	}
}

// TestDistilCells: the mixture by hand, and what counts as right.
func TestDistilCells(t *testing.T) {
	net, err := New(tinyDetector(t), 1)
	if err != nil {
		t.Fatal(err)
	}
	tr := &Trainer{Net: net, grid: make([]cell, 2)}
	labels := []float32{1, 0, 0, 0, 0, 0, -1, -.5, -1, -.5, 1, .5, 1, .5, .9, 0, 1, 0} // cell 0 has class 0
	logits := make([]float32, 16)
	logits[0], logits[2] = 2, 1
	soft := make([]float32, len(labels))
	right, of := tr.distilCells(soft, labels, logits, 0.5)
	if right != 1 || of != 1 {
		t.Errorf("%d of %d right, want 1 of 1", right, of)
	}
	want := slices.Clone(labels)
	all := math.Exp(2) + math.Exp(1) + 1
	want[0], want[2], want[4] = float32(0.5+0.5*math.Exp(2)/all), float32(0.5*math.E/all), float32(0.5/all)
	want[14], want[15] = 0.5*0.9+0.5*0.5, 0.25
	if !slices.EqualFunc(soft, want, func(a, b float32) bool { return math.Abs(float64(a-b)) < 1e-6 }) {
		t.Errorf("targets %v, want %v", soft, want)
	}
}
