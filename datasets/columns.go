package datasets

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
)

// labelColumns are the names that a label column may have, best first.
var labelColumns = []string{"label", "labels", "fine_label", "class", "target"}

// columns are leaf positions in the file's schema; path is -1 when absent.
type columns struct {
	bytes, path, label int
	labelName          string
}

// findColumns looks for a byte-array leaf called "bytes" inside a column, or a
// column of raw bytes, and for an integer label column.
func findColumns(r *file.Reader) (columns, error) {
	c := columns{-1, -1, -1, ""}
	sc := r.MetaData().Schema
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
				if sc.Column(j).Path() == parent+".path" && sc.Column(j).PhysicalType() == parquet.Types.ByteArray {
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

// readLabels adds the labels and paths of a row group.
func (t *table) readLabels(ctx context.Context, g *file.RowGroupReader, c columns) error {
	col, err := g.Column(c.label)
	if err != nil {
		return err
	}
	first := len(t.labels)
	switch col := col.(type) {
	case *file.Int64ColumnChunkReader:
		t.labels, err = integers(ctx, col, t.labels, g.NumRows())
	case *file.Int32ColumnChunkReader:
		var v []int32
		v, err = integers(ctx, col, v, g.NumRows())
		for _, x := range v {
			t.labels = append(t.labels, int64(x))
		}
	}
	if err != nil {
		return fmt.Errorf("column %s, after row %d: %w", c.labelName, first, err)
	}
	if c.path < 0 {
		return nil
	}
	paths, err := byteArrays(ctx, g, c.path)
	if err != nil {
		return fmt.Errorf("image paths: %w", err)
	}
	for _, p := range paths {
		t.paths = append(t.paths, string(p))
	}
	return nil
}

// integerReader is a column of int32 or int64.
type integerReader[T any] interface {
	HasNext() bool
	ReadBatch(n int64, values []T, def, rep []int16) (total int64, read int, err error)
}

// integers reads at most limit values of a column that may not hold nulls.
func integers[T any](ctx context.Context, col integerReader[T], out []T, limit int64) ([]T, error) {
	var buf [1024]T
	var def, rep [1024]int16
	for n := int64(0); col.HasNext() && n < limit; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		total, read, err := col.ReadBatch(min(1024, limit-n), buf[:], def[:], rep[:])
		if err != nil {
			return nil, err
		}
		if total < 1 || int64(read) != total {
			return nil, fmt.Errorf("%d of %d labels are missing", total-int64(read), total)
		}
		out = append(out, buf[:read]...)
		n += total
	}
	return out, nil
}

// byteArrays reads a column of byte strings; a null is an empty one. Values
// point into the page they came from, so that each is copied before the next
// is read.
func byteArrays(ctx context.Context, g *file.RowGroupReader, leaf int) ([][]byte, error) {
	chunk, err := g.Column(leaf)
	if err != nil {
		return nil, err
	}
	col, ok := chunk.(*file.ByteArrayColumnChunkReader)
	if !ok {
		return nil, fmt.Errorf("column %d is %s, not bytes", leaf, chunk.Type())
	}
	var out [][]byte
	var value [1]parquet.ByteArray
	var def, rep [1]int16
	for col.HasNext() && int64(len(out)) < g.NumRows() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		total, read, err := col.ReadBatch(1, value[:], def[:], rep[:])
		if err != nil {
			return nil, err
		}
		if total != 1 {
			return nil, fmt.Errorf("the column ends after %d of %d rows", len(out), g.NumRows())
		}
		out = append(out, slices.Clone(value[0][:len(value[0])*read]))
	}
	return out, nil
}

// classNames finds the label column's names in the Hugging Face metadata.
func classNames(r *file.Reader, column string) []string {
	text := r.MetaData().KeyValueMetadata().FindValue("huggingface")
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
