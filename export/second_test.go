package export

import (
	"encoding/binary"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	second "github.com/owulveryck/onnx-go"

	"hanas/onnx"
)

// everyKind calls f with a file of every kind that is exported: bits of weights
// and activations, profiles, with and without gates, classifiers and detectors.
func everyKind(t *testing.T, f func(name string, m *onnx.Model)) {
	t.Helper()
	rng := rand.New(rand.NewPCG(2, 2))
	networks := map[string]*Network{"detector": randomDetector(t, rng)}
	for _, sp := range []struct {
		name  string
		write func(w, a int) *Network
	}{
		{"relu", func(w, a int) *Network {
			s := quickSpace(t)
			return randomNetwork(s, s.WithBits(s.Largest(), w, a), rng)
		}},
		{"hswish", func(w, a int) *Network {
			s := gatedSpace(t)
			return randomNetwork(s, s.WithBits(s.Largest(), w, a), rng)
		}},
	} {
		for name, bits := range map[string][2]int{"w2a8": {2, 8}, "w4a4": {4, 4}, "w8a8": {8, 8}, "w16a16": {16, 16}, "w4a16": {4, 16}, "w16a8": {16, 8}} {
			networks[sp.name+" "+name] = sp.write(bits[0], bits[1])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(networks)) {
		for _, p := range Profiles {
			m, err := Build(networks[name], Settings{Profile: p})
			if err != nil {
				t.Fatalf("%s %q: %v", name, p, err)
			}
			f(strings.TrimSpace(name+" "+string(p)), m)
		}
	}
}

// onnx-go reads every operator of every kind of file; of the types of their
// constants it knows the values of these alone. A table, so that a newer version
// which reads more shows.
func TestWhatTheSecondReaderCannotRead(t *testing.T) {
	types := map[onnx.DType]bool{}
	everyKind(t, func(name string, m *onnx.Model) {
		data, err := onnx.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if r, err := ReadBack(data, m); err != nil || r.Nodes != len(m.Graph.Nodes) {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
		for _, in := range m.Graph.Initializers {
			types[in.Tensor.DType] = true
		}
	})
	want := map[onnx.DType]string{ // "" = values are read
		onnx.Float: "", onnx.Int32: "", onnx.Int64: "",
		onnx.Float16: "FLOAT16: Not Yet Implemented",
		onnx.Uint8:   "Unknown type uint8", onnx.Int8: "Unknown type int8", onnx.Int16: "Unknown type int16",
		onnx.Int4: "Unknown input type: 22", onnx.Int2: "Unknown input type: 26",
	}
	for d := range types {
		if _, listed := want[d]; !listed {
			t.Errorf("files hold %v, which the table does not list", d)
		}
	}
	for d, fault := range want {
		if !types[d] {
			t.Errorf("no file holds %v", d)
		}
		_, err := second.NewTensor(tensorProto(d))
		switch {
		case fault == "" && err != nil:
			t.Errorf("%v: %v", d, err)
		case fault != "" && (err == nil || !strings.Contains(err.Error(), fault)):
			t.Errorf("%v: %v, want %q", d, err, fault)
		}
	}
}

// tensorProto is a TensorProto of one value: dims, data_type and raw_data.
func tensorProto(d onnx.DType) []byte {
	raw := make([]byte, 8)
	switch d {
	case onnx.Float, onnx.Int32:
		raw = raw[:4]
	case onnx.Float16, onnx.Int16:
		raw = raw[:2]
	case onnx.Int8, onnx.Uint8, onnx.Int4, onnx.Int2:
		raw = raw[:1]
	}
	b := []byte{1 << 3, 1, 2 << 3}
	b = binary.AppendUvarint(b, uint64(d))
	b = append(b, 9<<3|2, byte(len(raw)))
	return append(b, raw...)
}
