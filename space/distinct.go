package space

import "slices"

// DistinctLayers lists one layer for every Key that occurs in some Arch: the
// rows that a complete latency table needs. It enumerates the choices at each
// place instead of all Archs. Each layer carries the name of the first place
// where it occurs.
func (s *Space) DistinctLayers() []Layer {
	d := distinct{s: s, seen: map[Layer]bool{}}
	w, a := s.endChoices()
	for _, res := range s.Resolutions {
		sizes, ends := res, []int(nil)
		stem := Layer{
			Name: "stem", Kind: Conv, Stage: -1, Block: -1, In: s.Channels, InSize: res,
			Kernel: s.StemKernel, Stride: s.StemStride, Groups: 1, Act: s.StemAct,
		}
		for _, stem.Out = range s.StemWidths {
			sizes = d.add(stem, w, a)
		}
		ins := s.StemWidths
		for n := range s.Stages {
			sizes = d.stage(n, ins, sizes)
			ins = s.Stages[n].Widths
			ends = append(ends, sizes)
		}
		if len(s.Detect) > 0 {
			d.heads(ends)
			continue
		}
		d.tail(ins, sizes)
	}
	return d.layers
}

type distinct struct {
	s      *Space
	seen   map[Layer]bool
	layers []Layer
}

// add lists l at every pair of bits and gives its output size.
func (d *distinct) add(l Layer, wbits, abits []int) int {
	l.OutSize = (l.InSize-1)/l.Stride + 1
	if l.Kind == Pool {
		l.OutSize = 1
	}
	for _, l.WBits = range wbits {
		for _, l.ABits = range abits {
			if !d.seen[l.Shape()] {
				d.seen[l.Shape()] = true
				d.layers = append(d.layers, l)
			}
		}
	}
	return l.OutSize
}

// endChoices are the bits that the ends may have.
func (s *Space) endChoices() (w, a []int) {
	if s.SearchEnds {
		return s.WBits, s.ABits
	}
	return []int{s.fixedW()}, []int{s.fixedA()}
}

func (d *distinct) stage(n int, ins []int, size int) int {
	st := &d.s.Stages[n]
	out := size
	deepest := st.Depths[len(st.Depths)-1]
	for b := range min(2, deepest) { // blocks after the second have the same shapes
		stride := st.Stride
		if b > 0 {
			stride, size = 1, out
		}
		for _, width := range st.Widths {
			from := ins
			if b > 0 {
				from = []int{width}
			}
			for _, in := range from {
				out = d.block(n, b, in, width, size, stride)
			}
		}
	}
	return out
}

func (d *distinct) block(n, b, in, width, size, stride int) int {
	s, st := d.s, &d.s.Stages[n]
	out := size
	for _, e := range st.Expands {
		hidden := s.hidden(in, e)
		l := Layer{
			Stage: n, Block: b, Kind: Pointwise, Name: layerName(n, b, partExpand), In: in, Out: hidden, InSize: size,
			Kernel: 1, Stride: 1, Groups: 1, Act: st.Act,
		}
		if e != 1 {
			d.add(l, s.WBits, s.ABits)
		}
		l.Kind, l.Name, l.In, l.Stride, l.Groups = Depthwise, layerName(n, b, partDepthwise), hidden, stride, hidden
		for _, l.Kernel = range st.Kernels {
			out = d.add(l, s.WBits, s.ABits)
		}
		inner := Layer{
			Stage: n, Block: b, Kind: SE, Name: layerName(n, b, partSE), In: hidden, Out: hidden, InSize: out,
			Kernel: 1, Stride: 1, Groups: 1,
		}
		if st.SE {
			inner.Mid = squeeze(hidden)
			d.add(inner, []int{s.fixedW()}, s.ABits)
		}
		inner.Kind, inner.Name, inner.Mid, inner.Out = Pointwise, layerName(n, b, partProject), 0, width
		d.add(inner, s.WBits, s.ABits)
	}
	if stride == 1 && in == width {
		d.add(Layer{
			Stage: n, Block: b, Kind: Add, Name: layerName(n, b, partAdd), In: in, Out: width, InSize: out,
			Kernel: 1, Stride: 1, Groups: 1,
		}, []int{0}, d.addBits(n, b))
	}
	return out
}

// addBits are the bits of what may follow the add of block b; b = 1 stands for
// all later blocks too.
func (d *distinct) addBits(n, b int) []int {
	s := d.s
	if n+1 < len(s.Stages) || len(s.HeadWidths) > 0 {
		return s.ABits
	}
	depths := s.Stages[n].Depths
	deepest := depths[len(depths)-1]
	_, bits := s.endChoices()
	last := slices.Contains(depths, b+1) || b == 1
	if !last {
		bits = nil
	}
	if b+1 < deepest {
		bits = append(slices.Clone(bits), s.ABits...)
	}
	return bits
}

func (d *distinct) tail(ins []int, size int) {
	s := d.s
	w, a := s.endChoices()
	plain := Layer{Stage: -1, Block: -1, InSize: size, Kernel: 1, Stride: 1, Groups: 1}
	if len(s.HeadWidths) > 0 {
		for _, in := range ins {
			for _, width := range s.HeadWidths {
				l := plain
				l.Name, l.Kind, l.In, l.Out, l.Act = "head", Pointwise, in, width, s.HeadAct
				d.add(l, s.WBits, s.ABits)
			}
		}
		ins = s.HeadWidths
	}
	for _, in := range ins {
		pool, last := plain, plain
		pool.Name, pool.Kind, pool.In, pool.Out, pool.Kernel = "pool", Pool, in, in, size
		d.add(pool, []int{0}, a)
		last.InSize = 1
		if s.FeatureMix > 0 {
			mix := last
			mix.Name, mix.Kind, mix.In, mix.Out, mix.Act, mix.NoNorm = "mix", Pointwise, in, s.FeatureMix, s.HeadAct, true
			d.add(mix, w, a)
			in = s.FeatureMix
		}
		last.Name, last.Kind, last.In, last.Out = "classifier", Linear, in, s.Classes
		d.add(last, w, a)
	}
}
