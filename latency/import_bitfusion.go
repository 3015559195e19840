package latency

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"hanas/space"
)

// The BitFusion table of APQ (Wang et al. 2020) prices single convolutions at
// 4, 6 and 8 bits of weights and activations, in ms and mJ:
//
//	{"(96, 456, 14, 1, 1, 0, 1)-W4A4": {"energy": 0.107, "latency": 0.062}, …, "head": {…}, "tail": {…}}
//
// The numbers are channels in and out, input size, kernel, stride, padding and
// groups. "head" is the stem with the first, expand-free block, "tail" all
// behind the last block.

// bitfusionKeys spells the rows of a network.
func bitfusionKeys(layers []space.Layer) ([]string, error) {
	keys := []string{"head"}
	for i, p := range partsOf(layers) {
		switch {
		case i == 1 && (!p.block() || p.expand):
			return nil, errors.New("the table's first row holds the stem and a block without expand layer; this network has no such block")
		case i <= 1, !p.block():
			continue
		case p.se != nil:
			return nil, fmt.Errorf("layer %s: the table has no squeeze-excite", p.se.Name)
		}
		for j := range layers {
			l := &layers[j]
			if l.Stage != p.first.Stage || l.Block != p.first.Block || l.Kind == space.Add {
				continue
			}
			keys = append(keys, fmt.Sprintf("(%d, %d, %d, %d, %d, %d, %d)-W%dA%d",
				l.In, l.Out, l.InSize, l.Kernel, l.Stride, l.Kernel/2, l.Groups, l.WBits, l.ABits))
		}
	}
	return append(keys, "tail"), nil
}

// readBitfusion reads the JSON object key by key, so that a repeated key is
// seen.
func readBitfusion(data []byte, t *Table) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	if tok, err := dec.Token(); err != nil || tok != json.Delim('{') {
		return errors.New("want a JSON object")
	}
	for dec.More() {
		tok, err := dec.Token()
		if err != nil {
			return err
		}
		key, _ := tok.(string)
		var v struct {
			Latency *float64 `json:"latency"`
			Energy  *float64 `json:"energy"`
		}
		if err := dec.Decode(&v); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		if v.Latency == nil || v.Energy == nil {
			return fmt.Errorf("%s: no latency or no energy", key)
		}
		if err := t.Set(key, Row{MeanMs: *v.Latency, EnergyMJ: *v.Energy}); err != nil {
			return err
		}
	}
	if _, err := dec.Token(); err != nil {
		return err
	}
	if _, err := dec.Token(); err != io.EOF {
		return errors.New("text behind the object")
	}
	return nil
}
