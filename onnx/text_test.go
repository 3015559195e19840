package onnx

import (
	"bytes"
	"strings"
	"testing"
)

// TestSyntax prints what is read, in our layout; the first case is the example
// of docs/Syntax.md.
func TestSyntax(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{`<
  ir_version: 7,
  opset_import: [ "" : 10 ]
>
agraph (float[N, 128] X, float[128, 10] W, float[10] B) => (float[N, 10] C)
{
    T = MatMul(X, W)
    S = Add(T, B)
    C = Softmax(S)
}`, `<
   ir_version: 7,
   opset_import: ["" : 10]
>
agraph (float[N,128] X, float[128,10] W, float[10] B) => (float[N,10] C)
{
   T = MatMul (X, W)
   S = Add (T, B)
   C = Softmax (S)
}
`},
		{`# a comment
g (float[N] x = {}, float w = {2}) => (float[?] y) # another
<float[2] v = {1, -2.5e3}, float[?,3] h> {
  [n1] y, z = a.b.Op(x, "", w) <i: int = 1, f: float = 2, fs: floats = [1, 2.5], t = float[1] name = {3}, s = "a\"b\\", e: ints = []>
  [""] q = a.b.Op(,x,)
}`, `error: line 2, column 19: shape [-1] has a size of -1`},
		{`g (float w = {2}) => (float[?] y)
<float[2] v = {1, -2.5e3}, float[?,3] h> {
  [n1] y, z = a.b.Op(x, "", w) <i: int = 1, f: float = 2, fs: floats = [1, 2.5], t = float[1] name = {3}, s = "a\"b\\", e: ints = []>
  [""] q = a.b.Op(,x,)
}`, `<
   opset_import: ["" : 21]
>
g () => (float[?] y)
   <float w = {2.0},
    float[2] v = {1.0, -2500.0},
    float[?,3] h>
{
   [n1] y, z = a.b.Op <i = 1, f = 2.0, fs = [1.0, 2.5], t = float[1] {3.0}, s = "a\"b\\", e: ints = []> (x, "", w)
   [""] q = a.b.Op ("", x)
}
`},
	} {
		m, err := Parse(c.text)
		got := ""
		if err != nil {
			got = "error: " + strings.TrimPrefix(err.Error(), "onnx: parse: ")
		} else {
			got = Print(m)
		}
		if got != c.want {
			t.Errorf("is\n%s\nwant\n%s", got, c.want)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "line 1, column 1: expected a name"},
		{"g", `line 1, column 2: expected "("`},
		{"g ()\n => (float[x y", "line 2, column 14: expected \"]\""},
		{`g () => () { y = Op <a = []> () }`, "an empty list needs a kind"},
		{`g () => () { y = Op <a: int = [1]> () }`, "a list for an attribute of kind int"},
		{`g () => () { y = Op <a: ints = 1> () }`, "expected a value of kind ints, found int"},
		{`g () => () { y = Op <a = [1, 2.0]> () }`, "expected a value of kind int, found float"},
		{`g () => () { y = Op <a: blob = 1> () }`, "unknown kind of attribute"},
		{`g () => () { y = Op <a = body () => () {}> () }`, "graph attributes are not supported"},
		{`g () => () { y = Op <= 1> () }`, "expected an attribute's name"},
		{`g () => () { y = (x) }`, "expected an operator"},
		{`g () => () <float[2] w = {1}> {}`, "1 values for shape [2]"},
		{`g () => () <float[-2] w = {1}> {}`, "a size of -2"},
		{`g () => () <float[?] w = {1}> {}`, "has a size of -1"},
		{`g () => () <int8[1] w = {200}> {}`, "value 200 at 0 is outside [-128,127]"},
		{`g () => () <int8[1] w = {1.5}> {}`, "expected an integer"},
		{`g () => () <uint64[1] w = {-1}> {}`, "expected an unsigned integer"},
		{`g () => () <float[1] w = {x}> {}`, `expected a number, found "x"`},
		{`g () => () <string[1] w = {1}> {}`, "string is no integer type"},
		{`g () => () <seq(float) w> {}`, "expected"},
		{`g () => () {} f () => () {}`, "functions are not supported"},
		{`<color: "red"> g () => () {}`, `unknown key "color"`},
		{`<doc_string: "red> g () => () {}`, "the quotes do not end"},
		{`g () => () { y = Op (x`, `expected ")"`},
	} {
		if _, err := Parse(c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", c.text, err, c.want)
		}
	}
}

// TestTextRoundTrip: text, model and bytes say the same.
func TestTextRoundTrip(t *testing.T) {
	for _, text := range append(paragraphs(t, "testdata/shapes.txt"), sample) {
		sameText(t, parse(t, text))
	}
}

func sameText(t *testing.T, m *Model) {
	t.Helper()
	text := Print(m)
	back, err := Parse(text)
	if err != nil {
		t.Fatalf("cannot read what was printed: %v in:\n%s", err, text)
	}
	if again := Print(back); again != text {
		t.Fatalf("text changes from\n%s\nto\n%s", text, again)
	}
	a, err := Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := Marshal(back); !bytes.Equal(a, b) {
		t.Fatalf("bytes change for\n%s", text)
	}
}

// FuzzParse: what can be read prints to the same again.
func FuzzParse(f *testing.F) {
	f.Add(sample)
	for _, file := range []string{"testdata/shapes.txt", "testdata/faults.txt"} {
		for _, text := range paragraphs(f, file) {
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		if m, err := Parse(text); err == nil {
			sameText(t, m)
			_ = Check(m)
			_ = Infer(m)
		}
	})
}
