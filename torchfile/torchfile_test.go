package torchfile

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"hanas/internal/realdata"
)

// TestEveryTypeOfNumber holds both containers against what torch printed.
func TestEveryTypeOfNumber(t *testing.T) {
	var want struct {
		Tensors map[string]struct {
			Shape  []int
			Values []float64
		}
	}
	text, err := os.ReadFile("testdata/mixed.json")
	if err == nil {
		err = json.Unmarshal(text, &want)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"mixed_zip.pth", "mixed_legacy.pth"} {
		f, err := Read(filepath.Join("testdata", file))
		if err != nil {
			t.Fatal(err)
		}
		tensors, err := f.StateDict()
		if err != nil || len(tensors) != len(want.Tensors) {
			t.Fatalf("%s: %d tensors, want %d: %v", file, len(tensors), len(want.Tensors), err)
		}
		for _, tensor := range tensors {
			w := want.Tensors[tensor.Name]
			got, err := tensor.Floats()
			if err != nil || !slices.Equal(tensor.Shape, w.Shape) || len(got) != len(w.Values) {
				t.Errorf("%s: %s: %v %v, want %v: %v", file, tensor.Name, tensor.Shape, got, w, err)
				continue
			}
			for i, v := range w.Values {
				if got[i] != float32(v) {
					t.Errorf("%s: %s[%d] is %v, want %v", file, tensor.Name, i, got[i], v)
				}
			}
		}
		if epoch, _ := f.Root.(*Dict).Get("epoch"); epoch != int64(3) {
			t.Errorf("%s: epoch is %v", file, epoch)
		}
	}
}

func TestLists(t *testing.T) {
	f, err := Read("testdata/lists_zip.pt")
	want := &List{[]any{&List{[]any{1.5, 2.0}}, &List{[]any{int64(3), int64(-4)}}}}
	if err != nil || !reflect.DeepEqual(f.Root, want) {
		t.Fatalf("%v %v", f, err)
	}
	if _, err := f.StateDict(); err == nil {
		t.Error("a list passes for a state dict")
	}
}

// TestPublishedFiles reads the real files that the shared data has.
func TestPublishedFiles(t *testing.T) {
	for _, c := range []struct {
		file    string
		tensors int
		numbers int // weights as published: 128-400-400-400-1
	}{{"ofa/acc_predictor.pth", 8, 128*400 + 400 + 2*(400*400+400) + 400 + 1}, {"models/proxyless-w0.3-r176_imagenet.pth", 0, 0}} {
		f, err := Read(realdata.Path(t, c.file))
		if err != nil {
			t.Fatal(err)
		}
		tensors, err := f.StateDict()
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, x := range tensors {
			n += x.Len()
		}
		if c.tensors > 0 && (len(tensors) != c.tensors || n != c.numbers) {
			t.Errorf("%s: %d tensors of %d numbers, want %d of %d", c.file, len(tensors), n, c.tensors, c.numbers)
		}
	}
}

func TestRefusals(t *testing.T) {
	read := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	legacy, archive := read("mixed_legacy.pth"), read("mixed_zip.pth")
	for _, c := range []struct {
		name string
		data []byte
		says string
	}{
		{"a call in a ZIP", read("hostile_zip.pth"), `"posix.system"`},
		{"a call in the older container", read("hostile_legacy.pth"), `"posix.system"`},
		{"empty", nil, "not a PyTorch file"},
		{"another pickle", []byte("\x80\x02K\x01."), "not a PyTorch file"},
		{"text", []byte("Sub-network,Date\n"), "not a PyTorch file"},
		{"an archive of something else", []byte("PK\x03\x04 and no more"), "damaged"},
		{"a tail", append(slices.Clone(legacy), 0), "1 bytes behind"},
		{"a storage cut short", legacy[:len(legacy)-1], "too early"},
		{"an archive cut short", archive[:len(archive)-40], "damaged"},
		{"a flipped number", flipped(archive, []byte{0, 0, 0, 62}), "checksum"},
		{"an opcode of Python objects", bytes.Replace(legacy, []byte("}q"), []byte("iq"), 1), ""},
	} {
		_, err := Decode(c.data)
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: error %v, want one that says %q", c.name, err, c.says)
		}
	}
}

// flipped changes one bit in the first place that holds part.
func flipped(data, part []byte) []byte {
	out := slices.Clone(data)
	out[bytes.Index(data, part)] ^= 1
	return out
}

// TestViewsBeyondTheStorage: a shape is held against the numbers that there are.
func TestViewsBeyondTheStorage(t *testing.T) {
	s := &storage{key: "0", dtype: Float32, count: 4, raw: make([]byte, 16)}
	for _, c := range []struct {
		offset         int
		shape, strides []int
		ok             bool
	}{
		{0, []int{4}, []int{1}, true},
		{0, []int{2, 2}, []int{1, 2}, true},
		{4, []int{0}, []int{1}, true},
		{1, []int{4}, []int{1}, false},
		{0, []int{math.MaxInt32, math.MaxInt32, math.MaxInt32}, []int{0, 0, 0}, false}, // would allocate without bound
		{0, []int{2, 2}, []int{math.MaxInt32, math.MaxInt32}, false},
		{math.MaxInt32, nil, nil, false},
	} {
		_, err := (&Tensor{Shape: c.shape, DType: Float32, offset: c.offset, strides: c.strides, of: s}).Floats()
		if (err == nil) != c.ok {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	files, err := filepath.Glob("testdata/*.p*")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Decode(data)
		if err != nil {
			return
		}
		tensors, err := file.StateDict()
		if err != nil {
			return
		}
		for _, x := range tensors {
			v, err := x.Floats()
			if err == nil && len(v) > len(data) {
				t.Errorf("%s: %d numbers out of %d bytes", x.Name, len(v), len(data))
			}
		}
	})
}
