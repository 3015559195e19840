// Package arrowframe reads Arrow IPC streams of untrusted files. A stream is a
// row of frames (Arrow columnar format 1.x, "Encapsulated message format"):
// 0xFFFFFFFF, length of the header, header (a flatbuffer of Message), body.
// Arrow's own reader allocates whatever a header claims and panics on some
// lies, so each frame is checked here first, its lengths against the bytes
// that exist and its vectors against the header that holds them; Columns says
// what a file may hold, a Frame is one checked message.
//
//	f, eos, err := columns.Next(data, at)
//	err = arrowframe.Record(data[:schema.End], data[f.Start:f.End], mem, func(rec arrow.RecordBatch) { … })
package arrowframe

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
)

// Columns is the layout that a stream must have: flat columns of 64-bit
// numbers and of text, at least one of numbers.
type Columns []arrow.Field

// Frame is one checked message of a stream.
type Frame struct {
	Start, End int // in the stream
	Schema     bool
	Rows       int // of a record batch
}

// ErrCut marks a stream that ends inside a frame.
var ErrCut = errors.New("the file ends inside a record batch")

// EndLen is the length of the mark that ends a stream.
const EndLen = 8

const (
	frameMark  = 0xFFFFFFFF
	headSchema = 1 // Message.fbs: union MessageHeader
	headBatch  = 3
	typeInt    = 2 // Schema.fbs: union Type
	typeFloat  = 3
	typeUtf8   = 5
)

// Next checks the frame at start. The end of the stream is a frame of EndLen
// bytes without rows. A stream that is cut gives ErrCut.
func (c Columns) Next(data []byte, start int) (f Frame, eos bool, err error) {
	rest := data[start:]
	if len(rest) < EndLen {
		return f, false, ErrCut
	}
	if rest[0] == 0 && len(bytes.Trim(rest, "\x00")) == 0 { // a file system may grow a file before it writes
		return f, false, ErrCut
	}
	if binary.LittleEndian.Uint32(rest) != frameMark {
		return f, false, fmt.Errorf("byte %d: no Arrow message", start)
	}
	head := int(binary.LittleEndian.Uint32(rest[4:]))
	if head == 0 {
		return Frame{Start: start, End: start + EndLen}, true, nil
	}
	if head > len(rest)-EndLen {
		return f, false, ErrCut
	}
	b := flat{columns: c, b: rest[EndLen : EndLen+head]}
	body := b.message(&f)
	if b.bad {
		return f, false, fmt.Errorf("byte %d: damaged or unsupported Arrow message", start)
	}
	if body > int64(len(rest)-EndLen-head) {
		return f, false, ErrCut
	}
	f.Start, f.End = start, start+EndLen+head+int(body)
	return f, false, nil
}

// flat reads a flatbuffer with every access checked; bad is sticky.
type flat struct {
	columns Columns
	b       []byte
	bad     bool
}

func (f *flat) uint(at, size int) uint64 {
	if f.bad || at < 0 || at > len(f.b)-size {
		f.bad = true
		return 0
	}
	v := uint64(0)
	for i := size - 1; i >= 0; i-- {
		v = v<<8 | uint64(f.b[at+i])
	}
	return v
}

// field is the position of a table's field; 0 = absent.
func (f *flat) field(table, n int) int {
	vtable := table - int(int32(f.uint(table, 4)))
	if 4+2*n+2 > int(f.uint(vtable, 2)) {
		return 0
	}
	if off := int(f.uint(vtable+4+2*n, 2)); off != 0 {
		return table + off
	}
	return 0
}

// follow is the position that an offset at pos points to.
func (f *flat) follow(pos int) int { return pos + int(f.uint(pos, 4)) }

// vector is the first element and the length of a vector field; absent = empty.
func (f *flat) vector(table, n, elemSize int) (first, count int) {
	pos := f.field(table, n)
	if pos == 0 {
		return 0, 0
	}
	v := f.follow(pos)
	count = int(f.uint(v, 4))
	if f.bad || count > (len(f.b)-v-4)/elemSize {
		f.bad = true
		return 0, 0
	}
	return v + 4, count
}

// message checks a whole header and gives the length of the body.
func (f *flat) message(out *Frame) int64 {
	m := f.follow(0)
	kindAt, headAt, bodyAt := f.field(m, 1), f.field(m, 2), f.field(m, 3)
	if kindAt == 0 || headAt == 0 {
		f.bad = true
		return 0
	}
	body := int64(0)
	if bodyAt != 0 {
		body = int64(f.uint(bodyAt, 8))
	}
	if body < 0 || body%8 != 0 {
		f.bad = true
		return 0
	}
	head := f.follow(headAt)
	switch f.uint(kindAt, 1) {
	case headSchema:
		out.Schema = true
		f.schema(head)
		f.bad = f.bad || body != 0
	case headBatch:
		out.Rows = f.batch(head, body)
	default:
		f.bad = true
	}
	return body
}

// schema checks a Schema table: flat columns of the three types.
func (f *flat) schema(s int) {
	first, n := f.vector(s, 1, 4)
	for i := range n {
		field := f.follow(first + 4*i)
		kindAt := f.field(field, 2)
		if kindAt == 0 || f.field(field, 4) != 0 { // dictionary
			f.bad = true
			return
		}
		kind := f.uint(kindAt, 1)
		_, children := f.vector(field, 5, 4)
		f.vector(field, 6, 4)
		if children != 0 || kind != typeInt && kind != typeFloat && kind != typeUtf8 {
			f.bad = true
		}
	}
	f.vector(s, 2, 4)
	f.vector(s, 3, 8)
}

// bufferCount is the number of buffers of a batch: validity and values of every
// column, and offsets of text.
func (c Columns) bufferCount() int {
	n := 0
	for _, column := range c {
		n += 2
		if column.Type == arrow.BinaryTypes.String {
			n++
		}
	}
	return n
}

// batch checks a RecordBatch table against the length of its body and gives
// its rows: no nulls, no compression, every buffer inside the body.
func (f *flat) batch(r int, body int64) int {
	rows := int64(0)
	if at := f.field(r, 0); at != 0 {
		rows = int64(f.uint(at, 8))
	}
	if rows < 0 || rows > body/8 || f.field(r, 3) != 0 { // a column of 8 bytes a row exists
		f.bad = true
		return 0
	}
	first, n := f.vector(r, 1, 16)
	f.bad = f.bad || n != len(f.columns)
	for i := range n {
		if int64(f.uint(first+16*i, 8)) != rows || f.uint(first+16*i+8, 8) != 0 {
			f.bad = true
		}
	}
	first, n = f.vector(r, 2, 16)
	f.bad = f.bad || n != f.columns.bufferCount() // Arrow reads them without looking at n
	for i := range n {
		off, length := int64(f.uint(first+16*i, 8)), int64(f.uint(first+16*i+8, 8))
		if off < 0 || length < 0 || off > body || length > body-off {
			f.bad = true
		}
	}
	return int(rows)
}
