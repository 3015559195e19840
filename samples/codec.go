package samples

import (
	"fmt"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"hanas/internal/arrowframe"
)

// codec turns samples into frames and back.
type codec struct {
	mem    memory.Allocator
	schema *arrow.Schema
	head   []byte // the schema's frame
}

func newCodec(schema *arrow.Schema, mem memory.Allocator) (*codec, error) {
	c := &codec{mem: mem, schema: schema}
	var err error
	c.head, err = c.stream()
	return c, err
}

// stream is a whole stream of one batch, or none, without its end mark.
func (c *codec) stream(records ...arrow.RecordBatch) ([]byte, error) {
	all, err := arrowframe.Write(c.schema, c.mem, records...)
	if err != nil {
		return nil, err
	}
	return all[:len(all)-arrowframe.EndLen], nil
}

// batch is the frame of one record batch.
func (c *codec) batch(rows []Sample) ([]byte, error) {
	b := array.NewRecordBuilder(c.mem, c.schema)
	defer b.Release()
	text := func(i int) *array.StringBuilder { return b.Field(i).(*array.StringBuilder) }
	float := func(i int) *array.Float64Builder { return b.Field(i).(*array.Float64Builder) }
	integer := func(i int) *array.Int64Builder { return b.Field(i).(*array.Int64Builder) }
	for _, s := range rows {
		text(0).Append(s.Arch)
		float(1).Append(s.Accuracy)
		float(2).Append(s.Top5)
		float(3).Append(s.Loss)
		integer(4).Append(s.MACs)
		integer(5).Append(s.Params)
		integer(6).Append(s.WeightBytes)
		b.Field(7).(*array.Uint64Builder).Append(s.Seed)
		integer(8).Append(s.Images)
		text(9).Append(s.Split)
		text(10).Append(s.Provenance)
	}
	rec := b.NewRecordBatch()
	defer rec.Release()
	all, err := c.stream(rec)
	if err != nil {
		return nil, err
	}
	return all[len(c.head):], nil
}

// decoded is what a stream held up to its first fault.
type decoded struct {
	info    Info
	samples []Sample
	batches []arrowframe.Frame // of record batches
	eos     bool
}

// decode reads a stream frame by frame. On an error the samples of all whole
// batches before it are still given.
func decode(data []byte, mem memory.Allocator) (d decoded, err error) {
	first, eos, err := columns.Next(data, 0)
	if err == nil && (eos || !first.Schema) {
		err = fmt.Errorf("does not begin with a schema: not a sample store")
	}
	if err != nil {
		return d, err
	}
	head := data[:first.End]
	if err = arrowframe.Schema(head, mem, func(s *arrow.Schema) (err error) {
		d.info, err = infoOf(s)
		return err
	}); err != nil {
		return d, err
	}
	for at := first.End; ; {
		f, eos, err := columns.Next(data, at)
		if err == nil && f.Schema {
			err = fmt.Errorf("byte %d: a second schema", at)
		}
		if err == nil && eos && f.End != len(data) {
			err = fmt.Errorf("byte %d: %d bytes behind the end of the stream", f.End, len(data)-f.End)
		}
		if err != nil || eos {
			d.eos = eos && err == nil
			return d, err
		}
		var rows []Sample
		if err := arrowframe.Record(head, data[f.Start:f.End], mem, func(rec arrow.RecordBatch) error {
			rows = rowsOf(rec)
			return nil
		}); err != nil {
			return d, fmt.Errorf("byte %d: %w", at, err)
		}
		d.samples = append(d.samples, rows...)
		d.batches = append(d.batches, f)
		at = f.End
	}
}

// rowsOf copies a record out of Arrow's memory.
func rowsOf(rec arrow.RecordBatch) []Sample {
	rows := make([]Sample, rec.NumRows())
	text := func(i, row int) string { return strings.Clone(rec.Column(i).(*array.String).Value(row)) }
	float := func(i, row int) float64 { return rec.Column(i).(*array.Float64).Value(row) }
	integer := func(i, row int) int64 { return rec.Column(i).(*array.Int64).Value(row) }
	for i := range rows {
		rows[i] = Sample{
			Arch: text(0, i), Accuracy: float(1, i), Top5: float(2, i), Loss: float(3, i),
			MACs: integer(4, i), Params: integer(5, i), WeightBytes: integer(6, i),
			Seed: rec.Column(7).(*array.Uint64).Value(i), Images: integer(8, i),
			Split: text(9, i), Provenance: text(10, i),
		}
	}
	return rows
}
