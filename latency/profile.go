package latency

import (
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"hanas/onnx"
	"hanas/space"
)

// Settings of a profile; zero fields take the defaults.
type Settings struct {
	Header                 // of the table; Provenance and Keys are filled in
	Rounds   int           // passes over all layers, each in another order; 3
	Warmup   int           // runs before each timing; 3
	MinRuns  int           // per round; 8
	MinTime  time.Duration // of timed runs per layer and round; 1.5 ms
	Anchors  int           // layers that are timed again and again, to see drift; 3
	Every    int           // layers between two looks at the anchors; 50
	Seed     uint64        // of the order and of the inputs
	WorkFile string        // where finished measurements are kept until the end, to go on after an interruption; "" = nowhere
}

func (s Settings) withDefaults() Settings {
	def := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	def(&s.Rounds, 3)
	def(&s.Warmup, 3)
	def(&s.MinRuns, 8)
	def(&s.Anchors, 3)
	def(&s.Every, 50)
	if s.MinTime == 0 {
		s.MinTime = 1500 * time.Microsecond
	}
	s.Provenance, s.Keys = MeasuredHere, nativeKeys
	return s
}

// Builder makes the one-layer model that stands for a layer; export.BuildLayer
// with a fixed seed is one.
type Builder func(space.Layer) (*onnx.Model, error)

// Profile times every layer on engine and gives the table. Layers of one key
// are timed once; different keys never share a measurement. Each of several
// rounds visits all layers in another order with a fresh session, so that a
// slow spell of the machine falls on different layers; a row is that of its
// fastest round, because whatever else the machine does only adds. progress (may be nil) hears of every measurement.
func Profile(ctx context.Context, engine onnx.Engine, layers []space.Layer, build Builder, set Settings, progress func(done, total int)) (*Table, error) {
	p := profiler{engine: engine, build: build, set: set.withDefaults(), layers: distinctKeys(layers), anchors: map[string]map[int]float64{}}
	if progress == nil {
		progress = func(int, int) {}
	}
	if len(p.layers) == 0 {
		return nil, fmt.Errorf("latency: profile: no layers")
	}
	var err error
	if p.work, err = openWorkFile(&p); err != nil {
		return nil, fmt.Errorf("latency: profile: %w", err)
	}
	defer p.work.Close()
	total := p.set.Rounds * len(p.layers)
	for round := range p.set.Rounds {
		rng := rand.New(rand.NewPCG(p.set.Seed, uint64(round)))
		for at, i := range rng.Perm(len(p.layers)) {
			if at%p.set.Every == 0 {
				err = p.timeAnchors(ctx, round)
			}
			if err == nil {
				err = p.visit(ctx, round, p.layers[i])
			}
			if err != nil {
				return nil, fmt.Errorf("latency: profile: %w", err)
			}
			progress(round*len(p.layers)+at+1, total)
		}
	}
	t, err := p.table()
	if err == nil {
		err = p.work.remove()
	}
	return t, err
}

// profiler is the state of a profile.
type profiler struct {
	engine  onnx.Engine
	build   Builder
	set     Settings
	layers  []space.Layer
	anchors map[string]map[int]float64 // fastest mean of an anchor in each round
	work    *workFile
}

func distinctKeys(layers []space.Layer) []space.Layer {
	seen := map[string]bool{}
	var out []space.Layer
	for _, l := range layers {
		if key := l.Key(); !seen[key] {
			seen[key] = true
			out = append(out, l)
		}
	}
	slices.SortFunc(out, func(a, b space.Layer) int { return int(a.MACs() - b.MACs()) }) // anchors from small to large
	return out
}

// visit times a layer in a round, unless the working file has it.
func (p *profiler) visit(ctx context.Context, round int, l space.Layer) error {
	if p.work.has(round, l.Key()) {
		return nil
	}
	m, err := p.time(ctx, l)
	if err != nil {
		return err
	}
	return p.work.add(round, l.Key(), m)
}

// timeAnchors times evenly spread layers again.
func (p *profiler) timeAnchors(ctx context.Context, round int) error {
	n := min(p.set.Anchors, len(p.layers))
	for i := range n {
		l := p.layers[(2*i+1)*len(p.layers)/(2*n)]
		m, err := p.time(ctx, l)
		if err != nil {
			return err
		}
		best := p.anchors[l.Key()]
		if best == nil {
			best = map[int]float64{}
			p.anchors[l.Key()] = best
		}
		if v, ok := best[round]; !ok || m.MeanMs < v {
			best[round] = m.MeanMs
		}
	}
	return nil
}

// time loads a layer's model and runs it until both minima are reached.
func (p *profiler) time(ctx context.Context, l space.Layer) (Row, error) {
	fail := func(err error) (Row, error) { return Row{}, fmt.Errorf("layer %s: %w", l.Key(), err) }
	m, err := p.build(l)
	if err != nil {
		return fail(err)
	}
	run, err := p.engine(m)
	if err != nil {
		return fail(err)
	}
	defer run.Close()
	in, out, err := randomInputs(run, p.set.Seed)
	if err != nil {
		return fail(err)
	}
	for range p.set.Warmup {
		if err := run.Run(ctx, in, out); err != nil {
			return fail(err)
		}
	}
	var ms []float64
	start := time.Now()
	for last := start; len(ms) < p.set.MinRuns || last.Sub(start) < p.set.MinTime; {
		if err := run.Run(ctx, in, out); err != nil {
			return fail(err)
		}
		now := time.Now()
		ms = append(ms, float64(now.Sub(last))/float64(time.Millisecond))
		last = now
	}
	return summary(ms), ctx.Err()
}

// randomInputs fills the model's inputs and leaves room for its outputs, which
// the warm-up allocates once.
func randomInputs(run onnx.Runner, seed uint64) (in, out []*onnx.Tensor, err error) {
	rng := rand.New(rand.NewPCG(seed, 3))
	for _, v := range run.Inputs() {
		shape := slices.Clone(v.Shape)
		for i, n := range shape {
			if n < 0 {
				shape[i] = 1 // batch
			}
		}
		t := onnx.NewTensor(v.DType, shape...)
		switch v.DType {
		case onnx.Float:
			for i, f := 0, t.Floats(); i < len(f); i++ {
				f[i] = float32(rng.NormFloat64())
			}
		case onnx.Uint8, onnx.Int8:
			for i, b := 0, t.Bytes(); i < len(b); i++ {
				b[i] = byte(rng.Uint32())
			}
		default:
			return nil, nil, fmt.Errorf("input %s has type %v", v.Name, v.DType)
		}
		in = append(in, t)
	}
	return in, make([]*onnx.Tensor, len(run.Outputs())), nil
}

// kept is the share of a round's runs, its fastest, that a row describes: what
// interrupts a run only adds to it.
const kept = 0.75

// summary describes the undisturbed runs of a round.
func summary(ms []float64) Row {
	slices.Sort(ms)
	ms = ms[:max(1, int(kept*float64(len(ms))))]
	r := Row{Count: len(ms), P95Ms: ms[(len(ms)-1)*95/100]}
	for _, v := range ms {
		r.MeanMs += v / float64(len(ms))
	}
	for _, v := range ms {
		r.StdMs += (v - r.MeanMs) * (v - r.MeanMs) / float64(len(ms))
	}
	r.StdMs = math.Sqrt(r.StdMs)
	return r
}

// table joins the rounds of every layer.
func (p *profiler) table() (*Table, error) {
	t := &Table{Header: p.set.Header}
	for _, l := range p.layers {
		if err := t.Set(l.Key(), joinRounds(p.work.done[l.Key()])); err != nil {
			return nil, fmt.Errorf("latency: profile: %w", err)
		}
	}
	for _, rounds := range p.anchors {
		ms := slices.Sorted(maps.Values(rounds))
		t.Drift = max(t.Drift, ms[len(ms)-1]/ms[0]-1)
	}
	t.Drift = math.Round(t.Drift*1e4) / 1e4
	return t, nil
}

// joinRounds is the row of the fastest round, with the runs of all counted.
func joinRounds(rounds map[int]Row) Row {
	var best Row
	count := 0
	for _, r := range slices.Sorted(maps.Keys(rounds)) {
		if m := rounds[r]; best.Count == 0 || m.MeanMs < best.MeanMs {
			best = m
		}
		count += rounds[r].Count
	}
	best.Count = count
	return best
}
