package arrowframe

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// Schema runs Arrow's reader over a checked schema frame.
func Schema(head []byte, mem memory.Allocator, use func(*arrow.Schema) error) error {
	return open(head, mem, func(r *ipc.Reader) error { return use(r.Schema()) })
}

// Record runs Arrow's reader over a checked schema frame and a checked batch.
// The record, with text that is valid UTF-8, lives as long as use runs.
func Record(head, batch []byte, mem memory.Allocator, use func(arrow.RecordBatch) error) error {
	return open(append(head[:len(head):len(head)], batch...), mem, func(r *ipc.Reader) error {
		if !r.Next() {
			if err := r.Err(); err != nil {
				return err
			}
			return errors.New("damaged: no record")
		}
		return use(r.RecordBatch())
	})
}

// open makes an error of a panic inside Arrow's reader: the file is damaged.
func open(stream []byte, mem memory.Allocator, use func(*ipc.Reader) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("damaged: %v", p)
		}
	}()
	r, err := ipc.NewReader(bytes.NewReader(stream), ipc.WithAllocator(mem))
	if err != nil {
		return err
	}
	defer r.Release()
	return use(r)
}

// Write is a whole stream of a schema and its records, the end mark included.
func Write(schema *arrow.Schema, mem memory.Allocator, records ...arrow.RecordBatch) ([]byte, error) {
	var buf bytes.Buffer
	w := ipc.NewWriter(&buf, ipc.WithSchema(schema), ipc.WithAllocator(mem))
	for _, rec := range records {
		if err := w.Write(rec); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// Match says where a schema differs from the columns.
func (c Columns) Match(s *arrow.Schema) error {
	if s.NumFields() != len(c) {
		return fmt.Errorf("%d columns, want %d", s.NumFields(), len(c))
	}
	for i, want := range c {
		if f := s.Field(i); f.Name != want.Name || !arrow.TypeEqual(f.Type, want.Type) {
			return fmt.Errorf("column %d is %s %v, want %s %v", i, f.Name, f.Type, want.Name, want.Type)
		}
	}
	return nil
}

// Text, Float and Int are the columns of a record whose schema Match has seen.
func Text(rec arrow.RecordBatch, i int) *array.String { return rec.Column(i).(*array.String) }

// Float is a column of 64-bit floats.
func Float(rec arrow.RecordBatch, i int) *array.Float64 { return rec.Column(i).(*array.Float64) }

// Int is a column of 64-bit integers.
func Int(rec arrow.RecordBatch, i int) *array.Int64 { return rec.Column(i).(*array.Int64) }
