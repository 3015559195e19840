package report

import (
	"cmp"
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"
)

// mostDots bounds the points of a scatter plot: more would only be ink.
const mostDots = 1500

// mostTips bounds those that carry a text.
const mostTips = 500

// thin is every k-th item, so that at most most are left.
func thin[T any](list []T, most int) []T {
	step := (len(list) + most - 1) / most
	if step <= 1 {
		return list
	}
	var out []T
	for i := 0; i < len(list); i += step {
		out = append(out, list[i])
	}
	return out
}

// dot is a network in the front plot.
type dot struct {
	name          string
	x, y, memory  float64
	xFrom, yFrom  Provenance
	class, detail string
}

// look is the class of a dot: hollow unless its accuracy was measured.
func (q dot) look() string {
	if q.yFrom != Measured {
		return "dot " + q.class + " hollow"
	}
	return "dot " + q.class
}

// seen is the accuracy that a point is drawn at: measured when there is one.
func (p Point) seen() Figure {
	if p.Measured.Has() {
		return p.Measured
	}
	return p.Accuracy
}

func pointDots(points []Point, class, name string) []dot {
	var out []dot
	for _, p := range points {
		y := p.seen()
		if !y.Has() || !p.Latency.Has() || p.Latency.Value <= 0 {
			continue
		}
		var tip strings.Builder
		fmt.Fprintf(&tip, "%s\naccuracy %s", name, figure(p.Accuracy, percent2))
		if p.Measured.Has() {
			fmt.Fprintf(&tip, "   scored %s", figure(p.Measured, percent2))
		}
		fmt.Fprintf(&tip, "\nlatency %s\nweights %s", figure(p.Latency, ms), figure(p.Memory, size))
		if b := meanBits(p.WBits); b > 0 {
			fmt.Fprintf(&tip, "\nmean bits: weights %.1f, activations %.1f", b, meanBits(p.ABits))
		}
		fmt.Fprintf(&tip, "\n%s", p.Arch)
		out = append(out, dot{
			name: p.Arch, x: p.Latency.Value, y: y.Value, memory: p.Memory.Value,
			xFrom: p.Latency.From, yFrom: y.From, class: class, detail: tip.String(),
		})
	}
	slices.SortFunc(out, func(a, b dot) int { return cmp.Or(cmp.Compare(a.x, b.x), cmp.Compare(b.y, a.y)) })
	return out
}

// stairs is the best accuracy at or below each latency, as a line to the
// right edge.
func stairs(dots []dot, p *plot) [][2]float64 {
	var out [][2]float64
	best := math.Inf(-1)
	for _, d := range dots {
		if d.y <= best {
			continue
		}
		if len(out) > 0 {
			out = append(out, [2]float64{p.x.at(d.x), p.y.at(best)})
		}
		best = d.y
		out = append(out, [2]float64{p.x.at(d.x), p.y.at(best)})
	}
	if len(out) > 0 {
		out = append(out, [2]float64{p.x.to, p.y.at(best)})
	}
	return out
}

// frontPlot draws accuracy over latency: what the search found, what random
// search found with as many evaluations, and the networks to compare with.
func frontPlot(d *Data) template.HTML {
	found, random := pointDots(d.Front, "search", "found by the search"), pointDots(d.Random, "random", "random search")
	if len(found) == 0 {
		return ""
	}
	p := newPlot(1060, 460, axis{label: "latency of one image, ms (log scale)", log: true, print: plain}, axis{label: d.accuracyAxis(), print: ratio})
	var xs, ys []float64
	for _, q := range slices.Concat(found, random) {
		xs, ys = append(xs, q.x), append(ys, q.y)
	}
	for _, b := range d.Baselines {
		if b.Latency.Has() && b.Accuracy.Has() {
			xs, ys = append(xs, b.Latency.Value), append(ys, b.Accuracy.Value)
		}
	}
	p.x.fit(xs)
	p.y.fit(ys)
	p.frame()
	area(p, stairs(found, p))
	p.path(stairs(random, p), "line random", false)
	p.path(stairs(found, p), "line search", false)
	radius := radiusOf(found, random)
	for _, q := range slices.Concat(thin(random, mostDots), thin(found, mostDots)) {
		p.circle(p.x.at(q.x), p.y.at(q.y), radius(q.memory), q.look(), "") // the interactive plot tells more
	}
	p.baselines(d.Baselines)
	p.winners(d.Winners, found)
	return p.svg(fmt.Sprintf("Accuracy over latency of %d networks", len(found)))
}

// memoryPlot draws accuracy over memory: every point that no other beats in
// these two is joined by the line.
func memoryPlot(d *Data) template.HTML {
	p := newPlot(520, 340, axis{label: "memory of the weights, kB (log scale)", log: true, print: plain}, axis{label: d.accuracyAxis(), print: ratio})
	byMemory := func(list []dot) []dot {
		list = slices.DeleteFunc(list, func(q dot) bool { return !(q.memory > 0) })
		for i := range list {
			list[i].x = list[i].memory / 1000
		}
		slices.SortFunc(list, func(a, b dot) int { return cmp.Or(cmp.Compare(a.x, b.x), cmp.Compare(b.y, a.y)) })
		return list
	}
	found, random := byMemory(pointDots(d.Front, "search", "found by the search")), byMemory(pointDots(d.Random, "random", "random search"))
	if len(found) == 0 {
		return ""
	}
	var xs, ys []float64
	for _, q := range slices.Concat(found, random) {
		xs, ys = append(xs, q.x), append(ys, q.y)
	}
	p.x.fit(xs)
	p.y.fit(ys)
	p.frame()
	area(p, stairs(found, p))
	p.path(stairs(random, p), "line random", false)
	p.path(stairs(found, p), "line search", false)
	for _, q := range slices.Concat(thin(random, mostTips), thin(found, mostTips)) {
		p.circle(p.x.at(q.x), p.y.at(q.y), 3.5, q.look(), q.detail)
	}
	p.winners(d.Winners, found)
	return p.svg("Accuracy over memory")
}

// area shades what the front dominates.
func area(p *plot, line [][2]float64) {
	if len(line) == 0 {
		return
	}
	p.path(append(slices.Clone(line), [2]float64{p.x.to, p.y.from}, [2]float64{line[0][0], p.y.from}), "area", true)
}

// radiusOf makes a dot's area proportional to memory.
func radiusOf(groups ...[]dot) func(float64) float64 {
	most := 0.0
	for _, g := range groups {
		for _, q := range g {
			most = max(most, q.memory)
		}
	}
	return func(memory float64) float64 {
		if most == 0 || !(memory > 0) {
			return 4
		}
		return 2.5 + 6*math.Sqrt(memory/most)
	}
}

func (p *plot) baselines(list []Baseline) {
	for _, b := range list {
		if !b.Latency.Has() || !b.Accuracy.Has() || b.Latency.Value <= 0 {
			continue
		}
		x, y := p.x.at(b.Latency.Value), p.y.at(b.Accuracy.Value)
		tip := fmt.Sprintf("%s\naccuracy %s\nlatency %s\nweights %s", b.Name, figure(b.Accuracy, percent2), figure(b.Latency, ms), figure(b.Memory, size))
		p.el("rect", "", "x", num(x-5), "y", num(y-5), "width", "10", "height", "10", "class", "base",
			"transform", "rotate(45 "+num(x)+" "+num(y)+")", "data-tip", tip)
		labelY := y + 21
		if labelY > p.y.from-4 { // not onto the axis
			labelY = y - 11
		}
		half := 3.2 * float64(len(b.Name)) // about half of what the label takes
		p.text(math.Max(p.x.from+half, math.Min(p.x.to-half, x)), labelY, "middle", "note", b.Name)
	}
}

// winners rings the exported networks and names them.
func (p *plot) winners(list []Winner, found []dot) {
	for _, w := range list {
		for _, q := range found {
			if q.name != w.Arch {
				continue
			}
			x, y := p.x.at(q.x), p.y.at(q.y)
			p.el("circle", "", "cx", num(x), "cy", num(y), "r", "12", "class", "ring", "data-id", w.Name)
			p.text(x-12, y-13, "middle", "name", w.Name)
			break
		}
	}
}

// pairPlot draws predicted over measured values with the diagonal.
func pairPlot(pairs []Pair, what string, print func(float64) string, log bool) template.HTML {
	var all []float64
	var keep []Pair
	for _, q := range pairs {
		if ok := !math.IsNaN(q.Predicted+q.Measured) && !math.IsInf(q.Predicted+q.Measured, 0); ok && (!log || q.Predicted > 0 && q.Measured > 0) {
			keep = append(keep, q)
			all = append(all, q.Predicted, q.Measured)
		}
	}
	if len(keep) == 0 {
		return ""
	}
	p := newPlot(520, 440, axis{label: what + ", measured", log: log, print: print}, axis{label: what + ", predicted", log: log, print: print})
	p.x.fit(all)
	p.y.fit(all)
	p.frame()
	p.line(p.x.at(p.x.lo), p.y.at(p.y.lo), p.x.at(p.x.hi), p.y.at(p.y.hi), "diagonal")
	for _, q := range thin(keep, mostDots) {
		tip := ""
		if len(keep) <= 400 {
			tip = fmt.Sprintf("measured %s\npredicted %s", print(q.Measured), print(q.Predicted))
			if q.Label != "" {
				tip = q.Label + "\n" + tip
			}
		}
		p.circle(p.x.at(q.Measured), p.y.at(q.Predicted), 3, "speck", tip)
	}
	return p.svg(fmt.Sprintf("Predicted and measured %s of %d networks", what, len(keep)))
}

// series is a line of a line plot.
type series struct {
	name, class string
	points      [][2]float64
}

// linePlot draws lines with their names in a legend above.
func linePlot(x, y axis, list []series) template.HTML {
	var xs, ys []float64
	for _, s := range list {
		for _, q := range s.points {
			xs, ys = append(xs, q[0]), append(ys, q[1])
		}
	}
	if len(xs) == 0 {
		return ""
	}
	p := newPlot(520, 320, x, y)
	p.y.to = 34
	p.x.fit(xs)
	p.x.lo, p.x.hi = slices.Min(xs), slices.Max(xs)
	if p.x.lo == p.x.hi {
		p.x.hi++
	}
	p.y.fit(ys)
	p.frame()
	at := p.x.from
	for _, s := range list {
		if len(s.points) == 0 {
			continue
		}
		var line [][2]float64
		for _, q := range s.points {
			line = append(line, [2]float64{p.x.at(q[0]), p.y.at(q[1])})
		}
		p.path(line, "line "+s.class, false)
		p.line(at, 14, at+18, 14, "line "+s.class)
		p.text(at+24, 18, "start", "legend", s.name)
		at += 44 + 6.6*float64(len(s.name))
		last := s.points[len(s.points)-1]
		p.circle(p.x.at(last[0]), p.y.at(last[1]), 3.5, "end "+s.class, fmt.Sprintf("%s\n%s at %s", s.name, y.print(last[1]), x.print(last[0])))
	}
	return p.svg(y.label + " over " + x.label)
}

// progressPlot draws the hypervolume of both searches.
func progressPlot(list []Progress) template.HTML {
	search, random := series{name: "evolutionary search", class: "search"}, series{name: "random search", class: "random"}
	for _, g := range list {
		search.points = append(search.points, [2]float64{float64(g.Evaluations), g.Search})
		if g.Random != 0 {
			random.points = append(random.points, [2]float64{float64(g.Evaluations), g.Random})
		}
	}
	return linePlot(axis{label: "sub-networks evaluated", print: plain}, axis{label: "dominated hypervolume", print: plain}, []series{search, random})
}

// trainingPlots draws the losses and the accuracy of the supernet.
func trainingPlots(steps []Step) (loss, accuracy template.HTML) {
	largest, others := series{name: "largest sub-network", class: "search"}, series{name: "smaller ones", class: "warm"}
	right := series{name: "largest, on training batches", class: "search"}
	for _, bin := range bins(len(steps), 160) {
		var m Step
		n := float64(bin[1] - bin[0])
		for _, s := range steps[bin[0]:bin[1]] {
			m.Step = s.Step
			m.Largest, m.Others, m.Accuracy = m.Largest+s.Largest/n, m.Others+s.Others/n, m.Accuracy+s.Accuracy/n
		}
		x := float64(m.Step)
		largest.points = append(largest.points, [2]float64{x, m.Largest})
		others.points = append(others.points, [2]float64{x, m.Others})
		right.points = append(right.points, [2]float64{x, m.Accuracy})
	}
	x := axis{label: "training steps", print: plain}
	return linePlot(x, axis{label: "loss, nats", print: plain}, []series{largest, others}),
		linePlot(x, axis{label: "accuracy on the step's images", print: ratio}, []series{right})
}

// bins cuts n items into at most most ranges of nearly equal length.
func bins(n, most int) [][2]int {
	k := min(n, most)
	out := make([][2]int, k)
	for i := range out {
		out[i] = [2]int{i * n / k, (i + 1) * n / k}
	}
	return out
}
