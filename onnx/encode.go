package onnx

import (
	"encoding/binary"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// The field numbers of onnx.in.proto (ONNX 1.20) that this package reads and
// writes.
const (
	modelIR, modelProducer, modelVersion, modelDoc, modelGraph, modelOpset, modelMeta = 1, 2, 5, 6, 7, 8, 14
	modelTraining, modelFunctions                                                     = 20, 25
	opsetDomain, opsetVersion                                                         = 1, 2
	entryKey, entryValue                                                              = 1, 2
	graphNode, graphName, graphInit, graphInput, graphOutput, graphValue              = 1, 2, 5, 11, 12, 13
	graphSparse                                                                       = 15
	nodeInput, nodeOutput, nodeName, nodeOp, nodeAttr, nodeDomain                     = 1, 2, 3, 4, 5, 7
	attrName, attrF, attrI, attrS, attrT, attrFloats, attrInts, attrStrings, attrType = 1, 2, 3, 4, 5, 7, 8, 9, 20
	tensorDims, tensorType, tensorFloats, tensorInt32s, tensorInt64s, tensorName      = 1, 2, 4, 5, 7, 8
	tensorSegment, tensorRaw, tensorDoubles, tensorUint64s, tensorExternal            = 3, 9, 10, 11, 13
	infoName, infoType                                                                = 1, 2
	typeTensor, tensorElem, tensorShape, shapeDim, dimValue, dimParam                 = 1, 1, 2, 1, 1, 2
)

// irVersions gives the lowest IR version that carries an opset
// (docs/Versioning.md); 4 is the first in which initialisers are no inputs.
var irVersions = []struct{ opset, ir int }{
	{25, 13}, {24, 12}, {23, 11}, {21, 10}, {19, 9}, {15, 8}, {12, 7}, {11, 6}, {10, 5}, {0, 4},
}

// defaultIR is written for old opsets that do not need more: every engine of
// the last years reads it.
const defaultIR = 8

// irVersion is the stated IR version, unless the opset needs a higher one.
func (m *Model) irVersion() int64 {
	ir := m.IRVersion
	if ir == 0 {
		ir = defaultIR
	}
	for _, row := range irVersions {
		if m.Opset("") >= row.opset {
			return max(ir, int64(row.ir))
		}
	}
	return ir
}

// Marshal writes a model as ONNX protobuf. The same model gives the same bytes.
// It does not check the model.
func Marshal(m *Model) ([]byte, error) {
	if m.Graph == nil {
		return nil, fmt.Errorf("onnx: marshal: the model has no graph")
	}
	g := m.Graph
	for _, in := range g.Initializers {
		if in.Tensor == nil {
			return nil, fmt.Errorf("onnx: marshal: initialiser %q has no tensor", in.Name)
		}
	}
	// Weights are most of the bytes. All else is written first, so that the
	// result can be allocated once and the weights copied once.
	head := m.appendHead(make([]byte, 0, 1024))
	nodes := g.appendNodes(make([]byte, 0, 256*len(g.Nodes)+64))
	types := g.appendTypes(nil)
	size := len(nodes) + len(types)
	heads := make([]byte, 0, 64*len(g.Initializers))
	ends := make([]int, len(g.Initializers))
	for i, in := range g.Initializers {
		heads = appendTensorHead(heads, in.Name, in.Tensor)
		ends[i] = len(heads)
	}
	for i, in := range g.Initializers {
		size += protowire.SizeTag(graphInit) + protowire.SizeBytes(tensorSize(ends, i, in.Tensor))
	}
	b := make([]byte, 0, len(head)+size+16)
	b = append(b, head...)
	b = protowire.AppendVarint(protowire.AppendTag(b, modelGraph, protowire.BytesType), uint64(size))
	b = append(b, nodes...)
	for i, in := range g.Initializers {
		b = protowire.AppendTag(b, graphInit, protowire.BytesType)
		b = protowire.AppendVarint(b, uint64(tensorSize(ends, i, in.Tensor)))
		b = append(b, heads[start(ends, i):ends[i]]...)
		b = appendRaw(b, in.Tensor)
	}
	return append(b, types...), nil
}

func start(ends []int, i int) int {
	if i == 0 {
		return 0
	}
	return ends[i-1]
}

// tensorSize is the length of tensor i's message: its head and its data.
func tensorSize(ends []int, i int, t *Tensor) int {
	return ends[i] - start(ends, i) + protowire.SizeTag(tensorRaw) + protowire.SizeBytes(len(t.data))
}

// appendHead writes everything of the model but the graph.
func (m *Model) appendHead(b []byte) []byte {
	b = varint(b, modelIR, uint64(m.irVersion()))
	b = str(b, modelProducer, m.Producer)
	if m.Version != 0 {
		b = varint(b, modelVersion, uint64(m.Version))
	}
	b = str(b, modelDoc, m.Doc)
	for _, o := range m.Opsets {
		b = message(b, modelOpset, func(b []byte) []byte {
			return varint(str(b, opsetDomain, o.Domain), opsetVersion, uint64(o.Version))
		})
	}
	for _, e := range m.Metadata {
		b = message(b, modelMeta, func(b []byte) []byte {
			return always(always(b, entryKey, e.Key), entryValue, e.Value)
		})
	}
	return b
}

func (g *Graph) appendNodes(b []byte) []byte {
	for _, n := range g.Nodes {
		b = message(b, graphNode, func(b []byte) []byte { return appendNode(b, n) })
	}
	return always(b, graphName, g.Name)
}

func (g *Graph) appendTypes(b []byte) []byte {
	for _, list := range []struct {
		field protowire.Number
		infos []ValueInfo
	}{{graphInput, g.Inputs}, {graphOutput, g.Outputs}, {graphValue, g.Values}} {
		for _, v := range list.infos {
			names := g.sizeNames(v, list.field == graphInput)
			b = message(b, list.field, func(b []byte) []byte { return appendInfo(b, v, names) })
		}
	}
	return b
}

// sizeNames names the symbolic sizes of a value: as its file did, else N for
// the batch of an input. Sizes that only the engine knows get no name: a
// wrong one would claim that two are equal.
func (g *Graph) sizeNames(v ValueInfo, input bool) []string {
	if names := g.symbols[v.Name]; len(names) > 0 && len(names) == len(v.Shape) {
		return names
	}
	if input && len(v.Shape) > 0 && v.Shape[0] < 0 {
		return batchName
	}
	return nil
}

var batchName = []string{"N"}

func appendNode(b []byte, n *Node) []byte {
	for _, s := range n.Inputs {
		b = always(b, nodeInput, s)
	}
	for _, s := range n.Outputs {
		b = always(b, nodeOutput, s)
	}
	b = str(b, nodeName, n.Name)
	b = str(b, nodeOp, n.Op)
	for i := range n.Attrs {
		a := &n.Attrs[i]
		b = message(b, nodeAttr, func(b []byte) []byte { return appendAttr(b, a) })
	}
	return str(b, nodeDomain, n.Domain)
}

func appendAttr(b []byte, a *Attr) []byte {
	if a.Raw != nil {
		return append(b, a.Raw...)
	}
	b = always(b, attrName, a.Name)
	switch a.Kind {
	case AttrFloat:
		b = fixed32(b, attrF, a.F)
	case AttrInt:
		b = varint(b, attrI, uint64(a.I))
	case AttrString:
		b = always(b, attrS, a.S)
	case AttrTensor:
		b = message(b, attrT, func(b []byte) []byte { return appendRaw(appendTensorHead(b, "", a.T), a.T) })
	case AttrFloats:
		for _, v := range a.Floats {
			b = fixed32(b, attrFloats, v)
		}
	case AttrInts:
		for _, v := range a.Ints {
			b = varint(b, attrInts, uint64(v))
		}
	case AttrStrings:
		for _, v := range a.Strings {
			b = always(b, attrStrings, v)
		}
	}
	return varint(b, attrType, uint64(a.Kind))
}

func appendTensorHead(b []byte, name string, t *Tensor) []byte {
	for _, d := range t.Shape {
		b = varint(b, tensorDims, uint64(d))
	}
	return str(varint(b, tensorType, uint64(t.DType)), tensorName, name)
}

func appendRaw(b []byte, t *Tensor) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, tensorRaw, protowire.BytesType), t.data)
}

func appendInfo(b []byte, v ValueInfo, names []string) []byte {
	b = always(b, infoName, v.Name)
	if v.DType == Undefined {
		return b
	}
	return message(b, infoType, func(b []byte) []byte {
		return message(b, typeTensor, func(b []byte) []byte {
			b = varint(b, tensorElem, uint64(v.DType))
			if v.Shape == nil {
				return b
			}
			return message(b, tensorShape, func(b []byte) []byte {
				for i, size := range v.Shape {
					b = message(b, shapeDim, func(b []byte) []byte {
						switch {
						case size >= 0:
							b = varint(b, dimValue, uint64(size))
						case i < len(names):
							b = str(b, dimParam, names[i])
						}
						return b
					})
				}
				return b
			})
		})
	})
}

func varint(b []byte, field protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), v)
}

func fixed32(b []byte, field protowire.Number, v float32) []byte {
	return protowire.AppendFixed32(protowire.AppendTag(b, field, protowire.Fixed32Type), math.Float32bits(v))
}

// str leaves an empty string out, always writes it.
func str(b []byte, field protowire.Number, s string) []byte {
	if s == "" {
		return b
	}
	return always(b, field, s)
}

func always(b []byte, field protowire.Number, s string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), s)
}

// message appends a message field. The length goes before the body: one byte
// is kept for it, and a longer body is shifted.
func message(b []byte, field protowire.Number, body func([]byte) []byte) []byte {
	b = append(protowire.AppendTag(b, field, protowire.BytesType), 0)
	from := len(b)
	b = body(b)
	n := len(b) - from
	if n < 128 {
		b[from-1] = byte(n)
		return b
	}
	var size [binary.MaxVarintLen64]byte
	k := binary.PutUvarint(size[:], uint64(n))
	b = append(b, size[:k-1]...) // room
	copy(b[from-1+k:], b[from:from+n])
	copy(b[from-1:], size[:k])
	return b
}
