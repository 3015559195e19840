package space

import (
	"fmt"
	"slices"
	"strconv"
)

// ArchOf is the Arch whose network has the given layers: the same kinds,
// widths, kernels, strides and activations, whatever they are called; bits are
// the space's highest, and the resolution its largest unless the layers' own is
// among its choices. It is how a net.config finds its place in a supernet. A
// network that the space does not hold is an error that says where.
func (s *Space) ArchOf(layers []Layer) (Arch, error) {
	if len(layers) == 0 {
		return Arch{}, fmt.Errorf("space: %s: a network without layers", s.Name)
	}
	r := archReader{s: s}
	size := s.Resolutions[len(s.Resolutions)-1]
	if slices.Contains(s.Resolutions, layers[0].InSize) {
		size = layers[0].InSize
	}
	key := fmt.Sprintf("r%d:st%d", size, layers[0].Out)
	blocks := netBlocks(layers)
	for n := range s.Stages {
		key += r.stage(n, &blocks)
	}
	if len(blocks) > 0 && r.err == nil {
		r.err = fmt.Errorf("%d blocks more than the space has room for", len(blocks))
	}
	for _, l := range layers {
		if l.Name == "head" && len(s.HeadWidths) > 0 {
			key += fmt.Sprintf(":h%d%s", l.Out, r.bits(1))
		}
	}
	if n := len(s.ends()); n > 0 {
		key += ":e" + r.bits(n)
	}
	if r.err != nil {
		return Arch{}, fmt.Errorf("space: %s: the network is not in it: %w", s.Name, r.err)
	}
	a, err := s.Parse(key)
	if err != nil {
		return Arch{}, fmt.Errorf("space: %s: the network is not in it: %w", s.Name, err)
	}
	return a, s.same(a, layers)
}

// same holds the network of a against layers, at their resolution.
func (s *Space) same(a Arch, layers []Layer) error {
	ours, err := Resize(s.Layers(a), layers[0].InSize)
	if err != nil {
		return err
	}
	if len(ours) != len(layers) {
		return fmt.Errorf("space: %s: the network is not in it: %d layers, the nearest has %d", s.Name, len(layers), len(ours))
	}
	for i, l := range layers {
		l.WBits, l.ABits = ours[i].WBits, ours[i].ABits
		if l.Shape() != ours[i].Shape() {
			return fmt.Errorf("space: %s: the network is not in it: layer %s is %s, the nearest has %s", s.Name, l.Name, l.Key(), ours[i].Key())
		}
	}
	return nil
}

// netBlock is an inverted bottleneck as a list of layers has it.
type netBlock struct{ in, hidden, out, kernel, stride int }

// netBlocks finds the blocks: a depthwise layer and the pointwise one behind it.
func netBlocks(layers []Layer) []netBlock {
	var out []netBlock
	in := layers[0].Out
	var b netBlock
	for _, l := range layers[1:] {
		switch {
		case l.Stage < 0:
		case l.Kind == Depthwise:
			b = netBlock{in: in, hidden: l.Out, kernel: l.Kernel, stride: l.Stride}
		case l.Kind == Pointwise && b.hidden > 0:
			b.out, in = l.Out, l.Out
			out = append(out, b)
			b = netBlock{}
		}
	}
	return out
}

// archReader spells blocks as a key; it keeps its first error.
type archReader struct {
	s   *Space
	err error
}

// stage takes the blocks of stage n: those of its width, at its stride and then
// at 1.
func (r *archReader) stage(n int, blocks *[]netBlock) string {
	st := &r.s.Stages[n]
	if len(*blocks) == 0 {
		if r.err == nil {
			r.err = fmt.Errorf("no block is left for stage %d", n)
		}
		return ""
	}
	width, depth, text := (*blocks)[0].out, 0, ""
	for depth < st.Depths[len(st.Depths)-1] && len(*blocks) > 0 {
		b := (*blocks)[0]
		if stride := b.stride; b.out != width || depth > 0 && stride != 1 || depth == 0 && stride != st.Stride {
			break
		}
		if depth > 0 {
			text += ","
		}
		text += r.block(n, b)
		*blocks = (*blocks)[1:]
		depth++
	}
	return fmt.Sprintf(":w%dd%d[%s]", width, depth, text)
}

func (r *archReader) block(n int, b netBlock) string {
	for _, e := range r.s.Stages[n].Expands {
		if r.s.hidden(b.in, e) != b.hidden {
			continue
		}
		parts := 3
		if e == 1 {
			parts = 2
		}
		return "k" + strconv.Itoa(b.kernel) + "e" + strconv.FormatFloat(e, 'g', -1, 64) + r.bits(parts)
	}
	if r.err == nil {
		r.err = fmt.Errorf("stage %d: %d channels expand to %d, which no ratio of %v gives", n, b.in, b.hidden, r.s.Stages[n].Expands)
	}
	return ""
}

// bits spells the highest bits of n layers.
func (r *archReader) bits(n int) string {
	text := ""
	for k, choices := range [2][]int{r.s.WBits, r.s.ABits} {
		text += "wa"[k : k+1]
		for i := range n {
			if i > 0 {
				text += "."
			}
			text += strconv.Itoa(choices[len(choices)-1])
		}
	}
	return text
}
