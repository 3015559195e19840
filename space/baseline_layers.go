package space

import (
	"math"
	"slices"
	"strconv"
)

// Layers expands a baseline for 1,000 classes, in float. Blocks are numbered
// through as blocks of stage 0.
func (b Baseline) Layers() []Layer {
	f := b.family
	n := netReader{x: expansion{in: 3, size: b.Resolution}}
	end := func(name string, kind Kind, width, kernel, stride int, act string, plain bool) {
		n.emit(Layer{Name: name, Kind: kind, Stage: -1, Block: -1, Out: width, Kernel: kernel, Stride: stride, Act: act, NoNorm: plain})
	}
	stem, head := f.stem, f.head
	if !f.fixedEnds {
		stem = b.scaled(stem)
		if !f.wideHeadOnly || b.Width > 1 {
			head = b.scaled(head)
		}
	}
	end("stem", Conv, stem, 3, 2, f.stemAct, false)
	at := 0
	for i, r := range f.rows {
		repeat := r.repeat
		if f.fixedEnds && i > 0 && i+1 < len(f.rows) {
			repeat = int(math.Ceil(float64(repeat) * b.Depth))
		}
		for j := range repeat {
			if j > 0 {
				r.stride = 1
			}
			b.block(&n, at, r)
			at++
		}
	}
	if head > 0 {
		end("head", Pointwise, head, 1, 1, f.headAct, false)
	}
	n.emit(Layer{Name: "pool", Kind: Pool, Stage: -1, Block: -1, Out: n.x.in, Kernel: n.x.size, Stride: 1})
	if f.mix > 0 {
		end("mix", Pointwise, f.mix, 1, 1, f.headAct, true)
	}
	end("classifier", Linear, 1000, 1, 1, "", false)
	return n.x.layers
}

func (b Baseline) block(n *netReader, at int, r blockRow) {
	name := "b" + strconv.Itoa(at)
	in, out := n.x.in, b.scaled(r.width)
	hidden := in
	if r.expand != 1 {
		hidden = MakeDivisible(int(math.Round(float64(in)*r.expand)), 8)
		n.emit(Layer{Name: name + ".expand", Kind: Pointwise, Block: at, Out: hidden, Kernel: 1, Stride: 1, Act: r.act})
	}
	n.emit(Layer{Name: name + ".dw", Kind: Depthwise, Block: at, Out: hidden, Kernel: r.kernel, Stride: r.stride, Groups: hidden, Act: r.act})
	if r.se {
		mid := squeeze(hidden)
		if b.family.seOfInput {
			mid = max(1, in/4)
		}
		n.emit(Layer{Name: name + ".se", Kind: SE, Block: at, Out: hidden, Kernel: 1, Stride: 1, Mid: mid})
	}
	project := Layer{Name: name + ".project", Kind: Pointwise, Block: at, Out: out, Kernel: 1, Stride: 1}
	if b.family.separable {
		project.Act = r.act
	}
	n.emit(project)
	if r.stride == 1 && in == out && !b.family.separable {
		n.emit(Layer{Name: name + ".add", Kind: Add, Block: at, Out: out, Kernel: 1, Stride: 1})
	}
}

// scaled is a width times the multiplier. MobileNetV1 truncates, the others
// round to multiples of 8.
func (b Baseline) scaled(width int) int {
	if width == 0 || b.Width == 1 {
		return width
	}
	if b.family.separable {
		return max(8, int(float64(width)*b.Width))
	}
	return MakeDivisible(int(math.Round(float64(width)*b.Width)), 8)
}

// WithUniformBits gives the same layers with every weight at wbits and every
// activation at abits; 0 keeps what is there.
func WithUniformBits(layers []Layer, wbits, abits int) []Layer {
	out := slices.Clone(layers)
	for i := range out {
		if wbits != 0 && out[i].WBits != 0 {
			out[i].WBits = wbits
		}
		if abits != 0 {
			out[i].ABits = abits
		}
	}
	return out
}
