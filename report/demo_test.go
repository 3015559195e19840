package report_test

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"math"
	"math/rand/v2"
	"strings"

	"hanas/report"
)

// demo is invented data of the shape that a run gives; nothing in it was
// measured.
func demo() *report.Data {
	rng := rand.New(rand.NewPCG(7, 7))
	d := &report.Data{Title: "quick on glyphs", Run: report.Run{
		Preset: "quick", Command: "hanas run quick --set seed=1", Version: "0.1.0", Seed: 1, Seconds: 812,
		Space: "quick", SpaceLog10: 27, Dataset: "glyphs (drawn by the program)", Images: [3]int{20000, 2000, 2000}, Classes: 36, ImageSize: 32,
		Device: "this machine", Machine: "linux/amd64, AMD EPYC, 2 cores", Runtime: "ONNX Runtime 1.30.0", Threads: 1,
		Settings: []report.Setting{{"supernet.epochs", "12"}, {"search.evaluations", "4000"}, {"search.note", "<b>bold & \"quoted\"</b>"}},
	}, Notes: []string{"Glyphs are a stand-in drawn by the program; accuracies say nothing about photographs."}}
	d.Front = demoFront(rng, 46, 0.90, report.Predicted)
	var shapes report.Shapes
	for i := range d.Front {
		for _, l := range demoLayers(rand.New(rand.NewPCG(3, uint64(i))), 1+i%3) {
			d.Front[i].Layers = append(d.Front[i].Layers, shapes.Add(l))
		}
	}
	d.Shapes = shapes.List()
	d.Random = demoFront(rng, 17, 0.868, report.Predicted)
	d.Baselines = []report.Baseline{
		{Name: "largest, 8 bits", Accuracy: report.Fig(0.8745, report.Predicted), Latency: report.Fig(1.32, report.Predicted), Memory: report.Fig(212e3, report.Modelled)},
		{Name: "smallest, 8 bits", Accuracy: report.Fig(0.641, report.Predicted), Latency: report.Fig(0.21, report.Predicted), Memory: report.Fig(31e3, report.Modelled)},
	}
	for g := range 60 {
		n := 64 * (g + 1)
		d.Progress = append(d.Progress, report.Progress{Evaluations: n, Search: 0.86 * (1 - math.Exp(-float64(g+4)/11)), Random: 0.79 * (1 - 0.5*math.Exp(-float64(g+4)/20))})
	}
	for i := range 500 {
		m := 0.55 + 0.33*rng.Float64()
		d.Accuracy = append(d.Accuracy, report.Pair{Predicted: m + 0.012*rng.NormFloat64(), Measured: m})
		if i < 80 {
			l := 0.2 * math.Exp(1.8*rng.Float64())
			d.Latency = append(d.Latency, report.Pair{Predicted: l * math.Exp(0.04*rng.NormFloat64()), Measured: l, Label: fmt.Sprintf("net %d", i)})
		}
	}
	d.Predictor = report.PredictorFit{
		Kind: "kernel", Tau: 0.874, TauMACs: 0.61, TauCeiling: 0.93, Rho: 0.971, RMSEpp: 1.21, BiasPP: -0.08, Coverage68: 0.69, Coverage95: 0.94, NTrain: 1800, NTest: 500,
		Bands: []report.FitBand{{0.71, 0.74, 0.7, 1.4, 0.1, 250}, {0.74, 0.78, 0.72, 1, -0.2, 250}},
		Curve: []report.CurvePoint{{50, 0.71, 2.6}, {100, 0.78, 2.1}, {200, 0.82, 1.7}, {400, 0.84, 1.5}, {800, 0.86, 1.3}, {1800, 0.874, 1.21}},
	}
	for s := range 900 {
		t := float64(s) / 900
		d.Training = append(d.Training, report.Step{
			Step: s * 2, Largest: 0.9 + 2.7*math.Exp(-5*t) + 0.05*rng.NormFloat64(),
			Others: 1.1 + 2.5*math.Exp(-4*t) + 0.05*rng.NormFloat64(), Accuracy: 0.86*(1-math.Exp(-5*t)) + 0.02*rng.Float64(),
		})
	}
	d.Table = report.TableSummary{Device: "this machine", Source: "the profiler", Rows: 1274, ErrorPC: 4.1, Checked: 80, Kinds: []report.RowKind{
		{"conv", 12, 0, 0, 0, 0.021, 0.034, 0.051},
		{"pointwise", 640, 0, 12, 0, 0.004, 0.019, 0.11},
		{"depthwise", 420, 0, 0, 30, 0.006, 0.022, 0.16},
		{"linear", 24, 0, 0, 0, 0.002, 0.0031, 0.0048},
		{"add", 96, 0, 0, 0, 0.001, 0.002, 0.004},
		{"pool", 40, 0, 0, 0, 0.001, 0.0015, 0.003},
	}}
	for i, w := range []struct{ acc, ms float64 }{{0.8905, 1.02}, {0.871, 0.61}, {0.823, 0.34}} {
		d.Winners = append(d.Winners, demoWinner(rng, i, w.acc, w.ms, d.Front))
	}
	d.Stages = []report.Stage{
		{"data", 2.1, false},
		{"supernet", 512, false},
		{"sample", 0.2, false},
		{"evaluate", 182, false},
		{"predictor", 14, false},
		{"lut", 41, true},
		{"search", 22, false},
		{"export", 3.4, false},
		{"validate", 31, false},
		{"report", 0.3, false},
	}
	d.Gallery = demoGallery()
	return d
}

// demoGallery has an answer that is right, one that is wrong, and boxes.
func demoGallery() *report.Gallery {
	picture := image.NewNRGBA(image.Rect(0, 0, 32, 32))
	for i := range picture.Pix {
		picture.Pix[i] = uint8(i * 7)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, picture); err != nil {
		panic(err)
	}
	return &report.Gallery{
		Winner: "A", Score: report.Fig(0.8905, report.Measured),
		First: []report.Shown{
			{Image: b.Bytes(), Side: 32, Truth: "frog", Answer: "frog", Probability: 0.98},
			{Image: b.Bytes(), Side: 32, Boxes: []report.ShownBox{{2, 3, 10, 12, "dog", 0}, {2.5, 3, 9, 12, "dog", 0.83}}},
		},
		Errors: []report.Shown{{Image: b.Bytes(), Side: 32, Truth: "cat", Answer: "dog", Probability: 0.51}},
	}
}

func demoFront(rng *rand.Rand, n int, top float64, from report.Provenance) []report.Point {
	var out []report.Point
	for i := range n {
		l := 0.21 * math.Pow(6.6, float64(i)/float64(n-1))
		acc := top - 0.30*math.Exp(-2.9*math.Log(l/0.17)) + 0.002*rng.Float64()
		p := report.Point{
			Arch:     fmt.Sprintf("r32:st16:w%dd%d[k3e2w4.4.8a8.8.8]:h%d", 16+i, 1+i%3, 96+8*(i%5)),
			Accuracy: report.Fig(acc, from), Latency: report.Fig(l, report.Predicted), Memory: report.Fig(22e3*math.Pow(l/0.2, 1.1), report.Modelled),
		}
		if i%4 == 0 {
			p.Measured = report.Fig(acc-0.004*rng.Float64(), report.Measured)
		}
		for range 18 {
			p.WBits, p.ABits = append(p.WBits, []int{2, 4, 8}[rng.IntN(3)]), append(p.ABits, []int{4, 8, 16}[rng.IntN(3)])
		}
		out = append(out, p)
	}
	return out
}

func demoWinner(rng *rand.Rand, i int, acc, ms float64, front []report.Point) report.Winner {
	best := front[0]
	for _, p := range front {
		if math.Abs(p.Latency.Value-ms) < math.Abs(best.Latency.Value-ms) {
			best = p
		}
	}
	scored := acc + 0.0035
	w := report.Winner{
		Name: string(rune('A' + i)), File: fmt.Sprintf("models/%c.onnx", 'a'+i), Arch: best.Arch,
		Top1Val: report.Fig(scored, report.Measured), Top5Val: report.Fig(0.985, report.Measured),
		Top1Test: report.Fig(acc, report.Measured), Top5Test: report.Fig(0.981, report.Measured), TestN: 2000, Scored: &scored,
		LatencyPredicted: best.Latency, LatencyMeasured: report.Figure{Value: ms, From: report.Measured, Std: ms / 40},
		FileBytes: int64(160e3 * ms), WeightBytes: int64(140e3 * ms), PeakActivationBytes: 49152, Params: int64(190e3 * ms), MACs: int64(5.4e6 * ms),
	}
	w.Layers = demoLayers(rng, 2-i/2)
	return w
}

// demoLayers is a network with so many blocks a stage.
func demoLayers(rng *rand.Rand, blocks int) []report.Layer {
	var out []report.Layer
	in, size := 3, 32
	add := func(name, kind, block string, width, k, stride int) {
		size /= stride
		bits := []int{8, 4, 2, 8, 4}[rng.IntN(5)]
		if name == "stem" || name == "classifier" {
			bits = 8
		}
		out = append(out, report.Layer{
			Name: name, Kind: kind, Block: block, In: in, Out: width, Size: size, Kernel: k, Stride: stride, WBits: bits,
			ABits: []int{8, 8, 8, 4, 16}[rng.IntN(5)], LatencyMS: 0.02 * rng.Float64(),
		})
		in = width
	}
	add("stem", "conv", "stem", 16, 3, 2)
	for s, width := range []int{24, 32, 64} {
		for b := range blocks {
			block := fmt.Sprintf("s%d.b%d", s+1, b)
			mid := in * (2 + rng.IntN(3))
			add(block+".expand", "pointwise", block, mid, 1, 1)
			add(block+".dw", "depthwise", block, mid, 3+2*rng.IntN(2), 1+b*min(s, 1))
			add(block+".project", "pointwise", block, width, 1, 1)
		}
	}
	add("head", "pointwise", "head", 128, 1, 1)
	out = append(out, report.Layer{Name: "pool", Kind: "pool", Block: "head", In: 128, Out: 128, Size: 1})
	add("classifier", "linear", "out", 36, 0, 1)
	return out
}

// many is demo with a front of n networks, each of layers of its own.
func many(n int) *report.Data {
	d, rng := demo(), rand.New(rand.NewPCG(9, 9))
	d.Front = nil
	var shapes report.Shapes
	for i, p := range demoFront(rng, n, 0.9, report.Predicted) {
		p.Accuracy.Value -= 0.2 * rng.Float64() * rng.Float64()
		if p.Measured.Has() {
			p.Measured.Value = p.Accuracy.Value
		}
		list := demoLayers(rng, 1+i%3)
		var key strings.Builder
		key.WriteString("r32:st16")
		for _, l := range list {
			l.LatencyMS = 0 // of the table, where there are not as many different ones
			p.Layers = append(p.Layers, shapes.Add(l))
			if l.Kind == "depthwise" {
				fmt.Fprintf(&key, ":w%dd%d[k%de%dw%d.%d.%da%d.%d.%d]", l.Out, i%3+1, l.Kernel, l.Out/max(1, l.In), l.WBits, l.ABits, l.WBits, l.ABits, l.WBits, l.ABits)
			}
		}
		p.Arch = key.String()
		d.Front = append(d.Front, p)
	}
	d.Shapes = shapes.List()
	return d
}

// hostile is data whose every text tries to break out of the page.
func hostile() *report.Data {
	const evil = `</script><script>alert(1)</script><img src="http://evil.example/x.png">"'&` + "`|*"
	d := demo()
	d.Title, d.Notes = evil, []string{evil}
	d.Run.Dataset, d.Run.Device, d.Run.Command = evil, evil, evil
	d.Run.Settings = append(d.Run.Settings, report.Setting{Key: evil, Value: evil})
	d.Baselines[0].Name, d.Winners[0].Arch, d.Winners[0].File, d.Winners[0].Name = evil, evil, evil, evil
	d.Winners[1].Layers[0].Name, d.Winners[1].Layers[0].Block, d.Winners[1].Layers[0].Kind = evil, evil, evil
	d.Front[0].Arch, d.Latency[0].Label, d.Table.Kinds[0].Kind, d.Stages[0].Name = evil, evil, evil, evil
	d.Gallery.Winner, d.Gallery.First[0].Truth, d.Gallery.First[1].Boxes[0].Class, d.Gallery.Errors[0].Answer = evil, evil, evil, evil
	d.Gallery.First = append(d.Gallery.First, report.Shown{Image: []byte(evil), Side: 8, Truth: "no picture"})
	d.Table.Device = strings.Repeat(evil, 3)
	return d
}
