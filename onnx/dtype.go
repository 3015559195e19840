package onnx

import "fmt"

// DType is an element type; the values are ONNX's TensorProto.DataType
// (onnx.in.proto of ONNX 1.20).
type DType int32

// The element types that the package stores. INT2 and UINT2 need opset 25,
// INT4, UINT4, INT16 and UINT16 in quantisation operators opset 21.
const (
	Undefined DType = 0
	Float     DType = 1
	Uint8     DType = 2
	Int8      DType = 3
	Uint16    DType = 4
	Int16     DType = 5
	Int32     DType = 6
	Int64     DType = 7
	String    DType = 8
	Bool      DType = 9
	Float16   DType = 10
	Double    DType = 11
	Uint32    DType = 12
	Uint64    DType = 13
	BFloat16  DType = 16
	Uint4     DType = 21
	Int4      DType = 22
	Uint2     DType = 25
	Int2      DType = 26
)

// dtypes has one row a type: its name in ONNX's text syntax, its width, and
// the first opset that has it. Strings have no width and are not stored.
var dtypes = [...]struct {
	name  string
	bits  int
	since int
}{
	Float: {"float", 32, 1}, Uint8: {"uint8", 8, 1}, Int8: {"int8", 8, 1}, Uint16: {"uint16", 16, 1}, Int16: {"int16", 16, 1},
	Int32: {"int32", 32, 1}, Int64: {"int64", 64, 1}, String: {"string", 0, 1}, Bool: {"bool", 8, 1}, Float16: {"float16", 16, 1},
	Double: {"double", 64, 1}, Uint32: {"uint32", 32, 1}, Uint64: {"uint64", 64, 1}, BFloat16: {"bfloat16", 16, 13},
	Uint4: {"uint4", 4, 21}, Int4: {"int4", 4, 21}, Uint2: {"uint2", 2, 25}, Int2: {"int2", 2, 25},
}

// known says whether the type has a row.
func (d DType) known() bool { return d > 0 && int(d) < len(dtypes) && dtypes[d].name != "" }

// String is the type's name in ONNX's text syntax.
func (d DType) String() string {
	if d.known() {
		return dtypes[d].name
	}
	return fmt.Sprintf("dtype%d", int32(d))
}

// Bits is the width of one element in bits; 0 for strings and unknown types.
func (d DType) Bits() int {
	if d.known() {
		return dtypes[d].bits
	}
	return 0
}

// since is the first opset of the default domain that has the type.
func (d DType) since() int {
	if d.known() {
		return dtypes[d].since
	}
	return 0
}

// ByteLen is how many bytes n elements take when packed: sub-byte types share
// bytes, the last one padded.
func (d DType) ByteLen(n int) int { return (n*d.Bits() + 7) / 8 }

// ParseDType finds a type by its text name.
func ParseDType(name string) (DType, error) {
	for d := range dtypes {
		if name != "" && dtypes[d].name == name {
			return DType(d), nil
		}
	}
	return Undefined, fmt.Errorf("onnx: unknown element type %q", name)
}
