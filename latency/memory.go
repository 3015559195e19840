package latency

import (
	"slices"

	"hanas/space"
)

// MemorySettings say how a device lays out memory; the zero value packs
// without padding and overwrites nothing.
type MemorySettings struct {
	InPlace  bool // a depthwise layer, a squeeze-excite and an add overwrite their input
	RowAlign int  // bytes that each output channel's packed weights are padded to; 0 = 1
}

// Memory is what the device's description says about layout.
func (d *Device) Memory() MemorySettings { return MemorySettings{d.InPlace, d.RowAlign} }

// Memory is what a network needs, in bytes.
type Memory struct {
	WeightBytes int64 `json:"weight_bytes"` // packed, with scales and biases
	PeakBytes   int64 `json:"peak_activation_bytes"`
	PeakLayer   int   `json:"peak_layer"` // index of the layer that runs at the peak
}

// Total is weights and peak together.
func (m Memory) Total() int64 { return m.WeightBytes + m.PeakBytes }

// tensor is an activation that lives from the layer that writes it to the last
// that reads it, both included; the image is written by layer -1.
type tensor struct {
	first, last int
	bytes       int64
}

// MemoryOf schedules a network's layers one after another and finds the
// largest sum of live tensors (liveness as in TinyEngine, Lin et al. 2020,
// without fragmentation). A block's input lives until its add.
func MemoryOf(layers []space.Layer, set MemorySettings) Memory {
	var m Memory
	for i := range layers {
		m.WeightBytes += packedBytes(&layers[i], max(1, set.RowAlign))
	}
	live := make([]int64, len(layers))
	for _, x := range tensors(layers, set) {
		for i := max(0, x.first); i <= x.last; i++ {
			live[i] += x.bytes
		}
	}
	if len(live) > 0 {
		m.PeakBytes = slices.Max(live)
		m.PeakLayer = slices.Index(live, m.PeakBytes)
	}
	return m
}

// tensors are a network's activations with their lives. What is overwritten in
// place ends one layer early: its successor has its memory.
func tensors(layers []space.Layer, set MemorySettings) []tensor {
	var out []tensor
	reads := func(i int) int { // last reader of layer i's input, the block's add included
		for j := i; j < len(layers) && layers[j].Stage >= 0 && layers[j].Stage == layers[i].Stage && layers[j].Block == layers[i].Block; j++ {
			if layers[j].Kind == space.Add && firstOfBlock(layers, i) {
				return j
			}
		}
		return i
	}
	for i := range layers {
		x := tensor{first: i - 1, last: reads(i), bytes: layers[i].InBytes()}
		if x.last == i && set.InPlace && inPlace(layers, i) {
			x.last--
		}
		if x.last >= max(0, x.first) {
			out = append(out, x)
		}
	}
	if n := len(layers); n > 0 {
		out = append(out, tensor{first: n - 1, last: n - 1, bytes: layers[n-1].OutBytes(32)}) // logits are float
	}
	return out
}

func firstOfBlock(layers []space.Layer, i int) bool {
	return i == 0 || layers[i-1].Stage != layers[i].Stage || layers[i-1].Block != layers[i].Block
}

// inPlace says whether a layer's output fits over its input.
func inPlace(layers []space.Layer, i int) bool {
	l := &layers[i]
	bits := 32
	if i+1 < len(layers) {
		bits = layers[i+1].ABits
	}
	switch l.Kind {
	case space.Depthwise, space.SE, space.Add:
		return l.OutBytes(bits) <= l.InBytes() && l.Stride == 1
	}
	return false
}

// packedBytes is Layer.WeightBytes with each output channel's row padded.
func packedBytes(l *space.Layer, align int) int64 {
	bytes := l.WeightBytes()
	if align == 1 || l.WBits == 0 {
		return bytes
	}
	pad := func(rows, perRow int64) {
		a := int64(align)
		packed := (perRow*int64(l.WBits) + 7) / 8
		bytes += rows*((packed+a-1)/a*a) - (rows*perRow*int64(l.WBits)+7)/8
	}
	if l.Kind == space.SE {
		pad(int64(l.Mid), int64(l.In))
		pad(int64(l.In), int64(l.Mid))
		return bytes
	}
	pad(int64(l.Out), l.Weights()/int64(l.Out))
	return bytes
}
