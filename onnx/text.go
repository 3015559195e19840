package onnx

import (
	"math"
	"strconv"
	"strings"
)

// Print writes a model in ONNX's textual syntax (docs/Syntax.md of ONNX), with
// all values of all constants. Parse reads it back to the same model, unless
// it has attributes that are kept as bytes (Attr.Raw), which print as "...".
// A node's label is left out when it is the name of its first output, and an
// IR version that is not stated is left out too.
func Print(m *Model) string {
	p := &printer{}
	p.header(m)
	if m.Graph != nil {
		p.graph(m.Graph)
	}
	return p.String()
}

type printer struct {
	strings.Builder
	num []byte // reused
}

func (p *printer) header(m *Model) {
	sep := "<\n   "
	entry := func(key string) {
		p.WriteString(sep + key + ": ")
		sep = ",\n   "
	}
	if m.IRVersion != 0 {
		entry("ir_version")
		p.int(m.IRVersion)
	}
	entry("opset_import")
	p.WriteByte('[')
	for i, o := range m.Opsets {
		p.comma(i)
		p.quoted(o.Domain)
		p.WriteString(" : ")
		p.int(int64(o.Version))
	}
	p.WriteByte(']')
	for _, e := range []Entry{{"producer_name", m.Producer}, {"doc_string", m.Doc}} {
		if e.Value != "" {
			entry(e.Key)
			p.quoted(e.Value)
		}
	}
	if m.Version != 0 {
		entry("model_version")
		p.int(m.Version)
	}
	if len(m.Metadata) > 0 {
		entry("metadata_props")
		p.WriteByte('[')
		for i, e := range m.Metadata {
			p.comma(i)
			p.quoted(e.Key)
			p.WriteString(": ")
			p.quoted(e.Value)
		}
		p.WriteByte(']')
	}
	p.WriteString("\n>\n")
}

func (p *printer) graph(g *Graph) {
	p.id(g.Name)
	p.WriteString(" (")
	p.infos(g, g.Inputs, true)
	p.WriteString(") => (")
	p.infos(g, g.Outputs, false)
	p.WriteByte(')')
	if len(g.Initializers)+len(g.Values) > 0 {
		sep := "\n   <"
		for _, in := range g.Initializers {
			p.WriteString(sep)
			sep = ",\n    "
			p.WriteString(typeText(in.Tensor.DType, in.Tensor.Shape, nil))
			p.WriteByte(' ')
			p.id(in.Name)
			p.WriteString(" = ")
			p.values(in.Tensor)
		}
		for _, v := range g.Values {
			p.WriteString(sep)
			sep = ",\n    "
			p.info(v, g.sizeNames(v, false))
		}
		p.WriteByte('>')
	}
	p.WriteString("\n{\n")
	for _, n := range g.Nodes {
		p.node(n)
	}
	p.WriteString("}\n")
}

func (p *printer) infos(g *Graph, list []ValueInfo, input bool) {
	for i, v := range list {
		p.comma(i)
		p.info(v, g.sizeNames(v, input))
	}
}

func (p *printer) info(v ValueInfo, names []string) {
	if v.DType.known() {
		p.WriteString(typeText(v.DType, v.Shape, names))
		p.WriteByte(' ')
	}
	p.id(v.Name)
}

// typeText is a tensor type: float is a scalar, float[] of unknown rank, and
// float[N,3,?] has two symbolic sizes, one with a name.
func typeText(d DType, shape []int, names []string) string {
	if shape == nil {
		return d.String() + "[]"
	}
	if len(shape) == 0 {
		return d.String()
	}
	b := append([]byte(d.String()), '[')
	for i, size := range shape {
		if i > 0 {
			b = append(b, ',')
		}
		switch {
		case size >= 0:
			b = strconv.AppendInt(b, int64(size), 10)
		case i < len(names) && names[i] != "":
			p := &printer{}
			p.id(names[i])
			b = append(b, p.String()...)
		default:
			b = append(b, '?')
		}
	}
	return string(append(b, ']'))
}

func (p *printer) node(n *Node) {
	p.WriteString("   ")
	if len(n.Outputs) == 0 || n.Name != n.Outputs[0] {
		p.WriteByte('[')
		p.id(n.Name)
		p.WriteString("] ")
	}
	p.ids(n.Outputs)
	p.WriteString(" = " + opName(n.Domain, n.Op) + " ")
	for i := range n.Attrs {
		p.WriteString(map[bool]string{true: "<", false: ", "}[i == 0])
		p.attr(&n.Attrs[i])
	}
	if len(n.Attrs) > 0 {
		p.WriteString("> ")
	}
	p.WriteByte('(')
	p.ids(n.Inputs)
	p.WriteString(")\n")
}

// attr states the kind only where the value does not show it.
func (p *printer) attr(a *Attr) {
	p.WriteString(a.Name)
	if a.Raw != nil || a.Kind >= AttrFloats && len(a.Floats)+len(a.Ints)+len(a.Strings) == 0 {
		p.WriteString(": " + a.Kind.String())
	}
	p.WriteString(" = ")
	switch a.Kind {
	case AttrFloat:
		p.float(float64(a.F), 32)
	case AttrInt:
		p.int(a.I)
	case AttrString:
		p.quoted(a.S)
	case AttrTensor:
		p.WriteString(typeText(a.T.DType, a.T.Shape, nil) + " ")
		p.values(a.T)
	case AttrFloats:
		list(p, "[", a.Floats, func(v float32) { p.float(float64(v), 32) }, "]")
	case AttrInts:
		list(p, "[", a.Ints, p.int, "]")
	case AttrStrings:
		list(p, "[", a.Strings, p.quoted, "]")
	default:
		p.WriteString("...")
	}
}

func list[T any](p *printer, open string, values []T, print func(T), end string) {
	p.WriteString(open)
	for i, v := range values {
		p.comma(i)
		print(v)
	}
	p.WriteString(end)
}

// values prints a tensor's elements; 16-bit floats as their bit patterns, as
// the syntax wants it.
func (p *printer) values(t *Tensor) {
	switch t.DType {
	case Float:
		list(p, "{", t.Floats(), func(v float32) { p.float(float64(v), 32) }, "}")
	case Double:
		list(p, "{", View[float64](t), func(v float64) { p.float(v, 64) }, "}")
	case Uint64:
		list(p, "{", View[uint64](t), func(v uint64) { p.WriteString(strconv.FormatUint(v, 10)) }, "}")
	case Float16, BFloat16:
		list(p, "{", View[uint16](&Tensor{Uint16, t.Shape, t.data}), func(v uint16) { p.int(int64(v)) }, "}")
	default:
		v, err := t.Ints()
		if err != nil {
			p.WriteString("...")
			return
		}
		list(p, "{", v, p.int, "}")
	}
}

func (p *printer) comma(i int) {
	if i > 0 {
		p.WriteString(", ")
	}
}

func (p *printer) int(v int64) {
	p.num = strconv.AppendInt(p.num[:0], v, 10)
	p.Write(p.num)
}

// float prints the shortest text that reads back to the same bits, always
// with a point or exponent, so that it is not taken for an integer.
func (p *printer) float(v float64, bits int) {
	switch {
	case math.IsNaN(v):
		p.WriteString("nan")
		return
	case math.IsInf(v, 1):
		p.WriteString("inf")
		return
	case math.IsInf(v, -1):
		p.WriteString("-inf")
		return
	}
	p.num = strconv.AppendFloat(p.num[:0], v, 'g', -1, bits)
	p.Write(p.num)
	if !strings.ContainsAny(string(p.num), ".e") {
		p.WriteString(".0")
	}
}

func (p *printer) ids(names []string) {
	for i, name := range names {
		p.comma(i)
		p.id(name)
	}
}

// id quotes a name that is not an identifier, or that reads as a type.
func (p *printer) id(name string) {
	if _, err := ParseDType(name); err == nil || !isIdentifier(name) {
		p.quoted(name)
		return
	}
	p.WriteString(name)
}

func isIdentifier(s string) bool {
	for i := range len(s) {
		if !isLetter(s[i]) && (i == 0 || !isDigit(s[i])) {
			return false
		}
	}
	return s != ""
}

func isLetter(c byte) bool { return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }

// quoted escapes quotes and backslashes; all other bytes stand for themselves.
func (p *printer) quoted(s string) {
	p.WriteByte('"')
	for i := range len(s) {
		if s[i] == '"' || s[i] == '\\' {
			p.WriteByte('\\')
		}
		p.WriteByte(s[i])
	}
	p.WriteByte('"')
}
