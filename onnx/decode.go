package onnx

import (
	"errors"
	"fmt"
	"math"
	"os"

	"google.golang.org/protobuf/encoding/protowire"
)

// Unmarshal reads ONNX protobuf. Memory is taken only for bytes that are
// there. Control flow is kept as bytes (AttrGraph). What would be lost is
// refused with an error that names it: model-local functions, sparse and
// string tensors, and data in other files, which ReadFile and UnmarshalIn read.
func Unmarshal(data []byte) (*Model, error) { return UnmarshalIn("", data) }

// UnmarshalIn is Unmarshal for a model whose tensors may lie in other files of
// a folder ("external data"). Nothing outside the folder is read.
func UnmarshalIn(folder string, data []byte) (*Model, error) {
	d := &decoder{folder: folder}
	defer d.close()
	m, err := d.model(data)
	if err != nil {
		return nil, fmt.Errorf("onnx: unmarshal: %w (is this an ONNX file?)", err)
	}
	return m, nil
}

// decoder reads one model.
type decoder struct {
	folder  string
	root    *os.Root // of folder; opened by the first tensor that needs it
	symbols map[string][]string
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
		x, n := consume(kind, data)
		if n < 0 {
			return protowire.ParseError(n)
		}
		f(x)
		data = data[n:]
	}
	return nil
}

func consume(kind protowire.Type, data []byte) (uint64, int) {
	switch kind {
	case protowire.Fixed32Type:
		x, n := protowire.ConsumeFixed32(data)
		return uint64(x), n
	case protowire.Fixed64Type:
		return protowire.ConsumeFixed64(data)
	}
	return protowire.ConsumeVarint(data)
}

func (d *decoder) model(data []byte) (*Model, error) {
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
			if m.Graph != nil {
				return errors.New("there are two graphs")
			}
			m.Graph, err = d.graph(f.b)
		case modelOpset:
			var o Opset
			o, err = decodeOpset(f.b)
			m.Opsets = append(m.Opsets, o)
		case modelMeta:
			var e Entry
			e, err = decodeEntry(f.b)
			m.Metadata = append(m.Metadata, e)
		case modelFunctions:
			return errors.New("model-local functions are not supported (inline them first)")
		case modelTraining:
			return errors.New("training information is not supported (export the model for inference)")
		}
		return err
	})
	if err == nil && m.Graph == nil {
		err = errors.New("there is no graph")
	}
	return m, err
}

func decodeOpset(data []byte) (o Opset, err error) {
	err = fields(data, func(f field) error {
		switch f.num {
		case opsetDomain:
			o.Domain = domain(string(f.b))
		case opsetVersion:
			o.Version = int(f.n)
		}
		return nil
	})
	return o, err
}

// domain makes the two spellings of the default domain one.
func domain(name string) string {
	if name == "ai.onnx" {
		return ""
	}
	return name
}

func decodeEntry(data []byte) (e Entry, err error) {
	err = fields(data, func(f field) error {
		switch f.num {
		case entryKey:
			e.Key = string(f.b)
		case entryValue:
			e.Value = string(f.b)
		}
		return nil
	})
	return e, err
}

func (d *decoder) graph(data []byte) (*Graph, error) {
	g := &Graph{}
	inits := map[string]bool{}
	err := fields(data, func(f field) error {
		switch f.num {
		case graphName:
			g.Name = string(f.b)
		case graphNode:
			n, err := d.node(f.b)
			if err != nil {
				return fmt.Errorf("node %d (%q): %w", len(g.Nodes), n.Name, err)
			}
			g.Nodes = append(g.Nodes, n)
		case graphInit:
			name, t, err := d.tensor(f.b)
			if err != nil {
				return fmt.Errorf("initialiser %q: %w", name, err)
			}
			inits[name] = true
			g.Initializers = append(g.Initializers, Initializer{name, t})
		case graphSparse:
			return errors.New("sparse initialisers are not supported")
		case graphInput:
			return d.info(f.b, &g.Inputs, true)
		case graphOutput:
			return d.info(f.b, &g.Outputs, false)
		case graphValue:
			return d.info(f.b, &g.Values, false)
		}
		return nil
	})
	kept := g.Inputs[:0] // old files list initialisers among the inputs
	for _, in := range g.Inputs {
		if !inits[in.Name] {
			kept = append(kept, in)
		}
	}
	g.Inputs, g.symbols = kept, d.symbols
	return g, err
}

func (d *decoder) node(data []byte) (*Node, error) {
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
			n.Domain = domain(string(f.b))
		case nodeAttr:
			a, err := d.attr(f.b)
			if err != nil {
				return fmt.Errorf("attribute %q: %w", a.Name, err)
			}
			n.Attrs = append(n.Attrs, a)
		}
		return nil
	})
	return n, err
}

func (d *decoder) attr(data []byte) (Attr, error) {
	a := Attr{}
	seen := AttrKind(0) // files before IR version 2 do not state the kind
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
			_, a.T, err = d.tensor(f.b)
			seen = AttrTensor
		case attrFloats:
			seen = AttrFloats
			err = f.numbers(protowire.Fixed32Type, func(v uint64) { a.Floats = append(a.Floats, math.Float32frombits(uint32(v))) })
		case attrInts:
			seen = AttrInts
			err = f.numbers(protowire.VarintType, func(v uint64) { a.Ints = append(a.Ints, int64(v)) })
		case attrStrings:
			a.Strings, seen = append(a.Strings, string(f.b)), AttrStrings
		case attrType:
			a.Kind = AttrKind(f.n)
		}
		return err
	})
	if a.Kind == 0 {
		a.Kind = seen
	}
	if a.Kind == AttrGraph || int(a.Kind) >= len(kinds) || a.Kind <= 0 {
		return Attr{Name: a.Name, Kind: a.Kind, Raw: append([]byte{}, data...)}, err
	}
	if err == nil && a.Kind == AttrTensor && a.T == nil {
		err = errors.New("has no tensor")
	}
	return a.only(), err
}

// only drops what does not belong to the attribute's kind.
func (a Attr) only() Attr {
	o := Attr{Name: a.Name, Kind: a.Kind}
	switch a.Kind {
	case AttrFloat:
		o.F = a.F
	case AttrInt:
		o.I = a.I
	case AttrString:
		o.S = a.S
	case AttrTensor:
		o.T = a.T
	case AttrFloats:
		o.Floats = a.Floats
	case AttrInts:
		o.Ints = a.Ints
	case AttrStrings:
		o.Strings = a.Strings
	}
	return o
}

// info reads a ValueInfoProto into a list. The names of its symbolic sizes are
// kept where they are not those that would be written anyway.
func (d *decoder) info(data []byte, list *[]ValueInfo, input bool) error {
	v := ValueInfo{}
	var names []string
	err := fields(data, func(f field) error {
		switch f.num {
		case infoName:
			v.Name = string(f.b)
		case infoType:
			return fields(f.b, func(f field) error {
				if f.num != typeTensor {
					return nil // sequences, maps: left unknown
				}
				return fields(f.b, func(f field) (err error) {
					switch f.num {
					case tensorElem:
						v.DType = DType(f.n)
					case tensorShape:
						v.Shape, names, err = decodeShape(f.b)
					}
					return err
				})
			})
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("value %q: %w", v.Name, err)
	}
	*list = append(*list, v)
	if usual := len(v.Shape) > 0 && v.Shape[0] < 0 && input; !isUsual(names, usual) {
		if d.symbols == nil {
			d.symbols = map[string][]string{}
		}
		d.symbols[v.Name] = names
	}
	return nil
}

// isUsual says whether names are those that sizeNames gives.
func isUsual(names []string, batch bool) bool {
	for i, name := range names {
		if want := i == 0 && batch; want && name != "N" || !want && name != "" {
			return false
		}
	}
	return true
}

func decodeShape(data []byte) (shape []int, names []string, err error) {
	shape = []int{}
	err = fields(data, func(f field) error {
		if f.num != shapeDim {
			return nil
		}
		size, name := -1, ""
		err := fields(f.b, func(f field) error {
			switch f.num {
			case dimValue:
				if size = int(f.n); size < -1 || size > maxSize {
					return fmt.Errorf("shape has a size of %d", size)
				}
			case dimParam:
				name = string(f.b)
			}
			return nil
		})
		if size >= 0 {
			name = ""
		}
		shape, names = append(shape, size), append(names, name)
		return err
	})
	return shape, names, err
}
