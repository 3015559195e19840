package export

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"hanas/onnx"
)

// metadata says what a user of the file must know.
func (w *writer) metadata(n *Network) {
	bits := map[string]string{}
	for _, u := range n.Units {
		if l := u.Layer; l.WBits > 0 {
			bits[l.Name] = fmt.Sprintf("w%da%d", l.WBits, l.ABits)
		}
	}
	js, _ := json.Marshal(bits) // keys sorted
	for _, e := range []onnx.Entry{
		{Key: "hanas.arch", Value: n.Arch},
		{Key: "hanas.space", Value: n.Space},
		{Key: "hanas.task", Value: w.task()},
		{Key: "hanas.profile", Value: string(w.set.Profile)},
		{Key: "hanas.bits", Value: string(js)},
		{Key: "hanas.resolution", Value: fmt.Sprint(n.Resolution)},
		{Key: "hanas.mean", Value: floats(n.Mean)},
		{Key: "hanas.std", Value: floats(n.Std)},
		{Key: "hanas.labels", Value: strings.Join(n.Labels, "\n")},
	} {
		if e.Value != "" {
			w.b.Meta(e.Key, e.Value)
		}
	}
	var extra []string
	for k := range n.Metadata {
		extra = append(extra, k)
	}
	slices.Sort(extra)
	for _, k := range extra {
		w.b.Meta(k, n.Metadata[k])
	}
}

func floats(v []float32) string {
	parts := make([]string, len(v))
	for i, x := range v {
		parts[i] = fmt.Sprint(x)
	}
	return strings.Join(parts, " ")
}
