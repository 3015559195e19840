package latency

import (
	"slices"
	"strings"

	"hanas/space"
)

// Traffic is what a layer reads and writes for one image, in bytes, if every
// tensor passes once: input (both of an add), packed weights with scales, and
// an output of the input's bits.
func Traffic(l *space.Layer) int64 {
	bytes := l.InBytes() + l.WeightBytes() + l.OutBytes(l.ABits)
	if l.Kind == space.Add {
		bytes += l.InBytes()
	}
	return bytes
}

// traffic fills in what rows of single layers move.
func (t *Table) traffic(layers []space.Layer) {
	for i := range layers {
		if r, ok := t.rows[layers[i].Key()]; ok && r.TrafficBytes == 0 {
			r.TrafficBytes = Traffic(&layers[i])
			t.rows[layers[i].Key()] = r
		}
	}
}

// precisionsOf lists the bits of layers with weights, as Header.Precision does.
func precisionsOf(layers []space.Layer) string {
	var names []string
	for i := range layers {
		switch l := &layers[i]; {
		case l.WBits == 0:
		case l.WBits > 8 && l.ABits > 8:
			names = append(names, "float")
		default:
			names = append(names, bitsName(l))
		}
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), " ")
}

// Power is what a device draws over a network, in watts: energy over time.
// 0 = one of them is unknown.
func (p Price) Power() float64 {
	if !(p.Ms > 0) {
		return 0
	}
	return p.EnergyMJ / p.Ms
}
