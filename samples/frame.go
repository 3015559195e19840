package samples

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
)

// A stream is a row of frames (Arrow columnar format 1.x, "Encapsulated
// message format"): 0xFFFFFFFF, length of the header, header (a flatbuffer of
// Message), body. Arrow's reader allocates whatever a header claims and panics
// on some lies, so each frame is checked here first: its lengths against the
// bytes that exist, its vectors against the header that holds them.

// frame is one checked message of a stream.
type frame struct {
	start, end int // in the stream
	schema     bool
	rows       int
}

// errCut marks a stream that ends inside a frame.
var errCut = errors.New("the file ends inside a record batch")

const (
	frameMark  = 0xFFFFFFFF
	headSchema = 1 // Message.fbs: union MessageHeader
	headBatch  = 3
	typeInt    = 2 // Schema.fbs: union Type
	typeFloat  = 3
	typeUtf8   = 5
	eosLen     = 8
)

// nextFrame checks the frame at start. End of stream gives frame{start, start+8}
// with no rows and schema false.
func nextFrame(data []byte, start int) (f frame, eos bool, err error) {
	rest := data[start:]
	if len(rest) < eosLen {
		return f, false, errCut
	}
	if rest[0] == 0 && len(bytes.Trim(rest, "\x00")) == 0 { // a file system may grow a file before it writes
		return f, false, errCut
	}
	if binary.LittleEndian.Uint32(rest) != frameMark {
		return f, false, fmt.Errorf("byte %d: no Arrow message", start)
	}
	head := int(binary.LittleEndian.Uint32(rest[4:]))
	if head == 0 {
		return frame{start: start, end: start + eosLen}, true, nil
	}
	if head > len(rest)-eosLen {
		return f, false, errCut
	}
	b := flat{b: rest[eosLen : eosLen+head]}
	body := b.message(&f)
	if b.bad {
		return f, false, fmt.Errorf("byte %d: damaged or unsupported Arrow message", start)
	}
	if body > int64(len(rest)-eosLen-head) {
		return f, false, errCut
	}
	f.start, f.end = start, start+eosLen+head+int(body)
	return f, false, nil
}

// flat reads a flatbuffer with every access checked; bad is sticky.
type flat struct {
	b   []byte
	bad bool
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
func (f *flat) message(out *frame) int64 {
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
		out.schema = true
		f.schema(head)
		f.bad = f.bad || body != 0
	case headBatch:
		out.rows = f.batch(head, body)
	default:
		f.bad = true
	}
	return body
}

// schema checks a Schema table: flat columns of our three types.
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
func bufferCount() int {
	n := 0
	for _, c := range columns {
		n += 2
		if c.Type == arrow.BinaryTypes.String {
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
	f.bad = f.bad || n != len(columns)
	for i := range n {
		if int64(f.uint(first+16*i, 8)) != rows || f.uint(first+16*i+8, 8) != 0 {
			f.bad = true
		}
	}
	first, n = f.vector(r, 2, 16)
	f.bad = f.bad || n != bufferCount() // Arrow reads them without looking at n
	for i := range n {
		off, length := int64(f.uint(first+16*i, 8)), int64(f.uint(first+16*i+8, 8))
		if off < 0 || length < 0 || off > body || length > body-off {
			f.bad = true
		}
	}
	return int(rows)
}
