package space

import "strconv"

// Layers expands a into its operators in the order they run.
func (s *Space) Layers(a Arch) []Layer { return s.AppendLayers(make([]Layer, 0, 64), a) }

// AppendLayers is Layers into memory of the caller's: it allocates only when
// dst is too short.
func (s *Space) AppendLayers(dst []Layer, a Arch) []Layer {
	s.own(a)
	x := expansion{s: s, genes: a.genes, layers: dst, start: len(dst)}
	endsAt := len(a.genes) - 2*len(s.ends())
	x.size = s.Resolutions[x.next()]
	x.in = s.Channels
	stem := s.StemWidths[x.next()]
	w, act := x.endBits(endsAt, 0)
	x.emit(Layer{
		Name: "stem", Kind: Conv, Stage: -1, Block: -1, Out: stem, Kernel: s.StemKernel, Stride: s.StemStride,
		Groups: 1, Act: s.StemAct, WBits: w, ABits: act,
	})
	for n := range s.Stages {
		x.stage(n)
	}
	if len(s.Detect) > 0 {
		x.heads(endsAt)
		return x.layers
	}
	if len(s.HeadWidths) > 0 {
		width := s.HeadWidths[x.next()]
		w, act := x.bits()
		x.emit(Layer{
			Name: "head", Kind: Pointwise, Stage: -1, Block: -1, Out: width, Kernel: 1, Stride: 1, Groups: 1,
			Act: s.HeadAct, WBits: w, ABits: act,
		})
	}
	x.emit(Layer{Name: "pool", Kind: Pool, Stage: -1, Block: -1, Out: x.in, Kernel: x.size, Stride: 1, Groups: 1})
	if s.FeatureMix > 0 {
		w, act := x.endBits(endsAt, 2)
		x.emit(Layer{
			Name: "mix", Kind: Pointwise, Stage: -1, Block: -1, Out: s.FeatureMix, Kernel: 1, Stride: 1, Groups: 1,
			Act: s.HeadAct, NoNorm: true, WBits: w, ABits: act,
		})
	}
	w, act = x.endBits(endsAt, 1)
	x.emit(Layer{
		Name: "classifier", Kind: Linear, Stage: -1, Block: -1, Out: s.Classes, Kernel: 1, Stride: 1, Groups: 1,
		WBits: w, ABits: act,
	})
	return x.layers
}

// expansion is the state of the walk: the tensor that travels is in channels
// of size × size.
type expansion struct {
	s        *Space
	genes    string
	at       int
	layers   []Layer
	start    int // of this network in layers
	in, size int
	sources  [maxStages]source // ends of the stages
}

func (x *expansion) next() byte {
	g := x.genes[x.at]
	x.at++
	return g
}

func (x *expansion) bits() (w, a int) { return x.s.WBits[x.next()], x.s.ABits[x.next()] }

// endBits are the bits of end number i (order of endsWithMix).
func (x *expansion) endBits(at, i int) (w, a int) {
	if !x.s.SearchEnds {
		return x.s.fixedW(), x.s.fixedA()
	}
	return x.s.WBits[x.genes[at+2*i]], x.s.ABits[x.genes[at+2*i+1]]
}

// emit completes the layer's input side and output size, and gives layers
// without bits of their own (SE, add, pool) those of the tensor that they
// hand on: the input of the next weighted layer.
func (x *expansion) emit(l Layer) {
	l.In, l.InSize = x.in, x.size
	l.OutSize = (x.size-1)/l.Stride + 1 // padding is kernel/2
	if l.Kind == Pool {
		l.OutSize = 1
	}
	x.in, x.size = l.Out, l.OutSize
	x.layers = append(x.layers, l)
	if l.ABits == 0 {
		return
	}
	for i := len(x.layers) - 2; i >= x.start && x.layers[i].ABits == 0; i-- {
		x.layers[i].ABits = l.ABits
	}
}

func (x *expansion) stage(n int) {
	st := &x.s.Stages[n]
	width := st.Widths[x.next()]
	depth := st.Depths[x.next()]
	for b := range st.Depths[len(st.Depths)-1] {
		if b >= depth {
			x.at += 8
			continue
		}
		stride := 1
		if b == 0 {
			stride = st.Stride
		}
		x.block(n, b, stride, width)
	}
	x.sources[n] = source{x.layers[len(x.layers)-1].Name, x.in, x.size}
}

func (x *expansion) block(n, b, stride, width int) {
	st := &x.s.Stages[n]
	in := x.in
	kernel, expand := st.Kernels[x.next()], st.Expands[x.next()]
	hidden := x.s.hidden(in, expand)
	l := Layer{Stage: n, Block: b, Kind: Pointwise, Name: layerName(n, b, partExpand), Out: hidden, Kernel: 1, Stride: 1, Groups: 1, Act: st.Act}
	l.WBits, l.ABits = x.bits()
	if expand != 1 {
		x.emit(l)
	}
	l.Kind, l.Name, l.Kernel, l.Stride, l.Groups = Depthwise, layerName(n, b, partDepthwise), kernel, stride, hidden
	l.WBits, l.ABits = x.bits()
	x.emit(l)
	if st.SE {
		x.emit(Layer{
			Stage: n, Block: b, Kind: SE, Name: layerName(n, b, partSE), Out: hidden, Kernel: 1, Stride: 1, Groups: 1,
			Mid: squeeze(hidden), WBits: x.s.fixedW(),
		})
	}
	l = Layer{Stage: n, Block: b, Kind: Pointwise, Name: layerName(n, b, partProject), Out: width, Kernel: 1, Stride: 1, Groups: 1}
	l.WBits, l.ABits = x.bits()
	x.emit(l)
	if stride == 1 && in == width {
		x.emit(Layer{Stage: n, Block: b, Kind: Add, Name: layerName(n, b, partAdd), Out: width, Kernel: 1, Stride: 1, Groups: 1})
	}
}

// squeeze is the middle width of a squeeze-excite (MobileNetV3: a quarter).
func squeeze(hidden int) int { return MakeDivisible(hidden/4, 8) }

// part is a layer of a block.
type part int

const (
	partExpand part = iota
	partDepthwise
	partSE
	partProject
	partAdd
	parts
)

var partNames = [parts]string{"expand", "dw", "se", "project", "add"}

// layerNames holds every name that a valid space can need, so that expanding
// an Arch builds no strings.
var layerNames = func() (t [maxStages][maxDepth][parts]string) {
	for n := range t {
		for b := range t[n] {
			for p := range t[n][b] {
				t[n][b][p] = "s" + strconv.Itoa(n) + ".b" + strconv.Itoa(b) + "." + partNames[p]
			}
		}
	}
	return t
}()

func layerName(stage, block int, p part) string { return layerNames[stage][block][p] }
