package stages

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"hanas/latency"
	"hanas/onnx"
	"hanas/predictor"
	"hanas/search/gradient"
	"hanas/space"
)

// relaxed is what the surrogates say between sub-networks: the predictor at
// expected features, and expected times. At one-hot distributions it is what they
// say of the sub-network, but for the correction of times, of which it has the
// scale only.
type relaxed struct {
	slope  *predictor.Slope
	ms     *latency.Expected // also of weight bytes
	work   *latency.Expected // its "ms" are millions of MACs, its "energy" millions of parameters
	slots  []relaxedSlot
	width  int // of the features
	scale  float64
	limits []float64 // ms, of each start
}

// relaxedSlot says where a slot's one-hot row is and what it lives by.
type relaxedSlot struct {
	feature int // first column; -1 = a slot of one choice has none
	depth   int // slot whose choices decide whether the block is there; -1 = always
	needed  int // of that slot's choices the first with which it is
	expand  int // slot of the expand ratio, at 1 of which there is no expansion; -1 = no matter
	plain   int // of that slot's choices the one that is 1
}

// pointsPerFold is what a network loses for each time (e-fold) that it is slower
// than its start's limit, percentage points: more than any space has to give.
const pointsPerFold = 50

// gradientSeeds descends from so many starts, each under a latency limit of its
// own between the smallest and the largest sub-network, and gives the distinct
// sub-networks that they end at.
func (e *Env) gradientSeeds(ctx context.Context, j *judgeArch, files gradientFiles) ([]space.Arch, error) {
	legal, err := e.legal()
	if err != nil {
		return nil, err
	}
	n := e.Config.Search.Gradient
	r, err := e.newRelaxed(ctx, j, files, n)
	if err != nil {
		return nil, err
	}
	defer r.slope.Close()
	var choices []int
	for _, s := range e.Space.Slots() {
		choices = append(choices, s.Choices)
	}
	found, err := gradient.Descend(ctx, gradient.Problem{Choices: choices, Loss: r.loss}, gradient.Settings{Starts: n, Seed: e.Config.Seed})
	if err != nil {
		return nil, fmt.Errorf("stages: search: %w", err)
	}
	var out []space.Arch
	for _, f := range found {
		a, err := e.Space.New(f.Genes)
		if err != nil {
			return nil, fmt.Errorf("stages: search: gradient: %w", err)
		}
		if a = legal(a); !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	return out, nil
}

// gradientFiles are the surrogates as files.
type gradientFiles struct{ predictor, lut string }

func (e *Env) newRelaxed(ctx context.Context, j *judgeArch, files gradientFiles, starts int) (*relaxed, error) {
	table, err := latency.ReadTable(files.lut)
	if err != nil {
		return nil, err
	}
	ms, err := table.Expected(e.Space)
	if err != nil {
		return nil, err
	}
	work, err := workTable(e.Space).Expected(e.Space)
	if err != nil {
		return nil, err
	}
	graph, err := onnx.ReadFile(files.predictor)
	if err != nil {
		return nil, err
	}
	engine, err := e.scoring(ctx)
	if err != nil {
		return nil, err
	}
	slope, err := predictor.NewSlope(graph, engine, e.Space, starts)
	if err != nil {
		return nil, err
	}
	r := &relaxed{slope: slope, ms: ms, work: work, slots: relaxedSlots(e.Space), width: e.Space.FeatureCount()}
	return r, r.setLimits(e.Space, j.ms, starts)
}

// setLimits spreads the starts' limits evenly over the logarithm of time.
func (r *relaxed) setLimits(sp *space.Space, ms func([]space.Layer) float64, starts int) error {
	least, most := sp.Smallest(), sp.Largest()
	r.scale = 1
	for _, a := range []space.Arch{least, most} {
		c, err := r.ms.Value(r.ms.OneHot(a))
		if err != nil {
			return err
		}
		r.scale *= math.Sqrt(ms(sp.Layers(a)) / c.Ms)
	}
	if !(r.scale > 0) || math.IsInf(r.scale, 0) {
		return fmt.Errorf("stages: search: gradient: the corrected times of the smallest and the largest sub-network are no times (fit the table's correction again)")
	}
	low, high := math.Log(ms(sp.Layers(least))), math.Log(ms(sp.Layers(most)))
	for k := range starts {
		r.limits = append(r.limits, math.Exp(low+(high-low)*(float64(k)+.5)/float64(starts)))
	}
	return nil
}

// workTable prices layers in work instead of time: millions of MACs as ms and
// millions of parameters as energy.
func workTable(sp *space.Space) *latency.Table {
	t := &latency.Table{}
	for _, l := range sp.DistinctLayers() {
		c := space.Cost([]space.Layer{l})
		if err := t.Set(l.Key(), latency.Row{MeanMs: float64(c.MACs) / 1e6, EnergyMJ: float64(c.Params) / 1e6}); err != nil {
			panic("stages: work table: " + err.Error()) // costs are not negative
		}
	}
	return t
}

// relaxedSlots finds the columns of space.Features and what slots live by.
func relaxedSlots(sp *space.Space) []relaxedSlot {
	slots := sp.Slots()
	depth, expand := map[int]int{}, map[[2]int]int{}
	for i, s := range slots {
		switch s.Kind {
		case space.SlotDepth:
			depth[s.Stage] = i
		case space.SlotExpand:
			expand[[2]int{s.Stage, s.Block}] = i
		}
	}
	var out []relaxedSlot
	at := 0
	for _, s := range slots {
		r := relaxedSlot{feature: -1, depth: -1, expand: -1, plain: -1}
		if s.Choices > 1 {
			r.feature = at
			at += s.Choices
		}
		if s.Block >= 0 {
			r.depth = depth[s.Stage]
			r.needed = slices.IndexFunc(slots[r.depth].Values, func(d float64) bool { return int(d) > s.Block })
			if strings.Contains(s.Name, ".expand.") {
				r.expand = expand[[2]int{s.Stage, s.Block}]
				r.plain = slices.Index(slots[r.expand].Values, 1)
			}
		}
		out = append(out, r)
	}
	return out
}

// live is the probability that the slot is, and hands its derivative to what it
// lives by.
func (s *relaxedSlot) live(p gradient.Relaxed) (block, wide float64) {
	block, wide = 1, 1
	if s.depth >= 0 {
		block = 0
		for _, v := range p[s.depth][s.needed:] {
			block += v
		}
	}
	if s.expand >= 0 && s.plain >= 0 {
		wide = 1 - p[s.expand][s.plain]
	}
	return block, wide
}

// features writes expected features of p, and gives the costs behind the last
// three with their derivatives.
func (r *relaxed) features(p gradient.Relaxed, x []float32) (numeric [3]float64, slopes [3][][]float64, ms float64, msSlope [][]float64, err error) {
	for i := range r.slots {
		s := &r.slots[i]
		if s.feature < 0 {
			continue
		}
		block, wide := s.live(p)
		for c, v := range p[i] {
			x[s.feature+c] = float32(block * wide * v)
		}
	}
	work, workSlope, err := r.work.Gradient(p)
	if err != nil {
		return
	}
	time, timeSlope, err := r.ms.Gradient(p)
	if err != nil {
		return
	}
	numeric = [3]float64{work.Ms, work.EnergyMJ, time.WeightBytes / 1e6}
	pick := func(g [][]latency.Costs, of func(*latency.Costs) float64) [][]float64 {
		out := make([][]float64, len(g))
		for i := range g {
			out[i] = make([]float64, len(g[i]))
			for c := range g[i] {
				out[i][c] = of(&g[i][c])
			}
		}
		return out
	}
	slopes[0] = pick(workSlope, func(c *latency.Costs) float64 { return c.Ms })
	slopes[1] = pick(workSlope, func(c *latency.Costs) float64 { return c.EnergyMJ })
	slopes[2] = pick(timeSlope, func(c *latency.Costs) float64 { return c.WeightBytes / 1e6 })
	msSlope = pick(timeSlope, func(c *latency.Costs) float64 { return c.Ms })
	for k, v := range numeric {
		x[r.width-3+k] = float32(math.Log10(max(v, 1e-9)))
	}
	return numeric, slopes, time.Ms, msSlope, nil
}

// between is what features says of one start.
type between struct {
	numeric [3]float64
	slopes  [3][][]float64
	ms      float64
	msSlope [][]float64
}

// loss is minus the accuracy in percentage points, plus pointsPerFold for time
// above the start's limit.
func (r *relaxed) loss(ctx context.Context, p, grad []gradient.Relaxed) ([]float64, error) {
	x := make([]float32, len(p)*r.width)
	starts := make([]between, len(p))
	var g errgroup.Group
	for k := range p {
		g.Go(func() (err error) {
			b := &starts[k]
			b.numeric, b.slopes, b.ms, b.msSlope, err = r.features(p[k], x[k*r.width:(k+1)*r.width])
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	accuracy, slope, err := r.slope.At(ctx, x)
	if err != nil {
		return nil, err
	}
	out := make([]float64, len(p))
	for k := range p {
		over := math.Log(r.scale * starts[k].ms / r.limits[k])
		out[k] = -100*float64(accuracy[k]) + pointsPerFold*max(0, over)
		r.back(p[k], slope[k*r.width:(k+1)*r.width], &starts[k], over > 0, grad[k])
	}
	return out, nil
}

// back hands the derivatives of a start's loss to its probabilities.
func (r *relaxed) back(p gradient.Relaxed, slope []float32, b *between, slow bool, grad gradient.Relaxed) {
	for i := range r.slots {
		s := &r.slots[i]
		if s.feature < 0 {
			continue
		}
		block, wide := s.live(p)
		total := 0.0 // derivative with respect to being there
		for c, v := range p[i] {
			d := -100 * float64(slope[s.feature+c])
			grad[i][c] += d * block * wide
			total += d * v
		}
		if s.depth >= 0 {
			for c := s.needed; c < len(p[s.depth]); c++ {
				grad[s.depth][c] += total * wide
			}
		}
		if s.expand >= 0 && s.plain >= 0 {
			grad[s.expand][s.plain] -= total * block
		}
	}
	for i := range grad {
		for c := range grad[i] {
			for k, v := range b.numeric {
				grad[i][c] += -100 * float64(slope[r.width-3+k]) * b.slopes[k][i][c] / (math.Ln10 * max(v, 1e-9))
			}
			if slow {
				grad[i][c] += pointsPerFold * b.msSlope[i][c] / b.ms
			}
		}
	}
}
