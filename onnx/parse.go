package onnx

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Parse reads a model in ONNX's textual syntax (docs/Syntax.md of ONNX), such
// as
//
//	<opset_import: ["" : 21]>
//	dense (float[N,4] x) => (float[N,2] y)
//	   <float[4,2] w = {1,2,3,4,5,6,7,8}>
//	{
//	   h = MatMul (x, w)
//	   y = LeakyRelu <alpha = 0.2> (h)
//	}
//
// Without an opset_import the model is in DefaultOpset. Functions, graph
// attributes and types other than tensors are refused. Parse does not check
// the model.
func Parse(text string) (*Model, error) {
	p := &parser{src: text}
	m := &Model{}
	p.header(m)
	m.Graph = p.graph()
	if p.skip(); p.err == nil && p.at < len(p.src) {
		p.fail("expected the end (functions are not supported)")
	}
	if m.Opsets == nil {
		m.Opsets = []Opset{{"", DefaultOpset}}
	}
	if p.err != nil {
		return nil, p.err
	}
	return m, nil
}

func (p *parser) header(m *Model) {
	if !p.accept('<') {
		return
	}
	p.each('>', func() {
		key := p.word()
		p.expect(":")
		switch key {
		case "ir_version":
			m.IRVersion = p.int()
		case "opset_import":
			p.expect("[")
			m.Opsets = []Opset{}
			p.each(']', func() {
				name := domain(p.quoted())
				p.expect(":")
				m.Opsets = append(m.Opsets, Opset{name, int(p.int())})
			})
		case "producer_name":
			m.Producer = p.quoted()
		case "model_version":
			m.Version = p.int()
		case "doc_string":
			m.Doc = p.quoted()
		case "metadata_props":
			p.expect("[")
			p.each(']', func() {
				key := p.quoted()
				p.expect(":")
				m.Metadata = append(m.Metadata, Entry{key, p.quoted()})
			})
		case "producer_version", "domain":
			p.quoted() // not kept
		default:
			p.fail("unknown key %q", key)
		}
	})
}

func (p *parser) graph() *Graph {
	g := &Graph{Name: p.name()}
	p.expect("(")
	p.each(')', func() { p.declaration(g, &g.Inputs, true) })
	p.expect("=>(")
	p.each(')', func() { p.declaration(g, &g.Outputs, false) })
	if p.accept('<') {
		p.each('>', func() { p.declaration(g, &g.Values, false) })
	}
	p.expect("{")
	for p.err == nil && !p.accept('}') {
		g.Nodes = append(g.Nodes, p.node())
	}
	g.symbols = p.symbols
	return g
}

// declaration reads a value with its type into a list or, if it has a
// content, an initialiser.
func (p *parser) declaration(g *Graph, list *[]ValueInfo, input bool) {
	v := ValueInfo{}
	var names []string
	if isLetter(p.peek()) && p.typed() {
		v.DType, v.Shape, names = p.dtype()
	}
	v.Name = p.name()
	if p.accept('=') {
		g.Initializers = append(g.Initializers, Initializer{v.Name, p.tensor(v.DType, v.Shape)})
		return
	}
	*list = append(*list, v)
	if p.err == nil && !isUsual(names, input && len(v.Shape) > 0 && v.Shape[0] < 0) {
		if p.symbols == nil {
			p.symbols = map[string][]string{}
		}
		p.symbols[v.Name] = names
	}
}

// typed says whether a type is next.
func (p *parser) typed() bool {
	at := p.at
	_, err := ParseDType(p.word())
	p.at = at
	return err == nil
}

func (p *parser) dtype() (d DType, shape []int, names []string) {
	word := p.word()
	d, err := ParseDType(word)
	if err != nil {
		p.fail("expected a tensor type, found %q", word)
	}
	if !p.accept('[') {
		return d, []int{}, nil
	}
	p.each(']', func() {
		size, name := -1, ""
		switch c := p.peek(); {
		case c == '?':
			p.at++
		case c == '"' || isLetter(c):
			name = p.name()
		default:
			v := p.int()
			if v < 0 || v > maxSize {
				p.fail("a size of %d", v)
			}
			size = int(v)
		}
		shape, names = append(shape, size), append(names, name)
	})
	return d, shape, names
}

func (p *parser) node() *Node {
	n := &Node{}
	labelled := p.accept('[')
	if labelled {
		n.Name = p.name()
		p.expect("]")
	}
	n.Outputs = p.names('=')
	word := p.word()
	for p.accept('.') {
		n.Domain = strings.TrimPrefix(n.Domain+"."+word, ".")
		word = p.word()
	}
	if n.Op = word; word == "" {
		p.fail("expected an operator")
	}
	n.Domain = domain(n.Domain)
	if p.accept('<') {
		p.each('>', func() { n.Attrs = append(n.Attrs, p.attr()) })
	}
	p.expect("(")
	n.Inputs = p.names(')')
	if len(n.Attrs) == 0 && p.accept('<') {
		p.each('>', func() { n.Attrs = append(n.Attrs, p.attr()) })
	}
	if !labelled && len(n.Outputs) > 0 {
		n.Name = n.Outputs[0]
	}
	return n
}

// names reads names up to end; absent ones are "" or nothing before a comma.
func (p *parser) names(end byte) []string {
	var out []string
	p.each(end, func() {
		if c := p.peek(); c == ',' {
			out = append(out, "")
		} else if c != end || len(out) == 0 {
			out = append(out, p.name())
		}
	})
	return out
}

func (p *parser) attr() Attr {
	a := Attr{Name: p.word()}
	if a.Name == "" {
		p.fail("expected an attribute's name")
	}
	if p.accept(':') {
		word := p.word()
		if a.Kind = AttrKind(slices.Index(kinds[:], word)); a.Kind < AttrFloat {
			p.fail("unknown kind of attribute %q", word)
		}
	}
	p.expect("=")
	if !p.accept('[') {
		one := p.single(a.Kind)
		one.Name = a.Name
		return one
	}
	if a.Kind != 0 && a.Kind < AttrFloats {
		p.fail("a list for an attribute of kind %v", a.Kind)
	}
	item := AttrKind(0)
	if a.Kind != 0 {
		item = a.Kind - AttrFloats + AttrFloat
	}
	p.each(']', func() {
		one := p.single(item)
		item = one.Kind
		switch one.Kind {
		case AttrFloat:
			a.Kind, a.Floats = AttrFloats, append(a.Floats, one.F)
		case AttrInt:
			a.Kind, a.Ints = AttrInts, append(a.Ints, one.I)
		case AttrString:
			a.Kind, a.Strings = AttrStrings, append(a.Strings, one.S)
		default:
			p.fail("a list of %v is not supported", one.Kind)
		}
	})
	if a.Kind == 0 {
		p.fail("an empty list needs a kind, such as %s: ints = []", a.Name)
	}
	return a
}

// single reads one attribute value of a kind, or of any for kind 0.
func (p *parser) single(want AttrKind) Attr {
	a := Attr{}
	switch c := p.peek(); {
	case c == '"':
		a.Kind, a.S = AttrString, p.quoted()
	case isLetter(c) && p.typed():
		d, shape, _ := p.dtype()
		if p.peek() != '{' && p.peek() != '=' {
			p.name() // the tensor's name is not kept
		}
		p.accept('=')
		a.Kind, a.T = AttrTensor, p.tensor(d, shape)
	default:
		text := p.number()
		i, err := strconv.ParseInt(text, 10, 64)
		if err == nil && want != AttrFloat {
			a.Kind, a.I = AttrInt, i
			break
		}
		a.Kind, a.F = AttrFloat, float32(p.parseFloat(text, 32))
	}
	if want != 0 && a.Kind != want {
		p.fail("expected a value of kind %v, found %v", want, a.Kind)
	}
	return a
}

// parseFloat reads a number in the syntax of C++, whose NaN may have a sign.
func (p *parser) parseFloat(text string, bits int) float64 {
	v, err := strconv.ParseFloat(strings.Replace(text, "-nan", "nan", 1), bits)
	if err != nil && !isRange(err) {
		p.fail("expected a number, found %q (graph attributes are not supported)", text)
	}
	return v
}

func isRange(err error) bool {
	e, ok := err.(*strconv.NumError)
	return ok && e.Err == strconv.ErrRange
}

// tensor reads the values of a tensor in braces.
func (p *parser) tensor(d DType, shape []int) *Tensor {
	if p.expect("{"); p.err != nil {
		return nil
	}
	var t *Tensor
	var err error
	switch d {
	case Float:
		t, err = collect(p, shape, func(s string) float32 { return float32(p.parseFloat(s, 32)) })
	case Double:
		t, err = collect(p, shape, func(s string) float64 { return p.parseFloat(s, 64) })
	case Uint64:
		t, err = collect(p, shape, func(s string) uint64 {
			v, err := strconv.ParseUint(s, 10, 64)
			if err != nil {
				p.fail("expected an unsigned integer, found %q", s)
			}
			return v
		})
	default:
		t, err = p.integers(d, shape)
	}
	if err != nil {
		p.fail("%v", err)
		return nil
	}
	return t
}

// integers reads a tensor of any integer type, of booleans, or of the bit
// patterns of 16-bit floats.
func (p *parser) integers(d DType, shape []int) (*Tensor, error) {
	packed := d
	switch d {
	case Float16, BFloat16:
		packed = Uint16
	case Bool:
		packed = Uint8
	}
	var values []int64
	p.each('}', func() { values = append(values, p.int()) })
	if p.err != nil {
		return nil, p.err
	}
	if err := holds(shape, len(values)); err != nil {
		return nil, err
	}
	t, err := PackInts(packed, values, shape...)
	if err == nil {
		t.DType = d
	}
	return t, err
}

// collect reads values of an element type that has a Go type.
func collect[T Element](p *parser, shape []int, read func(string) T) (*Tensor, error) {
	var values []T
	p.each('}', func() { values = append(values, read(p.number())) })
	if p.err != nil {
		return nil, p.err
	}
	if err := holds(shape, len(values)); err != nil {
		return nil, err
	}
	t := NewTensor(dtypeOf[T](), shape...)
	copy(View[T](t), values)
	return t, nil
}

// holds wants a concrete shape with n elements.
func holds(shape []int, n int) error {
	if shape == nil {
		return fmt.Errorf("a constant needs sizes")
	}
	have, err := elements(shape)
	if err == nil && have != n {
		err = fmt.Errorf("%d values for shape %v", n, shape)
	}
	return err
}
