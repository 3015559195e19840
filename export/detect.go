package export

import (
	"hanas/onnx"
	"hanas/space"
)

// Boxes is the name of a detector's output: float [M, 7], a row a box: the
// image's place in the batch; left, top, right and bottom in pixels of the
// input; confidence; class.
const Boxes = "boxes"

// What a detector's file drops: boxes of less confidence, those that overlap a
// better one of their class by more, and what is beyond the best of a class.
const (
	leastConfidence = 0.05
	mostOverlap     = 0.6
	mostOfClass     = 20
)

// layersOf are the units' layers.
func layersOf(units []Unit) []space.Layer {
	out := make([]space.Layer, len(units))
	for i := range units {
		out[i] = units[i].Layer
	}
	return out
}

// source starts a head at the tensor that it reads.
func (w *writer) source(i int) {
	if from := w.layers[i].From; from != "" {
		w.x = w.taps[from]
	}
}

// keep remembers the output of unit i where a head reads it, and collects the
// predictions, [N, classes+space.BoxChannels, cells] each.
func (w *writer) keep(i int) {
	l := w.layers[i]
	if w.tapped(i) {
		w.taps[l.Name] = w.x
	}
	if l.Predicts() {
		w.heads = append(w.heads, w.b.Op("Reshape", []onnx.Value{w.full(w.float()), w.b.ConstInts("cells", 0, l.Out, l.OutSize*l.OutSize)}))
	}
}

// tapped says whether a head reads the output of unit i.
func (w *writer) tapped(i int) bool { return space.Tapped(w.layers, i) > 0 }

// reader is the layer that reads the output of unit i next; ok is false where
// it leaves the network.
func (w *writer) reader(i int) (l space.Layer, ok bool) {
	if space.Ends(w.layers, i) {
		return l, false
	}
	if w.layers[i+1].From != "" {
		return w.layers[space.Tapped(w.layers, i)], true
	}
	return w.layers[i+1], true
}

// decode writes what turns the predictions into boxes: the inverse of the
// targets that package supernet trains, confidence as objectness times class
// probability, and NonMaxSuppression.
func (w *writer) decode() onnx.Value {
	b := w.b
	b.Prefix("decode")
	op := func(name string, in ...onnx.Value) onnx.Value { return b.Op(name, in) }
	all := b.Op("Concat", w.heads, onnx.Int("axis", 2))
	channels, cells := all.Shape()[1], all.Shape()[2]
	classes := channels - space.BoxChannels
	rows := func(from, to int) onnx.Value {
		return op("Slice", all, b.ConstInts("from", classes+from), b.ConstInts("to", classes+to), b.ConstInts("axis", 1))
	}
	centres, strides := w.grid(cells)
	middle := op("Add", op("Mul", rows(0, 2), strides), centres)
	sides := op("Exp", op("Clip", rows(2, 4), b.ConstFloat("log_lo", -space.LogSideLimit), b.ConstFloat("log_hi", space.LogSideLimit)))
	half := op("Mul", op("Mul", sides, strides), b.ConstFloat("half", 0.5))
	corners := b.Op("Concat", []onnx.Value{op("Sub", middle, half), op("Add", middle, half)}, onnx.Int("axis", 1))
	inside := op("Clip", corners, b.ConstFloat("edge_lo", 0), b.ConstFloat("edge_hi", float32(w.layers[0].InSize)))
	boxes := b.Op("Transpose", []onnx.Value{inside}, onnx.Ints("perm", 0, 2, 1))
	confidence := op("Mul", b.Op("Softmax", []onnx.Value{rows(-classes, 0)}, onnx.Int("axis", 1)), op("Sigmoid", rows(4, 5)))

	kept := op("NonMaxSuppression", boxes, confidence, b.ConstInts("most", mostOfClass),
		b.ConstFloats("overlap", mostOverlap), b.ConstFloats("least", leastConfidence))
	column := func(c int) onnx.Value {
		return b.Op("Gather", []onnx.Value{kept, b.ConstInts("column", c)}, onnx.Int("axis", 1)) // [M, 1]
	}
	image, class, cell := column(0), column(1), column(2)
	at := op("Add", op("Mul", image, b.ConstInts("cells_an_image", cells)), cell)
	best := op("Add", op("Mul", op("Add", op("Mul", image, b.ConstInts("classes", classes)), class), b.ConstInts("cells_a_class", cells)), cell)
	flat := func(i onnx.Value) onnx.Value { return op("Reshape", i, b.ConstInts("flat", -1)) }
	number := func(i onnx.Value) onnx.Value { return b.Op("Cast", []onnx.Value{i}, onnx.Int("to", int(onnx.Float))) }
	return b.Op("Concat", []onnx.Value{
		number(image),
		op("Gather", op("Reshape", boxes, b.ConstInts("corners", -1, 4)), flat(at)),
		op("Gather", op("Reshape", confidence, b.ConstInts("one", -1, 1)), flat(best)),
		number(class),
	}, onnx.Int("axis", 1))
}

// grid gives the cells' centres, [1, 2, cells], and strides, [1, 1, cells], in
// pixels of the input, in the order of the heads.
func (w *writer) grid(cells int) (centres, strides onnx.Value) {
	var x, y, s []float32
	for _, l := range w.layers {
		if !l.Predicts() {
			continue
		}
		stride := float32(w.layers[0].InSize) / float32(l.OutSize)
		for k := range l.OutSize * l.OutSize {
			x = append(x, (float32(k%l.OutSize)+0.5)*stride)
			y = append(y, (float32(k/l.OutSize)+0.5)*stride)
			s = append(s, stride)
		}
	}
	return w.b.Init("decode.centres", onnx.From(append(x, y...), 1, 2, cells)), w.b.Init("decode.strides", onnx.From(s, 1, 1, cells))
}

// task is told of a detector only: its file needs no card to be read.
func (w *writer) task() string {
	if len(w.heads) > 0 {
		return space.Locate
	}
	return ""
}
