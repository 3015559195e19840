package datasets_test

import (
	"bytes"
	"fmt"
	"image/color"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"hanas/datasets"
	"hanas/internal/realdata"
)

// row is one row of a test file.
type row struct {
	data  []byte
	path  string
	label int64
}

// parquetRows are n images of three classes; red numbers them.
func parquetRows(t testing.TB, n int) []row {
	t.Helper()
	out := make([]row, n)
	for i := range out {
		out[i] = row{plain(t, 12, 9, color.NRGBA{uint8(i), 50, 60, 255}), fmt.Sprintf("%s/%d.png", []string{"ant", "bee", "cat"}[i%3], i), int64(i % 3)}
	}
	return out
}

// encode writes rows as the Hugging Face hub does, in row groups of 16.
func encode(t testing.TB, rows []row, imageName, metadata string) []byte {
	t.Helper()
	schema := arrow.NewSchema([]arrow.Field{
		{Name: imageName, Nullable: true, Type: arrow.StructOf(
			arrow.Field{Name: "bytes", Type: arrow.BinaryTypes.Binary, Nullable: true},
			arrow.Field{Name: "path", Type: arrow.BinaryTypes.String, Nullable: true})},
		{Name: "label", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
	}, nil)
	if metadata != "" {
		m := arrow.NewMetadata([]string{"huggingface"}, []string{metadata})
		schema = arrow.NewSchema(schema.Fields(), &m)
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	img := b.Field(0).(*array.StructBuilder)
	for _, r := range rows {
		img.Append(true)
		img.FieldBuilder(0).(*array.BinaryBuilder).Append(r.data)
		img.FieldBuilder(1).(*array.StringBuilder).Append(r.path)
		b.Field(1).(*array.Int64Builder).Append(r.label)
	}
	rec := b.NewRecordBatch()
	defer rec.Release()
	var out bytes.Buffer
	w, err := pqarrow.NewFileWriter(schema, &out, parquet.NewWriterProperties(parquet.WithMaxRowGroupLength(16)), pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema()))
	if err != nil {
		t.Fatal(err)
	}
	for at := int64(0); at < rec.NumRows(); at += 16 {
		if err := w.Write(rec.NewSlice(at, min(at+16, rec.NumRows()))); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func writeParquet(t testing.TB, rows []row) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "train.parquet")
	if err := os.WriteFile(path, encode(t, rows, "img", ""), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestParquetFolder(t *testing.T) {
	root := t.TempDir()
	all := parquetRows(t, 90)
	names := `{"info": {"features": {"label": {"names": ["x", "y", "z"], "_type": "ClassLabel"}}}}`
	write(t, root, "data/train-00000-of-00002.parquet", encode(t, all[:40], "image", names))
	write(t, root, "data/train-00001-of-00002.parquet", encode(t, all[40:70], "image", names))
	write(t, root, "data/test-00000-of-00001.parquet", encode(t, all[70:], "image", names))
	set, err := datasets.Open(t.Context(), datasets.Settings{Kind: "parquet", Path: root})
	if err != nil {
		t.Fatal(err)
	}
	if set.Train.Len() != 63 || set.Val.Len() != 7 || set.Test.Len() != 20 || strings.Join(set.Info.Classes, "") != "xyz" {
		t.Errorf("splits %d %d %d, classes %v", set.Train.Len(), set.Val.Len(), set.Test.Len(), set.Info.Classes)
	}
	seen := map[byte]bool{}
	for _, ds := range []datasets.Dataset{set.Train, set.Val, set.Test} {
		for i := range ds.Len() {
			ex, err := ds.At(t.Context(), i)
			if err != nil {
				t.Fatal(err)
			}
			red := ex.Image[0]
			if seen[red] || ex.Label != int(red)%3 || ex.W != 12 || ex.H != 9 {
				t.Errorf("image %d came with label %d, again %v", red, ex.Label, seen[red])
			}
			seen[red] = true
		}
	}
	if len(seen) != 90 {
		t.Errorf("%d different images of 90", len(seen))
	}
}

func TestParquetNamesFromPaths(t *testing.T) {
	set, err := datasets.Open(t.Context(), datasets.Settings{Kind: "parquet", Path: writeParquet(t, parquetRows(t, 40))})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(set.Info.Classes, " "); got != "ant bee cat" {
		t.Errorf("classes %q", got)
	}
}

func TestParquetBadRows(t *testing.T) {
	for want, change := range map[string]func([]row) []row{
		"row 33: image is empty":  func(r []row) []row { r[33].data = nil; return r },
		"row 20: not a whole":     func(r []row) []row { r[20].data = []byte("no image"); return r },
		"row 5: png of":           func(r []row) []row { r[5].data = r[5].data[:50]; return r },
		"row 7 has label -1":      func(r []row) []row { r[7].label = -1; return r },
		"row 8 has label 9000000": func(r []row) []row { r[8].label = 9000000; return r },
		"has no rows":             func(r []row) []row { return nil },
	} {
		err := openAll(t, datasets.Settings{Kind: "parquet", Path: writeParquet(t, change(parquetRows(t, 40)))})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "train.parquet") {
			t.Errorf("error is %v, want %q in it", err, want)
		}
	}
	path := filepath.Join(t.TempDir(), "odd.parquet")
	if err := os.WriteFile(path, encode(t, parquetRows(t, 3), "img", `{"info": {"features": {"label": {"names": ["x"]}}}}`), 0o644); err != nil {
		t.Fatal(err)
	}
	err := openAll(t, datasets.Settings{Kind: "parquet", Path: path})
	if err == nil || !strings.Contains(err.Error(), "label 2, but the metadata names 1 classes") {
		t.Errorf("error is %v", err)
	}
}

func TestParquetUnknownColumns(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{{Name: "text", Type: arrow.BinaryTypes.String}, {Name: "label", Type: arrow.PrimitiveTypes.Int64}}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	b.Field(0).(*array.StringBuilder).Append("hello")
	b.Field(1).(*array.Int64Builder).Append(1)
	path := filepath.Join(t.TempDir(), "text.parquet")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w, err := pqarrow.NewFileWriter(schema, f, nil, pqarrow.DefaultWriterProps())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(b.NewRecordBatch()); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = datasets.Open(t.Context(), datasets.Settings{Kind: "parquet", Path: path})
	if err == nil || !strings.Contains(err.Error(), "columns are [text byte_array, label int64]") {
		t.Errorf("error is %v", err)
	}
}

// TestParquetDamage flips and cuts bytes: every outcome but a panic is fine.
func TestParquetDamage(t *testing.T) {
	good := encode(t, parquetRows(t, 20), "img", "")
	rng := rand.New(rand.NewPCG(5, 6))
	path := filepath.Join(t.TempDir(), "train.parquet")
	refused := 0
	for k := range 300 {
		bad := bytes.Clone(good)
		for range 1 + rng.IntN(6) {
			at := rng.IntN(len(bad))
			if k%2 == 0 {
				at = len(bad) - 1 - rng.IntN(min(900, len(bad))) // the footer
			}
			bad[at] = byte(rng.Uint32())
		}
		if k%5 == 0 {
			bad = bad[:rng.IntN(len(bad))]
		}
		if err := os.WriteFile(path, bad, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := openAll(t, datasets.Settings{Kind: "parquet", Path: path, Val: 2, Test: 2}); err != nil {
			refused++
		}
	}
	if refused < 150 {
		t.Errorf("only %d of 300 damaged files were refused", refused)
	}
}

func BenchmarkLoadCIFAR(b *testing.B) {
	set, err := datasets.Open(b.Context(), datasets.Settings{Kind: "parquet", Path: realdata.Path(b, "cifar10")})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := set.Load(b.Context(), set.Test, 1); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*set.Test.Len())/b.Elapsed().Seconds(), "images/s")
}
