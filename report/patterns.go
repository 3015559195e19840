package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// The parts of a front that patterns are told of, by latency.
var thirds = []string{"fast", "middle", "accurate"}

// pattern is what the layers of a stage are like in the mean over networks.
type pattern struct {
	networks, blocks                  int
	channels, kernel, dwBits, pwBits  float64 // sums
	channelsN, kernelN, dwBitsN, pwBN int
}

// frontLayers are the layers of the front's networks, by latency; nil where
// points do not tell them.
func frontLayers(d *Data) [][]Layer {
	points := slices.Clone(d.Front)
	slices.SortStableFunc(points, func(a, b Point) int { return cmp.Compare(a.Latency.Value, b.Latency.Value) })
	var out [][]Layer
	for _, p := range points {
		var layers []Layer
		for _, n := range p.Layers {
			if n >= 0 && n < len(d.Shapes) {
				layers = append(layers, d.Shapes[n])
			}
		}
		if len(layers) > 0 {
			out = append(out, layers)
		}
	}
	return out
}

// patternsTable is what the paper reads off its winners, over the whole front:
// how deep and wide each stage is, its kernels, and the bits of depthwise and of
// pointwise layers, in the fast, the middle and the accurate third.
func patternsTable(d *Data) table {
	nets := frontLayers(d)
	if len(nets) < len(thirds) {
		return table{}
	}
	var stages []string
	by := map[string]*[3]pattern{}
	for i, layers := range nets {
		third := i * len(thirds) / len(nets)
		seen := map[string]bool{}
		for _, l := range layers {
			stage, _, ok := strings.Cut(l.Block, ".")
			if !ok {
				continue
			}
			if by[stage] == nil {
				stages, by[stage] = append(stages, stage), &[3]pattern{}
			}
			by[stage][third].add(l, seen)
		}
	}
	slices.Sort(stages)
	t := table{Head: []string{"stage", "blocks", "channels", "kernel", "depthwise bits", "pointwise bits"}, Left: 1}
	for _, stage := range stages {
		row := []string{stage}
		for _, of := range []func(*pattern) (float64, int){
			func(p *pattern) (float64, int) { return float64(p.blocks), p.networks },
			func(p *pattern) (float64, int) { return p.channels, p.channelsN },
			func(p *pattern) (float64, int) { return p.kernel, p.kernelN },
			func(p *pattern) (float64, int) { return p.dwBits, p.dwBitsN },
			func(p *pattern) (float64, int) { return p.pwBits, p.pwBN },
		} {
			var cells []string
			for i := range thirds {
				sum, n := of(&by[stage][i])
				if n == 0 {
					cells = append(cells, "–")
					continue
				}
				cells = append(cells, fmt.Sprintf("%.1f", sum/float64(n)))
			}
			row = append(row, strings.Join(cells, " → "))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// add counts a layer of a network; seen holds the network's blocks so far.
func (p *pattern) add(l Layer, seen map[string]bool) {
	stage, _, _ := strings.Cut(l.Block, ".")
	if !seen[stage] {
		seen[stage] = true
		p.networks++
	}
	if !seen[l.Block] {
		seen[l.Block] = true
		p.blocks++
	}
	switch l.Kind {
	case "depthwise":
		p.kernel, p.kernelN = p.kernel+float64(l.Kernel), p.kernelN+1
		p.dwBits, p.dwBitsN = p.dwBits+float64(l.WBits), p.dwBitsN+1
	case "pointwise":
		p.pwBits, p.pwBN = p.pwBits+float64(l.WBits), p.pwBN+1
		if strings.HasSuffix(l.Name, ".project") {
			p.channels, p.channelsN = p.channels+float64(l.Out), p.channelsN+1
		}
	}
}
