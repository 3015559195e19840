package space

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"hanas/internal/realdata"
)

// ofaArch makes the Arch of Once-for-All's own spelling: five stages, ks and e
// with four entries a stage.
func ofaArch(t testing.TB, s *Space, ks, es, ds []int, res int) Arch {
	t.Helper()
	var draft []byte
	block := -1
	for _, sl := range s.Slots() {
		if sl.Kind == SlotKernel && sl.Stage > 0 {
			block++
		}
		want := sl.Values[0]
		switch {
		case sl.Kind == SlotResolution:
			want = float64(res)
		case sl.Stage < 1:
		case sl.Kind == SlotDepth:
			want = float64(ds[sl.Stage-1])
		case sl.Kind == SlotKernel:
			want = float64(ks[block])
		case sl.Kind == SlotExpand:
			want = float64(es[block])
		}
		i := 0
		for sl.Values[i] != want {
			i++
		}
		draft = append(draft, byte(i))
	}
	a, err := s.New(draft)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func repeat(v, n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = v
	}
	return out
}

// TestOnceForAllTotals: published sizes of the largest and the smallest
// sub-network at 224, and the supernet's parameters (without the kernel
// transforms, 20 × (25² + 9²)).
func TestOnceForAllTotals(t *testing.T) {
	rows := []struct {
		name         string
		k, e, d      int
		params, macs float64 // millions
	}{
		{"ofa-mbv3-w1.0", 7, 6, 4, 7.665, 566.2},
		{"ofa-mbv3-w1.0", 3, 3, 2, 3.411, 121.3},
		{"ofa-mbv3-w1.2", 7, 6, 4, 10.702, 843.1},
		{"ofa-mbv3-w1.2", 3, 3, 2, 4.602, 193.1},
	}
	for _, r := range rows {
		s, err := Preset(r.name)
		if err != nil {
			t.Fatal(err)
		}
		c := Cost(s.Layers(ofaArch(t, s, repeat(r.k, 20), repeat(r.e, 20), repeat(r.d, 5), 224)))
		if p, m := float64(c.Params)/1e6, float64(c.MACs)/1e6; p-r.params > .0006 || r.params-p > .0006 || m-r.macs > .06 || r.macs-m > .06 {
			t.Errorf("%s k%d e%d d%d: %.4fM params, %.3fM MACs; want %.3f, %.1f", r.name, r.k, r.e, r.d, p, m, r.params, r.macs)
		}
	}
	s, _ := Preset("ofa-mbv3-w1.0")
	if p := Cost(s.Layers(s.Largest())).Params; p != 7_664_760 {
		t.Errorf("supernet has %d parameters, want 7664760", p)
	}
}

// TestMeasuredSubnetworks compares every row of DyNAS-T's published
// measurements with the exact cost model.
func TestMeasuredSubnetworks(t *testing.T) {
	s, _ := Preset("ofa-mbv3-w1.0")
	files, _ := filepath.Glob(filepath.Join(realdata.Path(t, "dynast"), "*.csv"))
	rows, bad := 0, 0
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		records, err := csv.NewReader(f).ReadAll()
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		for _, rec := range records[1:] {
			c := Cost(s.Layers(dynastArch(t, s, rec[0])))
			params, _ := strconv.ParseInt(rec[2], 10, 64)
			macs, _ := strconv.ParseInt(rec[4], 10, 64)
			rows++
			if c.Params != params || c.MACs != macs {
				if bad++; bad < 5 {
					t.Errorf("%s: params %d want %d, MACs %d want %d (%+d)", rec[0], c.Params, params, c.MACs, macs, macs-c.MACs)
				}
			}
		}
	}
	t.Logf("%d rows, %d differ", rows, bad)
	if rows < 1800 {
		t.Errorf("only %d rows", rows)
	}
}

// dynastArch reads "{'wid': None, 'ks': [5, …], 'e': […], 'd': […], 'r': [224]}".
func dynastArch(t testing.TB, s *Space, text string) Arch {
	t.Helper()
	list := func(name string) []int {
		_, rest, ok := strings.Cut(text, "'"+name+"': [")
		rest, _, closed := strings.Cut(rest, "]")
		if !ok || !closed {
			t.Fatalf("no %s in %s", name, text)
		}
		var out []int
		for _, f := range strings.Split(rest, ", ") {
			v, err := strconv.Atoi(f)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, v)
		}
		return out
	}
	return ofaArch(t, s, list("ks"), list("e"), list("d"), list("r")[0])
}
