package latency

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"hanas/space"
)

// OpTime is what a vendor's profiler says about one step of a network. One
// step may stand for several fused layers, one layer may take several steps.
type OpTime struct {
	Name  string  // as the profiler spells it; contains the names of the graph's nodes
	Type  string  // operator, as the profiler spells it
	Ms    float64 // mean of one inference
	Count int     // inferences that were averaged; 0 = unknown
}

// profileFormat is the output of a vendor's profiler for a whole network.
type profileFormat struct {
	name, source string
	how          string // how to make such a file
	read         func(data []byte) ([]OpTime, error)
}

// profileFormats are the known profilers; import_*.go hold their readers.
var profileFormats = []profileFormat{
	{"ort-profile", "ONNX Runtime, profile of a session (JSON)", "SessionOptions.enable_profiling = True", readORTProfile},
	{"tensorrt-profile", "TensorRT, per-layer profile (JSON)", "trtexec --onnx=MODEL --exportProfile=FILE", readTensorRT},
	{"openvino-counters", "OpenVINO, detailed counters (CSV)", "benchmark_app -m MODEL -report_type detailed_counters", readOpenVINO},
	{"tflite-profile", "TensorFlow Lite, operator profile (CSV)", "benchmark_model --enable_op_profiling=true --profiling_output_csv_file=FILE", readTFLite},
}

// ImportFormat describes one format that can be imported.
type ImportFormat struct {
	Name, Source string
	How          string // how a profile is made; "" for tables
	Profile      bool   // of one network: needs its layers
}

// ImportFormats lists every format that Import or ImportProfile reads.
func ImportFormats() []ImportFormat {
	var out []ImportFormat
	for _, f := range formats {
		out = append(out, ImportFormat{Name: f.name, Source: f.source})
	}
	for _, f := range profileFormats {
		out = append(out, ImportFormat{f.name, f.source, f.how, true})
	}
	return out
}

// ReadProfile reads a vendor's profile of a network.
func ReadProfile(path, format string) ([]OpTime, error) {
	at := slices.IndexFunc(profileFormats, func(f profileFormat) bool { return f.name == format })
	if at < 0 {
		return nil, fmt.Errorf("latency: import %s: no profile format %q", path, format)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("latency: import: %w", err)
	}
	ops, err := profileFormats[at].read(data)
	if err != nil {
		return nil, fmt.Errorf("latency: import %s as %s: %w", path, format, err)
	}
	return ops, nil
}

// ProfileTable makes a table from a profile of the network with these layers:
// each step belongs to the layer whose name its own name contains. A step
// that fuses several layers counts for the only one that has weights; what
// the others cost is inside it, so their rows are 0. Steps that name no layer
// (the runtime's reformatting) are spread over all layers in proportion; the
// share they have is returned. A layer with weights but without a step, and a
// step that fuses several layers with weights, are errors. A runtime that
// renames what it fuses after a neighbour misleads this; profiles of one-layer
// models (LayerProfile) cannot be misread.
func ProfileTable(ops []OpTime, layers []space.Layer, head Header) (*Table, float64, error) {
	ms := make([]float64, len(layers))
	covered := make([]bool, len(layers))
	var faults []error
	total, stray := 0.0, 0.0
	count := 0
	for _, op := range ops {
		total += op.Ms
		count = max(count, op.Count)
		owner, among, err := ownerOf(op, layers)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		if owner < 0 {
			stray += op.Ms
			continue
		}
		ms[owner] += op.Ms
		for _, i := range among {
			covered[i] = true
		}
	}
	for i := range layers {
		if !covered[i] && layers[i].WBits != 0 { // adds and pools vanish into their neighbours
			faults = append(faults, fmt.Errorf("layer %s: no step of the profile names it", layers[i].Name))
		}
	}
	if len(faults) > 0 {
		return nil, 0, fmt.Errorf("latency: import: the profile does not fit the network: %w", errors.Join(faults...))
	}
	if !(total > stray) || math.IsInf(total, 0) {
		return nil, 0, errors.New("latency: import: the profile's times add up to nothing")
	}
	head.Provenance, head.Keys = Imported, nativeKeys
	return perKey(layers, ms, total/(total-stray), count, head), stray / total, nil
}

// perKey averages the layers that share a key.
func perKey(layers []space.Layer, ms []float64, scale float64, count int, head Header) *Table {
	t := &Table{Header: head, rows: map[string]Row{}}
	n := map[string]int{}
	for i := range layers {
		key := layers[i].Key()
		n[key]++
		r := t.rows[key]
		r.MeanMs += (ms[i]*scale - r.MeanMs) / float64(n[key])
		r.Count, r.TrafficBytes = count, Traffic(&layers[i])
		t.rows[key] = r
	}
	t.Precision = precisionsOf(layers)
	return t
}

// ownerOf finds the layers that a step names, and the one that it counts for;
// -1 where it names none.
func ownerOf(op OpTime, layers []space.Layer) (owner int, among []int, err error) {
	owner = -1
	for i := range layers {
		if names(op.Name, layers[i].Name) {
			among = append(among, i)
		}
	}
	for _, i := range among {
		switch {
		case owner < 0 || layers[owner].WBits == 0:
			owner = i
		case layers[i].WBits != 0:
			return 0, nil, fmt.Errorf("step %.80q fuses %s and %s, which both have weights: no time of their own", op.Name, layers[owner].Name, layers[i].Name)
		}
	}
	return owner, among, nil
}

// names says whether text contains a layer's name as a word: "s1.b1.dw" is in
// "s1.b1.dw.out" and in "x/s1.b1.dw/Conv", not in "s1.b1.dwise".
func names(text, name string) bool {
	if name == "" {
		return false
	}
	word := func(c byte) bool { return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
	for at := 0; ; {
		i := strings.Index(text[at:], name)
		if i < 0 {
			return false
		}
		i += at
		end := i + len(name)
		if (i == 0 || !word(text[i-1]) && text[i-1] != '.') && (end == len(text) || !word(text[end])) {
			return true
		}
		at = i + 1
	}
}

// ImportProfile reads a vendor's profile of the network with these layers.
func ImportProfile(path, format, device string, layers []space.Layer) (t *Table, stray float64, err error) {
	ops, err := ReadProfile(path, format)
	if err != nil {
		return nil, 0, err
	}
	return ProfileTable(ops, layers, Header{Device: device, Source: filepath.Base(path)})
}

// LayerProfile is the row of a layer whose one-layer model (export.BuildLayer,
// `hanas latency ops --out`) was profiled: all steps together.
func LayerProfile(ops []OpTime) Row {
	r := Row{}
	for _, op := range ops {
		r.MeanMs += op.Ms
		r.Count = max(r.Count, op.Count)
	}
	return r
}

// checkOp refuses times that no clock gives.
func checkOp(op OpTime) error {
	if !(op.Ms >= 0) || op.Ms > 1e9 || op.Count < 0 {
		return fmt.Errorf("%.80q: %g ms, %d times", op.Name, op.Ms, op.Count)
	}
	return nil
}
