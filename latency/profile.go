package latency

import (
	"context"
	"fmt"
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
	Seed     uint64        // of the order and of the inputs
	Usual    float64       // the pace that times are scaled to, a table's PaceMs; 0 = the median of those met
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
// rounds visits all layers in another order with a fresh session, between two
// looks at the machine's pace: a row is that of a round that met the usual
// pace, or nearly, scaled to it. progress (may be nil) hears of every
// measurement.
func Profile(ctx context.Context, engine onnx.Engine, layers []space.Layer, build Builder, set Settings, progress func(done, total int)) (*Table, error) {
	var subjects []subject
	for _, l := range distinctKeys(layers) {
		subjects = append(subjects, subject{"layer " + l.Key(), l.Key(), func() (*onnx.Model, error) { return build(l) }})
	}
	p := profiler{engine: engine, set: set.withDefaults(), subjects: subjects}
	t, err := p.run(ctx, progress)
	if err != nil {
		return nil, fmt.Errorf("latency: profile: %w", err)
	}
	table := &Table{Header: p.set.Header}
	table.PaceMs, table.Drift = t.PaceMs, t.Drift
	for i, s := range subjects {
		if err := table.Set(s.key, t.Rows[i]); err != nil {
			return nil, fmt.Errorf("latency: profile: %w", err)
		}
	}
	table.Precision, table.Date = precisionsOf(layers), time.Now().UTC().Format(time.DateOnly)
	table.traffic(layers)
	return table, nil
}

// Timings are the times of a list of networks.
type Timings struct {
	Rows   []Row   // of each, at the pace that the settings name, or else PaceMs
	PaceMs float64 // the median of the paces met, in ms of the probes
	Drift  float64 // Header.Drift
}

// Networks times whole models as Profile times layers.
func Networks(ctx context.Context, engine onnx.Engine, models []*onnx.Model, set Settings, progress func(done, total int)) (Timings, error) {
	var subjects []subject
	for i, m := range models {
		name := fmt.Sprintf("network %d", i)
		subjects = append(subjects, subject{name, name, func() (*onnx.Model, error) { return m, nil }})
	}
	p := profiler{engine: engine, set: set.withDefaults(), subjects: subjects}
	t, err := p.run(ctx, progress)
	if err != nil {
		return t, fmt.Errorf("latency: networks: %w", err)
	}
	return t, nil
}

// subject is something to time.
type subject struct {
	name, key string
	build     func() (*onnx.Model, error)
}

// profiler is the state of a profile.
type profiler struct {
	engine   onnx.Engine
	set      Settings
	subjects []subject
	work     *workFile
	pace     *pace
}

// run times all subjects in all rounds.
func (p *profiler) run(ctx context.Context, progress func(done, total int)) (t Timings, err error) {
	if len(p.subjects) == 0 {
		return t, fmt.Errorf("nothing to time")
	}
	if p.work, err = openWorkFile(p); err != nil {
		return t, err
	}
	defer p.work.Close()
	if p.pace, err = newPace(p.engine); err != nil {
		return t, err
	}
	defer p.pace.Close()
	total := p.set.Rounds * len(p.subjects)
	for round := range p.set.Rounds {
		rng := rand.New(rand.NewPCG(p.set.Seed, uint64(round)))
		for at, i := range rng.Perm(len(p.subjects)) {
			if err := p.visit(ctx, round, p.subjects[i]); err != nil {
				return t, fmt.Errorf("%s: %w", p.subjects[i].name, err)
			}
			if progress != nil {
				progress(round*len(p.subjects)+at+1, total)
			}
		}
	}
	return p.join(), p.work.remove()
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
	return out
}

// visit times a subject in a round, unless the working file has it.
func (p *profiler) visit(ctx context.Context, round int, s subject) error {
	if p.work.has(round, s.key) {
		return nil
	}
	t, err := load(p.engine, s.build, p.set.Seed)
	if err != nil {
		return err
	}
	defer t.Close()
	timings, err := p.pace.follow(ctx, &t, p.set)
	if err != nil {
		return err
	}
	return p.work.add(round, s.key, timings)
}

// join puts the rounds of every subject together.
func (p *profiler) join() Timings {
	all := make([][]timing, len(p.subjects))
	var halves [2][][]timing
	halves[0], halves[1] = make([][]timing, len(all)), make([][]timing, len(all))
	for i, s := range p.subjects {
		for round := range p.set.Rounds {
			one := p.work.done[s.key][round]
			all[i] = append(all[i], one...)
			halves[round%2][i] = append(halves[round%2][i], one...)
		}
	}
	t := Timings{PaceMs: usualPace(all)}
	to := p.set.Usual
	if to == 0 {
		to = t.PaceMs
	}
	t.Drift = drift(halves, to)
	for _, timings := range all {
		t.Rows = append(t.Rows, join(timings, to))
	}
	return t
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
