package latency

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"hanas/internal/arrowframe"
)

// arrowTable has a row of every sort, with figures that decimal digits do not
// hold exactly.
func arrowTable(t testing.TB) *Table {
	t.Helper()
	tab := &Table{Header: Header{
		Device: "Jetson, \"Orin\"", Runtime: "ONNX Runtime", Version: "1.30.0", Threads: 2, Governor: "performance", Provenance: MeasuredHere,
		Drift: 1. / 3, PaceMs: .1, Host: "x", Precision: "float w8/a8", Date: "2026-03-25",
	}}
	for key, r := range map[string]Row{
		"add/in:8x4x4/out:8x4x4/k1/s1/w0/a8":             {MeanMs: .1 + .2, StdMs: 1e-300, P95Ms: 1. / 3, Count: 7, EnergyMJ: 5e-324, TrafficBytes: 1<<53 + 1},
		"pointwise/in:8x4x4/out:16x4x4/k1/s1/relu/w8/a8": {MeanMs: 1e300, Modelled: true},
		"pool/in:8x4x4/out:8x1x1/k4/s1/w0/a16":           {},
	} {
		if err := tab.Set(key, r); err != nil {
			t.Fatal(err)
		}
	}
	return tab
}

func TestArrowAndCSVHoldTheSame(t *testing.T) {
	dir := t.TempDir()
	tab := arrowTable(t)
	want, err := tab.csv()
	if err != nil {
		t.Fatal(err)
	}
	at := tab
	for i, name := range []string{"a.arrow", "b.csv", "c.arrow"} {
		path := filepath.Join(dir, name)
		if err := at.Write(path); err != nil {
			t.Fatal(err)
		}
		if at, err = ReadTable(path); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(at.rows, tab.rows) || at.Header != tab.Header {
			t.Errorf("after %d turns the table is another", i+1)
		}
	}
	if got, _ := at.csv(); !bytes.Equal(got, want) {
		t.Error("the text is another")
	}
	a, _ := os.ReadFile(filepath.Join(dir, "a.arrow"))
	c, _ := os.ReadFile(filepath.Join(dir, "c.arrow"))
	if !bytes.Equal(a, c) {
		t.Error("the same table gives other bytes")
	}
	if err := os.Rename(filepath.Join(dir, "a.arrow"), filepath.Join(dir, "unnamed")); err != nil {
		t.Fatal(err)
	}
	if back, err := ReadTable(filepath.Join(dir, "unnamed")); err != nil || back.Len() != 3 {
		t.Errorf("an Arrow table is known by what it begins with: %v", err)
	}
}

// TestDamagedArrowIsRefused: no bit of a table can turn unseen, and no part of
// one is taken for the whole.
func TestDamagedArrowIsRefused(t *testing.T) {
	tab := arrowTable(t)
	data, err := tab.arrow()
	if err != nil {
		t.Fatal(err)
	}
	for n := range data {
		if _, err := parseArrow(data[:n]); err == nil {
			t.Errorf("the first %d of %d bytes are taken for a table", n, len(data))
		}
	}
	silent := 0
	for at := range data {
		for bit := range 8 {
			bad := bytes.Clone(data)
			bad[at] ^= 1 << bit
			back, err := parseArrow(bad)
			if err != nil {
				continue
			}
			silent++ // padding, flags that change nothing
			if !reflect.DeepEqual(back.rows, tab.rows) || back.Header != tab.Header {
				t.Fatalf("byte %d, bit %d: another table, and no error", at, bit)
			}
		}
	}
	if silent > len(data)*8/2 {
		t.Errorf("%d of %d flips go unseen", silent, len(data)*8)
	}
}

func TestForeignArrowIsRefused(t *testing.T) {
	good, err := arrowTable(t).arrow()
	if err != nil {
		t.Fatal(err)
	}
	meta := arrow.NewMetadata([]string{"pandas"}, []string{"{}"})
	build := func(columns []arrow.Field, meta *arrow.Metadata) []byte {
		b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(columns, meta))
		defer b.Release()
		rec := b.NewRecordBatch()
		defer rec.Release()
		out, err := arrowframe.Write(rec.Schema(), memory.DefaultAllocator, rec)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	header := func(text string) *arrow.Metadata {
		m := arrow.NewMetadata([]string{arrowHeader}, []string{text})
		return &m
	}
	head := `{"format":"hanas-lut","format_version":3,"device":"d","provenance":"measured"}`
	for _, r := range []struct {
		name, want string
		data       []byte
	}{
		{"empty", "ends inside", nil},
		{"file with footer", "footer", []byte("ARROW1\x00\x00")},
		{"csv", "no Arrow message", []byte(goodHead + goodRow)},
		{"no header", "not a latency table", build(arrowColumns, &meta)},
		{"header of a later version", "version 4", build(arrowColumns, header(strings.Replace(head, ":3", ":4", 1)))},
		{"header of an older version", "begin with 3", build(arrowColumns, header(strings.Replace(head, ":3", ":2", 1)))},
		{"a column too few", "7 columns, want 8", build(arrowColumns[:7], header(head))},
		{"another column", "column 7 is date", build(append(arrowColumns[:7:7], arrow.Field{Name: "date", Type: arrow.BinaryTypes.String}), header(head))},
		{"another type", "unsupported", build([]arrow.Field{{Name: "key", Type: arrow.BinaryTypes.LargeString}}, header(head))},
		{"text behind", "behind the end", append(bytes.Clone(good), 0)},
	} {
		if _, err := parseArrow(r.data); err == nil || !strings.Contains(err.Error(), r.want) {
			t.Errorf("%s: %v, want %q", r.name, err, r.want)
		}
	}
	if tab, err := parseArrow(build(arrowColumns, header(head))); err != nil || tab.Len() != 0 || tab.Device != "d" {
		t.Errorf("a table of another program, without checksum: %v", err)
	}
}

func FuzzParseArrow(f *testing.F) {
	good, err := arrowTable(f).arrow()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Fuzz(func(t *testing.T, data []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		tab, err := parseArrow(data)
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > 8<<20+64*uint64(len(data)) {
			t.Fatalf("%d bytes of input, %d allocated", len(data), got)
		}
		if err != nil {
			return
		}
		again, err := tab.arrow()
		if err != nil {
			t.Fatal(err)
		}
		back, err := parseArrow(again)
		if err != nil || !reflect.DeepEqual(back.rows, tab.rows) {
			t.Fatalf("what was read does not read back: %v", err)
		}
	})
}
