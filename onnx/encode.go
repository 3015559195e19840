package onnx

import (
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// The field numbers of onnx.proto (ONNX 1.20) that this package reads and
// writes.
const (
	modelIR, modelProducer, modelVersion, modelDoc, modelGraph, modelOpset, modelMeta = 1, 2, 5, 6, 7, 8, 14
	opsetDomain, opsetVersion                                                         = 1, 2
	entryKey, entryValue                                                              = 1, 2
	graphNode, graphName, graphInit, graphInput, graphOutput, graphValue              = 1, 2, 5, 11, 12, 13
	nodeInput, nodeOutput, nodeName, nodeOp, nodeAttr, nodeDomain                     = 1, 2, 3, 4, 5, 7
	attrName, attrF, attrI, attrS, attrT, attrFloats, attrInts, attrStrings, attrType = 1, 2, 3, 4, 5, 7, 8, 9, 20
	attrG, attrGraphs                                                                 = 6, 11
	tensorDims, tensorType, tensorFloats, tensorInt32s, tensorInt64s, tensorName      = 1, 2, 4, 5, 7, 8
	tensorRaw, tensorDoubles, tensorUint64s, tensorExternal, tensorLocation           = 9, 10, 11, 13, 14
	infoName, infoType                                                                = 1, 2
	typeTensor, tensorElem, tensorShape, shapeDim, dimValue, dimParam                 = 1, 1, 2, 1, 1, 2
)

// irVersions gives the IR version that carries an opset (onnx/docs/Versioning.md).
var irVersions = []struct{ opset, ir int }{{25, 13}, {24, 11}, {21, 10}, {19, 9}, {15, 8}, {13, 8}, {12, 7}, {0, 6}}

// Marshal writes a model as ONNX protobuf. The same model gives the same bytes.
func Marshal(m *Model) ([]byte, error) {
	if m.Graph == nil {
		return nil, fmt.Errorf("onnx: marshal: model has no graph")
	}
	ir := m.IRVersion
	for _, row := range irVersions {
		if ir == 0 && m.Opset("") >= row.opset {
			ir = int64(row.ir)
		}
	}
	size := 4096
	for _, t := range m.Graph.Initializers {
		size += len(t.Tensor.Bytes()) + 64
	}
	graph := graphBytes(make([]byte, 0, size), m.Graph)
	b := make([]byte, 0, len(graph)+1024)
	b = varint(b, modelIR, uint64(ir))
	b = str(b, modelProducer, m.Producer)
	if m.Version != 0 {
		b = varint(b, modelVersion, uint64(m.Version))
	}
	b = str(b, modelDoc, m.Doc)
	b = protowire.AppendTag(b, modelGraph, protowire.BytesType)
	b = protowire.AppendBytes(b, graph)
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
	return b, nil
}

func graphBytes(b []byte, g *Graph) []byte {
	for _, n := range g.Nodes {
		b = message(b, graphNode, func(b []byte) []byte { return nodeBytes(b, n) })
	}
	b = always(b, graphName, g.Name)
	for _, t := range g.Initializers {
		b = protowire.AppendTag(b, graphInit, protowire.BytesType)
		head := tensorHead(nil, t.Name, t.Tensor)
		raw := t.Tensor.Bytes()
		b = protowire.AppendVarint(b, uint64(len(head)+protowire.SizeTag(tensorRaw)+protowire.SizeBytes(len(raw))))
		b = append(b, head...)
		b = protowire.AppendTag(b, tensorRaw, protowire.BytesType)
		b = protowire.AppendBytes(b, raw)
	}
	for _, list := range []struct {
		field protowire.Number
		infos []ValueInfo
	}{{graphInput, g.Inputs}, {graphOutput, g.Outputs}, {graphValue, g.Values}} {
		for _, v := range list.infos {
			b = message(b, list.field, func(b []byte) []byte { return infoBytes(b, v) })
		}
	}
	return b
}

func nodeBytes(b []byte, n *Node) []byte {
	for _, s := range n.Inputs {
		b = always(b, nodeInput, s)
	}
	for _, s := range n.Outputs {
		b = always(b, nodeOutput, s)
	}
	b = str(b, nodeName, n.Name)
	b = str(b, nodeOp, n.Op)
	for _, a := range n.Attrs {
		b = message(b, nodeAttr, func(b []byte) []byte { return attrBytes(b, a) })
	}
	return str(b, nodeDomain, n.Domain)
}

func attrBytes(b []byte, a Attr) []byte {
	b = always(b, attrName, a.Name)
	switch a.Kind {
	case AttrFloat:
		b = fixed32(b, attrF, a.F)
	case AttrInt:
		b = varint(b, attrI, uint64(a.I))
	case AttrString:
		b = always(b, attrS, a.S)
	case AttrTensor:
		b = message(b, attrT, func(b []byte) []byte {
			b = tensorHead(b, "", a.T)
			return protowire.AppendBytes(protowire.AppendTag(b, tensorRaw, protowire.BytesType), a.T.Bytes())
		})
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

func tensorHead(b []byte, name string, t *Tensor) []byte {
	for _, d := range t.Shape {
		b = varint(b, tensorDims, uint64(d))
	}
	return str(varint(b, tensorType, uint64(t.DType)), tensorName, name)
}

func infoBytes(b []byte, v ValueInfo) []byte {
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
				for _, d := range v.Shape {
					b = message(b, shapeDim, func(b []byte) []byte {
						if d < 0 {
							return always(b, dimParam, "N")
						}
						return varint(b, dimValue, uint64(d))
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

func message(b []byte, field protowire.Number, body func([]byte) []byte) []byte {
	var scratch [256]byte
	inner := body(scratch[:0])
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), inner)
}
