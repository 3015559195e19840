package report

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strconv"
	"strings"
)

// layerPicture draws a network from input to output: one column a weighted
// layer, as high as it has output channels, coloured by the bits of its
// weights, over a square coloured by the bits of its input.
// widest is the number of channels at full height, the same for networks that
// are to be compared.
func layerPicture(w Winner, widest int) template.HTML {
	list := weighted(w)
	if len(list) == 0 {
		return ""
	}
	const left, top, high, gap = 44.0, 18.0, 110.0, 9.0
	blocks := 1
	for i := 1; i < len(list); i++ {
		if list[i].Block != list[i-1].Block {
			blocks++
		}
	}
	c := &canvas{w: 1060, h: top + high + 66}
	column := math.Min(46, (c.w-left-8-gap*float64(blocks-1))/float64(len(list)))
	base := top + high
	for _, v := range []int{widest, (widest + 1) / 2} {
		y := base - high*float64(v)/float64(widest)
		c.line(left-4, y, c.w, y, "grid")
		c.text(left-8, y+4, "end", "tick", strconv.Itoa(v))
	}
	c.text(left-8, base+14, "end", "tick", "input")
	x, start := left, left
	for i, l := range list {
		tip := layerTip(l)
		h := math.Max(2, high*float64(l.Out)/float64(widest))
		c.rect(x+1, base-h, column-2, h, "b"+strconv.Itoa(l.WBits), tip)
		c.rect(x+1, base+4, column-2, 12, "b"+strconv.Itoa(l.ABits), tip)
		if l.Kernel > 1 && column >= 9 {
			c.text(x+column/2, base-h-5, "middle", "kernel", strconv.Itoa(l.Kernel))
		}
		if column >= 12 {
			c.text(x+column/2, base+30, "middle", "tick", letter(l))
		}
		x += column
		if i+1 == len(list) || list[i+1].Block != l.Block {
			c.line(start+1, base+37, x-1, base+37, "axis")
			if x-start > 16 || len(l.Block) < 3 {
				c.text((start+x)/2, base+52, "middle", "tick", fitText(l.Block, x-start+gap))
			}
			x += gap
			start = x
		}
	}
	return c.svg("Layers of network " + w.Name)
}

// weighted are the layers that have weights.
func weighted(w Winner) []Layer {
	return slices.DeleteFunc(slices.Clone(w.Layers), func(l Layer) bool { return l.WBits <= 0 })
}

// widestOf is the largest number of channels of any weighted layer.
func widestOf(list []Winner) int {
	most := 1
	for _, w := range list {
		for _, l := range weighted(w) {
			most = max(most, l.Out)
		}
	}
	return most
}

// fitText cuts a label to about w pixels.
func fitText(s string, w float64) string {
	if n := int(w / 6.2); len(s) > n {
		return s[:max(1, n)]
	}
	return s
}

// letter is a layer's role in its block: the first letter of the last part of
// its name.
func letter(l Layer) string {
	role := l.Name[strings.LastIndexByte(l.Name, '.')+1:]
	if !strings.Contains(l.Name, ".") || role == "" {
		return ""
	}
	return role[:1]
}

func layerTip(l Layer) string {
	tip := fmt.Sprintf("%s: %s", l.Name, l.Kind)
	if l.Kernel > 0 {
		tip += fmt.Sprintf(" %dx%d", l.Kernel, l.Kernel)
	}
	if l.Stride > 1 {
		tip += fmt.Sprintf(", stride %d", l.Stride)
	}
	tip += fmt.Sprintf("\nchannels %d to %d, %dx%d\nweights %d bits, input %d bits", l.In, l.Out, l.Size, l.Size, l.WBits, l.ABits)
	if l.LatencyMS > 0 {
		tip += "\n" + ms(l.LatencyMS)
	}
	return tip
}

// bitWidths are the widths that occur in the layers of the winners, ascending.
func bitWidths(list []Winner) []int {
	var out []int
	for _, w := range list {
		for _, l := range w.Layers {
			if l.WBits > 0 {
				out = append(out, l.WBits, l.ABits)
			}
		}
	}
	slices.Sort(out)
	return slices.DeleteFunc(slices.Compact(out), func(b int) bool { return b == 0 })
}

// tableBars draws how the rows of each operator kind are known.
func tableBars(t TableSummary) template.HTML {
	most := 0
	for _, k := range t.Kinds {
		most = max(most, k.Measured+k.Imported+k.Predicted+k.Modelled)
	}
	if most == 0 {
		return ""
	}
	const left, row = 96.0, 26.0
	c := &canvas{w: 520, h: row*float64(len(t.Kinds)) + 8}
	for i, k := range t.Kinds {
		y := 4 + row*float64(i)
		c.text(left-10, y+15, "end", "tick", k.Kind)
		x := left
		for _, part := range []struct {
			n    int
			from Provenance
		}{{k.Measured, Measured}, {k.Imported, Imported}, {k.Predicted, Predicted}, {k.Modelled, Modelled}} {
			w := (c.w - left - 60) * float64(part.n) / float64(most)
			if part.n > 0 {
				c.rect(x, y+3, math.Max(1, w-1), row-8, "p-"+string(part.from), fmt.Sprintf("%s: %s rows %s", k.Kind, whole(part.n), part.from))
				x += math.Max(2, w)
			}
		}
		c.text(x+6, y+15, "start", "tick", whole(k.Measured+k.Imported+k.Predicted+k.Modelled))
	}
	return c.svg("Rows of the latency table by operator")
}

// bitBars draws which share of the layers of each operator kind has which
// weight bits, over the front, or over the exported networks where its points do
// not tell their layers.
func bitBars(d *Data) template.HTML {
	var kinds []string
	counts := map[string]map[int]int{}
	nets := frontLayers(d)
	if len(nets) == 0 {
		for _, w := range d.Winners {
			if !w.Baseline { // whose bits were given, not chosen
				nets = append(nets, w.Layers)
			}
		}
	}
	list := []Winner{{Layers: slices.Concat(nets...)}}
	for _, l := range weighted(list[0]) {
		if counts[l.Kind] == nil {
			kinds, counts[l.Kind] = append(kinds, l.Kind), map[int]int{}
		}
		counts[l.Kind][l.WBits]++
	}
	if len(kinds) == 0 {
		return ""
	}
	const left, row = 96.0, 34.0
	c := &canvas{w: 520, h: row*float64(len(kinds)) + 8}
	for i, kind := range kinds {
		y, x, n := 4+row*float64(i), left, 0
		for _, k := range counts[kind] {
			n += k
		}
		c.text(left-10, y+20, "end", "legend", kind)
		for _, b := range bitWidths(list) {
			k := counts[kind][b]
			w := (c.w - left - 70) * float64(k) / float64(n)
			if k > 0 {
				c.rect(x, y+4, math.Max(1, w-1), row-10, "b"+strconv.Itoa(b), fmt.Sprintf("%s, %d-bit weights\n%d of %d layers", kind, b, k, n))
				x += w
			}
		}
		c.text(x+7, y+20, "start", "tick", fmt.Sprintf("%d layers", n))
	}
	return c.svg("Weight bits by operator")
}

// stageBars draws how long the stages took.
func stageBars(list []Stage) template.HTML {
	most := 0.0
	for _, s := range list {
		most = max(most, s.Seconds)
	}
	if most == 0 {
		return ""
	}
	const left, row = 96.0, 27.0
	c := &canvas{w: 520, h: row*float64(len(list)) + 8}
	for i, s := range list {
		y := 4 + row*float64(i)
		c.text(left-10, y+16, "end", "legend", s.Name)
		w := math.Max(2, (c.w-left-96)*s.Seconds/most)
		class, text := "p-measured", duration(s.Seconds)
		if s.Reused {
			class, text, w = "p-modelled", "reused", 2
		}
		c.rect(left, y+4, w, row-10, class, s.Name+"\n"+text)
		c.text(left+w+7, y+16, "start", "tick", text)
	}
	return c.svg("Time of the stages")
}
