package supernet

import (
	"hanas/onnx/quant"
	"hanas/space"
)

// moment describes a tensor well enough to quantise it without looking at
// data: its mean square follows from the batch norm that made it (after batch
// norm channel c is N(beta_c, gamma_c²); data-free quantisation, Nagel et al.
// 2019, section 4). Training, scoring and shipping all take their ranges from
// here, so a range cannot differ between them.
type moment struct {
	meanSquare float64
	unsigned   bool    // never negative: behind a ReLU
	cap        float64 // largest value possible, 0 = unknown (6 behind ReLU6; known for images)
}

// Range is the tensor's quantisation range at the given bits.
func (m moment) Range(bits int) quant.Range {
	if m.meanSquare == 0 && m.cap > 0 { // the image: its range is known
		return quant.Range{Lo: -m.cap, Hi: m.cap}
	}
	r := quant.RangeFromMeanSquare(m.meanSquare, m.unsigned, bits)
	if m.cap > 0 && r.Hi > m.cap {
		r.Hi = m.cap
	}
	return r
}

// flow is the moment of each layer's input and of its own output (before a
// residual add).
type flow struct{ in, out []moment }

// moments walks the layers once. imageHi is the largest absolute value of a
// normalised image; values gives a parameter's shared data by name.
func moments(layers []space.Layer, imageHi float64, values func(name string) []float32) flow {
	f := flow{in: make([]moment, len(layers)), out: make([]moment, len(layers))}
	x := moment{cap: imageHi}
	var block moment
	for i, l := range layers {
		if startsBlock(layers, i) {
			block = x
		}
		f.in[i] = x
		switch l.Kind {
		case space.Conv, space.Pointwise, space.Depthwise:
			if l.NoNorm {
				x = afterPlain(x, l, values(l.Name+".weight"))
				break
			}
			x = afterNorm(values(l.Name + ".gamma")[:l.Out], values(l.Name + ".beta")[:l.Out], l.Act)
		case space.Add:
			x = moment{meanSquare: x.meanSquare + block.meanSquare}
		case space.SE, space.Pool: // a gate in [0,1] and a mean keep the range
		case space.Linear:
			x = moment{meanSquare: 1}
		}
		f.out[i] = x
	}
	return f
}

// startsBlock says whether layer i is the first of its block.
func startsBlock(layers []space.Layer, i int) bool {
	l := layers[i]
	return i == 0 || l.Stage < 0 || l.Stage != layers[i-1].Stage || l.Block != layers[i-1].Block
}

// afterNorm is the moment behind batch norm and activation, averaged over the
// channels in use.
func afterNorm(gamma, beta []float32, act string) moment {
	m := moment{meanSquare: max(quant.BNMeanSquare(gamma, beta, act), 1e-12), unsigned: act == "relu" || act == "relu6"}
	if act == "relu6" {
		m.cap = 6
	}
	return m
}

// afterPlain is the moment behind a convolution without batch norm: for inputs
// that do not depend on one another, a channel's mean square is the input's
// times the square sum of its weights.
func afterPlain(x moment, l space.Layer, weight []float32) moment {
	sum := 0.0
	for _, w := range weight {
		sum += float64(w) * float64(w)
	}
	return moment{meanSquare: max(x.meanSquare*sum/float64(l.Out), 1e-12), unsigned: l.Act == "relu" || l.Act == "relu6"}
}
