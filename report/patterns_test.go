package report

import (
	"strings"
	"testing"
)

// TestPatterns: three networks, one a third, by hand.
func TestPatterns(t *testing.T) {
	d := &Data{}
	var shapes Shapes
	for i, bits := range []int{2, 4, 8} {
		p := Point{Arch: strings.Repeat("x", i+1), Latency: Fig(float64(3-i), Predicted)} // given from slow to fast
		for b := range 3 - i {
			block := "s0.b" + string(rune('0'+b))
			p.Layers = append(p.Layers,
				shapes.Add(Layer{Name: block + ".dw", Kind: "depthwise", Block: block, Kernel: 3 + 2*b, WBits: bits}),
				shapes.Add(Layer{Name: block + ".expand", Kind: "pointwise", Block: block, Out: 99, WBits: 16}),
				shapes.Add(Layer{Name: block + ".project", Kind: "pointwise", Block: block, Out: 10 * (i + 1), WBits: bits}))
		}
		d.Front = append(d.Front, p)
	}
	d.Shapes = shapes.List()
	rows := patternsTable(d).Rows
	want := "s0|1.0 → 2.0 → 3.0|30.0 → 20.0 → 10.0|3.0 → 4.0 → 5.0|8.0 → 4.0 → 2.0|12.0 → 10.0 → 9.0"
	if len(rows) != 1 || strings.Join(rows[0], "|") != want {
		t.Errorf("%q, want %q", rows, want)
	}
	if len(patternsTable(&Data{Front: d.Front}).Rows) != 0 {
		t.Error("a front that does not tell its layers has patterns")
	}
}
