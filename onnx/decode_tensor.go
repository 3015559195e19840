package onnx

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
)

// typedFields says which repeated field may hold a type's values instead of
// raw_data (onnx.in.proto, TensorProto). Sub-byte types are packed bytes, one
// an int32_data value.
var typedFields = map[protowire.Number]struct {
	wire  protowire.Type
	types []DType
}{
	tensorFloats:  {protowire.Fixed32Type, []DType{Float}},
	tensorDoubles: {protowire.Fixed64Type, []DType{Double}},
	tensorInt64s:  {protowire.VarintType, []DType{Int64}},
	tensorUint64s: {protowire.VarintType, []DType{Uint32, Uint64}},
	tensorInt32s: {protowire.VarintType, []DType{
		Int32, Int16, Int8, Uint16, Uint8, Bool, Float16, BFloat16,
		Int4, Uint4, Int2, Uint2,
	}},
}

// tensorFields is a TensorProto before its data is read.
type tensorFields struct {
	name     string
	dims     []int
	dtype    DType
	raw      []byte
	hasRaw   bool
	values   []field // of a typed field
	external []Entry
}

func (d *decoder) tensor(data []byte) (string, *Tensor, error) {
	var p tensorFields
	err := fields(data, func(f field) (err error) {
		switch f.num {
		case tensorDims:
			return f.numbers(protowire.VarintType, func(v uint64) { p.dims = append(p.dims, int(v)) })
		case tensorType:
			p.dtype = DType(f.n)
		case tensorName:
			p.name = string(f.b)
		case tensorRaw:
			p.raw, p.hasRaw = f.b, true
		case tensorSegment:
			return errors.New("tensors in segments are not supported")
		case tensorExternal:
			var e Entry
			e, err = decodeEntry(f.b)
			p.external = append(p.external, e)
		default:
			if _, ok := typedFields[f.num]; ok {
				p.values = append(p.values, f)
			}
		}
		return err
	})
	if err != nil {
		return p.name, nil, err
	}
	if p.dtype.Bits() == 0 {
		return p.name, nil, fmt.Errorf("tensors of %v are not supported", p.dtype)
	}
	var t *Tensor
	switch {
	case len(p.external) > 0:
		t, err = d.external(&p)
	case p.hasRaw:
		t, err = RawTensor(p.dtype, p.raw, p.dims...)
	default:
		t, err = p.typed()
	}
	return p.name, t, err
}

// typed reads values from the field of their type. The count is checked
// before memory is taken: a packed value is at least a byte.
func (p *tensorFields) typed() (*Tensor, error) {
	have := 0
	for _, f := range p.values {
		if row := typedFields[f.num]; !slices.Contains(row.types, p.dtype) {
			return nil, fmt.Errorf("values of %v are in field %d of another type", p.dtype, f.num)
		}
		have += max(1, len(f.b))
	}
	n, err := elements(p.dims)
	if err != nil {
		return nil, err
	}
	width := max(1, p.dtype.Bits()/8) // bytes a value gives
	want := p.dtype.ByteLen(n)
	if want/width > have {
		return nil, fmt.Errorf("%v%v needs %d values, has at most %d", p.dtype, p.dims, want/width, have)
	}
	t := NewTensor(p.dtype, p.dims...)
	at := 0
	for _, f := range p.values {
		err := f.numbers(typedFields[f.num].wire, func(v uint64) {
			for k := 0; k < width && at+k < want; k++ {
				t.data[at+k] = byte(v >> (8 * k))
			}
			at += width
		})
		if err != nil {
			return nil, err
		}
	}
	if at != want {
		return nil, fmt.Errorf("%v%v needs %d values, has %d", p.dtype, p.dims, want/width, at/width)
	}
	return t, nil
}

func (d *decoder) close() {
	if d.root != nil {
		d.root.Close()
	}
}

// external reads a tensor from another file. Its size is checked against the
// file's before memory is taken; the folder cannot be left, by ".." or by link.
func (d *decoder) external(p *tensorFields) (*Tensor, error) {
	place := map[string]string{"offset": "0"}
	for _, e := range p.external {
		place[e.Key] = e.Value
	}
	if d.folder == "" {
		return nil, fmt.Errorf("data is in the file %q: external data needs a folder (use ReadFile)", place["location"])
	}
	n, err := elements(p.dims)
	if err != nil {
		return nil, err
	}
	want := int64(p.dtype.ByteLen(n))
	offset, err := strconv.ParseInt(place["offset"], 10, 64)
	if length, stated := place["length"]; err != nil || offset < 0 || stated && length != strconv.FormatInt(want, 10) {
		return nil, fmt.Errorf("external data: %v%v has offset %q and length %q, needs %d bytes",
			p.dtype, p.dims, place["offset"], length, want)
	}
	if d.root == nil {
		if d.root, err = os.OpenRoot(d.folder); err != nil {
			return nil, fmt.Errorf("external data: %w", err)
		}
	}
	f, err := d.root.Open(place["location"])
	if err != nil {
		return nil, fmt.Errorf("external data: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("external data: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() < want || info.Size()-want < offset {
		return nil, fmt.Errorf("external data: %s has %d bytes, needs %d at %d", place["location"], info.Size(), want, offset)
	}
	t := NewTensor(p.dtype, p.dims...)
	if _, err := f.ReadAt(t.data, offset); err != nil && err != io.EOF {
		return nil, fmt.Errorf("external data: %w", err)
	}
	return t, nil
}
