package quant

import (
	"math"
	"testing"
)

func TestGridFillsTheTopOfUint8(t *testing.T) {
	for _, row := range []struct {
		bits      int
		r         Range
		low, zero uint8
		least     float32 // the smallest value
	}{
		{8, Range{0, 6}, 0, 0, 0},
		{4, Range{0, 6}, 240, 240, 0},
		{2, Range{0, 6}, 252, 252, 0},
		{8, Range{-6, 6}, 0, 128, -6 * 128.0 / 127},
		{4, Range{-6, 6}, 240, 248, -6 * 8.0 / 7},
		{2, Range{-6, 6}, 252, 254, -12},
	} {
		g, err := NewGrid(row.r, row.bits)
		if err != nil {
			t.Fatal(err)
		}
		if g.Low != row.low || g.Zero != row.zero || math.Abs(float64(g.Value(255)-6)) > 1e-6 || math.Abs(float64(g.Value(g.Low)-row.least)) > 1e-5 || g.Value(g.Zero) != 0 {
			t.Errorf("%d bits of %v: %+v, values %g … %g", row.bits, row.r, g, g.Value(g.Low), g.Value(255))
		}
		for c := int(g.Low); c <= 255; c++ {
			if back := g.Code(g.Value(uint8(c))); int(back) != c {
				t.Errorf("%d bits of %v: code %d comes back as %d", row.bits, row.r, c, back)
			}
		}
		if g.Code(1e9) != 255 || g.Code(-1e9) != g.Low {
			t.Errorf("%d bits of %v does not saturate", row.bits, row.r)
		}
	}
}

func TestGridRefuses(t *testing.T) {
	for _, r := range []Range{{0, 0}, {1, 2}, {0, math.Inf(1)}, {0, math.NaN()}, {math.NaN(), 1}} {
		if _, err := NewGrid(r, 8); err == nil {
			t.Errorf("range %v is accepted", r)
		}
	}
	for _, bits := range []int{0, 1, 3, 16} {
		if _, err := NewGrid(Range{0, 1}, bits); err == nil {
			t.Errorf("%d bits are accepted", bits)
		}
	}
}

// The mean square behind batch norm against a sum over a fine grid.
func TestBNMeanSquare(t *testing.T) {
	gamma, beta := []float32{1, -0.5, 2, 0, 0.1}, []float32{0, 1, -3, 0.5, -1}
	for _, act := range []string{"", "relu", "hswish"} {
		want := 0.0
		for c := range gamma {
			const dz = 1e-3
			if gamma[c] == 0 {
				want += 0.25 / 5
				continue
			}
			for z := -9 + dz/2; z < 9; z += dz {
				x := float64(beta[c]) + math.Abs(float64(gamma[c]))*z
				if act == "relu" {
					x = max(x, 0)
				}
				want += x * x * math.Exp(-z*z/2) / math.Sqrt(2*math.Pi) * dz / 5
			}
		}
		if got := BNMeanSquare(gamma, beta, act); math.Abs(got-want) > 1e-5*want {
			t.Errorf("%q: mean square %.6f, summed %.6f", act, got, want)
		}
	}
}

func TestRanges(t *testing.T) {
	one, zero := []float32{1}, []float32{0}
	for _, row := range []struct {
		act    string
		bits   int
		lo, hi float64
	}{
		{"", 8, -6, 6},
		{"relu", 8, 0, 6},
		{"relu6", 8, 0, 6}, // wide: sigma is 1
		{"", 4, -7 * gaussStep[4], 7 * gaussStep[4]},
		{"relu", 4, 0, 15 * halfStep[4]},
		{"relu", 2, 0, 3 * halfStep[2]},
		{"hswish", 2, -gaussStep[2], gaussStep[2]},
	} {
		r := BNRange(one, zero, row.act, row.bits)
		if math.Abs(r.Lo-row.lo) > 1e-9 || math.Abs(r.Hi-row.hi) > 1e-9 {
			t.Errorf("%q at %d bits: %v, want [%g,%g]", row.act, row.bits, r, row.lo, row.hi)
		}
	}
	if r := BNRange([]float32{9}, zero, "relu6", 8); r.Hi != 6 {
		t.Errorf("behind a ReLU6: %v", r)
	}
	if r := RangeFromMeanSquare(0, true, 4); !(r.Hi > 0) {
		t.Errorf("a tensor of zeros has range %v", r)
	}
}
