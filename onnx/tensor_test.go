package onnx

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

// TestPackInts stores and reads back the whole range of each integer type, at
// an odd length, so that the last byte is shared.
func TestPackInts(t *testing.T) {
	for _, d := range []DType{Int2, Uint2, Int4, Uint4, Int8, Uint8, Int16, Uint16, Int32, Uint32, Int64, Uint64} {
		lo, hi, _ := intRange(d)
		values := []int64{lo, hi, 0, hi / 2, lo / 2, 1, hi}
		p, err := PackInts(d, values, 7, 1)
		if err != nil {
			t.Errorf("%v: %v", d, err)
			continue
		}
		if want := (7*d.Bits() + 7) / 8; len(p.Bytes()) != want {
			t.Errorf("%v takes %d bytes, want %d", d, len(p.Bytes()), want)
		}
		if got, err := p.Ints(); err != nil || !slices.Equal(got, values) {
			t.Errorf("%v: %v %v, want %v", d, got, err, values)
		}
		if c := p.Clone(); !slices.Equal(c.Bytes(), p.Bytes()) || &c.Bytes()[0] == &p.Bytes()[0] {
			t.Errorf("%v: Clone does not copy", d)
		}
		for _, bad := range []int64{lo - 1, hi + 1} {
			if d.Bits() == 64 {
				continue
			}
			if _, err := PackInts(d, []int64{bad}, 1); err == nil || !strings.Contains(err.Error(), "outside") {
				t.Errorf("%v takes %d: %v", d, bad, err)
			}
		}
	}
	if _, err := PackInts(Float, []int{1}, 1); err == nil {
		t.Error("float is taken for an integer type")
	}
	if _, err := PackInts(Int8, []int{1}, 2); err == nil {
		t.Error("one value fills two places")
	}
}

// TestPacking has the examples of onnx.in.proto: the first of two 4-bit values
// is in the low half of a byte.
func TestPacking(t *testing.T) {
	p, _ := PackInts(Int4, []int{1, -1, 2}, 3)
	q, _ := PackInts(Uint2, []int{1, 2, 3, 0, 2}, 5)
	if got := fmt.Sprintf("%x %x", p.Bytes(), q.Bytes()); got != "f102 3902" {
		t.Error(got)
	}
}

func TestViews(t *testing.T) {
	x := From([]float32{1, 2, 3, 4}, 2, 2)
	x.Floats()[3] = 5
	if got := math.Float32frombits(uint32(x.Bytes()[12]) | uint32(x.Bytes()[13])<<8 | uint32(x.Bytes()[14])<<16 | uint32(x.Bytes()[15])<<24); got != 5 {
		t.Errorf("bytes say %v", got)
	}
	if s := From([]int64{7}); len(s.Shape) != 0 || s.Len() != 1 || s.Int64s()[0] != 7 {
		t.Errorf("one value without a shape is %v", s.Shape)
	}
	if v := From([]bool{true, false}); fmt.Sprint(v.Shape, v.DType) != "[2] bool" {
		t.Error(v.Shape, v.DType)
	}
	if e := NewTensor(Float, 0, 3); e.Floats() != nil || e.Len() != 0 {
		t.Error("an empty tensor has elements")
	}
	for what, f := range map[string]func(){
		"count": func() { From([]float32{1, 2}, 3) },
		"type":  func() { NewTensor(Float, 1).Int64s() },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", what)
				}
			}()
			f()
		}()
	}
}

func TestRawTensor(t *testing.T) {
	data := []byte{0, 0, 128, 63}
	x, err := RawTensor(Float, data, 1)
	if err != nil {
		t.Fatal(err)
	}
	if data[0] = 1; x.Floats()[0] != 1 {
		t.Error("the bytes are shared")
	}
	for _, c := range []struct {
		d     DType
		shape []int
	}{{Float, []int{2}}, {Float, []int{-1}}, {Float, []int{1 << 40, 1 << 40}}, {String, []int{1}}, {DType(99), []int{1}}, {Undefined, nil}} {
		if _, err := RawTensor(c.d, data, c.shape...); err == nil {
			t.Errorf("%v%v takes 4 bytes", c.d, c.shape)
		}
	}
}

func TestDTypes(t *testing.T) {
	for d := DType(-1); d < 40; d++ {
		if !d.known() {
			if d.Bits() != 0 || d.String() != fmt.Sprintf("dtype%d", d) {
				t.Errorf("%v has %d bits", d, d.Bits())
			}
			continue
		}
		if back, err := ParseDType(d.String()); err != nil || back != d {
			t.Errorf("%v reads back as %v, %v", d, back, err)
		}
	}
	if _, err := ParseDType(""); err == nil {
		t.Error("no name is a type")
	}
}

func TestModel(t *testing.T) {
	m := parse(t, `g (float[1] x) => (float[1] y) <float[1] w = {1}, float[1] h> { h = Add (x, w) y = LeakyRelu <alpha = 0.5> (h) }`)
	c := m.Clone()
	c.Graph.Rename(map[string]string{"h": "a", "a": "b", "x": "in", "w": "weight", "y": "out", "p": "q", "q": "p"})
	c.SetMeta("k", "1")
	c.SetMeta("k", "2")
	c.SetOpset("my", 3)
	c.SetOpset("", 22)
	c.Graph.Nodes[1].Attrs[0].F = 0.25
	want := `<
   opset_import: ["" : 22, "my" : 3],
   metadata_props: ["k": "2"]
>
g (float[1] in) => (float[1] out)
   <float[1] weight = {1.0},
    float[1] b>
{
   b = Add (in, weight)
   out = LeakyRelu <alpha = 0.25> (b)
}
`
	if got := Print(c); got != want {
		t.Errorf("is %s", got)
	}
	if got := Print(m); !strings.Contains(got, "h = Add (x, w)") || !strings.Contains(got, "0.5") {
		t.Errorf("the original is %s", got)
	}
	if c.Meta("k") != "2" || c.Meta("none") != "" || c.Opset("my") != 3 || c.Opset("none") != 0 {
		t.Error("look-ups are wrong")
	}
	if c.Graph.Initializer("weight") == nil || c.Graph.Initializer("w") != nil {
		t.Error("Initializer is wrong")
	}
	n := c.Graph.Nodes[1]
	if n.FloatOr("alpha", 1) != 0.25 || n.FloatOr("beta", 1) != 1 || n.IntOr("i", 7) != 7 || n.StrOr("s", "d") != "d" || n.IntsOr("l", 1)[0] != 1 {
		t.Error("attribute defaults are wrong")
	}
}

func TestSliceBounds(t *testing.T) {
	// The oracle is Python's slice. ONNX differs in one point: a start before
	// the first element is clamped to it for negative steps too
	// (testdata/shapes.txt has the case that ONNX Runtime agrees on).
	for size := 0; size <= 4; size++ {
		for start := -6; start <= 6; start++ {
			for end := -6; end <= 6; end++ {
				for _, step := range []int{-3, -1, 1, 2} {
					if step < 0 && start < -size {
						continue
					}
					lo, hi := SliceBounds(start, end, step, size)
					if got, want := positions(lo, hi, step), pythonSlice(start, end, step, size); !slices.Equal(got, want) {
						t.Fatalf("[%d:%d:%d] of %d is %v, want %v", start, end, step, size, got, want)
					}
					if got := ceilDiv(hi-lo, step); got != len(positions(lo, hi, step)) {
						t.Fatalf("[%d:%d:%d] of %d counts %d", start, end, step, size, got)
					}
				}
			}
		}
	}
}

func positions(lo, hi, step int) (out []int) {
	for i := lo; step > 0 && i < hi || step < 0 && i > hi; i += step {
		out = append(out, i)
	}
	return out
}

// pythonSlice walks from start and keeps what exists (PySlice_AdjustIndices of
// CPython in words: an index before the array is its edge).
func pythonSlice(start, end, step, size int) (out []int) {
	edge := func(i int) int {
		if i < 0 {
			i += size
		}
		switch {
		case i < 0 && step < 0:
			return -1
		case i < 0:
			return 0
		case i >= size && step < 0:
			return size - 1
		case i >= size:
			return size
		}
		return i
	}
	return positions(edge(start), edge(end), step)
}
