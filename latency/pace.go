package latency

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"hanas/export"
	"hanas/onnx"
	"hanas/space"
)

// pace tells how fast the machine is at the moment. A core that is shared with
// somebody else's programs, or that heats up, changes its speed by half for
// tenths of a second to minutes; a list that takes a minute to time meets it
// all. Every timing is therefore taken between two looks at the pace, and
// scaled from the pace it met to the usual one.
type pace struct {
	probes []timed
}

// probeLayers are what is run to see the pace: the three kinds of work that
// networks spend their time in, small enough that a look takes a fraction of a
// millisecond.
var probeLayers = []space.Layer{
	{Name: "integer", Kind: space.Pointwise, In: 32, Out: 64, InSize: 16, OutSize: 16, Kernel: 1, Stride: 1, Groups: 1, Act: "relu", WBits: 8, ABits: 8},
	{Name: "depthwise", Kind: space.Depthwise, In: 64, Out: 64, InSize: 16, OutSize: 16, Kernel: 3, Stride: 1, Groups: 64, Act: "relu", WBits: 8, ABits: 8},
	{Name: "float", Kind: space.Pointwise, In: 32, Out: 64, InSize: 16, OutSize: 16, Kernel: 1, Stride: 1, Groups: 1, Act: "relu", WBits: 16, ABits: 16},
}

// The runs of a probe in a look, after one that is not counted.
const probeRuns = 7

func newPace(engine onnx.Engine) (*pace, error) {
	p := &pace{}
	for _, l := range probeLayers {
		t, err := load(engine, func() (*onnx.Model, error) { return export.BuildLayer(l, 1) }, 1)
		if err != nil {
			p.Close()
			return nil, fmt.Errorf("probe %s: %w", l.Name, err)
		}
		p.probes = append(p.probes, t)
	}
	return p, nil
}

// look is the geometric mean of the probes' times now, in milliseconds.
func (p *pace) look(ctx context.Context) (float64, error) {
	product := 1.0
	for i := range p.probes {
		row, _, err := p.probes[i].run(ctx, 1, probeRuns, 0)
		if err != nil {
			return 0, err
		}
		product *= row.MeanMs
	}
	return math.Pow(product, 1/float64(len(p.probes))), nil
}

// Close frees the probes.
func (p *pace) Close() {
	for i := range p.probes {
		p.probes[i].Close()
	}
}

// timed is a model that is loaded to be run again and again.
type timed struct {
	runner  onnx.Runner
	in, out []*onnx.Tensor
}

func load(engine onnx.Engine, build func() (*onnx.Model, error), seed uint64) (timed, error) {
	m, err := build()
	if err != nil {
		return timed{}, err
	}
	r, err := engine(m)
	if err != nil {
		return timed{}, err
	}
	in, out, err := randomInputs(r, seed)
	if err != nil {
		r.Close()
		return timed{}, err
	}
	return timed{r, in, out}, nil
}

// Close frees the session.
func (t *timed) Close() error { return t.runner.Close() }

// run describes single runs, one after another, until both minima are reached,
// and tells how long they took together.
func (t *timed) run(ctx context.Context, warmup, runs int, minTime time.Duration) (Row, time.Duration, error) {
	for range warmup {
		if err := t.runner.Run(ctx, t.in, t.out); err != nil {
			return Row{}, 0, err
		}
	}
	ms := make([]float64, 0, runs)
	start := time.Now()
	last := start
	for len(ms) < runs || last.Sub(start) < minTime {
		if err := t.runner.Run(ctx, t.in, t.out); err != nil {
			return Row{}, 0, err
		}
		now := time.Now()
		ms = append(ms, max(float64(now.Sub(last)), 1)/float64(time.Millisecond))
		last = now
	}
	return summary(ms), last.Sub(start), ctx.Err()
}

// stretch is how long runs go on before the next look at the pace, which may
// change within tenths of a second.
const stretch = 1500 * time.Microsecond

// follow times t between looks at the pace until both minima are reached.
func (p *pace) follow(ctx context.Context, t *timed, set Settings) ([]timing, error) {
	if _, _, err := t.run(ctx, set.Warmup, 1, 0); err != nil {
		return nil, err
	}
	before, err := p.look(ctx)
	if err != nil {
		return nil, err
	}
	var out []timing
	for runs, spent := 0, time.Duration(0); runs < set.MinRuns || spent < set.MinTime; {
		row, took, err := t.run(ctx, 1, 1, min(stretch, max(set.MinTime-spent, 1)))
		if err != nil {
			return nil, err
		}
		after, err := p.look(ctx)
		if err != nil {
			return nil, err
		}
		out = append(out, timing{row, math.Sqrt(before * after)})
		before, runs, spent = after, runs+row.Count, spent+took
	}
	return out, nil
}

// timing is one stretch of runs, and the pace that it met.
type timing struct {
	Row
	PaceMs float64 `json:"pace_ms"`
}

// at is the timing as it would be at the pace usual.
func (t timing) at(usual float64) Row {
	f := usual / t.PaceMs
	r := t.Row
	r.MeanMs, r.StdMs, r.P95Ms = f*r.MeanMs, f*r.StdMs, f*r.P95Ms
	return r
}

// join is a row at the usual pace: of the half of the timings that met a pace
// nearest to it, where scaling does least, the middle one. The runs of all are
// counted.
func join(rounds []timing, usual float64) Row {
	far := func(t timing) float64 { return math.Abs(math.Log(t.PaceMs / usual)) }
	near := slices.SortedStableFunc(slices.Values(rounds), func(a, b timing) int { return cmp.Compare(far(a), far(b)) })
	near = near[:(len(near)+1)/2]
	slices.SortStableFunc(near, func(a, b timing) int { return cmp.Compare(a.at(usual).MeanMs, b.at(usual).MeanMs) })
	r := near[(len(near)-1)/2].at(usual)
	r.Count = 0
	for _, t := range rounds {
		r.Count += t.Count
	}
	return r
}

// usualPace is the median of the paces that timings met.
func usualPace(all [][]timing) float64 {
	var paces []float64
	for _, rounds := range all {
		for _, t := range rounds {
			paces = append(paces, t.PaceMs)
		}
	}
	slices.Sort(paces)
	return paces[len(paces)/2]
}

// drift is the median disagreement of a row between the even rounds and the
// odd ones, as a fraction: what a repetition would differ by. 0 for a single
// round.
func drift(halves [2][][]timing, usual float64) float64 {
	var off []float64
	for i, even := range halves[0] {
		if odd := halves[1][i]; len(odd) > 0 {
			off = append(off, math.Abs(math.Log(join(even, usual).MeanMs/join(odd, usual).MeanMs)))
		}
	}
	if len(off) == 0 {
		return 0
	}
	slices.Sort(off)
	return math.Round(1e4*math.Expm1(off[len(off)/2])) / 1e4
}
