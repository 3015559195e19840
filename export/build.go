package export

import (
	"fmt"

	"hanas/onnx"
	"hanas/onnx/quant"
	"hanas/space"
)

// Names of the exported graph's input and output.
const (
	Input  = "image"  // float [N, channels, size, size], normalised
	Output = "logits" // float [N, classes]
)

// Settings say how a network is written; the zero value is the file to ship.
type Settings struct {
	Profile Profile
	// AllInteger writes the stem for integer kernels too, for devices that
	// have nothing else. On a CPU they are slower than float ones on the
	// three channels of an image: 0.4 against 0.2 ms at 224x224, a tenth of
	// the whole network at 32x32. The numbers are the same but for codes on
	// the border of two.
	AllInteger bool
	// Float32 writes the weights of 16-bit layers as float32, folded as they
	// were trained, where the file to ship has INT16 codes of half the size:
	// the logits are then the trained network's to float's own error.
	Float32 bool
}

// Build writes n. The same network gives the same model. A layer whose weights
// have at most 8 bits, and whose input and output tensors too, is written so
// that ONNX Runtime runs it on integer kernels; any other computes in float.
func Build(n *Network, s Settings) (*onnx.Model, error) {
	if len(n.Units) == 0 {
		return nil, fmt.Errorf("export: network %q has no layers", n.Arch)
	}
	if _, err := ParseProfile(string(s.Profile)); err != nil {
		return nil, err
	}
	w := newWriter("network", n.Units, s)
	w.readerBits = 16
	first := n.Units[0].Layer
	w.x.value = w.half(w.b.Input(Input, onnx.Float, -1, first.In, first.InSize, first.InSize))
	for i := range n.Units {
		if err := w.unit(i); err != nil {
			return nil, fmt.Errorf("export: %s: layer %s: %w", n.Arch, n.Units[i].Layer.Name, err)
		}
	}
	if len(w.heads) > 0 {
		w.b.Output(w.b.Name(w.decode(), Boxes))
	} else {
		w.b.Output(w.b.Name(w.full(w.float()), Output))
	}
	w.metadata(n)
	m, err := w.build()
	if err != nil {
		return nil, fmt.Errorf("export: %s: %w", n.Arch, err)
	}
	return m, nil
}

// writer writes one unit after another.
type writer struct {
	b          *onnx.Builder
	units      []Unit
	set        Settings
	opset      int
	readerBits int        // of who reads the last unit's output
	x          tensor     // the value that travels
	block      tensor     // the value at the start of the block, for its add
	hidden     onnx.Value // between the halves of the last gate in float
	open       bool       // a chain of layers to be timed, cut out of a network
	more       int        // channels of zeros that travel, see widen
	layers     []space.Layer
	taps       map[string]tensor // what heads will read, by layer
	heads      []onnx.Value      // predictions of a detector
}

func newWriter(name string, units []Unit, s Settings) *writer {
	return &writer{b: onnx.NewBuilder(name), units: units, set: s, opset: 13, layers: layersOf(units), taps: map[string]tensor{}}
}

func (w *writer) build() (*onnx.Model, error) {
	w.b.Opset("", w.opset)
	return w.b.Build()
}

// unit writes unit i: its input's quantisation, then the operator.
func (w *writer) unit(i int) error {
	u := &w.units[i]
	l := u.Layer
	w.b.Prefix(l.Name)
	w.source(i)
	if l.Kind != space.Add && l.Kind != space.SE { // those read what is there
		w.quantise(l.Name+".in", u.In, l.ABits)
	}
	if startsBlock(w.units, i) {
		if w.x.codes.IsZero() {
			w.float() // the activation is written once for both readers
		}
		w.block = w.x
	}
	if err := w.operator(i); err != nil {
		return err
	}
	w.keep(i)
	return nil
}

// operator writes unit i on the value that travels.
func (w *writer) operator(i int) error {
	u := &w.units[i]
	switch u.Layer.Kind {
	case space.Conv, space.Pointwise, space.Depthwise:
		return w.conv(i)
	case space.Linear:
		return w.linear(i)
	case space.SE:
		return w.gate(u)
	case space.Add:
		w.x = tensor{value: w.b.Op("Add", []onnx.Value{w.float(), w.blockFloat()})}
	case space.Pool:
		w.pool()
	default:
		return fmt.Errorf("unknown kind %q", u.Layer.Kind)
	}
	return nil
}

// integer says whether unit i runs on integer kernels. ONNX Runtime has them
// for a convolution only between codes, so one whose reader wants floats
// computes in float, as does the stem.
func (w *writer) integer(i int) bool {
	l := w.units[i].Layer
	switch {
	case w.set.Profile.plain() || l.ABits > 8 || l.WBits > 8:
		return false
	case l.Kind == space.Linear: // QGemm gives floats
		return true
	case l.Kind == space.Conv && l.In <= 4 && !w.set.AllInteger:
		return false
	}
	next, ok := w.reader(i)
	if !ok {
		return w.readerBits <= 8
	}
	if next.Kind == space.Add && w.block.codes.IsZero() {
		return false
	}
	return next.ABits <= 8
}

func (w *writer) conv(i int) error {
	u := &w.units[i]
	l := u.Layer
	if _, ok := activations[l.Act]; !ok && l.Act != "" {
		return fmt.Errorf("unknown activation %q", l.Act)
	}
	integer := w.integer(i)
	w.widen(i)
	extra, groups := w.extra(i), l.Groups
	if l.Kind == space.Depthwise {
		groups += w.more
	}
	weight, bias, err := w.weights(u, []int{l.Out, l.In / l.Groups, l.Kernel, l.Kernel}, extra, integer)
	if err != nil {
		return err
	}
	x := w.floatOnly
	if integer {
		x = w.float
	}
	p := l.Kernel / 2
	y := w.b.Op("Conv", []onnx.Value{x(), weight, bias}, onnx.Ints("kernel_shape", l.Kernel, l.Kernel),
		onnx.Ints("strides", l.Stride, l.Stride), onnx.Ints("pads", p, p, p, p), onnx.Int("group", groups))
	if extra[1] > 0 {
		w.more = 0
	}
	w.x = tensor{value: y, act: l.Act}
	if integer && l.Act == "hswish" {
		w.x.act = ""
		w.hardSwish(l.Name, w.outRange(i).Hi)
	}
	if next, ok := w.reader(i); integer && ok {
		if next.Kind == space.Add || next.Kind == space.SE || w.tapped(i) { // they do not quantise for themselves, or there are two readers
			w.quantise(l.Name+".out", u.Out, 8)
		}
	}
	return nil
}

// outRange is what the codes of unit i's output reach.
func (w *writer) outRange(i int) quant.Range {
	if next, ok := w.reader(i); !ok || next.Kind == space.Add || next.Kind == space.SE || w.tapped(i) {
		return w.units[i].Out
	}
	return w.units[i+1].In
}

func (w *writer) linear(i int) error {
	u := &w.units[i]
	l := u.Layer
	weight, bias, err := w.weights(u, []int{l.Out, l.In}, [2]int{}, w.integer(i))
	if err != nil {
		return err
	}
	if !w.x.codes.IsZero() {
		w.x.codes = w.flat(w.x.codes)
		w.x.value = onnx.Value{}
	}
	w.x = tensor{value: w.b.Op("Gemm", []onnx.Value{w.flat(w.float()), weight, bias}, onnx.Int("transB", 1))}
	return nil
}

// flat drops the axes of size 1 that a pool leaves.
func (w *writer) flat(x onnx.Value) onnx.Value {
	if len(x.Shape()) == 2 {
		return x
	}
	return w.b.Op("Reshape", []onnx.Value{x, w.b.ConstInts("flat", 0, -1)})
}

// pool writes the global mean; a mean of codes is rounded to the same codes,
// which is what integer kernels do.
func (w *writer) pool() {
	codes, grid, name := !w.x.codes.IsZero(), w.x.grid, w.x.name
	w.x = tensor{value: w.b.Op("GlobalAveragePool", []onnx.Value{w.float()})}
	if codes {
		w.requantise(name, grid)
	}
}

// weights rounds, folds and writes a unit's weights and bias, with extra rows
// and columns of zeros for integer kernels.
func (w *writer) weights(u *Unit, shape []int, extra [2]int, integer bool) (weight, bias onnx.Value, err error) {
	l := u.Layer
	if len(u.Weight) != onnx.Elements(shape) {
		return weight, bias, fmt.Errorf("%d weights for shape %v", len(u.Weight), shape)
	}
	if u.Gain != nil && len(u.Gain) != l.Out || u.Bias != nil && len(u.Bias) != l.Out {
		return weight, bias, fmt.Errorf("%d gains and %d biases for %d channels", len(u.Gain), len(u.Bias), l.Out)
	}
	b := make([]float32, l.Out)
	copy(b, u.Bias)
	if u.Step != nil && len(u.Step) != l.Out {
		return weight, bias, fmt.Errorf("%d steps for %d channels", len(u.Step), l.Out)
	}
	if w.trained(l) {
		return w.floats(l.Name+".weight", folded(u.Weight, u.Gain), shape), w.floats(l.Name+".weight.bias", b, []int{l.Out}), nil
	}
	q := w.rounded(l.Name+".weight", u.Weight, shape, l.WBits)
	if u.Step != nil {
		q.Round(u.Weight, u.Step)
	}
	if u.Gain != nil {
		q.Fold(u.Gain)
	}
	if integer {
		q.Extra = extra
		q.Raise(b, w.x.grid.Scale)
		return q.EmitInteger(w.b), q.EmitBias(w.b, b, w.x.grid.Scale), nil
	}
	return w.decoded(q), w.floats(q.Name+".bias", b, []int{l.Out}), nil
}

func (w *writer) rounded(name string, values []float32, shape []int, bits int) *quant.Weight {
	q := quant.NewWeight(name, values, shape, bits)
	q.Wide = w.set.Profile == Compat
	if w.set.Profile != Half { // which has no codes in the file
		w.opset = max(w.opset, q.MinOpset())
	}
	return q
}
