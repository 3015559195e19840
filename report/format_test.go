package report

import (
	"math"
	"slices"
	"testing"
)

func TestPrinting(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{digits(0), "0"},
		{digits(0.012345), "0.0123"},
		{digits(0.1), "0.100"},
		{digits(0.99949), "0.999"},
		{digits(0.9996), "1.00"},
		{digits(1.005), "1.00"},
		{digits(12.34), "12.3"},
		{digits(99.96), "100"},
		{digits(1234567), "1,234,567"},
		{digits(-3.14159), "-3.14"},
		{size(12), "12 B"},
		{size(1000), "1.00 kB"},
		{size(123456), "123 kB"},
		{size(999600), "1.00 MB"},
		{size(4.2e6), "4.20 MB"},
		{scaled(999), "999"},
		{scaled(5400000), "5.40 M"},
		{scaled(2.1e9), "2.10 G"},
		{whole(-1234), "-1,234"},
		{whole(999), "999"},
		{percent(0.8905), "89.0 %"},
		{percent2(0.890551), "89.06 %"},
		{duration(0.02), "20 ms"},
		{duration(61.5), "61.5 s"},
		{duration(812), "13 min 32 s"},
		{duration(9000), "2 h 30 min"},
		{power(27.4), "10²⁷"},
		{plain(-0.0000000001), "0"},
		{plain(0.30000000000000004), "0.3"},
		{plain(12500), "12,500"},
		{ratio(0.7), "70 %"},
		{ratio(0.725), "72.5 %"},
		{figure(Figure{}, ms), "–"},
		{figure(Fig(math.NaN(), Measured), ms), "–"},
		{figure(Fig(1.5, Predicted), ms), "1.50 ms ○"},
	} {
		if c.got != c.want {
			t.Errorf("printed %q, want %q", c.got, c.want)
		}
	}
}

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		lo, hi float64
		log    bool
		want   []float64
	}{
		{0, 1, false, []float64{0, 0.2, 0.4, 0.6, 0.8, 1}},
		{0.62, 0.93, false, []float64{0.65, 0.7, 0.75, 0.8, 0.85, 0.9}},
		{0.2, 1.4, true, []float64{0.2, 0.3, 0.5, 0.7, 1}},
		{1, 1000, true, []float64{1, 3, 10, 30, 100, 300, 1000}},
	} {
		a := axis{lo: c.lo, hi: c.hi, log: c.log}
		got := a.ticks(7)
		equal := slices.EqualFunc(got, c.want, func(x, y float64) bool { return math.Abs(x-y) < 1e-9*math.Max(1, y) })
		if !equal {
			t.Errorf("%v to %v, log %v: ticks %v, want %v", c.lo, c.hi, c.log, got, c.want)
		}
	}
}

// TestTicksAlwaysFit tries many ranges: there are 2 to 14 ticks, all inside.
func TestTicksAlwaysFit(t *testing.T) {
	for _, log := range []bool{false, true} {
		for lo := 1e-6; lo < 1e6; lo *= 3.7 {
			for span := 1.001; span < 1e5; span *= 1.9 {
				a := axis{log: log}
				a.fit([]float64{lo, lo * span})
				ticks := a.ticks(8)
				if len(ticks) < 1 || len(ticks) > 18 {
					t.Fatalf("%v to %v, log %v: %d ticks", a.lo, a.hi, log, len(ticks))
				}
				for _, v := range ticks {
					if v < a.lo*(1-1e-9) || v > a.hi*(1+1e-9) {
						t.Fatalf("tick %v outside %v to %v", v, a.lo, a.hi)
					}
				}
			}
		}
	}
}

func TestStairs(t *testing.T) {
	p := newPlot(100, 100, axis{lo: 0, hi: 10}, axis{lo: 0, hi: 10})
	p.x.from, p.x.to, p.y.from, p.y.to = 0, 10, 0, 10 // pixels are values
	got := stairs([]dot{{x: 1, y: 2}, {x: 2, y: 1}, {x: 3, y: 5}}, p)
	want := [][2]float64{{1, 2}, {3, 2}, {3, 5}, {10, 5}}
	if !slices.Equal(got, want) {
		t.Errorf("stairs %v, want %v", got, want)
	}
}

func TestGain(t *testing.T) {
	point := func(acc, ms float64, from Provenance) Point {
		return Point{Accuracy: Fig(acc, from), Latency: Fig(ms, Predicted), Memory: Fig(100, Modelled)}
	}
	d := &Data{
		Baselines: []Baseline{{Name: "big", Accuracy: Fig(0.8, Predicted), Latency: Fig(6, Predicted), Memory: Fig(100, Modelled)}},
		Front:     []Point{point(0.7, 1, Predicted), point(0.81, 2, Predicted), point(0.9, 3, Predicted), point(0.95, 0.5, Measured)},
	}
	if _, p, times := speedup(d); p == nil || times != 3 || p.Latency.Value != 2 {
		t.Errorf("speed-up %v of %+v, want 3: the measured accuracy may not be compared with a predicted one", times, p)
	}
	if _, p, _ := shrink(d); p != nil {
		t.Error("equal memory is no gain")
	}
}

func TestBins(t *testing.T) {
	for n := range 40 {
		at := 0
		for _, b := range bins(n, 7) {
			if b[0] != at || b[1] <= b[0] {
				t.Fatalf("%d items: bin %v after %d", n, b, at)
			}
			at = b[1]
		}
		if at != n {
			t.Fatalf("%d items: bins end at %d", n, at)
		}
	}
}
