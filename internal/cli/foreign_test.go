package cli

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hanas/datasets"
	"hanas/onnx"
	"hanas/onnx/ort"
	"hanas/onnx/ref"
)

// colourist is a classifier of 36 classes by mean colour, in the form that a
// foreign file may have.
type colourist struct {
	name    string // of the input
	dtype   onnx.DType
	last    bool // channels last
	size    int  // -1 = open
	batch   int  // -1 = open
	half    bool // FLOAT16 logits
	meta    bool
	card    string
	channel int // 0 = 3
}

func (c colourist) write(t *testing.T, file string) {
	t.Helper()
	b := onnx.NewBuilder("foreign")
	b.Opset("", 13)
	op := func(name string, in ...onnx.Value) onnx.Value { return b.Op(name, in) }
	size, channels := c.size, 3
	if size < 0 {
		size = 16
	}
	if c.channel > 0 {
		channels = c.channel
	}
	shape := []int{c.batch, channels, size, size}
	if c.last {
		shape = []int{c.batch, size, size, channels}
	}
	x := b.Input(c.name, c.dtype, shape...)
	if c.dtype != onnx.Float {
		x = b.Op("Cast", []onnx.Value{x}, onnx.Int("to", int(onnx.Float)))
	}
	if c.dtype == onnx.Uint8 {
		x = op("Mul", op("Sub", op("Mul", x, b.ConstFloat("scale", 1.0/255)), b.ConstFloat("mean", .5)), b.ConstFloat("std", 4))
	}
	if c.last {
		x = b.Op("Transpose", []onnx.Value{x}, onnx.Ints("perm", 0, 3, 1, 2))
	}
	x = op("Flatten", op("GlobalAveragePool", x))
	w := make([]float32, channels*36)
	for i := range w {
		w[i] = float32(i*7919%101)/50 - 1
	}
	x = op("MatMul", x, b.Init("w", onnx.From(w, channels, 36)))
	if c.half {
		x = b.Op("Cast", []onnx.Value{x}, onnx.Int("to", int(onnx.Float16)))
	}
	b.Output(b.Name(x, "scores:0"))
	if c.meta {
		b.Meta("hanas.mean", "0.5 0.5 0.5")
		b.Meta("hanas.std", "0.25 0.25 0.25")
	}
	m, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	for i := range m.Graph.Inputs[0].Shape {
		if in := m.Graph.Inputs[0].Shape; i > 0 && in[i] == size && c.size < 0 {
			in[i] = -1
		}
	}
	if c.size < 0 {
		m.Graph.Values = nil
	}
	if err := onnx.WriteFile(file, m); err != nil {
		t.Fatal(err)
	}
	if c.card != "" {
		if err := os.WriteFile(cardName(file), []byte(c.card), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

const ownCard = `{"size": 16, "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]}`

// Whatever form a file has, the same network is right on the same images.
func TestForeignClassifiers(t *testing.T) {
	t.Run("reference", func(t *testing.T) { foreignClassifiers(t, ref.Engine) })
	t.Run("ONNX Runtime", func(t *testing.T) {
		rt, err := ort.Open(t.Context(), ort.Options{})
		if err != nil {
			t.Skipf("no ONNX Runtime: %v", err)
		}
		foreignClassifiers(t, rt.Engine(ort.Settings{}))
	})
}

func foreignClassifiers(t *testing.T, engine onnx.Engine) {
	usual := colourist{name: "image", dtype: onnx.Float, size: 16, batch: -1, meta: true}
	dir := t.TempDir()
	right := func(name string, c colourist) (string, float64) {
		file := filepath.Join(dir, name+".onnx")
		c.write(t, file)
		v := &validator{validateFlags: validateFlags{data: "glyphs", split: "test", limit: 200, results: filepath.Join(dir, "right.csv")}, engine: engine, sets: map[string]*datasets.Set{}}
		out, err := v.file(t.Context(), file)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if out.N != 200 || !(out.LatencyMS > 0) {
			t.Errorf("%s: %d images, %g ms", name, out.N, out.LatencyMS)
		}
		data, err := os.ReadFile(v.results)
		if err != nil {
			t.Fatal(err)
		}
		var said strings.Builder // image, label, class, right and first guess; probabilities differ in the last digits
		for line := range strings.Lines(string(data)) {
			said.WriteString(strings.Join(strings.SplitN(line, ",", 7)[:6], ",") + "\n")
		}
		return said.String(), out.Loss
	}
	want, loss := right("usual", usual)
	same := func(got, within float64) bool { return math.Abs(got-loss) <= within*loss }
	other := usual
	other.meta, other.card = false, strings.Replace(ownCard, "0.5, 0.5, 0.5", "0.1, 0.9, 0.5", 1)
	if _, l := right("other colours", other); same(l, 1e-3) {
		t.Fatalf("loss %g whatever the colours: the test shows nothing", l)
	}
	for name, change := range map[string]func(c *colourist){
		"other names":      func(c *colourist) { c.name = "input_1:0" },
		"no metadata":      func(c *colourist) { c.meta, c.card = false, ownCard },
		"one image a run":  func(c *colourist) { c.batch = 1 },
		"seven a run":      func(c *colourist) { c.batch = 7 },
		"open size":        func(c *colourist) { c.size, c.card = -1, ownCard },
		"channels last":    func(c *colourist) { c.last = true },
		"open and last":    func(c *colourist) { c.last, c.size, c.card = true, -1, ownCard },
		"bytes":            func(c *colourist) { c.dtype, c.meta = onnx.Uint8, false },
		"bytes, last":      func(c *colourist) { c.dtype, c.last, c.meta, c.name = onnx.Uint8, true, false, "pixels" },
		"double":           func(c *colourist) { c.dtype = onnx.Double },
		"wrong card size":  func(c *colourist) { c.card = strings.Replace(ownCard, "16", "99", 1) },
		"folder ä and gap": func(*colourist) {},
	} {
		c := usual
		change(&c)
		if got, l := right(name, c); got != want || !same(l, 1e-5) {
			t.Errorf("%s: other images are right (%d, want %d), loss %g, want %g", name, strings.Count(got, ",true"), strings.Count(want, ",true"), l, loss)
		}
	}
	// Half precision rounds.
	for name, c := range map[string]colourist{
		"half in":  {name: "x", dtype: onnx.Float16, size: 16, batch: -1, meta: true},
		"half out": {name: "x", dtype: onnx.Float, size: 16, batch: -1, meta: true, half: true},
	} {
		if _, l := right(name, c); !same(l, 1e-3) || same(l, 0) {
			t.Errorf("%s: loss %g, want about %g", name, l, loss)
		}
	}
}

func TestForeignFilesThatCannotBeFed(t *testing.T) {
	dir := t.TempDir()
	for want, c := range map[string]colourist{
		`may have any size (say "size" in a card`: {name: "x", dtype: onnx.Float, size: -1, batch: -1},
		"want 3 channels":                         {name: "x", dtype: onnx.Float, size: 16, batch: -1, channel: 1},
		"is int64 (want one of":                   {name: "x", dtype: onnx.Int64, size: 16, batch: -1},
	} {
		file := filepath.Join(dir, "bad.onnx")
		c.write(t, file)
		v := &validator{validateFlags: validateFlags{data: "glyphs", split: "test", limit: 10}, engine: ref.Engine, sets: map[string]*datasets.Set{}}
		if _, err := v.file(t.Context(), file); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// The model in hand stays as it was.
func TestFedCopies(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.onnx")
	colourist{name: "x", dtype: onnx.Uint8, last: true, size: 16, batch: -1}.write(t, file)
	m, err := onnx.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, err := onnx.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	x, err := intakeOf(m)
	if err != nil {
		t.Fatal(err)
	}
	if f := fed(m, x); f == m || onnx.CheckForeign(f) != nil {
		t.Errorf("the fed model: %v", onnx.CheckForeign(f))
	}
	if after, _ := onnx.Marshal(m); !slices.Equal(before, after) {
		t.Error("the model was changed")
	}
}
