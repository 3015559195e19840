package latency

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"hanas/space"
)

// tabulator fills the terms of Expected by expanding, for every layer of the
// space, one Arch for each combination of the slots that the layer depends on.
// The expansion is the space's own, so the two cannot drift apart.
type tabulator struct {
	table   *Table
	sp      *space.Space
	slots   map[string]int
	choices []int
	missing map[string]bool
	terms   []term
	group   int
	err     error
}

// place is a layer of the space with what it depends on.
type place struct {
	name string   // of the layer, as space.Layer.Name
	deps []string // slots that decide its row
	size []string // slots that decide the size of its output
	out  []follow // what may read its output
	// follows: the row's own bits are the reader's (an add has none)
	follows bool
	held    []string // slots that decide the block's input; nil outside blocks and for its first layer
}

// follow is a layer that may read an output, and the slots that decide its bits.
// Of several, the depth of the stage chooses.
type follow struct {
	prefix string // of the reader's name; "" = whatever it is
	deps   []string
}

func (w *tabulator) all() ([]term, int, error) {
	w.places(w.layer)
	return w.terms, w.group, w.err
}

func (w *tabulator) lacking() error {
	return &MissingError{Table: w.table.Device, Keys: slices.Sorted(maps.Keys(w.missing))}
}

// places lists the layers of the space.
func (w *tabulator) places(visit func(place)) {
	sp := w.sp
	always := func(deps ...string) []follow { return []follow{{"", deps}} }
	stem := []string{"resolution", "stem.width"}
	visit(place{name: "stem", deps: append(stem, "stem.wbits", "stem.abits"), size: stem, out: always(w.reader(0, 0)...)})
	in := "stem.width"
	for n := range sp.Stages {
		st := &sp.Stages[n]
		width := fmt.Sprintf("s%d.width", n)
		for b := range st.Depths[len(st.Depths)-1] {
			w.blockPlaces(n, b, in, width, visit)
			in = width
		}
	}
	last := []string{"resolution", in}
	end := "classifier.abits"
	if sp.FeatureMix > 0 {
		end = "mix.abits"
	}
	if len(sp.HeadWidths) > 0 {
		size := []string{"resolution", "head.width"}
		visit(place{name: "head", deps: append(last, "head.width", "head.wbits", "head.abits"), size: size, out: always(end)})
		last = size
	}
	visit(place{name: "pool", deps: append(slices.Clone(last), end), size: last, out: always(end)})
	if sp.FeatureMix > 0 {
		visit(place{name: "mix", deps: append(slices.Clone(last), "mix.wbits", "mix.abits"), out: always("classifier.abits")})
	}
	visit(place{name: "classifier", deps: append(slices.Clone(last), "classifier.wbits", "classifier.abits"), out: always()})
}

// blockPlaces lists the layers of block b of stage n.
func (w *tabulator) blockPlaces(n, b int, in, width string, visit func(place)) {
	at := fmt.Sprintf("s%d.b%d.", n, b)
	depth := fmt.Sprintf("s%d.depth", n)
	base := []string{"resolution", in, depth, at + "expand"}
	with := func(more ...string) []string { return append(slices.Clone(base), more...) }
	always := func(deps ...string) []follow { return []follow{{"", deps}} }
	after := w.followers(n, b)
	held := with(width, at+"expand.abits", at+"dw.abits")
	visit(place{name: at + "expand", deps: with(at+"expand.wbits", at+"expand.abits"), size: base, out: always(at + "dw.abits")})
	visit(place{name: at + "dw", deps: with(at+"kernel", at+"dw.wbits", at+"dw.abits"), size: base, out: always(at + "project.abits"), held: held})
	if w.sp.Stages[n].SE {
		visit(place{name: at + "se", deps: with(at + "project.abits"), size: base, out: always(at + "project.abits"), held: held})
	}
	project := with(width, at+"project.wbits", at+"project.abits")
	if !w.table.native() { // the block's row is the projection's
		project = append(project, at+"kernel")
	}
	visit(place{name: at + "project", deps: project, size: []string{"resolution", width, depth}, out: after, held: held})
	add := []string{"resolution", in, width, depth}
	visit(place{name: at + "add", deps: add, size: add, out: after, held: held, follows: true})
}

// followers lists what may read the output of block b of stage n.
func (w *tabulator) followers(n, b int) []follow {
	depths := w.sp.Stages[n].Depths
	var out []follow
	if b+1 < depths[len(depths)-1] {
		out = append(out, follow{fmt.Sprintf("s%d.b%d.", n, b+1), w.reader(n, b+1)})
	}
	if !slices.Contains(depths, b+1) {
		return out
	}
	switch {
	case n+1 < len(w.sp.Stages):
		return append(out, follow{fmt.Sprintf("s%d.b0.", n+1), w.reader(n+1, 0)})
	case len(w.sp.HeadWidths) > 0:
		return append(out, follow{"head", []string{"head.abits"}})
	case w.sp.FeatureMix > 0:
		return append(out, follow{"pool", []string{"mix.abits"}})
	}
	return append(out, follow{"pool", []string{"classifier.abits"}})
}

// readBy says whether f is what reads the output of layer at, past the add
// that ends its block.
func (f follow) readBy(layers []space.Layer, at int) bool {
	for at++; at < len(layers) && layers[at].Kind == space.Add; at++ {
	}
	return f.prefix == "" || at < len(layers) && strings.HasPrefix(layers[at].Name, f.prefix)
}

// reader lists the slots that decide the bits at which a block reads.
func (w *tabulator) reader(n, b int) []string {
	at := fmt.Sprintf("s%d.b%d.", n, b)
	return []string{at + "expand", at + "expand.abits", at + "dw.abits"}
}

// layer adds the terms of one layer: its row with the bytes it reads, the bytes
// it writes, and those that wait.
func (w *tabulator) layer(p place) {
	rows := []follow{{"", nil}}
	if p.follows {
		rows = p.out
	}
	for _, f := range rows {
		w.rowTerm(p, f)
	}
	for _, f := range p.out {
		out := term{live: []float64{}, group: w.group}
		w.fill(&out, append(slices.Clone(p.size), f.deps...), p.name, func(layers []space.Layer, at int) {
			v := 0.0
			if at >= 0 && f.readBy(layers, at) {
				bits := 32
				if at+1 < len(layers) {
					bits = layers[at+1].ABits
				}
				v = float64(layers[at].OutBytes(bits))
			}
			out.live = append(out.live, v)
		})
	}
	if p.held != nil {
		held := term{live: []float64{}, group: w.group}
		w.fill(&held, p.held, p.name, func(layers []space.Layer, at int) {
			held.live = append(held.live, heldBytes(layers, at))
		})
	}
	w.group++
}

func (w *tabulator) rowTerm(p place, f follow) {
	row := term{values: [metrics][]float64{{}, {}, {}}, live: []float64{}, group: w.group}
	w.fill(&row, append(slices.Clone(p.deps), f.deps...), p.name, func(layers []space.Layer, at int) {
		ms, mj, bytes, in := 0.0, 0.0, 0.0, 0.0
		if at >= 0 && f.readBy(layers, at) {
			r := w.row(layers, at)
			ms, mj = r.MeanMs, r.EnergyMJ
			bytes, in = float64(layers[at].WeightBytes()), float64(layers[at].InBytes())
		}
		row.values[metricMs] = append(row.values[metricMs], ms)
		row.values[metricMJ] = append(row.values[metricMJ], mj)
		row.values[metricWeights] = append(row.values[metricWeights], bytes)
		row.live = append(row.live, in)
	})
}

// heldBytes is the block's input that waits for its add while layer at runs.
func heldBytes(layers []space.Layer, at int) float64 {
	if at < 0 || firstOfBlock(layers, at) {
		return 0
	}
	first, last := at, at
	for !firstOfBlock(layers, first) {
		first--
	}
	for last+1 < len(layers) && !firstOfBlock(layers, last+1) {
		last++
	}
	if layers[last].Kind != space.Add {
		return 0
	}
	return float64(layers[first].InBytes())
}

// row prices the layer at the given place; in tables of whole blocks the
// block's row belongs to its projection.
func (w *tabulator) row(layers []space.Layer, at int) Row {
	if w.table.native() {
		key := layers[at].Key()
		r, ok := w.table.rows[key]
		if !ok {
			w.missing[key] = true
		}
		return r
	}
	l := &layers[at]
	if l.Stage >= 0 && l.Kind != space.Pointwise || l.Stage >= 0 && !projects(layers, at) {
		return Row{}
	}
	format, err := formatOf(w.table.Keys)
	if err == nil {
		var keys []string
		if keys, err = format.keys(layers); err == nil {
			return w.blockRow(keys, layers, at)
		}
	}
	w.err = err
	return Row{}
}

// projects says whether the pointwise layer at the given place is its block's
// last convolution.
func projects(layers []space.Layer, at int) bool {
	return at > 0 && !firstOfBlock(layers, at) && layers[at-1].Kind != space.Pointwise
}

// blockRow finds the row of the part that layer at belongs to.
func (w *tabulator) blockRow(keys []string, layers []space.Layer, at int) Row {
	parts := partsOf(layers)
	skipped := len(parts) - len(keys) // the pool, where it has no row
	k := 0
	for _, p := range parts {
		if skipped == 1 && p.first.Kind == space.Pool {
			if layers[at].Kind == space.Pool {
				return Row{}
			}
			continue
		}
		if layers[at].Stage == p.first.Stage && layers[at].Block == p.first.Block && (layers[at].Stage >= 0 || p.first.Name == layers[at].Name) {
			r, ok := w.table.rows[keys[k]]
			if !ok {
				w.missing[keys[k]] = true
			}
			return r
		}
		k++
	}
	w.err = fmt.Errorf("layer %s has no row in spelling %q", layers[at].Name, w.table.Keys)
	return Row{}
}

// fill sets a term's slots and calls add for every combination of their
// choices, with the place of the named layer (-1 where the network lacks it).
func (w *tabulator) fill(t *term, deps []string, name string, add func(layers []space.Layer, at int)) {
	cells := 1
	for _, d := range deps {
		i, ok := w.slots[d]
		if ok && w.choices[i] > 1 && !slices.Contains(t.deps, i) {
			t.deps = append(t.deps, i)
			cells *= w.choices[i]
		}
	}
	if cells > maxCombinations {
		w.err = fmt.Errorf("%s: %d combinations: %w", name, cells, errTooMany)
	}
	if w.err != nil {
		return
	}
	genes := make([]byte, len(w.choices))
	var layers []space.Layer
	for cell := range cells {
		rest := cell
		for d := len(t.deps) - 1; d >= 0; d-- {
			genes[t.deps[d]] = byte(rest % w.choices[t.deps[d]])
			rest /= w.choices[t.deps[d]]
		}
		a, err := w.sp.New(genes)
		if err != nil {
			w.err = err
			return
		}
		layers = w.sp.AppendLayers(layers[:0], a)
		add(layers, slices.IndexFunc(layers, func(l space.Layer) bool { return l.Name == name }))
	}
	w.terms = append(w.terms, *t)
}
