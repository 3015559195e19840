package onnx

import (
	"fmt"
	"strings"
	"testing"
)

// block adds a MobileNet-like block of six nodes.
func block(b *Builder, i int, x Value) Value {
	b.Prefix(fmt.Sprintf("s%d", i))
	c := x.Shape()[1]
	w := b.InitUnique("w", NewTensor(Float, c, c, 1, 1))
	d := b.InitUnique("d", NewTensor(Float, c, 1, 3, 3))
	lo, hi := b.ConstFloat("zero", 0), b.ConstFloat("six", 6)
	h := b.Op("Clip", []Value{b.Op("Conv", []Value{x, w}, Ints("kernel_shape", 1, 1)), lo, hi})
	h = b.Op("Clip", []Value{b.Op("Conv", []Value{h, d}, Ints("pads", 1, 1, 1, 1), Int("group", c)), lo, hi})
	return b.Op("Add", []Value{x, b.Op("Conv", []Value{h, w}, Ints("kernel_shape", 1, 1))})
}

// net is a graph of 6 nodes a block and two at the end.
func net(blocks, channels int) *Builder {
	b := NewBuilder("net")
	x := b.Input("x", Float, -1, channels, 16, 16)
	for i := range blocks {
		x = block(b, i, x)
	}
	b.Prefix("")
	pooled := b.Op("Reshape", []Value{b.Op("GlobalAveragePool", []Value{x}), b.ConstInts("flat", 0, -1)})
	b.Output(b.Name(pooled, "logits"))
	return b
}

func TestBuilder(t *testing.T) {
	m, err := net(2, 8).Build()
	if err != nil {
		t.Fatal(err)
	}
	got := Print(m)
	for _, want := range []string{
		"net (float[N,8,16,16] x) => (float[?,8] logits)",
		`"s0.w"`, `"s1.Conv_`, `"const.zero" = {0.0}`, `logits = Reshape (GlobalAveragePool, "const.flat")`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in:\n%.4000s", want, got)
		}
	}
	if n := strings.Count(got, "= {0.0}"); n != 1 {
		t.Errorf("the constant 0 is stored %d times", n)
	}
}

func TestBuilderTypes(t *testing.T) {
	b := NewBuilder("g")
	x := b.Input("x", Float, -1, 4)
	y := b.OpN("Split", 2, []Value{x, b.ConstInts("sizes", 1, 3)}, Int("axis", 1))
	if got := fmt.Sprint(y[0].Shape(), y[1].Shape(), y[1].DType()); got != "[-1 1] [-1 3] float" {
		t.Error(got)
	}
	if a, b := b.ConstInts("a", 1, 2), b.ConstInts("b", 1, 2); a.Name() != b.Name() {
		t.Errorf("one content has two names, %q and %q", a.Name(), b.Name())
	}
	if a, b := b.ConstInts("a", 1), b.ConstInts("b", 11); a.Name() == b.Name() {
		t.Errorf("two contents have one name, %q", a.Name())
	}
}

func TestBuilderNames(t *testing.T) {
	b := NewBuilder("g")
	x := b.Input("x", Float, 2)
	h := b.Op("Relu", []Value{x})
	named := b.Name(h, "hidden")
	y := b.Op("Add", []Value{h, named}) // the old handle stays valid
	b.Output(y)
	b.Output(h)
	b.Name(b.Name(y, "first"), "second")
	if v, ok := b.Value("second"); !ok || v.Name() != "second" {
		t.Error("Value does not find the new name")
	}
	m, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	want := "{\n   hidden = Relu (x)\n   second = Add (hidden, hidden)\n}\n"
	if got := Print(m); !strings.HasSuffix(got, want) || !strings.Contains(got, "(float[2] second, float[2] hidden)") {
		t.Errorf("is %s", got)
	}
}

func TestBuilderErrors(t *testing.T) {
	for _, c := range []struct {
		want  string
		build func(b *Builder, x Value)
	}{
		{`node "Relu_1" (Relu): has 2 inputs`, func(b *Builder, x Value) { b.Op("Relu", []Value{x}); b.Op("Relu", []Value{x, x}); b.Op("Nope", nil) }},
		{`value "x" is defined twice`, func(b *Builder, x Value) { b.Input("x", Float, 1) }},
		{`value "x" is defined twice`, func(b *Builder, x Value) { b.Name(b.Op("Relu", []Value{x}), "x") }},
		{"a value needs a name", func(b *Builder, x Value) { b.Init("", NewTensor(Float)) }},
		{`initialiser "w" has no tensor`, func(b *Builder, x Value) { b.Init("w", nil) }},
		{`there is no value "other"`, func(b *Builder, x Value) { b.Name(Value{name: "other"}, "y") }},
		{`input "other" is not defined`, func(b *Builder, x Value) { b.Op("Relu", []Value{{name: "other"}}) }},
		{"has no outputs", func(b *Builder, x Value) {}},
		{"mine", func(b *Builder, x Value) { b.Fail(fmt.Errorf("mine")); b.Fail(fmt.Errorf("second")) }},
		{"unknown operator my.Op", func(b *Builder, x Value) { b.Output(b.OpDomain("my", "Op", []Value{x})) }},
	} {
		b := NewBuilder("g")
		c.build(b, b.Input("x", Float, 2))
		m, err := b.Build()
		if err == nil || m != nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %q", err, c.want)
		}
	}
}

func TestBuilderFrom(t *testing.T) {
	m, err := net(1, 4).Build()
	if err != nil {
		t.Fatal(err)
	}
	before := Print(m)
	b := BuilderFrom(m)
	logits, ok := b.Value("logits")
	if !ok || fmt.Sprint(logits.Shape()) != "[-1 4]" {
		t.Fatalf("logits is %v %v", logits.Shape(), ok)
	}
	if _, ok := b.Value("s0.w"); !ok {
		t.Error("an initialiser is not found")
	}
	b.Prefix("s0")
	if v := b.Op("Conv", []Value{mustValue(t, b, "x"), mustValue(t, b, "s0.w")}); strings.Contains(before, `"`+v.Name()+`" =`) {
		t.Errorf("the name %q is taken", v.Name())
	}
	b.Output(b.Name(b.Op("Softmax", []Value{logits}), "p"))
	after, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	if len(after.Graph.Outputs) != 2 || len(after.Graph.Nodes) != len(m.Graph.Nodes)+2 {
		t.Errorf("is %s", Print(after))
	}
	if Print(m) != before {
		t.Error("the model that was continued has changed")
	}
}

func mustValue(t *testing.T, b *Builder, name string) Value {
	t.Helper()
	v, ok := b.Value(name)
	if !ok {
		t.Fatalf("no value %q", name)
	}
	return v
}

// TestBuilderFromForeign: unknown operators of the model stay, and their
// results can be used.
func TestBuilderFromForeign(t *testing.T) {
	m := parse(t, `g (float[2] x) => (float[2] y) { h = my.Thing (x) y = Relu (h) }`)
	b := BuilderFrom(m)
	b.Output(b.Op("Neg", []Value{mustValue(t, b, "h")}))
	if _, err := b.Build(); err != nil {
		t.Error(err)
	}
}

// TestFreshNames: no name is given twice, whatever the caller takes first.
func TestFreshNames(t *testing.T) {
	b := NewBuilder("g")
	x := b.Input("Relu", Float, 2)
	seen := map[string]bool{"Relu": true, "Relu_2": true, "Relu_5": true}
	b.Init("Relu_2", NewTensor(Float))
	b.Init("Relu_5", NewTensor(Float))
	for range 20 {
		v := b.Op("Relu", []Value{x})
		if seen[v.Name()] {
			t.Fatalf("%q is given twice", v.Name())
		}
		seen[v.Name()] = true
	}
	if b.Err() != nil {
		t.Error(b.Err())
	}
}

func BenchmarkBuild150(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := net(25, 8).Build(); err != nil { // 25*6+2 nodes
			b.Fatal(err)
		}
	}
}

func BenchmarkMarshal1MB(b *testing.B) {
	m, err := net(25, 92).Build()
	if err != nil {
		b.Fatal(err)
	}
	data, _ := Marshal(m)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Marshal(m); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUnmarshal1MB(b *testing.B) {
	m, err := net(25, 92).Build()
	if err != nil {
		b.Fatal(err)
	}
	data, _ := Marshal(m)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Unmarshal(data); err != nil {
			b.Fatal(err)
		}
	}
}
