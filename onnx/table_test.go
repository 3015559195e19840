package onnx

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// paragraphs splits a file of cases at its empty lines, without comments.
func paragraphs(t testing.TB, file string) []string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, p := range strings.Split(string(data), "\n\n") {
		var lines []string
		for _, line := range strings.Split(strings.TrimSpace(p), "\n") {
			if line != "" && line[0] != '#' {
				lines = append(lines, line)
			}
		}
		if len(lines) > 0 {
			out = append(out, strings.Join(lines, "\n"))
		}
	}
	return out
}

func parse(t testing.TB, text string) *Model {
	t.Helper()
	m, err := Parse(text)
	if err != nil {
		t.Fatalf("%v in:\n%s", err, text)
	}
	return m
}

// TestShapes infers the types of each case's outputs, which are forgotten
// first, and wants what the case states.
func TestShapes(t *testing.T) {
	seen := map[string]bool{}
	for _, text := range paragraphs(t, "testdata/shapes.txt") {
		m := parse(t, text)
		want := slices.Clone(m.Graph.Outputs)
		for i := range m.Graph.Outputs {
			m.Graph.Outputs[i] = ValueInfo{Name: want[i].Name}
		}
		if err := Infer(m); err != nil {
			t.Errorf("%v in:\n%s", err, text)
			continue
		}
		for i, got := range m.Graph.Outputs {
			if !reflect.DeepEqual(got, want[i]) {
				t.Errorf("output %q is %v%v, want %v%v in:\n%s", got.Name, got.DType, got.Shape, want[i].DType, want[i].Shape, text)
			}
		}
		if err := CheckForeign(m); err != nil {
			t.Errorf("%v in:\n%s", err, text)
		}
		for _, n := range m.Graph.Nodes {
			seen[opName(n.Domain, n.Op)] = true
		}
	}
	for _, op := range Ops() {
		if !seen[op.String()] {
			t.Errorf("operator %v has no case in testdata/shapes.txt", &op)
		}
	}
}

func TestFaults(t *testing.T) {
	for _, text := range paragraphs(t, "testdata/faults.txt") {
		text, want, _ := strings.Cut(text, "\n! ")
		err := Check(parse(t, text))
		switch {
		case err == nil:
			t.Errorf("no error, want %q in:\n%s", want, text)
		case !strings.Contains(err.Error(), want):
			t.Errorf("error %q, want %q in:\n%s", err, want, text)
		}
	}
}

// TestTable holds the rows to what the rules and the checks rely on.
func TestTable(t *testing.T) {
	for _, op := range Ops() {
		if op.Infer == nil || op.Since < 1 || op.MinOut < 1 || op.MaxIn >= 0 && op.MaxIn < op.MinIn {
			t.Errorf("%v: row is not complete", &op)
		}
		if got, ok := Lookup(op.Domain, op.Name); !ok || got.Name != op.Name || got.Domain != op.Domain {
			t.Errorf("%v: Lookup does not find it", &op)
		}
		for i, a := range op.Attrs {
			if a.Name == "" || a.Kind < AttrFloat || a.Kind > AttrStrings || a.Input > 0 && (a.Until == 0 || op.MaxIn >= 0 && a.Input >= op.MaxIn) {
				t.Errorf("%v: attribute row %d (%q) is wrong", &op, i, a.Name)
			}
			for _, b := range op.Attrs[:i] {
				if b.Name == a.Name && (b.Until == 0 || b.Until > a.Since) {
					t.Errorf("%v: attribute %q has two rows for one opset", &op, a.Name)
				}
			}
		}
	}
	if _, ok := Lookup("ai.onnx", "Conv"); !ok {
		t.Error("the default domain has two names")
	}
}
