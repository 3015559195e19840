package latency

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// unitTables are the published tables, by format.
var unitTables = []struct{ file, format string }{
	{"ofa/lut/note10_160.yaml", "ofa-mbv3"},
	{"ofa/lut/note10_224.yaml", "ofa-mbv3"},
	{"ofa/lut/pixel1_mobile_trim.yaml", "ofa-proxyless"},
	{"lut/i7-8700K_lut.yaml", "nsganetv2"},
	{"lut/bitfusion_b1.json", "bitfusion"},
}

// TestUnits: published tables are taken as they are; with some rows, or all of
// the small ones, in microseconds they are not.
func TestUnits(t *testing.T) {
	for _, f := range unitTables {
		tab := imported(t, f.file, f.format)
		if err := tab.checkUnits(); err != nil {
			t.Errorf("%s: %v", f.file, err)
		}
		worst := 0.0
		groups := map[string][]sizedRow{}
		for _, key := range tab.RowKeys() {
			if kind, size := tab.sizeOf(key); size > 0 && tab.rows[key].MeanMs > 0 {
				groups[kind] = append(groups[kind], sizedRow{key: key, log: math.Log(tab.rows[key].MeanMs), size: size})
			}
		}
		for _, rows := range groups {
			for _, r := range apart(rows) {
				worst = max(worst, math.Abs(r.off))
			}
		}
		t.Logf("%s: at most %.0f times apart", f.file, math.Exp(worst))
		for _, share := range []float64{.02, .3, .9} {
			mixed := &Table{Header: tab.Header}
			rng := rand.New(rand.NewPCG(1, 2))
			for _, key := range tab.RowKeys() {
				r := tab.rows[key]
				if rng.Float64() < share {
					r.MeanMs *= 1000
				}
				if err := mixed.Set(key, r); err != nil {
					t.Fatal(err)
				}
			}
			if err := mixed.checkUnits(); err == nil || !strings.Contains(err.Error(), "mixed units") {
				t.Errorf("%s with %g of the rows in us: %v", f.file, share, err)
			}
		}
	}
}
