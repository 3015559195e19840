package space

import (
	"strconv"
	"strings"
)

// A space with Detect makes detectors: in place of pool and classifier, a head
// reads the end of each listed stage, one stride each, as SSD's multi-scale
// predictors do (Liu et al. 2016) and with SSDLite's separable convolutions
// (Sandler et al. 2018, section 6.2): a 1×1 "lateral" to the head's width, a
// 3×3 depthwise, and a 1×1 "predict". The head's width and its bits are the
// genes that a classifier's head has; predict has the bits of an end.

// BoxChannels are the channels of a predict layer behind those of the classes:
// offset of the box's centre from the cell's and the logarithms of its sides, in
// units of the stride (x, y, width, height), and objectness.
const BoxChannels = 5

// Tasks of a space.
const (
	Classify = "classification"
	Locate   = "detection"
)

// Task is what the networks of the space do.
func (s *Space) Task() string {
	if len(s.Detect) > 0 {
		return Locate
	}
	return Classify
}

// source is the tensor that a head reads.
type source struct {
	name     string
	in, size int
}

// headParts are the layers of a head.
var headParts = [...]string{"lateral", "dw", "predict"}

// headNames holds the names of all heads: "d2.predict" reads stage 2.
var headNames = func() (t [maxStages][len(headParts)]string) {
	for n := range t {
		for p, part := range headParts {
			t[n][p] = "d" + strconv.Itoa(n) + "." + part
		}
	}
	return t
}()

// headLayers are the three layers of the head of stage n, without bits, input
// channels and sizes.
func (s *Space) headLayers(n, width int, from string) [len(headParts)]Layer {
	l := Layer{Stage: -1, Block: -1, Kernel: 1, Stride: 1, Groups: 1, Out: width, Act: s.HeadAct}
	lateral, dw, predict := l, l, l
	lateral.Kind, lateral.From = Pointwise, from
	dw.Kind, dw.Kernel, dw.Groups = Depthwise, 3, width
	predict.Kind, predict.Out, predict.Act = Pointwise, s.Classes+BoxChannels, ""
	out := [...]Layer{lateral, dw, predict}
	for p := range out {
		out[p].Name = headNames[n][p]
	}
	return out
}

// heads emits the heads, that of the finest stage first.
func (x *expansion) heads(endsAt int) {
	width := x.s.HeadWidths[x.next()]
	wbits, abits := x.bits()
	ew, ea := x.endBits(endsAt, 1)
	for _, n := range x.s.Detect {
		from := x.sources[n]
		x.in, x.size = from.in, from.size
		for p, l := range x.s.headLayers(n, width, from.name) {
			l.WBits, l.ABits = wbits, abits
			if p == len(headParts)-1 {
				l.WBits, l.ABits = ew, ea
			}
			x.emit(l)
		}
	}
}

// heads lists the distinct layers of the heads; sizes are those of the stages' ends.
func (d *distinct) heads(sizes []int) {
	s := d.s
	w, a := s.endChoices()
	for _, n := range s.Detect {
		for _, width := range s.HeadWidths {
			for p, l := range s.headLayers(n, width, "") {
				l.In, l.InSize = width, sizes[n]
				switch p {
				case 0:
					for _, l.In = range s.Stages[n].Widths {
						d.add(l, s.WBits, s.ABits)
					}
				case len(headParts) - 1:
					d.add(l, w, a)
				default:
					d.add(l, s.WBits, s.ABits)
				}
			}
		}
	}
}

// checkDetect refuses heads that the space cannot have.
func (s *Space) checkDetect(c *checker) {
	for i, n := range s.Detect {
		c.between("detect", n, 0, len(s.Stages)-1)
		if i > 0 && n <= s.Detect[i-1] {
			c.fault("detect", "%v is not ascending", s.Detect)
		}
	}
	if len(s.Detect) == 0 {
		return
	}
	if len(s.HeadWidths) == 0 {
		c.fault("head_widths", "is empty (the width of the heads of detect)")
	}
	if s.FeatureMix > 0 {
		c.fault("feature_mix", "is %d (a space with detect has no pool to follow)", s.FeatureMix)
	}
	if s.Detect[len(s.Detect)-1] != len(s.Stages)-1 {
		c.fault("detect", "%v leaves out the last stage, number %d (nothing would read it)", s.Detect, len(s.Stages)-1)
	}
}

// Reads is the index of the layer whose output layers[i] reads; -1 is the image.
func Reads(layers []Layer, i int) int {
	if layers[i].From == "" {
		return i - 1
	}
	for k := i - 1; k >= 0; k-- {
		if layers[k].Name == layers[i].From {
			return k
		}
	}
	return -1
}

// Tapped is the index of the later layer that names layers[i] as its source; 0
// where there is none.
func Tapped(layers []Layer, i int) int {
	for k := i + 1; k < len(layers); k++ {
		if layers[k].From != "" && layers[k].From == layers[i].Name {
			return k
		}
	}
	return 0
}

// Ends says whether layers[i] makes an output of the network.
func Ends(layers []Layer, i int) bool {
	return i+1 == len(layers) || layers[i+1].From != "" && Tapped(layers, i) == 0
}

// branches are the bytes that heads keep alive in Cost: tensors that wait for
// their head and predictions that wait for the end.
type branches struct {
	any   bool
	bytes int64
}

// before takes a head's input out: it is counted as the layer's own.
func (b *branches) before(l *Layer) {
	if l.From != "" {
		b.bytes -= l.InBytes()
	}
}

// second are the bytes of the copy that a head is left, at its own bits, of a
// tensor that the next layer reads too.
func (b *branches) second(layers []Layer, i int) int64 {
	if b.any && i+1 < len(layers) && layers[i+1].From == "" {
		if k := Tapped(layers, i); k > 0 {
			return layers[k].InBytes()
		}
	}
	return 0
}

// after adds what layers[i] leaves for later.
func (b *branches) after(layers []Layer, i int) {
	if !b.any {
		return
	}
	switch k := Tapped(layers, i); {
	case k > 0:
		b.bytes += layers[k].InBytes()
	case Ends(layers, i):
		b.bytes += layers[i].OutBytes(logitBits)
	}
}

// LogSideLimit bounds the logarithm of a predicted side, in strides.
const LogSideLimit = 3

// Predicts says whether the layer is the last of a head.
func (l Layer) Predicts() bool { return strings.HasSuffix(l.Name, "."+headParts[len(headParts)-1]) }
