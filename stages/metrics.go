package stages

import (
	"fmt"
	"math"
	"slices"

	"hanas/configs"
	"hanas/search"
	"hanas/space"
)

// figures are what is known of an Arch before it is scored; those that a metric
// does not ask for may be left out.
type figures struct {
	err, ms, mj        float64 // error with the confidence in it, fraction; ms; mJ
	memory, size, macs float64 // bytes, bytes, multiplications
}

// metric is a figure that a search can minimise and limit: a row of metrics.
type metric struct {
	name string // of configs.Objectives
	// of is the figure; of a point of front.json, in the same unit.
	of      func(*figures) float64
	ofPoint func(*frontPoint) float64
	// most is the limit in the metric's unit; 0 = none. An error of 0 cannot be
	// asked for.
	most func(configs.Limits) float64
}

// metrics has a row for each of configs.Objectives.
var metrics = []metric{
	{"error", func(f *figures) float64 { return f.err }, func(p *frontPoint) float64 { return 1 - p.Accuracy }, func(l configs.Limits) float64 {
		if l.Accuracy == 0 {
			return 0
		}
		return max(1e-9, 1-l.Accuracy/100)
	}},
	{"latency_ms", func(f *figures) float64 { return f.ms }, func(p *frontPoint) float64 { return p.LatencyMS }, func(l configs.Limits) float64 { return l.LatencyMS }},
	{"memory_bytes", func(f *figures) float64 { return f.memory }, func(p *frontPoint) float64 { return float64(p.MemoryBytes) }, func(l configs.Limits) float64 { return l.MemoryMB * 1e6 }},
	{"energy_mj", func(f *figures) float64 { return f.mj }, func(p *frontPoint) float64 { return p.EnergyMJ }, func(l configs.Limits) float64 { return l.EnergyMJ }},
	{"size_bytes", func(f *figures) float64 { return f.size }, func(p *frontPoint) float64 { return float64(p.SizeBytes) }, func(l configs.Limits) float64 { return l.SizeKB * 1e3 }},
	{"macs", func(f *figures) float64 { return f.macs }, func(p *frontPoint) float64 { return float64(p.MACs) }, func(l configs.Limits) float64 { return l.MMACs * 1e6 }},
}

// metricNamed is the row of a name that the configuration has checked.
func metricNamed(name string) metric {
	return metrics[slices.IndexFunc(metrics, func(m metric) bool { return m.name == name })]
}

// bound is a limit on one metric.
type bound struct {
	metric
	most float64
}

// goal is what a search is for: what it minimises, and within what.
type goal struct {
	objectives []metric
	bounds     []bound
}

// newGoal refuses energy where nobody knows it.
func newGoal(names []string, limits configs.Limits, p *pricing) (goal, error) {
	var g goal
	if len(names) == 0 {
		names = configs.DefaultObjectives
	}
	for _, name := range names {
		g.objectives = append(g.objectives, metricNamed(name))
	}
	for _, m := range metrics {
		if most := m.most(limits); most > 0 {
			g.bounds = append(g.bounds, bound{m, most})
		}
	}
	asks := slices.Contains(names, "energy_mj") || limits.EnergyMJ > 0
	if asks && p.energy == nil {
		return g, fmt.Errorf("stages: search: energy is asked for, and nobody knows that of %s: %s (give a table with energy_mj in every row, or the power it draws: search.power_w, or power_w of a further device)", p.device, p.noEnergy)
	}
	return g, nil
}

func (g goal) names() []string {
	var out []string
	for _, m := range g.objectives {
		out = append(out, m.name)
	}
	return out
}

// point makes figures into what is searched by: limits become violations
// relative to their size.
func (g goal) point(f *figures) search.Point {
	pt := search.Point{Objectives: make([]float64, len(g.objectives))}
	for k, m := range g.objectives {
		pt.Objectives[k] = m.of(f)
	}
	for _, b := range g.bounds {
		pt.Violation += max(0, b.of(f)/b.most-1)
	}
	return pt
}

// figuresOf is all but the error.
func (p *pricing) figuresOf(layers []space.Layer) figures {
	cost := space.Cost(layers)
	f := figures{ms: p.ms(layers), memory: float64(cost.WeightBytes + cost.PeakActivationBytes), size: float64(cost.WeightBytes), macs: float64(cost.MACs)}
	if p.energy != nil {
		f.mj = p.energy(layers, f.ms)
	}
	return f
}

// fill puts figures into a point of front.json. Times and energies that are not
// numbers are of layers that the table lacks, which it was checked for.
func (f *figures) fill(p *frontPoint) {
	p.LatencyMS, p.MemoryBytes, p.SizeBytes, p.MACs = f.ms, int64(f.memory), int64(f.size), int64(f.macs)
	if f.mj > 0 && !math.IsNaN(f.mj) {
		p.EnergyMJ = f.mj
	}
}
