package export

import (
	"fmt"

	"hanas/onnx"
	"hanas/space"
)

// Observed is a tensor that Observe makes visible.
type Observed struct {
	Unit int  // index in Network.Units
	Out  bool // the unit's own output before an add or a gate; else its input
	Mid  bool // of a gate: between its two convolutions (SEWeights.Hidden)
}

// Observe writes n in float with further outputs, behind the logits and in the
// order of the list: the tensors that a quantised file would give ranges to
// (Unit.In, and Unit.Out and SEWeights.Hidden where they are used). Calibration runs it on images.
func Observe(n *Network) (*onnx.Model, []Observed, error) {
	w := newWriter("observed", n.Units, Settings{Profile: Float})
	w.readerBits = 16
	first := n.Units[0].Layer
	w.x.value = w.b.Input(Input, onnx.Float, -1, first.In, first.InSize, first.InSize)
	var seen []Observed
	var values []onnx.Value
	see := func(o Observed) {
		seen, values = append(seen, o), append(values, w.float())
	}
	for i := range n.Units {
		if kind := n.Units[i].Layer.Kind; kind != space.Add && kind != space.SE {
			see(Observed{Unit: i})
		}
		if err := w.unit(i); err != nil {
			return nil, nil, fmt.Errorf("export: observe: layer %s: %w", n.Units[i].Layer.Name, err)
		}
		if n.Units[i].Layer.Kind == space.SE {
			seen, values = append(seen, Observed{Unit: i, Mid: true}), append(values, w.hidden)
		}
		if i+1 < len(n.Units) {
			if next := n.Units[i+1].Layer.Kind; next == space.Add || next == space.SE {
				see(Observed{Unit: i, Out: true})
			}
		}
	}
	w.b.Output(w.b.Name(w.float(), Output))
	w.b.Prefix("observed")
	for _, v := range values {
		w.b.Output(w.b.Op("Identity", []onnx.Value{v})) // a tensor may be seen twice
	}
	m, err := w.build()
	if err != nil {
		return nil, nil, fmt.Errorf("export: observe: %w", err)
	}
	return m, seen, nil
}
