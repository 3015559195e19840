package onnx

import (
	"fmt"
	"strconv"
	"strings"
)

// parser reads tokens as it is asked for them. Its first error sticks; from
// then on every token is missing, so that all loops end.
type parser struct {
	src     string
	at      int
	err     error
	symbols map[string][]string
}

func (p *parser) fail(format string, args ...any) {
	if p.err != nil {
		return
	}
	before := p.src[:min(p.at, len(p.src))]
	line := strings.Count(before, "\n") + 1
	column := len(before) - strings.LastIndexByte(before, '\n')
	p.err = fmt.Errorf("onnx: parse: line %d, column %d: %s", line, column, fmt.Sprintf(format, args...))
}

// skip passes white space and comments, which run from # to the line's end.
func (p *parser) skip() {
	for p.at < len(p.src) {
		switch c := p.src[p.at]; {
		case c == ' ' || c >= '\t' && c <= '\r':
			p.at++
		case c == '#':
			if n := strings.IndexByte(p.src[p.at:], '\n'); n >= 0 {
				p.at += n
			} else {
				p.at = len(p.src)
			}
		default:
			return
		}
	}
}

// peek is the next character that is no white space, 0 at the end.
func (p *parser) peek() byte {
	if p.skip(); p.err != nil || p.at >= len(p.src) {
		return 0
	}
	return p.src[p.at]
}

func (p *parser) accept(c byte) bool {
	if p.peek() != c || p.err != nil {
		return false
	}
	p.at++
	return true
}

func (p *parser) expect(text string) {
	for i := range len(text) {
		if !p.accept(text[i]) {
			p.fail("expected %q", text)
		}
	}
}

// each reads items between commas up to the closing character.
func (p *parser) each(end byte, item func()) {
	if p.accept(end) {
		return
	}
	for p.err == nil {
		if item(); !p.accept(',') {
			break
		}
	}
	p.expect(string(end))
}

// word is an identifier, "" if none is next.
func (p *parser) word() string {
	if !isLetter(p.peek()) {
		return ""
	}
	from := p.at
	for p.at < len(p.src) && (isLetter(p.src[p.at]) || isDigit(p.src[p.at])) {
		p.at++
	}
	return p.src[from:p.at]
}

// name is an identifier or a quoted string.
func (p *parser) name() string {
	if p.peek() == '"' {
		return p.quoted()
	}
	w := p.word()
	if w == "" {
		p.fail("expected a name")
	}
	return w
}

func (p *parser) quoted() string {
	p.expect(`"`)
	from := p.at
	for escaped := false; p.err == nil; p.at++ {
		switch {
		case p.at >= len(p.src):
			p.at = from
			p.fail("the quotes do not end")
			return ""
		case p.src[p.at] == '\\':
			p.at++
			escaped = true
		case p.src[p.at] == '"':
			s := p.src[from:p.at]
			p.at++
			if escaped {
				s = unescape(s)
			}
			return s
		}
	}
	return ""
}

func unescape(s string) string {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' {
			i++
		}
		b = append(b, s[i])
	}
	return string(b)
}

// number is the text of a number, "" if none is next. It may be nan or inf.
func (p *parser) number() string {
	p.skip()
	from := p.at
	p.accept('-')
	if isLetter(p.peek()) {
		p.word()
		return p.src[from:p.at]
	}
	for p.at < len(p.src) && strings.IndexByte("0123456789.eE+-", p.src[p.at]) >= 0 {
		p.at++
	}
	return p.src[from:p.at]
}

func (p *parser) int() int64 {
	p.skip()
	from := p.at
	v, err := strconv.ParseInt(p.number(), 10, 64)
	if err != nil {
		p.at = from
		p.fail("expected an integer")
	}
	return v
}
