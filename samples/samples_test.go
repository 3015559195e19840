package samples

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/apache/arrow-go/v18/arrow"

	"hanas/internal/arrowframe"
	"hanas/space"
)

func quick(t testing.TB) *space.Space {
	t.Helper()
	sp, err := space.Preset("quick")
	if err != nil {
		t.Fatal(err)
	}
	return sp
}

// scored makes n distinct samples.
func scored(sp *space.Space, n int) []Sample {
	rng := rand.New(rand.NewPCG(1, 2))
	out := make([]Sample, n)
	for i := range out {
		out[i] = New(sp, sp.Random(rng))
		out[i].Accuracy, out[i].Top5, out[i].Loss = rng.Float64(), rng.Float64(), 3*rng.Float64()
		out[i].Seed, out[i].Images = rng.Uint64(), 1000
	}
	return out
}

// checked is an allocator whose leaks fail the test.
func checked(t testing.TB) memory.Allocator {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	t.Cleanup(func() { mem.AssertSize(t, 0) })
	return mem
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func noSync() error { return nil } // tests with thousands of stores spare the disk

var small = Info{SupernetHash: "net", DataHash: "data", Device: "cpu, ref", BatchRows: 4}

// write makes a store in one go and gives its bytes.
func write(t testing.TB, path string, sp *space.Space, rows []Sample) []byte {
	t.Helper()
	w, err := create(path, sp, small, checked(t))
	must(t, err)
	w.sync = noSync
	must(t, w.Append(rows))
	must(t, w.Close())
	data, err := os.ReadFile(path)
	must(t, err)
	return data
}

func TestWriteAndRead(t *testing.T) {
	sp := quick(t)
	for _, n := range []int{0, 1, 4, 11} {
		path := filepath.Join(t.TempDir(), "samples.arrow")
		rows := scored(sp, n)
		write(t, path, sp, rows)
		got, info, err := Read(path)
		must(t, err)
		if !slices.Equal(got, rows) {
			t.Fatalf("%d rows read back as %v", n, got)
		}
		if info.Space != "quick" || info.SpaceHash != sp.Hash() || info.SupernetHash != "net" || info.Device != "cpu, ref" || info.BatchRows != 4 {
			t.Fatalf("info is %+v", info)
		}
		_, err = Verify(path, sp)
		must(t, err)
	}
}

// TestBytesDependOnContentOnly appends the same rows in other portions.
func TestBytesDependOnContentOnly(t *testing.T) {
	sp := quick(t)
	rows := scored(sp, 11)
	want := write(t, filepath.Join(t.TempDir(), "a"), sp, rows)
	for _, portion := range []int{1, 2, 3, 5} {
		path := filepath.Join(t.TempDir(), "b")
		w, err := Create(path, sp, small)
		must(t, err)
		for part := range slices.Chunk(rows, portion) {
			must(t, w.Append(part))
		}
		must(t, w.Close())
		if got, _ := os.ReadFile(path); !bytes.Equal(got, want) {
			t.Errorf("portions of %d give other bytes", portion)
		}
	}
}

// TestResumeAfterACutAnywhere cuts a store at every byte, continues it, and
// compares with the uninterrupted store.
func TestResumeAfterACutAnywhere(t *testing.T) {
	sp := quick(t)
	rows := scored(sp, 7)
	dir := t.TempDir()
	want := write(t, filepath.Join(dir, "whole"), sp, rows)
	path, mem := filepath.Join(dir, "cut"), checked(t)
	known := -1
	for cut := range len(want) + 1 {
		must(t, os.WriteFile(path, want[:cut], 0o644))
		before, _, err := Read(path)
		if (cut < len(want)) != (err != nil) {
			t.Fatalf("cut at %d: read says %v", cut, err)
		}
		w, done, err := resume(path, sp, small, mem)
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if !slices.Equal(done, rows[:len(done)]) || len(done) < known || !slices.Equal(before, done) || w.Rows() != len(done) {
			t.Fatalf("cut at %d: %d rows recovered, %d before", cut, len(done), known)
		}
		known = len(done)
		w.sync = noSync
		must(t, w.Append(rows[len(done):]))
		must(t, w.Close())
		if got, _ := os.ReadFile(path); !bytes.Equal(got, want) {
			t.Fatalf("cut at %d: other bytes than the uninterrupted store", cut)
		}
	}
	if known != len(rows) {
		t.Errorf("the whole store gave %d rows", known)
	}
}

// TestGrowAClosedStore: more rows after Close give the bytes of one go.
func TestGrowAClosedStore(t *testing.T) {
	sp := quick(t)
	rows := scored(sp, 15)
	dir := t.TempDir()
	want := write(t, filepath.Join(dir, "whole"), sp, rows)
	for n := range rows {
		path := filepath.Join(dir, "part")
		os.Remove(path)
		write(t, path, sp, rows[:n])
		w, done, err := Resume(path, sp, small)
		must(t, err)
		if len(done) != n {
			t.Fatalf("%d rows of %d", len(done), n)
		}
		must(t, w.Append(rows[n:]))
		must(t, w.Close())
		if got, _ := os.ReadFile(path); !bytes.Equal(got, want) {
			t.Fatalf("grown from %d rows: other bytes", n)
		}
	}
}

func TestZeroTailIsACut(t *testing.T) {
	sp := quick(t)
	path := filepath.Join(t.TempDir(), "s")
	data := write(t, path, sp, scored(sp, 8))
	must(t, os.WriteFile(path, append(data[:len(data)-arrowframe.EndLen], make([]byte, 100)...), 0o644))
	_, done, err := Resume(path, sp, small)
	if err != nil || len(done) != 8 {
		t.Fatalf("%d rows, %v", len(done), err)
	}
}

func TestForeignStoresAreRefusedAndKept(t *testing.T) {
	sp := quick(t)
	other := quick(t)
	other.Classes++
	path := filepath.Join(t.TempDir(), "s")
	data := write(t, path, sp, scored(sp, 5))
	for _, r := range []struct {
		sp   *space.Space
		info Info
		want string
	}{
		{other, small, "space"},
		{sp, Info{SupernetHash: "else", DataHash: "data"}, "supernet"},
		{sp, Info{SupernetHash: "net", DataHash: "else"}, "data"},
		{sp, Info{SupernetHash: "net", DataHash: "data", Device: "else"}, "device"},
		{sp, Info{SupernetHash: "net"}, "schema differs"},
	} {
		if _, _, err := Resume(path, r.sp, r.info); err == nil || !strings.Contains(err.Error(), r.want) {
			t.Errorf("%+v: %v, want %q", r.info, err, r.want)
		}
		if now, _ := os.ReadFile(path); !bytes.Equal(now, data) {
			t.Fatal("a refused store was changed")
		}
	}
	if _, err := Verify(path, other); err == nil {
		t.Error("verify takes another space's store")
	}
	if _, err := Create(path, sp, small); err == nil {
		t.Error("create overwrites a store")
	}
	must(t, os.WriteFile(path, []byte("arch,accuracy\n"), 0o644))
	if _, _, err := Resume(path, sp, small); err == nil {
		t.Error("resume takes a CSV file")
	}
	must(t, os.WriteFile(path, []byte("arch"), 0o644))
	if _, _, err := Resume(path, sp, small); err == nil {
		t.Error("resume takes a short file of something else")
	}
}

func TestAppendRefusesAndStaysWhole(t *testing.T) {
	sp := quick(t)
	rows := scored(sp, 6)
	path := filepath.Join(t.TempDir(), "s")
	w, err := Create(path, sp, small)
	must(t, err)
	must(t, w.Append(rows[:3]))
	for name, fault := range map[string]func(*Sample){
		"duplicate":  func(s *Sample) { *s = rows[0] },
		"NaN":        func(s *Sample) { s.Accuracy = math.NaN() },
		"percent":    func(s *Sample) { s.Accuracy = 71.5 },
		"key":        func(s *Sample) { s.Arch += "x" },
		"MACs":       func(s *Sample) { s.MACs++ },
		"split":      func(s *Sample) { s.Split = "all" },
		"provenance": func(s *Sample) { s.Provenance = "" },
	} {
		bad := slices.Clone(rows[3:])
		fault(&bad[1])
		if err := w.Append(bad); err == nil || !strings.Contains(err.Error(), "sample 1") {
			t.Errorf("%s: %v", name, err)
		}
		if w.Rows() != 3 {
			t.Fatalf("%s: %d rows", name, w.Rows())
		}
	}
	if twice := []Sample{rows[3], rows[3]}; w.Append(twice) == nil || w.Has(rows[3].Arch) {
		t.Error("the same Arch twice in one portion")
	}
	must(t, w.Append(rows[3:]))
	must(t, w.Close())
	if err := w.Append(nil); !errors.Is(err, os.ErrClosed) {
		t.Errorf("append after close: %v", err)
	}
	_, err = Verify(path, sp)
	must(t, err)
}

func TestSplitShares(t *testing.T) {
	count := map[string]int{}
	for _, s := range scored(quick(t), 5000) {
		count[s.Split]++
	}
	for split, want := range map[string]float64{Train: .8, Val: .1, Test: .1} {
		if got := float64(count[split]) / 5000; math.Abs(got-want) > .015 {
			t.Errorf("%s: %.3f of all", split, got)
		}
	}
	if n := len(Select(scored(quick(t), 50), Train)); n == 0 || n == 50 {
		t.Errorf("%d of 50 in train", n)
	}
}

// TestDamageNeverPanicsNorAllocates flips every byte of a store's headers and
// some of its bodies, and bounds what reading allocates.
func TestDamageNeverPanicsNorAllocates(t *testing.T) {
	sp := quick(t)
	data := write(t, filepath.Join(t.TempDir(), "s"), sp, scored(sp, 5))
	var before, after runtime.MemStats
	for at := range data {
		runtime.ReadMemStats(&before)
		for _, v := range []byte{data[at] ^ 1, data[at] ^ 0x80, 0xFF, 0} {
			bad := bytes.Clone(data)
			bad[at] = v
			decode(bad, memory.DefaultAllocator)
		}
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 4<<20 {
			t.Fatalf("byte %d: reading %d bytes four times allocates %d", at, len(data), n)
		}
	}
}

func FuzzRead(f *testing.F) {
	sp := quick(f)
	data := write(f, filepath.Join(f.TempDir(), "s"), sp, scored(sp, 9))
	f.Add(data)
	f.Add(data[:len(data)/2])
	f.Fuzz(func(t *testing.T, data []byte) {
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		d, err := decode(data, mem)
		if err != nil {
			return // Arrow drops buffers of a batch that it refuses; the collector frees them
		}
		mem.AssertSize(t, 0)
		if !d.eos {
			t.Fatal("no error and no end")
		}
	})
}

func BenchmarkRead(b *testing.B) {
	sp := quick(b)
	path := filepath.Join(b.TempDir(), "s")
	w, err := Create(path, sp, Info{})
	must(b, err)
	must(b, w.Append(scored(sp, 10000)))
	must(b, w.Close())
	for b.Loop() {
		if _, _, err := Read(path); err != nil {
			b.Fatal(err)
		}
	}
}

// TestVersionOne reads a store that names no device, as the first version did,
// and refuses one that says it is of a later version.
func TestVersionOne(t *testing.T) {
	sp := quick(t)
	info := small.forSpace(sp)
	full := info.schema()
	meta := full.Metadata()
	for _, r := range []struct {
		version string
		keys    int
		want    string
	}{{"1", len(metaKeys) - 1, ""}, {"2", len(metaKeys) - 1, "no hanas.device"}, {"2", len(metaKeys), ""}, {"3", len(metaKeys), "version"}} {
		values := slices.Clone(meta.Values())
		values[0] = r.version
		part := arrow.NewMetadata(metaKeys[:r.keys], values[:r.keys])
		got, err := infoOf(arrow.NewSchema(columns, &part))
		if r.want != "" {
			if err == nil || !strings.Contains(err.Error(), r.want) {
				t.Errorf("version %s, %d keys: %v, want %q", r.version, r.keys, err, r.want)
			}
			continue
		}
		must(t, err)
		if got.DataHash != "data" || (got.Device == "") != (r.version == "1") {
			t.Errorf("version %s: %+v", r.version, got)
		}
	}
}
