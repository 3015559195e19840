package export

import "hanas/space"

// lane is how many channels ONNX Runtime's integer depthwise convolution takes
// at once. What is left over runs channel by channel: 72 channels take twice
// the time of 80.
const lane = 16

// widen decides, at the layer that makes the hidden channels of a block,
// whether they are rounded up to a multiple of lane: w.more is set until the
// projection has read them. The further channels have weights and biases of 0;
// their codes are those of 0 and add nothing to any sum, so results are the
// same to the last bit. The file holds the weights as they
// are; Pad adds the zeros when it is loaded.
func (w *writer) widen(i int) {
	at := i
	switch l := w.layers[i]; {
	case l.Kind == space.Pointwise && i+1 < len(w.layers) && w.layers[i+1].Kind == space.Depthwise && !startsBlock(w.units, i+1) && w.integer(i):
		at++
	case !w.open || i > 0 || l.Kind != space.Depthwise:
		return
	}
	if !w.integer(at) || w.tapped(i) || w.tapped(at) {
		return
	}
	last := at + 1
	if last < len(w.layers) && w.layers[last].Kind == space.SE {
		if u := w.units[last]; u.Layer.WBits > 8 || u.SE == nil || !(u.SE.Hidden.Hi > 0) || w.tapped(last) {
			return
		}
		last++
	}
	if last < len(w.layers) {
		if l := w.layers[last]; l.Kind != space.Pointwise || l.From != "" || !w.integer(last) {
			return
		}
	} else if !w.open {
		return
	}
	w.more = (lane - w.layers[at].Out%lane) % lane
}

// extra are the rows and columns of zeros that unit i's weights get.
func (w *writer) extra(i int) [2]int {
	l := w.layers[i]
	switch {
	case w.more == 0:
		return [2]int{}
	case l.Kind == space.Depthwise:
		return [2]int{w.more, 0}
	case i > 0 && (w.layers[i-1].Kind == space.Depthwise || w.layers[i-1].Kind == space.SE):
		return [2]int{0, w.more}
	}
	return [2]int{w.more, 0}
}
