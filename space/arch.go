package space

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
)

// Arch is one sub-network of a Space: a choice for every slot. It is canonical
// and comparable, hence a map key. The zero Arch belongs to no space.
type Arch struct{ genes string }

// Genes are the choice indices in slot order, a copy.
func (a Arch) Genes() []byte { return []byte(a.genes) }

// SlotKind says what a slot chooses.
type SlotKind string

// The kinds of slot.
const (
	SlotResolution SlotKind = "resolution"
	SlotWidth      SlotKind = "width"
	SlotDepth      SlotKind = "depth"
	SlotKernel     SlotKind = "kernel"
	SlotExpand     SlotKind = "expand"
	SlotWBits      SlotKind = "wbits"
	SlotABits      SlotKind = "abits"
)

// Slot is one choice: gene g of an Arch lies in [0, Choices).
type Slot struct {
	Name         string // "resolution", "stem.width", "s1.width", "s1.b0.kernel", "s1.b0.dw.wbits", …
	Kind         SlotKind
	Stage, Block int // -1 where there is none
	Choices      int
	Values       []float64 // what each choice means, ascending
}

// slotRef is a slot on the way: cheap to pass, without names.
type slotRef struct {
	kind         SlotKind
	stage, block int
	part         string // layer part for bits: "expand", "dw", "project"; "stem", "head", …
	ints         []int
	floats       []float64 // expands instead of ints
	live         bool
}

func (r slotRef) choices() int { return max(len(r.ints), len(r.floats)) }

// genes is what eachSlot reads choices from: an Arch's or a draft.
type genes interface{ ~string | ~[]byte }

// eachSlot calls f for every slot in order. With genes it tells which slots
// are live; without (length 0) all are. It is the one definition of the order
// of genes; layers.go reads them in the same order.
func eachSlot[G genes](s *Space, g G, f func(i int, r slotRef)) {
	i := 0
	pick := func(def int) int {
		if len(g) == 0 {
			return def
		}
		return int(g[i])
	}
	emit := func(r slotRef) {
		f(i, r)
		i++
	}
	bits := func(stage, block int, part string, live bool) {
		emit(slotRef{kind: SlotWBits, stage: stage, block: block, part: part, ints: s.WBits, live: live})
		emit(slotRef{kind: SlotABits, stage: stage, block: block, part: part, ints: s.ABits, live: live})
	}
	emit(slotRef{kind: SlotResolution, stage: -1, block: -1, ints: s.Resolutions, live: true})
	emit(slotRef{kind: SlotWidth, stage: -1, block: -1, part: "stem", ints: s.StemWidths, live: true})
	for n := range s.Stages {
		st := &s.Stages[n]
		deepest := st.Depths[len(st.Depths)-1]
		emit(slotRef{kind: SlotWidth, stage: n, block: -1, ints: st.Widths, live: true})
		depth := st.Depths[pick(len(st.Depths)-1)]
		emit(slotRef{kind: SlotDepth, stage: n, block: -1, ints: st.Depths, live: true})
		for b := range deepest {
			live := b < depth
			emit(slotRef{kind: SlotKernel, stage: n, block: b, ints: st.Kernels, live: live})
			expands := len(g) == 0 || st.Expands[pick(0)] != 1
			emit(slotRef{kind: SlotExpand, stage: n, block: b, floats: st.Expands, live: live})
			bits(n, b, "expand", live && expands)
			bits(n, b, "dw", live)
			bits(n, b, "project", live)
		}
	}
	if len(s.HeadWidths) > 0 {
		emit(slotRef{kind: SlotWidth, stage: -1, block: -1, part: "head", ints: s.HeadWidths, live: true})
		bits(-1, -1, "head", true)
	}
	for _, part := range s.ends() {
		bits(-1, -1, part, true)
	}
}

// ends are the layers whose bits are genes only with SearchEnds.
func (s *Space) ends() []string {
	switch {
	case !s.SearchEnds:
		return nil
	case s.FeatureMix > 0:
		return endsWithMix
	}
	return endsWithMix[:2]
}

var endsWithMix = []string{"stem", "classifier", "mix"}

// Slots lists the genes in order.
func (s *Space) Slots() []Slot {
	var out []Slot
	eachSlot(s, "", func(_ int, r slotRef) {
		sl := Slot{Kind: r.kind, Stage: r.stage, Block: r.block, Choices: r.choices(), Values: slices.Clone(r.floats)}
		for _, v := range r.ints {
			sl.Values = append(sl.Values, float64(v))
		}
		name := string(r.kind)
		if r.part != "" {
			name = r.part + "." + name
		}
		if r.block >= 0 {
			name = "b" + strconv.Itoa(r.block) + "." + name
		}
		if r.stage >= 0 {
			name = "s" + strconv.Itoa(r.stage) + "." + name
		}
		sl.Name = name
		out = append(out, sl)
	})
	return out
}

// GeneCount is the number of slots.
func (s *Space) GeneCount() int {
	n := 2
	for i := range s.Stages {
		d := s.Stages[i].Depths
		n += 2 + 8*d[len(d)-1]
	}
	if len(s.HeadWidths) > 0 {
		n += 3
	}
	return n + 2*len(s.ends())
}

// New makes the Arch of the given choices, canonical: what changes nothing
// becomes 0.
func (s *Space) New(genes []byte) (Arch, error) {
	if want := s.GeneCount(); len(genes) != want {
		return Arch{}, fmt.Errorf("space: %s: arch has %d genes, want %d", s.Name, len(genes), want)
	}
	var err error
	eachSlot(s, "", func(i int, r slotRef) {
		if err == nil && int(genes[i]) >= r.choices() {
			err = fmt.Errorf("space: %s: gene %d is %d, its slot has %d choices", s.Name, i, genes[i], r.choices())
		}
	})
	if err != nil {
		return Arch{}, err
	}
	return s.canonical(slices.Clone(genes)), nil
}

// canonical clears dead genes of a legal draft, in place.
func (s *Space) canonical(draft []byte) Arch {
	eachSlot(s, draft, func(i int, r slotRef) {
		if !r.live {
			draft[i] = 0
		}
	})
	return Arch{string(draft)}
}

// Has says whether a has the form of an Arch of this space.
func (s *Space) Has(a Arch) bool {
	b, err := s.New([]byte(a.genes))
	return err == nil && a == b
}

func (s *Space) filled(choose func(r slotRef) int) Arch {
	draft := make([]byte, s.GeneCount())
	eachSlot(s, "", func(i int, r slotRef) { draft[i] = byte(choose(r)) })
	return s.canonical(draft)
}

// Largest takes the last choice of every slot, highest bits included.
func (s *Space) Largest() Arch { return s.filled(func(r slotRef) int { return r.choices() - 1 }) }

// Smallest takes the first choice of every slot, lowest bits included.
func (s *Space) Smallest() Arch { return s.filled(func(slotRef) int { return 0 }) }

// WithBits sets every searched layer to the given bits of weights and
// activations; where the space lacks a width, to the nearest that it has
// (the larger of two).
func (s *Space) WithBits(a Arch, wbits, abits int) Arch {
	w, x := nearest(s.WBits, wbits), nearest(s.ABits, abits)
	draft := s.draft(a)
	eachSlot(s, a.genes, func(i int, r slotRef) {
		switch r.kind {
		case SlotWBits:
			draft[i] = byte(w)
		case SlotABits:
			draft[i] = byte(x)
		}
	})
	return s.canonical(draft)
}

func nearest(choices []int, v int) int {
	best := 0
	for i, c := range choices {
		if abs(c-v) <= abs(choices[best]-v) {
			best = i
		}
	}
	return best
}

func abs(v int) int { return max(v, -v) }

// Topology is a with all bits at their maximum: Archs that differ in bits only
// have the same one.
func (s *Space) Topology(a Arch) Arch {
	return s.WithBits(a, s.WBits[len(s.WBits)-1], s.ABits[len(s.ABits)-1])
}

// draft is a mutable copy of a's genes; it panics on an Arch of another
// space, which is a bug of the caller.
func (s *Space) draft(a Arch) []byte {
	s.own(a)
	return []byte(a.genes)
}

func (s *Space) own(a Arch) {
	if len(a.genes) != s.GeneCount() {
		panic(fmt.Sprintf("space: %s: arch has %d genes, not %d: it belongs to another space", s.Name, len(a.genes), s.GeneCount()))
	}
}

// Size is the number of distinct Archs.
func (s *Space) Size() *big.Int {
	pair := int64(len(s.WBits) * len(s.ABits))
	total := big.NewInt(int64(len(s.Resolutions) * len(s.StemWidths)))
	for i := range s.Stages {
		st := &s.Stages[i]
		block := int64(0)
		for _, e := range st.Expands {
			n := int64(len(st.Kernels)) * pair * pair
			if e != 1 {
				n *= pair
			}
			block += n
		}
		sum := new(big.Int)
		for _, d := range st.Depths {
			sum.Add(sum, new(big.Int).Exp(big.NewInt(block), big.NewInt(int64(d)), nil))
		}
		total.Mul(total, sum.Mul(sum, big.NewInt(int64(len(st.Widths)))))
	}
	if len(s.HeadWidths) > 0 {
		total.Mul(total, big.NewInt(int64(len(s.HeadWidths))*pair))
	}
	for range s.ends() {
		total.Mul(total, big.NewInt(pair))
	}
	return total
}

// Log10Size is the decimal logarithm of Size.
func (s *Space) Log10Size() float64 {
	f := new(big.Float).SetInt(s.Size())
	mant := new(big.Float)
	exp := f.MantExp(mant)
	m, _ := mant.Float64()
	return math.Log10(m) + float64(exp)*math.Log10(2)
}
