package onnx

import (
	"errors"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// Unmarshal reads ONNX protobuf. Memory is taken only for bytes that are
// there. Control flow (graph attributes), external and string tensors are
// refused with an error that names them.
func Unmarshal(data []byte) (*Model, error) {
	m := &Model{}
	err := fields(data, func(f field) (err error) {
		switch f.num {
		case modelIR:
			m.IRVersion = int64(f.n)
		case modelProducer:
			m.Producer = string(f.b)
		case modelVersion:
			m.Version = int64(f.n)
		case modelDoc:
			m.Doc = string(f.b)
		case modelGraph:
			m.Graph, err = decodeGraph(f.b)
		case modelOpset:
			var o Opset
			err = fields(f.b, func(f field) error {
				switch f.num {
				case opsetDomain:
					o.Domain = string(f.b)
				case opsetVersion:
					o.Version = int(f.n)
				}
				return nil
			})
			if o.Domain == "ai.onnx" {
				o.Domain = ""
			}
			m.Opsets = append(m.Opsets, o)
		case modelMeta:
			var e Entry
			err = fields(f.b, func(f field) error {
				switch f.num {
				case entryKey:
					e.Key = string(f.b)
				case entryValue:
					e.Value = string(f.b)
				}
				return nil
			})
			m.Metadata = append(m.Metadata, e)
		}
		return err
	})
	if err == nil && m.Graph == nil {
		err = errors.New("there is no graph")
	}
	if err != nil {
		return nil, fmt.Errorf("onnx: unmarshal: %w (is this an ONNX file?)", err)
	}
	return m, nil
}

// field is one protobuf field: n holds numbers, b holds bytes.
type field struct {
	num  protowire.Number
	kind protowire.Type
	n    uint64
	b    []byte
}

// fields calls f for every field of a message.
func fields(data []byte, f func(field) error) error {
	for len(data) > 0 {
		num, kind, n := protowire.ConsumeTag(data)
		if n < 0 {
			return protowire.ParseError(n)
		}
		data = data[n:]
		v := field{num: num, kind: kind}
		switch kind {
		case protowire.VarintType:
			v.n, n = protowire.ConsumeVarint(data)
		case protowire.Fixed32Type:
			var x uint32
			x, n = protowire.ConsumeFixed32(data)
			v.n = uint64(x)
		case protowire.Fixed64Type:
			v.n, n = protowire.ConsumeFixed64(data)
		case protowire.BytesType:
			v.b, n = protowire.ConsumeBytes(data)
		default:
			n = protowire.ConsumeFieldValue(num, kind, data)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		data = data[n:]
		if err := f(v); err != nil {
			return err
		}
	}
	return nil
}

// numbers calls f for the values of a repeated number, packed or not.
func (v field) numbers(kind protowire.Type, f func(uint64)) error {
	if v.kind != protowire.BytesType {
		f(v.n)
		return nil
	}
	for data := v.b; len(data) > 0; {
		var x uint64
		n := 0
		switch kind {
		case protowire.Fixed32Type:
			var y uint32
			y, n = protowire.ConsumeFixed32(data)
			x = uint64(y)
		case protowire.Fixed64Type:
			x, n = protowire.ConsumeFixed64(data)
		default:
			x, n = protowire.ConsumeVarint(data)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		f(x)
		data = data[n:]
	}
	return nil
}

func decodeGraph(data []byte) (*Graph, error) {
	g := &Graph{}
	inits := map[string]bool{}
	err := fields(data, func(f field) error {
		switch f.num {
		case graphName:
			g.Name = string(f.b)
		case graphNode:
			n, err := decodeNode(f.b)
			if err != nil {
				return fmt.Errorf("node %d (%q): %w", len(g.Nodes), n.Name, err)
			}
			g.Nodes = append(g.Nodes, n)
		case graphInit:
			name, t, err := decodeTensor(f.b)
			if err != nil {
				return fmt.Errorf("initialiser %q: %w", name, err)
			}
			inits[name] = true
			g.Initializers = append(g.Initializers, Initializer{name, t})
		case graphInput, graphOutput, graphValue:
			v, err := decodeInfo(f.b)
			if err != nil {
				return fmt.Errorf("value %q: %w", v.Name, err)
			}
			list := map[protowire.Number]*[]ValueInfo{graphInput: &g.Inputs, graphOutput: &g.Outputs, graphValue: &g.Values}[f.num]
			*list = append(*list, v)
		}
		return nil
	})
	kept := g.Inputs[:0] // old files list initialisers among the inputs
	for _, in := range g.Inputs {
		if !inits[in.Name] {
			kept = append(kept, in)
		}
	}
	g.Inputs = kept
	return g, err
}

func decodeNode(data []byte) (*Node, error) {
	n := &Node{}
	err := fields(data, func(f field) error {
		switch f.num {
		case nodeInput:
			n.Inputs = append(n.Inputs, string(f.b))
		case nodeOutput:
			n.Outputs = append(n.Outputs, string(f.b))
		case nodeName:
			n.Name = string(f.b)
		case nodeOp:
			n.Op = string(f.b)
		case nodeDomain:
			if n.Domain = string(f.b); n.Domain == "ai.onnx" {
				n.Domain = ""
			}
		case nodeAttr:
			a, err := decodeAttr(f.b)
			if err != nil {
				return fmt.Errorf("attribute %q: %w", a.Name, err)
			}
			n.Attrs = append(n.Attrs, a)
		}
		return nil
	})
	return n, err
}

func decodeAttr(data []byte) (Attr, error) {
	a := Attr{}
	seen := AttrKind(0)
	err := fields(data, func(f field) (err error) {
		switch f.num {
		case attrName:
			a.Name = string(f.b)
		case attrF:
			a.F, seen = math.Float32frombits(uint32(f.n)), AttrFloat
		case attrI:
			a.I, seen = int64(f.n), AttrInt
		case attrS:
			a.S, seen = string(f.b), AttrString
		case attrT:
			_, a.T, err = decodeTensor(f.b)
			seen = AttrTensor
		case attrFloats:
			seen = AttrFloats
			err = f.numbers(protowire.Fixed32Type, func(v uint64) { a.Floats = append(a.Floats, math.Float32frombits(uint32(v))) })
		case attrInts:
			seen = AttrInts
			err = f.numbers(protowire.VarintType, func(v uint64) { a.Ints = append(a.Ints, int64(v)) })
		case attrStrings:
			a.Strings, seen = append(a.Strings, string(f.b)), AttrStrings
		case attrG, attrGraphs:
			return errors.New("graph attributes (control flow) are not supported")
		case attrType:
			a.Kind = AttrKind(f.n)
		}
		return err
	})
	if a.Kind == 0 {
		a.Kind = seen
	}
	if err == nil && a.Kind == AttrTensor && a.T == nil {
		err = errors.New("tensor is missing")
	}
	return a, err
}

// typedField says which repeated field holds a type's values when raw_data is
// not used (onnx.proto, TensorProto).
var typedField = map[protowire.Number]struct {
	wire protowire.Type
	bits int // of a value in the field's own type; 0 = the tensor's element
}{tensorFloats: {protowire.Fixed32Type, 32}, tensorInt32s: {protowire.VarintType, 0}, tensorInt64s: {protowire.VarintType, 64},
	tensorDoubles: {protowire.Fixed64Type, 64}, tensorUint64s: {protowire.VarintType, 0}}

func decodeTensor(data []byte) (string, *Tensor, error) {
	var name string
	var dims []int
	var dtype DType
	var raw []byte
	var values []uint64
	err := fields(data, func(f field) error {
		switch f.num {
		case tensorDims:
			return f.numbers(protowire.VarintType, func(v uint64) { dims = append(dims, int(v)) })
		case tensorType:
			dtype = DType(f.n)
		case tensorName:
			name = string(f.b)
		case tensorRaw:
			raw = f.b
		case tensorExternal:
			return errors.New("external data is not supported (store the tensor in the file)")
		default:
			if t, ok := typedField[f.num]; ok {
				return f.numbers(t.wire, func(v uint64) { values = append(values, v) })
			}
		}
		return nil
	})
	if err != nil {
		return name, nil, err
	}
	if raw == nil && len(values) > 0 {
		bits := dtype.Bits()
		if bits < 8 {
			bits = 8 // packed bytes, one an int32_data value
		}
		for _, v := range values {
			for k := 0; k < bits/8; k++ {
				raw = append(raw, byte(v>>(8*k)))
			}
		}
	}
	t, err := RawTensor(dtype, raw, dims...)
	return name, t, err
}

func decodeInfo(data []byte) (ValueInfo, error) {
	v := ValueInfo{}
	err := fields(data, func(f field) error {
		switch f.num {
		case infoName:
			v.Name = string(f.b)
		case infoType:
			return fields(f.b, func(f field) error {
				if f.num != typeTensor {
					return nil // sequences, maps: left unknown
				}
				return fields(f.b, func(f field) error {
					switch f.num {
					case tensorElem:
						v.DType = DType(f.n)
					case tensorShape:
						v.Shape = []int{}
						return fields(f.b, func(f field) error {
							if f.num != shapeDim {
								return nil
							}
							d := -1
							err := fields(f.b, func(f field) error {
								if f.num == dimValue && f.kind == protowire.VarintType {
									d = int(int64(f.n))
								}
								return nil
							})
							v.Shape = append(v.Shape, max(d, -1))
							return err
						})
					}
					return nil
				})
			})
		}
		return nil
	})
	return v, err
}
