package report

import (
	"html"
	"html/template"
	"math"
	"strconv"
	"strings"
)

// canvas collects the elements of one SVG picture. Colours come from CSS
// classes, so that a picture follows the page's theme.
type canvas struct {
	b    strings.Builder
	w, h float64
}

// num prints a coordinate.
func num(v float64) string {
	s := strconv.FormatFloat(v, 'f', 1, 64)
	return strings.TrimSuffix(s, ".0")
}

// el writes an element; attributes come in pairs, empty values are left out.
func (c *canvas) el(name, content string, attrs ...string) {
	c.b.WriteString("<" + name)
	for i := 0; i+1 < len(attrs); i += 2 {
		if attrs[i+1] != "" {
			c.b.WriteString(" " + attrs[i] + `="` + html.EscapeString(attrs[i+1]) + `"`)
		}
	}
	if content == "" {
		c.b.WriteString("/>")
		return
	}
	c.b.WriteString(">" + html.EscapeString(content) + "</" + name + ">")
}

func (c *canvas) line(x1, y1, x2, y2 float64, class string) {
	c.el("line", "", "x1", num(x1), "y1", num(y1), "x2", num(x2), "y2", num(y2), "class", class)
}

func (c *canvas) text(x, y float64, anchor, class, s string) {
	if s != "" {
		c.el("text", s, "x", num(x), "y", num(y), "text-anchor", anchor, "class", class)
	}
}

func (c *canvas) rect(x, y, w, h float64, class, tip string) {
	c.el("rect", "", "x", num(x), "y", num(y), "width", num(math.Max(0, w)), "height", num(math.Max(0, h)), "class", class, "data-tip", tip)
}

func (c *canvas) circle(x, y, r float64, class, tip string) {
	c.el("circle", "", "cx", num(x), "cy", num(y), "r", num(r), "class", class, "data-tip", tip)
}

func (c *canvas) path(points [][2]float64, class string, closed bool) {
	if len(points) == 0 {
		return
	}
	var d strings.Builder
	for i, p := range points {
		d.WriteString(map[bool]string{true: "M", false: "L"}[i == 0] + num(p[0]) + " " + num(p[1]))
	}
	if closed {
		d.WriteString("Z")
	}
	c.el("path", "", "d", d.String(), "class", class)
}

// svg closes the picture. title is what a screen reader says.
func (c *canvas) svg(title string) template.HTML {
	return template.HTML(`<svg viewBox="0 0 ` + num(c.w) + " " + num(c.h) + `" role="img" aria-label="` +
		html.EscapeString(title) + `">` + c.b.String() + "</svg>")
}

// axis maps values to pixels.
type axis struct {
	label    string
	lo, hi   float64 // values at the ends
	from, to float64 // pixels at the ends
	log      bool
	print    func(float64) string
}

// fit sets the range to hold the values, with a margin. A log axis ignores
// values that are not positive.
func (a *axis) fit(values []float64) {
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, v := range values {
		if !math.IsNaN(v) && !math.IsInf(v, 0) && !(a.log && v <= 0) {
			lo, hi = math.Min(lo, v), math.Max(hi, v)
		}
	}
	if lo > hi {
		lo, hi = 1, 2
	}
	if a.log {
		pad := math.Pow(hi/lo, 0.06)
		if hi == lo {
			pad = 1.5
		}
		a.lo, a.hi = lo/pad, hi*pad
		return
	}
	pad := 0.06 * (hi - lo)
	if hi == lo {
		pad = math.Max(1e-3, 0.1*math.Abs(hi))
	}
	a.lo, a.hi = lo-pad, hi+pad
	if lo >= 0 && a.lo < 0 {
		a.lo = 0
	}
}

// at is the pixel of a value.
func (a *axis) at(v float64) float64 {
	t := (v - a.lo) / (a.hi - a.lo)
	if a.log {
		t = math.Log(v/a.lo) / math.Log(a.hi/a.lo)
	}
	return a.from + t*(a.to-a.from)
}

// ticks are round values inside the range: steps of 1, 2 or 5, and on a log
// axis the same within each decade.
func (a *axis) ticks(most int) []float64 {
	if a.log {
		if t := logTicks(a.lo, a.hi, most); len(t) >= 3 {
			return t
		}
	}
	raw := (a.hi - a.lo) / float64(max(1, most))
	unit := math.Pow(10, math.Floor(math.Log10(raw)))
	step := 10 * unit
	for _, m := range []float64{1, 2, 5} {
		if m*unit >= raw {
			step = m * unit
			break
		}
	}
	var out []float64
	for k := math.Ceil(a.lo/step-1e-9) + 0; k*step <= a.hi+1e-9*step; k++ {
		out = append(out, k*step)
	}
	return out
}

func logTicks(lo, hi float64, most int) []float64 {
	var best []float64
	for _, ms := range [][]float64{{1}, {1, 3}, {1, 2, 5}, {1, 1.5, 2, 3, 5, 7}, {1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 9}} {
		var t []float64
		for e := math.Floor(math.Log10(lo)); e <= math.Ceil(math.Log10(hi)); e++ {
			for _, m := range ms {
				if v := m * math.Pow(10, e); v >= lo && v <= hi {
					t = append(t, v)
				}
			}
		}
		if len(t) > most && best != nil {
			break
		}
		best = t
	}
	return best
}

// plot is a canvas with two axes.
type plot struct {
	canvas
	x, y axis
}

// newPlot lays out a plot of w x h pixels; fit the axes before frame.
func newPlot(w, h float64, x, y axis) *plot {
	p := &plot{canvas: canvas{w: w, h: h}, x: x, y: y}
	p.x.from, p.x.to = 58, w-16
	p.y.from, p.y.to = h-46, 16
	return p
}

// frame draws grid, ticks and labels.
func (p *plot) frame() {
	for _, v := range p.y.ticks(6) {
		y := p.y.at(v)
		p.line(p.x.from, y, p.x.to, y, "grid")
		p.text(p.x.from-8, y+4, "end", "tick", p.y.print(v))
	}
	for _, v := range p.x.ticks(int((p.x.to - p.x.from) / 75)) {
		x := p.x.at(v)
		p.line(x, p.y.from, x, p.y.from+5, "axis")
		p.text(x, p.y.from+19, "middle", "tick", p.x.print(v))
	}
	p.line(p.x.from, p.y.from, p.x.to, p.y.from, "axis")
	p.text((p.x.from+p.x.to)/2, p.h-6, "middle", "label", p.x.label)
	mid := (p.y.from + p.y.to) / 2
	p.el("text", p.y.label, "x", "14", "y", num(mid), "text-anchor", "middle", "class", "label",
		"transform", "rotate(-90 14 "+num(mid)+")")
}

// plain prints a tick with as many digits as it needs.
func plain(v float64) string {
	s := strconv.FormatFloat(math.Round(v*1e6)/1e6+0, 'f', -1, 64) // +0 turns -0 into 0
	if i := strings.IndexByte(s, '.'); i >= 0 {
		return group(s[:i]) + s[i:]
	}
	return group(s)
}

// ratio prints a fraction's tick in percent.
func ratio(v float64) string { return plain(math.Round(v*1e6)/1e4) + " %" }
