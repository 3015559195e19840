package torchfile

import "math/big"

// The values of a pickle are nil, bool, int64, *big.Int (beyond 64 bits),
// float64, string, []byte, *List, Tuple, *Dict and *Tensor.

// List is a Python list.
type List struct{ Items []any }

// Tuple is a Python tuple.
type Tuple []any

// Dict is a Python dict or OrderedDict, in the order of insertion. Keys may
// repeat in a hand-made file; Get takes the last, as Python does.
type Dict struct {
	Keys   []any
	Values []any
}

func (d *Dict) set(key, value any) {
	d.Keys, d.Values = append(d.Keys, key), append(d.Values, value)
}

// Get is the value of a text key; false if there is none.
func (d *Dict) Get(key string) (any, bool) {
	for i := len(d.Keys) - 1; i >= 0; i-- {
		if k, ok := d.Keys[i].(string); ok && k == key {
			return d.Values[i], true
		}
	}
	return nil, false
}

// global is a name of Python that the table of globals knows.
type global string

// mark is what the opcode MARK leaves on the stack.
type mark struct{}

// integer reads a little-endian two's complement number (opcode LONG1).
func integer(b []byte) any {
	var v big.Int
	be := make([]byte, len(b))
	for i, x := range b {
		be[len(b)-1-i] = x
	}
	v.SetBytes(be)
	if len(b) > 0 && b[len(b)-1]&0x80 != 0 {
		v.Sub(&v, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	if v.IsInt64() {
		return v.Int64()
	}
	return &v
}
