package blocked

import "hanas/onnx"

// The kernels of ORT's nchwc domain, as they serve this layout. A row [C, M]
// is handed over as [1, C*N, H, W] whose channels are (channel, image): the
// blocks of the kernel are blocks of images, every convolution is depthwise,
// and channel counts need not be multiples of anything.

// form is r as the kernels take it.
func (t *tape) form(r row) val { return t.reshape(r.v, 1, r.c*r.n, r.h, r.w) }

// strip is r as [1, C*b, 1, M/b]: for work that is the same for all images, so
// that its weights need no copy an image.
func (t *tape) strip(r row) val { return t.reshape(r.v, 1, r.c*t.block, 1, r.columns()/t.block) }

func (t *tape) conv(shape []int, ins []val, attrs ...onnx.Attr) val {
	return t.nodes(onnx.NCHWc, "Conv", ins, [][]int{shape}, attrs...)[0]
}

// lanes repeats each element of v for the b images of a block, [size, b]. A
// product with ones is exact, and ORT's Expand takes 25 times as long where the
// last axis is the one repeated.
func (t *tape) lanes(v val) val {
	ones := t.constant("lanes", func() *onnx.Tensor {
		w := onnx.NewTensor(onnx.Float, 1, t.block)
		for i := range w.Floats() {
			w.Floats()[i] = 1
		}
		return w
	})
	return t.once("lanes"+v.name, func() val {
		return t.op("MatMul", []int{v.size(), t.block}, []val{t.reshape(v, v.size(), 1), ones})
	})
}

// rowAffine is a*x + b for each channel, then Relu if asked for, in one pass.
// a and b have C elements.
func (t *tape) rowAffine(x row, a, b val, relu bool) val {
	return t.rowCombine(x, a, b, nil, relu)
}

// rowCombine is a*x + b [+ plus].
func (t *tape) rowCombine(x row, a, b val, plus *row, relu bool) val {
	g := x.c * t.block
	ins := []val{t.strip(x), t.reshape(t.lanes(a), g, 1, 1, 1), t.reshape(t.lanes(b), g)}
	attrs := []onnx.Attr{onnx.Int("group", g), onnx.Ints("kernel_shape", 1, 1)}
	if plus != nil {
		ins = append(ins, t.strip(*plus))
	}
	if relu {
		attrs = append(attrs, onnx.Str("activation", "Relu"))
	}
	return t.reshape(t.conv(ins[0].shape, ins, attrs...), x.c, x.columns())
}

// dotChunk bounds how many products one float32 accumulator of rowDot takes.
const dotChunk = 256

// rowDot is the inner product of the rows of x and y, [C, 1]. The kernel takes
// y as its weights.
func (t *tape) rowDot(x, y row) val {
	length := x.columns() / t.block
	chunk := length
	for chunk > dotChunk && chunk%2 == 0 {
		chunk /= 2
	}
	g := x.c * length / chunk * t.block
	d := t.conv([]int{1, g, 1, 1},
		[]val{t.reshape(x.v, 1, g, 1, chunk), t.reshape(y.v, g, 1, 1, chunk)},
		onnx.Int("group", g), onnx.Ints("kernel_shape", 1, chunk))
	return t.reshape(t.sum(t.reshape(d, x.c, g/x.c), 1), x.c, 1)
}

// imageDot is the inner product of x and y over each image's map, [C, N].
func (t *tape) imageDot(x, y row) val {
	g := x.c * x.n
	d := t.conv([]int{1, g, 1, 1}, []val{t.form(x), t.reshape(y.v, g, 1, y.h, y.w)},
		onnx.Int("group", g), onnx.Ints("kernel_shape", y.h, y.w))
	return t.reshape(d, x.c, x.n)
}

// imageScale multiplies each image's map of each channel by a number of k [C, N].
func (t *tape) imageScale(x row, k val) val {
	g := x.c * x.n
	y := t.conv([]int{1, g, x.h, x.w}, []val{t.form(x), t.reshape(k, g, 1, 1, 1)},
		onnx.Int("group", g), onnx.Ints("kernel_shape", 1, 1))
	return t.reshape(y, x.c, x.columns())
}

// rowSum is the sum of each row, [C, 1].
func (t *tape) rowSum(v val) val {
	return t.op("ReduceSum", []int{v.shape[0], 1}, []val{v, t.ints(1)})
}

// step is HardSigmoid so steep that it is 1 where v > 0 and 0 where v <= 0.
func (t *tape) step(v val) val {
	return t.unary("HardSigmoid", v, onnx.Float32("alpha", 1e30), onnx.Float32("beta", 0))
}
