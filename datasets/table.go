package datasets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/file"
	"github.com/apache/arrow/go/v15/parquet/pqarrow"
)

// table is one Parquet file: labels are read when it is opened, images by row
// group when they are asked for.
type table struct {
	path   string
	labels []int64
	paths  []string // of each image, when stored
	names  []string // of the classes, when the metadata has them

	bytesLeaf int
	groups    []int // first row of each row group

	mu     sync.Mutex
	cache  map[int][][]byte // images by row group
	recent []int            // groups in cache, oldest first
	held   int              // bytes in cache
}

// cacheBytes bounds the encoded images that a file keeps in memory.
const cacheBytes = 512 << 20

// labelColumns are the names that a label column may have, best first.
var labelColumns = []string{"label", "labels", "fine_label", "class", "target"}

// openTable reads the schema and the labels.
func openTable(ctx context.Context, path string) (*table, error) {
	t := &table{path: path, cache: map[int][][]byte{}}
	err := t.read(func(r *pqarrow.FileReader) error {
		cols, err := findColumns(r)
		if err != nil {
			return err
		}
		t.bytesLeaf = cols.bytes
		rows := 0
		for g := range r.ParquetReader().NumRowGroups() {
			t.groups = append(t.groups, rows)
			rows += int(r.ParquetReader().MetaData().RowGroup(g).NumRows())
		}
		t.names = classNames(r, cols.labelName)
		if err := t.readLabels(ctx, r, cols); err != nil {
			return err
		}
		if len(t.labels) == 0 {
			return errors.New("has no rows")
		}
		return nil
	})
	return t, err
}

// read opens the file for one use. Arrow's Parquet reader panics on some
// damaged files; that becomes an error here.
func (t *table) read(use func(*pqarrow.FileReader) error) (err error) {
	f, err := os.Open(t.path)
	if err != nil {
		return err
	}
	defer f.Close()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("damaged Parquet file: %v", p)
		}
	}()
	pf, err := file.NewParquetReader(f, file.WithReadProps(parquet.NewReaderProperties(memory.DefaultAllocator)))
	if err != nil {
		return fmt.Errorf("not a Parquet file: %w", err)
	}
	r, err := pqarrow.NewFileReader(pf, pqarrow.ArrowReadProperties{BatchSize: 1024}, memory.DefaultAllocator)
	if err != nil {
		return fmt.Errorf("not a readable Parquet file: %w", err)
	}
	return use(r)
}

// columns are leaf positions in the file's schema; path is -1 when absent.
type columns struct {
	bytes, path, label int
	labelName          string
}

// findColumns looks for a byte-array leaf called "bytes" inside a column, or a
// column of raw bytes, and for an integer label column.
func findColumns(r *pqarrow.FileReader) (columns, error) {
	c := columns{-1, -1, -1, ""}
	sc := r.ParquetReader().MetaData().Schema
	var seen []string
	rank := len(labelColumns)
	for i := range sc.NumColumns() {
		col := sc.Column(i)
		p := col.Path()
		seen = append(seen, p+" "+strings.ToLower(col.PhysicalType().String()))
		if col.MaxRepetitionLevel() > 0 {
			continue
		}
		parent, leaf, nested := strings.Cut(p, ".")
		raw := col.PhysicalType() == parquet.Types.ByteArray
		switch k := slices.Index(labelColumns, p); {
		case raw && nested && leaf == "bytes" && c.bytes < 0:
			c.bytes = i
			for j := range sc.NumColumns() {
				if sc.Column(j).Path() == parent+".path" {
					c.path = j
				}
			}
		case raw && !nested && slices.Contains([]string{"image", "img", "bytes"}, p) && c.bytes < 0:
			c.bytes = i
		case k >= 0 && k < rank && (col.PhysicalType() == parquet.Types.Int32 || col.PhysicalType() == parquet.Types.Int64):
			c.label, c.labelName, rank = i, p, k
		}
	}
	if c.bytes < 0 || c.label < 0 {
		return c, fmt.Errorf("columns are [%s]: need image bytes (as image.bytes or img.bytes) and an integer %s",
			strings.Join(seen, ", "), strings.Join(labelColumns, " or "))
	}
	return c, nil
}

// readLabels reads the label and path columns.
func (t *table) readLabels(ctx context.Context, r *pqarrow.FileReader, c columns) error {
	leaves := []int{c.label}
	if c.path >= 0 {
		leaves = append(leaves, c.path)
	}
	return eachRecord(ctx, r, leaves, nil, func(rec arrow.Record) error {
		for k := range int(rec.NumCols()) {
			col := leafOf(rec.Column(k))
			if rec.ColumnName(k) != c.labelName {
				if s, ok := col.(*array.String); ok {
					for i := range s.Len() {
						t.paths = append(t.paths, strings.Clone(s.Value(i)))
					}
				}
				continue
			}
			for i := range col.Len() {
				v, err := integer(col, i)
				if err != nil {
					return fmt.Errorf("row %d: %w", len(t.labels), err)
				}
				t.labels = append(t.labels, v)
			}
		}
		return nil
	})
}

// integer is value i of an integer column.
func integer(a arrow.Array, i int) (int64, error) {
	if a.IsNull(i) {
		return 0, errors.New("label is null")
	}
	switch c := a.(type) {
	case *array.Int64:
		return c.Value(i), nil
	case *array.Int32:
		return int64(c.Value(i)), nil
	case *array.Int16:
		return int64(c.Value(i)), nil
	case *array.Int8:
		return int64(c.Value(i)), nil
	case *array.Uint8:
		return int64(c.Value(i)), nil
	case *array.Uint16:
		return int64(c.Value(i)), nil
	case *array.Uint32:
		return int64(c.Value(i)), nil
	}
	return 0, fmt.Errorf("label column is %s, not an integer", a.DataType())
}

// leafOf goes into structs of which one field was read.
func leafOf(a arrow.Array) arrow.Array {
	for {
		s, ok := a.(*array.Struct)
		if !ok || s.NumField() == 0 {
			return a
		}
		a = s.Field(0)
	}
}

// eachRecord walks the chosen leaves of the chosen row groups (nil = all).
func eachRecord(ctx context.Context, r *pqarrow.FileReader, leaves, groups []int, visit func(arrow.Record) error) error {
	slices.Sort(leaves)
	rr, err := r.GetRecordReader(ctx, leaves, groups)
	if err != nil {
		return err
	}
	defer rr.Release()
	for rr.Next() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := visit(rr.Record()); err != nil {
			return err
		}
	}
	if err := rr.Err(); err != nil && err.Error() != "EOF" {
		return err
	}
	return nil
}

// image is the encoded image of a row. The bytes must not be changed.
func (t *table) image(ctx context.Context, row int) ([]byte, error) {
	g, _ := slices.BinarySearch(t.groups, row+1)
	g--
	t.mu.Lock()
	defer t.mu.Unlock()
	imgs, ok := t.cache[g]
	if !ok {
		var err error
		if imgs, err = t.load(ctx, g); err != nil {
			return nil, err
		}
	}
	k := row - t.groups[g]
	if k >= len(imgs) {
		return nil, fmt.Errorf("row group %d ends after %d rows", g, len(imgs))
	}
	return imgs[k], nil
}

// load reads the images of a row group into the cache, and drops the oldest
// groups when it holds too much.
func (t *table) load(ctx context.Context, g int) ([][]byte, error) {
	var imgs [][]byte
	size := 0
	err := t.read(func(r *pqarrow.FileReader) error {
		return eachRecord(ctx, r, []int{t.bytesLeaf}, []int{g}, func(rec arrow.Record) error {
			col, ok := leafOf(rec.Column(0)).(*array.Binary)
			if !ok {
				return fmt.Errorf("image column is %s, not bytes", rec.Column(0).DataType())
			}
			for i := range col.Len() {
				imgs = append(imgs, slices.Clone(col.Value(i)))
				size += len(imgs[len(imgs)-1])
			}
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	for len(t.recent) > 0 && t.held+size > cacheBytes {
		old := t.recent[0]
		for _, b := range t.cache[old] {
			t.held -= len(b)
		}
		delete(t.cache, old)
		t.recent = t.recent[1:]
	}
	t.cache[g], t.held = imgs, t.held+size
	t.recent = append(t.recent, g)
	return imgs, nil
}

// classNames finds the label column's names in the Hugging Face metadata.
func classNames(r *pqarrow.FileReader, column string) []string {
	text := r.ParquetReader().MetaData().KeyValueMetadata().FindValue("huggingface")
	if text == nil {
		return nil
	}
	var meta struct {
		Info struct {
			Features map[string]struct {
				Names []string `json:"names"`
			} `json:"features"`
		} `json:"info"`
	}
	if json.Unmarshal([]byte(*text), &meta) != nil {
		return nil // names are a convenience; odd metadata is no reason to refuse the images
	}
	return meta.Info.Features[column].Names
}
