package supernet

import (
	"hanas/onnx"
	"hanas/space"
)

// source starts a head at the tensor that it reads.
func (t *tracer) source(i int) {
	if t.layers[i].From != "" {
		t.x = t.taps[t.layers[i].From]
	}
}

// keep remembers the output of layer i where a head reads it, and collects the
// predictions, [batch, classes+BoxChannels, cells] each.
func (t *tracer) keep(i int) {
	l := t.layers[i]
	if space.Tapped(t.layers, i) > 0 {
		t.taps[l.Name] = t.x
	}
	if t.task == tasks[space.Locate] && space.Ends(t.layers, i) {
		t.heads = append(t.heads, t.b.Op("Reshape", []onnx.Value{t.x, t.b.ConstInts("cells", t.set.batch, l.Out, l.OutSize*l.OutSize)}))
	}
}

// predictions joins the heads: [batch, classes+BoxChannels, cells].
func (t *tracer) predictions() {
	if len(t.heads) > 0 {
		t.b.Prefix("cells")
		t.x = t.b.Op("Concat", t.heads, onnx.Int("axis", 2))
	}
}

// rows are the rows [from, to) of axis 1.
func (t *tracer) rows(x onnx.Value, from, to int) onnx.Value {
	return t.b.Op("Slice", []onnx.Value{x, t.b.ConstInts("from", from), t.b.ConstInts("to", to), t.b.ConstInts("axis", 1)})
}

// detectionLoss is the sum over the batch, divided by the number of cells with
// an object and one, of quality focal loss for objectness (Li et al. 2020,
// equation 3, with exponent 2: focal loss for targets between 0 and 1) and, on
// cells with an object, of the cross-entropy of the classes and 1 - GIoU of the
// box (Rezatofighi et al. 2019).
func (t *tracer) detectionLoss(labels onnx.Value) onnx.Value {
	t.b.Prefix("loss")
	classes := t.layers[len(t.layers)-1].Out - space.BoxChannels
	target := func(row int) onnx.Value { return t.rows(labels, classes+row, classes+row+1) }
	predicted := func(row int) onnx.Value { return t.rows(t.x, classes+row, classes+row+1) }
	sum := func(x onnx.Value) onnx.Value { return t.b.Op("ReduceSum", []onnx.Value{x}, onnx.Int("keepdims", 0)) }

	object, quality := predicted(4), target(rowQuality)
	off := t.op("Sub", quality, t.op("Sigmoid", object))
	focal := sum(t.op("Mul", t.op("Mul", off, off), t.binary(object, quality)))

	logs := t.b.Op("LogSoftmax", []onnx.Value{t.rows(t.x, 0, classes)}, onnx.Int("axis", 1))
	likely := t.b.Op("ReduceSum", []onnx.Value{t.op("Mul", t.rows(labels, 0, classes), logs), t.b.ConstInts("axis", 1)}) // [batch, 1, cells]
	box := t.op("Sub", t.b.ConstFloat("one", 1), t.giou(
		t.box(predicted(0), predicted(1), predicted(2), predicted(3)),
		[4]onnx.Value{target(rowLeft), target(rowTop), target(rowRight), target(rowBottom)}))
	positive := target(rowPositive)
	found := sum(t.op("Mul", positive, t.op("Sub", box, likely)))

	count := t.op("Add", sum(positive), t.b.ConstFloat("one", 1))
	return t.b.Name(t.op("Div", t.op("Add", focal, found), count), outputLoss)
}

func (t *tracer) op(name string, in ...onnx.Value) onnx.Value { return t.b.Op(name, in) }

// binary is the cross-entropy of a probability given as logit x: log(1+e^x) -
// target*x, in a form that does not overflow.
func (t *tracer) binary(x, target onnx.Value) onnx.Value {
	tail := t.op("Log", t.op("Add", t.b.ConstFloat("one", 1), t.op("Exp", t.op("Neg", t.op("Abs", x)))))
	return t.op("Sub", t.op("Add", t.op("Relu", x), tail), t.op("Mul", target, x))
}

// box gives left, top, right and bottom of a predicted box, in strides from
// the cell's centre.
func (t *tracer) box(x, y, w, h onnx.Value) [4]onnx.Value {
	lo, hi := t.b.ConstFloat("log_lo", -space.LogSideLimit), t.b.ConstFloat("log_hi", space.LogSideLimit)
	half := func(v onnx.Value) onnx.Value {
		return t.op("Mul", t.op("Exp", t.op("Clip", v, lo, hi)), t.b.ConstFloat("half", 0.5))
	}
	hw, hh := half(w), half(h)
	return [4]onnx.Value{t.op("Sub", x, hw), t.op("Sub", y, hh), t.op("Add", x, hw), t.op("Add", y, hh)}
}

// giou is the generalised intersection over union of boxes left, top, right, bottom.
func (t *tracer) giou(a, b [4]onnx.Value) onnx.Value {
	zero := t.b.ConstFloat("zero", 0)
	area := func(w, h onnx.Value) onnx.Value { return t.op("Mul", w, h) }
	own := func(v [4]onnx.Value) onnx.Value { return area(t.op("Sub", v[2], v[0]), t.op("Sub", v[3], v[1])) }
	common := area(
		t.op("Max", zero, t.op("Sub", t.op("Min", a[2], b[2]), t.op("Max", a[0], b[0]))),
		t.op("Max", zero, t.op("Sub", t.op("Min", a[3], b[3]), t.op("Max", a[1], b[1]))))
	union := t.op("Sub", t.op("Add", own(a), own(b)), common)
	hull := area(
		t.op("Sub", t.op("Max", a[2], b[2]), t.op("Min", a[0], b[0])),
		t.op("Sub", t.op("Max", a[3], b[3]), t.op("Min", a[1], b[1])))
	return t.op("Sub", t.op("Div", common, union), t.op("Div", t.op("Sub", hull, union), hull))
}
