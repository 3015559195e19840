package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// explorer is what the interactive plot is drawn from: all networks, a column a
// figure. Keys are short, and texts and layers are said once, because a page of
// ten thousand networks must stay small.
type explorer struct {
	Metric string          `json:"metric"` // what accuracies are called
	Label  string          `json:"axis"`
	Series []exploreSeries `json:"series"`
	Of     []int           `json:"of"`       // series of each network
	Acc    []short         `json:"acc"`      // accuracy it is drawn at; measured where there is one
	Search []short         `json:"search"`   // accuracy that the search saw
	MS     []short         `json:"ms"`       // latency; 0 = not known
	Bytes  []short         `json:"bytes"`    // memory of the weights; 0 = not known
	MJ     []short         `json:"mj"`       // energy; 0 = not known
	WBits  []short         `json:"wbits"`    // mean over the layers; 0 = not known
	ABits  []short         `json:"abits"`    //
	From   string          `json:"from"`     // provenance: five digits a network, in the order of the columns Acc to MJ
	Text   []string        `json:"text"`     // pieces of keys
	Arch   [][]int         `json:"arch"`     // key: numbers of its pieces
	Rows   [][]any         `json:"rows"`     // distinct layers, see exploreLayer
	Layers [][]int         `json:"layers"`   // of each network: numbers of rows; empty = not told
	Named  []exploreName   `json:"named"`    // networks with a name
	Marks  []exploreMark   `json:"marks"`    // by digit of From
	Axis   map[string]bool `json:"measures"` // figures that at least one network has
}

// exploreSeries is a group of networks that is drawn alike.
type exploreSeries struct {
	Name string `json:"name"`
	Role string `json:"role"` // found, random, scored, base, or run0, run1, …
}

// exploreName is a network with a name: an exported file, or one to compare with.
type exploreName struct {
	At   int    `json:"at"`
	Name string `json:"name"`
	File string `json:"file,omitempty"`
}

// exploreMark is how a provenance is shown.
type exploreMark struct {
	Sign string `json:"sign"`
	From string `json:"from"`
	Text string `json:"text"`
}

// short is a number as JSON with five significant digits.
type short float64

func (v short) MarshalJSON() ([]byte, error) {
	return []byte(strconv.FormatFloat(float64(v), 'g', 5, 64)), nil
}

// exploreOrder is what the digits of explorer.From mean.
var exploreOrder = []Provenance{Absent, Measured, Imported, Predicted, Modelled}

// exploreRun is the explorer of one run; nil when there is nothing to draw.
func exploreRun(d *Data) *explorer {
	b := newExploreBuilder()
	b.called(d)
	b.group("found by the search", "found", d.Front, d.Shapes)
	for i, f := range d.Devices {
		b.group("for "+f.Name, fmt.Sprint("run", i%mostCompared), f.Points, d.Shapes)
	}
	b.group("random search, as many evaluations", "random", d.Random, d.Shapes)
	b.group("scored samples", "scored", d.Scored, d.Shapes)
	b.winners(d)
	b.baselines(d)
	return b.finish()
}

// exploreBuilder fills an explorer.
type exploreBuilder struct {
	explorer
	from   strings.Builder
	texts  map[string]int
	shapes Shapes
	at     map[string]int // first network of a key
}

func newExploreBuilder() *exploreBuilder {
	b := &exploreBuilder{texts: map[string]int{}, at: map[string]int{}}
	b.Axis = map[string]bool{}
	for _, from := range exploreOrder {
		m := exploreMark{Sign: marks[from], From: string(from)}
		for _, l := range legend {
			if l.From == from {
				m.Text = l.Text
			}
		}
		b.Marks = append(b.Marks, m)
	}
	return b
}

// called takes the names of what accuracies are.
func (b *exploreBuilder) called(d *Data) {
	b.Metric, _ = d.metric()
	b.Label = d.accuracyAxis()
}

// group adds networks as a series, by latency. Those without an accuracy have
// no place in the plot.
func (b *exploreBuilder) group(name, role string, points []Point, shapes []Layer) {
	sorted := slices.Clone(points)
	slices.SortStableFunc(sorted, func(p, q Point) int { return cmp.Compare(p.Latency.Value, q.Latency.Value) })
	opened := false
	for i := range sorted {
		if !sorted[i].seen().Has() {
			continue
		}
		if !opened {
			b.Series, opened = append(b.Series, exploreSeries{name, role}), true
		}
		b.point(&sorted[i], shapes)
	}
}

func (b *exploreBuilder) point(p *Point, shapes []Layer) {
	if _, ok := b.at[p.Arch]; !ok {
		b.at[p.Arch] = len(b.Of)
	}
	b.Of = append(b.Of, len(b.Series)-1)
	for _, c := range []struct {
		name   string
		column *[]short
		f      Figure
	}{{"acc", &b.Acc, p.seen()}, {"search", &b.Search, p.Accuracy}, {"ms", &b.MS, p.Latency}, {"bytes", &b.Bytes, p.Memory}, {"mj", &b.MJ, p.Energy}} {
		v, known := 0.0, c.f.Has() && (c.f.Value > 0 || c.name == "acc" || c.name == "search")
		digit := 0
		if known {
			v, digit, b.Axis[c.name] = c.f.Value, max(0, slices.Index(exploreOrder, c.f.From)), true
		}
		*c.column = append(*c.column, short(v))
		b.from.WriteByte(byte('0' + digit))
	}
	b.WBits, b.ABits = append(b.WBits, short(meanBits(p.WBits))), append(b.ABits, short(meanBits(p.ABits)))
	b.Arch = append(b.Arch, b.pieces(p.Arch))
	rows := []int{}
	for _, n := range p.Layers {
		if n >= 0 && n < len(shapes) {
			rows = append(rows, b.shapes.Add(shapes[n]))
		}
	}
	b.Layers = append(b.Layers, rows)
}

// pieces cuts a key after each separator: neighbours on a front share most.
func (b *exploreBuilder) pieces(key string) []int {
	out := []int{}
	for _, piece := range strings.FieldsFunc(separated.Replace(key), func(r rune) bool { return r == cut }) {
		n, ok := b.texts[piece]
		if !ok {
			n = len(b.Text)
			b.texts[piece], b.Text = n, append(b.Text, piece)
		}
		out = append(out, n)
	}
	return out
}

const cut = '\x00'

var separated = strings.NewReplacer(",", ",\x00", ":", ":\x00", "[", "[\x00")

// winners names exported networks; one that is on no front gets a dot.
func (b *exploreBuilder) winners(d *Data) {
	opened := false
	for _, w := range d.Winners {
		at, ok := b.at[w.Arch]
		if ok && len(b.Layers[at]) == 0 {
			b.Layers[at] = b.numbers(w.Layers)
		}
		if !ok {
			p := Point{Arch: w.Arch, Latency: w.LatencyPredicted, Energy: w.Energy, Accuracy: w.Top1Val}
			if w.WeightBytes > 0 {
				p.Memory = Fig(float64(w.WeightBytes), Measured)
			}
			if !p.Accuracy.Has() {
				continue
			}
			if !opened {
				b.Series, opened = append(b.Series, exploreSeries{"exported, off the front", "base"}), true
			}
			at = len(b.Of)
			b.point(&p, nil)
			b.Layers[at] = b.numbers(w.Layers)
		}
		b.Named = append(b.Named, exploreName{at, w.Name, w.File})
	}
}

// baselines adds what is not there as an exported file already.
func (b *exploreBuilder) baselines(d *Data) {
	opened := false
	for _, base := range d.Baselines {
		if _, ok := b.at[base.Arch]; (ok && base.Arch != "") || !base.Accuracy.Has() {
			continue
		}
		if !opened {
			b.Series, opened = append(b.Series, exploreSeries{"to compare with", "base"}), true
		}
		b.Named = append(b.Named, exploreName{At: len(b.Of), Name: base.Name})
		b.point(&Point{Arch: base.Arch, Accuracy: base.Accuracy, Latency: base.Latency, Memory: base.Memory}, nil)
	}
}

func (b *exploreBuilder) numbers(list []Layer) []int {
	out := []int{}
	for _, l := range list {
		out = append(out, b.shapes.Add(l))
	}
	return out
}

// finish closes the columns; nil when there is no network to draw.
func (b *exploreBuilder) finish() *explorer {
	if len(b.Of) == 0 || !b.Axis["ms"] && !b.Axis["bytes"] && !b.Axis["mj"] {
		return nil
	}
	b.From = b.from.String()
	for _, l := range b.shapes.List() {
		b.Rows = append(b.Rows, exploreLayer(l))
	}
	return &b.explorer
}

// exploreLayer is a layer as a row: name, kind, block, channels in and out, side
// of the output, kernel, stride, bits of the weights and of the input, ms.
func exploreLayer(l Layer) []any {
	ms := l.LatencyMS
	if math.IsNaN(ms) || math.IsInf(ms, 0) {
		ms = 0
	}
	return []any{l.Name, l.Kind, l.Block, l.In, l.Out, l.Size, l.Kernel, l.Stride, l.WBits, l.ABits, short(ms)}
}
