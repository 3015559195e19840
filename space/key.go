package space

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Key is the readable name of a, which Parse reads back:
//
//	r32:st16:w24d2[k5e4w8.4.2a8.8.4,k3e1w8.4a8.4]:…:h128w8a8
//
// r resolution, st stem width, then per stage w width, d depth and in brackets
// its blocks: k kernel, e expand ratio, w and a the bits of weights and
// activations of expand, depthwise and project (without expand at ratio 1);
// h the head's width and bits. With SearchEnds a last part e gives the bits of
// stem, classifier and feature mix.
func (s *Space) Key(a Arch) string {
	s.own(a)
	x := keyWriter{s: s, genes: a.genes, out: make([]byte, 0, 32*len(s.Stages))}
	x.field("r", s.Resolutions)
	x.field(":st", s.StemWidths)
	for n := range s.Stages {
		x.stage(&s.Stages[n])
	}
	if len(s.HeadWidths) > 0 {
		x.field(":h", s.HeadWidths)
		x.bits(1)
	}
	if n := len(s.ends()); n > 0 {
		x.out = append(x.out, ":e"...)
		x.bits(n)
	}
	return string(x.out)
}

type keyWriter struct {
	s     *Space
	genes string
	at    int
	out   []byte
}

func (x *keyWriter) field(label string, choices []int) int {
	v := choices[x.genes[x.at]]
	x.at++
	x.out = strconv.AppendInt(append(x.out, label...), int64(v), 10)
	return v
}

// bits writes the bits of the next n layers.
func (x *keyWriter) bits(n int) {
	for k, choices := range [2][]int{x.s.WBits, x.s.ABits} {
		x.out = append(x.out, "wa"[k])
		for i := range n {
			if i > 0 {
				x.out = append(x.out, '.')
			}
			x.out = strconv.AppendInt(x.out, int64(choices[x.genes[x.at+2*i+k]]), 10)
		}
	}
	x.at += 2 * n
}

func (x *keyWriter) stage(st *Stage) {
	x.field(":w", st.Widths)
	depth := x.field("d", st.Depths)
	sep := byte('[')
	for b := range st.Depths[len(st.Depths)-1] {
		if b >= depth {
			x.at += 8
			continue
		}
		x.out = append(x.out, sep)
		sep = ','
		x.field("k", st.Kernels)
		expand := st.Expands[x.genes[x.at]]
		x.at++
		x.out = strconv.AppendFloat(append(x.out, 'e'), expand, 'g', -1, 64)
		if expand == 1 {
			x.at += 2
			x.bits(2)
		} else {
			x.bits(3)
		}
	}
	x.out = append(x.out, ']')
}

// Parse reads what Key writes. Values that are not choices of the space, and
// any other spelling of the same Arch, are errors.
func (s *Space) Parse(key string) (Arch, error) {
	p := keyReader{s: s, rest: key, draft: make([]byte, 0, s.GeneCount())}
	p.field("r", "resolution", s.Resolutions)
	p.field(":st", "stem width", s.StemWidths)
	for n := range s.Stages {
		p.stage(&s.Stages[n])
	}
	if len(s.HeadWidths) > 0 {
		p.field(":h", "head width", s.HeadWidths)
		p.bits(1)
	}
	if n := len(s.ends()); n > 0 {
		p.literal(":e")
		p.bits(n)
	}
	if p.err == nil && p.rest != "" {
		p.fail("more text than the space has parts")
	}
	if p.err != nil {
		return Arch{}, fmt.Errorf("space: %s: arch key at byte %d: %w", s.Name, len(key)-len(p.rest), p.err)
	}
	a := s.canonical(p.draft)
	if s.Key(a) != key {
		return Arch{}, fmt.Errorf("space: %s: arch key %.80q is not canonical (want %s)", s.Name, key, s.Key(a))
	}
	return a, nil
}

// keyReader keeps its first error.
type keyReader struct {
	s     *Space
	rest  string
	draft []byte
	err   error
}

func (p *keyReader) fail(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf(format, args...)
	}
}

func (p *keyReader) literal(text string) {
	if p.err != nil {
		return
	}
	rest, ok := strings.CutPrefix(p.rest, text)
	if !ok {
		p.fail("want %q", text)
		return
	}
	p.rest = rest
}

// number takes the longest run of digits and dots.
func (p *keyReader) number(dots bool) string {
	n := 0
	for n < len(p.rest) && (p.rest[n] >= '0' && p.rest[n] <= '9' || dots && p.rest[n] == '.') {
		n++
	}
	text := p.rest[:n]
	p.rest = p.rest[n:]
	return text
}

// choice reads an integer that must be one of choices and gives its index.
func (p *keyReader) choice(what string, choices []int) int {
	if p.err != nil {
		return 0
	}
	v, err := strconv.Atoi(p.number(false))
	i := slices.Index(choices, v)
	if err != nil || i < 0 {
		p.fail("%s is not one of %v", what, choices)
		return 0
	}
	return i
}

func (p *keyReader) field(label, what string, choices []int) int {
	p.literal(label)
	i := p.choice(what, choices)
	p.draft = append(p.draft, byte(i))
	return choices[i]
}

func (p *keyReader) bits(n int) {
	at := len(p.draft)
	p.draft = append(p.draft, make([]byte, 2*n)...)
	for k, choices := range [2][]int{p.s.WBits, p.s.ABits} {
		p.literal("wa"[k : k+1])
		for i := range n {
			if i > 0 {
				p.literal(".")
			}
			p.draft[at+2*i+k] = byte(p.choice("bits", choices))
		}
	}
}

func (p *keyReader) stage(st *Stage) {
	p.field(":w", "width", st.Widths)
	depth := p.field("d", "depth", st.Depths)
	sep := "["
	for b := range st.Depths[len(st.Depths)-1] {
		if b >= depth {
			p.draft = append(p.draft, make([]byte, 8)...)
			continue
		}
		p.field(sep+"k", "kernel", st.Kernels)
		sep = ","
		if p.expand(st.Expands) == 1 {
			p.draft = append(p.draft, 0, 0)
			p.bits(2)
		} else {
			p.bits(3)
		}
	}
	p.literal("]")
}

func (p *keyReader) expand(choices []float64) float64 {
	p.literal("e")
	i := 0
	if p.err == nil {
		v, err := strconv.ParseFloat(p.number(true), 64)
		if i = slices.Index(choices, v); err != nil || i < 0 {
			p.fail("expand ratio is not one of %v", choices)
			i = 0
		}
	}
	p.draft = append(p.draft, byte(i))
	return choices[i]
}
