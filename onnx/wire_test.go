package onnx

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"hanas/internal/realdata"
)

// sample has every kind of attribute, type and name that is written.
const sample = `<ir_version: 13, opset_import: ["" : 25, "my" : 2], producer_name: "p", doc_string: "d\"q\\", model_version: 7,
   metadata_props: ["k": "v", "empty": ""]>
sample (float[batch,3,height,?] x, int64 i, float16[] r, odd) => (float[batch] y, "a b")
   <float[2,2] w = {1.5, -0.0, nan, -inf}, double d = {1e-300}, int4[3] n4 = {-8, 7, 1}, uint4[1] u4 = {15}, int2[5] n2 = {-2, -1, 0, 1, -2},
    uint2[2] u2 = {3, 1}, int8[2] n8 = {-128, 127}, uint8[1] u8 = {255}, int16[1] n16 = {-32768}, uint16[1] u16 = {65535}, int32[1] n32 = {-2147483648},
    uint32[1] u32 = {4294967295}, int64[1] n64 = {-9223372036854775808}, uint64[1] u64 = {18446744073709551615}, bool[2] t = {1, 0},
    float16[1] f16 = {15360}, bfloat16[1] b16 = {16256}, float[0] none = {}, float[?,2] h>
{
   [label] h, "" = my.Thing <i = -1, f = 2.0, s = "t\\\"", is = [1, 2], fs = [0.1, 3e+38], ss = ["a", ""], e: ints = [], ef: floats = [], es: strings = [],
      t = int64[2] {1, 2}> (x, "", w)
   [""] y = Relu (h)
   "a b" = Identity (d)
}`

func roundTrip(t testing.TB, m *Model) {
	t.Helper()
	data, err := Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	back, err := Unmarshal(data)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Marshal(back)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(data, again) {
		t.Errorf("bytes change: %d, then %d", len(data), len(again))
	}
	if a, b := Print(m), Print(back); a != b {
		t.Errorf("text changes from\n%s\nto\n%s", a, b)
	}
}

func TestMarshalRoundTrip(t *testing.T) {
	m := parse(t, sample)
	roundTrip(t, m)
	for _, text := range paragraphs(t, "testdata/shapes.txt") {
		m := parse(t, text)
		m.IRVersion = 13
		roundTrip(t, m)
	}
}

func TestMarshalIsDeterministic(t *testing.T) {
	m := parse(t, sample)
	first, _ := Marshal(m)
	for range 20 {
		if next, _ := Marshal(m.Clone()); !bytes.Equal(first, next) {
			t.Fatal("bytes differ")
		}
	}
}

// TestIRVersion follows docs/Versioning.md of ONNX; 8 is the least we write by
// ourselves.
func TestIRVersion(t *testing.T) {
	for _, c := range []struct {
		opset        int
		stated, want int64
	}{{13, 0, 8}, {17, 0, 8}, {20, 0, 9}, {21, 0, 10}, {23, 0, 11}, {24, 0, 12}, {25, 0, 13}, {11, 6, 6}, {11, 3, 6}, {21, 8, 10}, {13, 9, 9}} {
		m := &Model{IRVersion: c.stated, Opsets: []Opset{{"", c.opset}}, Graph: &Graph{}}
		data, err := Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if back, _ := Unmarshal(data); back.IRVersion != c.want {
			t.Errorf("opset %d, stated %d: IR version %d, want %d", c.opset, c.stated, back.IRVersion, c.want)
		}
	}
}

// tensorMessage is a TensorProto with dims, a type and one more field.
func tensorMessage(d DType, field protowire.Number, packed []byte, dims ...uint64) []byte {
	var b []byte
	if field != 0 {
		b = protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), packed)
	}
	for _, v := range dims { // after the data: the order of fields is free
		b = varint(b, tensorDims, v)
	}
	return varint(b, tensorType, uint64(d))
}

func varints(v ...uint64) (b []byte) {
	for _, x := range v {
		b = protowire.AppendVarint(b, x)
	}
	return b
}

// TestTypedData reads the fields that other writers use instead of raw_data
// (onnx.in.proto says which type goes where).
func TestTypedData(t *testing.T) {
	minus := func(v int64) uint64 { return uint64(v) }
	f32 := protowire.AppendFixed32(protowire.AppendFixed32(nil, math.Float32bits(1.5)), math.Float32bits(-2))
	for _, c := range []struct {
		d     DType
		field protowire.Number
		data  []byte
		dims  []uint64
		want  string
	}{
		{Float, tensorFloats, f32, []uint64{2}, "{1.5, -2.0}"},
		{Double, tensorDoubles, protowire.AppendFixed64(nil, math.Float64bits(0.25)), nil, "{0.25}"},
		{Int64, tensorInt64s, varints(minus(-5), 1<<40), []uint64{2}, "{-5, 1099511627776}"},
		{Uint64, tensorUint64s, varints(math.MaxUint64), []uint64{1}, "{18446744073709551615}"},
		{Uint32, tensorUint64s, varints(math.MaxUint32), []uint64{1}, "{4294967295}"},
		{Int32, tensorInt32s, varints(minus(-7), 8), []uint64{1, 2}, "{-7, 8}"},
		{Int16, tensorInt32s, varints(minus(-300)), []uint64{1}, "{-300}"},
		{Int8, tensorInt32s, varints(minus(-128), 127, 0), []uint64{3}, "{-128, 127, 0}"},
		{Uint8, tensorInt32s, varints(255), []uint64{1}, "{255}"},
		{Bool, tensorInt32s, varints(1, 0), []uint64{2}, "{1, 0}"},
		{Float16, tensorInt32s, varints(0x3c00), []uint64{1}, "{15360}"},
		{Int4, tensorInt32s, varints(0x78, 0x01), []uint64{3}, "{-8, 7, 1}"},
		{Int2, tensorInt32s, varints(0b01001110, 0b10), []uint64{5}, "{-2, -1, 0, 1, -2}"},
		{Float, 0, nil, []uint64{0, 3}, "{}"},
	} {
		_, got, err := (&decoder{}).tensor(tensorMessage(c.d, c.field, c.data, c.dims...))
		if err != nil {
			t.Errorf("%v in field %d: %v", c.d, c.field, err)
			continue
		}
		p := &printer{}
		if p.values(got); p.String() != c.want {
			t.Errorf("%v in field %d: %s, want %s", c.d, c.field, p, c.want)
		}
	}
}

// graphWith is a model whose graph has one initialiser.
func graphWith(tensor []byte) []byte {
	inits := protowire.AppendBytes(protowire.AppendTag(nil, graphInit, protowire.BytesType), tensor)
	return protowire.AppendBytes(protowire.AppendTag(nil, modelGraph, protowire.BytesType), inits)
}

func sub(field protowire.Number, body []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, field, protowire.BytesType), body)
}

func TestUnmarshalErrors(t *testing.T) {
	huge := uint64(1) << 33
	for _, c := range []struct {
		what, want string
		data       []byte
	}{
		{"nothing", "there is no graph", nil},
		{"text", "is this an ONNX file?", []byte("hello, world")},
		{"two graphs", "there are two graphs", bytes.Repeat(sub(modelGraph, nil), 2)},
		{"functions", "functions are not supported", sub(modelFunctions, nil)},
		{"sparse", "sparse initialisers are not supported", sub(modelGraph, sub(graphSparse, nil))},
		{"cut", "unexpected EOF", graphWith(tensorMessage(Float, tensorRaw, make([]byte, 8), 2))[:12]},
		{"too few", "float[3] needs 12 bytes, has 8", graphWith(tensorMessage(Float, tensorRaw, make([]byte, 8), 3))},
		{"claims", "has a size of", graphWith(tensorMessage(Float, tensorRaw, make([]byte, 8), huge))},
		{"product", "is too large", graphWith(tensorMessage(Float, tensorRaw, nil, 1<<30, 1<<30))},
		{"negative", "has a size of -1", graphWith(tensorMessage(Float, tensorRaw, nil, math.MaxUint64))},
		{"typed claims", "needs 1000000000 values, has at most 1", graphWith(tensorMessage(Int8, tensorInt32s, []byte{1}, 1e9))},
		{"typed few", "needs 2 values, has 1", graphWith(tensorMessage(Int32, tensorInt32s, varints(math.MaxUint64), 2))},
		{"typed many", "needs 1 values, has 2", graphWith(tensorMessage(Int32, tensorInt32s, varints(1, 2), 1))},
		{"wrong field", "in field 4 of another type", graphWith(tensorMessage(Int32, tensorFloats, make([]byte, 4), 1))},
		{"no type", "tensors of dtype0 are not supported", graphWith(nil)},
		{"string", "tensors of string are not supported", graphWith(tensorMessage(String, 0, nil, 1))},
		{"external", `data is in the file "w.bin": external data needs a folder`, graphWith(append(tensorMessage(Float, 0, nil, 1), external("w.bin", "0", "4")...))},
		{"attribute", "attribute \"a\": has no tensor", sub(modelGraph, sub(graphNode, sub(nodeAttr, varint(sub(attrName, []byte("a")), attrType, 4))))},
	} {
		_, err := Unmarshal(c.data)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", c.what, err, c.want)
		}
	}
}

func external(location, offset, length string) (b []byte) {
	for _, e := range []Entry{{"location", location}, {"offset", offset}, {"length", length}} {
		b = append(b, sub(tensorExternal, always(always(nil, entryKey, e.Key), entryValue, e.Value))...)
	}
	return b
}

func TestExternalData(t *testing.T) {
	dir := t.TempDir()
	inner := filepath.Join(dir, "model")
	if err := os.MkdirAll(inner, 0o755); err != nil {
		t.Fatal(err)
	}
	raw := From([]float32{9, 1, 2}).Bytes()
	for _, path := range []string{filepath.Join(inner, "w.bin"), filepath.Join(dir, "secret.bin")} {
		if err := os.WriteFile(path, raw, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("../secret.bin", filepath.Join(inner, "link.bin")); err != nil {
		t.Skip("no links here: ", err)
	}
	for _, c := range []struct{ location, offset, length, want string }{
		{"w.bin", "4", "8", ""},
		{"w.bin", "8", "8", "has 12 bytes, needs 8 at 8"},
		{"w.bin", "4", "9", "needs 8 bytes"},
		{"w.bin", "-4", "8", "needs 8 bytes"},
		{"w.bin", "x", "8", "needs 8 bytes"},
		{"gone.bin", "0", "8", "no such file"},
		{"../secret.bin", "0", "8", "escapes"},
		{"link.bin", "0", "8", "escapes"},
		{"/etc/passwd", "0", "8", "escapes"},
		{".", "0", "8", "has"},
	} {
		path := filepath.Join(inner, "m.onnx")
		data := graphWith(append(tensorMessage(Float, 0, nil, 2), external(c.location, c.offset, c.length)...))
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		m, err := ReadFile(path)
		if c.want != "" {
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s at %s: error %v, want %q", c.location, c.offset, err, c.want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s at %s: %v", c.location, c.offset, err)
		} else if got := m.Graph.Initializers[0].Tensor.Floats(); got[0] != 1 || got[1] != 2 {
			t.Errorf("%s: %v", c.location, got)
		}
	}
}

// TestControlFlowIsKept: a graph attribute goes through unread, Check refuses
// it, CheckForeign does not.
func TestControlFlowIsKept(t *testing.T) {
	branch := sub(6, sub(graphName, []byte("then"))) // AttributeProto.g
	attr := varint(append(sub(attrName, []byte("then_branch")), branch...), attrType, uint64(AttrGraph))
	m := parse(t, `g (bool c) => (float[] y) { y = If (c) }`)
	m.Graph.Nodes[0].Attrs = []Attr{{Name: "then_branch", Kind: AttrGraph, Raw: attr}}
	data, err := Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	back, err := Unmarshal(data)
	if err != nil {
		t.Fatal(err)
	}
	if got := back.Graph.Nodes[0].Attrs; !reflect.DeepEqual(got, m.Graph.Nodes[0].Attrs) {
		t.Errorf("attribute is %v", got)
	}
	if again, _ := Marshal(back); !bytes.Equal(data, again) {
		t.Error("bytes change")
	}
	if Check(back) == nil {
		t.Error("Check takes control flow")
	}
	if err := CheckForeign(back); err != nil {
		t.Error(err)
	}
}

// TestOldFiles: initialisers among the inputs, the long name of the default
// domain, and attributes without a kind.
func TestOldFiles(t *testing.T) {
	m := parse(t, `g (float[1] x, float[1] w) => (float[1] y) { y = LeakyRelu (x) }`)
	m.Opsets = []Opset{{"ai.onnx", 21}}
	m.Graph.Nodes[0].Domain = "ai.onnx"
	m.Graph.Nodes[0].Attrs = []Attr{{Raw: fixed32(sub(attrName, []byte("alpha")), attrF, 0.5)}}
	m.Graph.Initializers = []Initializer{{"w", From([]float32{1}, 1)}}
	data, err := Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	back, err := Unmarshal(data)
	if err != nil {
		t.Fatal(err)
	}
	if err := Check(back); err != nil {
		t.Error(err)
	}
	if n := back.Graph.Nodes[0]; len(back.Graph.Inputs) != 1 || n.FloatOr("alpha", 0) != 0.5 {
		t.Errorf("is %s", Print(back))
	}
}

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "m.onnx")
	m := parse(t, `g (float[1] x) => (float[1] y) { y = Relu (x) }`)
	for range 2 { // the second replaces the first
		if err := WriteFile(path, m); err != nil {
			t.Fatal(err)
		}
	}
	back, err := ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := Check(back); err != nil {
		t.Error(err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("files are left: %v", left)
	}
	if err := WriteFile(filepath.Join(dir, "gone", "m.onnx"), m); err == nil || !strings.Contains(err.Error(), "gone") {
		t.Errorf("error %v", err)
	}
	if _, err := ReadFile(filepath.Join(dir, "none.onnx")); err == nil || !strings.Contains(err.Error(), "none.onnx") {
		t.Errorf("error %v", err)
	}
}

// TestRealFile reads a detector that PyTorch has exported, with the types that
// it states as the oracle of inference.
func TestRealFile(t *testing.T) {
	path := realdata.Path(t, filepath.Join("models", "FastestDet.onnx"))
	m, err := ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	roundTrip(t, m)
	if err := Check(m); err != nil {
		t.Error(err)
	}
	want := m.Graph.Outputs[0]
	m.Graph.Outputs[0].Shape, m.Graph.Outputs[0].DType = nil, Undefined
	stated := map[string]ValueInfo{}
	for _, v := range m.Graph.Values {
		stated[v.Name] = v
	}
	m.Graph.Values = nil
	if err := Infer(m); err != nil {
		t.Fatal(err)
	}
	if got := m.Graph.Outputs[0]; !reflect.DeepEqual(got, want) {
		t.Errorf("output is %v, want %v", got, want)
	}
	if len(m.Graph.Values) < 200 {
		t.Errorf("only %d values", len(m.Graph.Values))
	}
	for _, v := range m.Graph.Values {
		if s, ok := stated[v.Name]; ok && s.Shape != nil && !reflect.DeepEqual(s, v) {
			t.Errorf("value %q is %v%v, the file says %v%v", v.Name, v.DType, v.Shape, s.DType, s.Shape)
		}
	}
	roundTrip(t, m)
	if text := Print(m); len(parse(t, text).Graph.Nodes) != len(m.Graph.Nodes) {
		t.Error("the text form loses nodes")
	}
}

// FuzzUnmarshal: damaged bytes give an error or a model that can be written,
// checked, typed and printed, and take no memory out of proportion.
func FuzzUnmarshal(f *testing.F) {
	m := parse(f, sample)
	data, err := Marshal(m)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	for _, text := range paragraphs(f, "testdata/shapes.txt") {
		data, _ := Marshal(parse(f, text))
		f.Add(data)
	}
	f.Add(graphWith(tensorMessage(Int8, tensorInt32s, varints(1, 2), 2)))
	f.Fuzz(func(t *testing.T, data []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		m, err := Unmarshal(data)
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > 1<<20+500*uint64(len(data)) {
			t.Fatalf("%d bytes took %d bytes of memory", len(data), took)
		}
		if err != nil {
			return
		}
		first, err := Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		back, err := Unmarshal(first)
		if err != nil {
			t.Fatalf("cannot read what was written: %v", err)
		}
		if second, _ := Marshal(back); !bytes.Equal(first, second) {
			t.Fatal("bytes change")
		}
		_ = Check(m)
		_ = CheckForeign(m)
		_ = Print(m)
		_ = Infer(m)
	})
}
