package stages

import (
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"

	"hanas/predictor"
	"hanas/search/nsga2"
	"hanas/space"
)

// FreedomSettings say how searches of different freedom are compared.
type FreedomSettings struct {
	Seeds     int // searches of each freedom; default 5, at least 2
	FixedBits int // weights and activations of the architecture-only search; default 8
	Limits    int // latency limits that the fronts are compared at; default 5
	Images    int // test images that each winner is scored on; 0 = all
	Predicted bool
	Progress  func(what string, done, total int)
}

// FreedomWinner is the most accurate network of a front under a limit.
type FreedomWinner struct {
	Arch      string  `json:"arch"`
	Seed      uint64  `json:"seed"` // of the search
	LatencyMS float64 `json:"latency_ms"`
	Predicted float64 `json:"predicted"`
	Measured  float64 `json:"measured,omitempty"` // top-1 on test images, which nothing was chosen by
}

// FreedomLimit is what every freedom reached under a limit: a winner a seed, or
// none where the freedom does not reach it with all seeds.
type FreedomLimit struct {
	LatencyMS float64                    `json:"latency_ms"`
	Winners   map[string][]FreedomWinner `json:"winners"`
}

// FreedomGain is how much the joint search is ahead of another at equal latency,
// percentage points of top-1, the mean over the limits that both reach; the interval is Student's
// over seeds.
type FreedomGain struct {
	Over      string  `json:"over"`
	Limits    int     `json:"limits"` // that both reach
	Predicted float64 `json:"predicted_pp"`
	Measured  float64 `json:"measured_pp"`
	Low       float64 `json:"low_pp"` // 95 % of the measured (or, without, the predicted)
	High      float64 `json:"high_pp"`
}

// Freedoms is the outcome of CompareFreedoms.
type Freedoms struct {
	Evaluations int            `json:"evaluations"` // of each search
	Seeds       int            `json:"seeds"`
	FixedBits   int            `json:"fixed_bits"`
	Images      int            `json:"images"` // that winners were scored on; 0 = predicted only
	Names       []string       `json:"names"`
	Limits      []FreedomLimit `json:"limits"`
	Gains       []FreedomGain  `json:"gains"`
}

// The freedoms, the first ahead of which the others are held.
const (
	freedomJoint = "joint"
	freedomArch  = "architecture only"
	freedomBits  = "bits only"
)

// freedom is a search that may change a part of the genes.
type freedom struct {
	name   string
	within func(space.Arch) space.Arch     // the nearest that it may reach
	random func(rng *rand.Rand) space.Arch // nil = the space's, and then within
}

// CompareFreedoms runs, on the surrogates of a finished run and with equal
// budgets, joint searches, searches of the architecture at one fixed width, and
// searches of bits on one fixed topology, the largest. Under latency limits that
// the first two reach it takes each front's most accurate network and, unless told
// otherwise, scores it through the run's supernet on test images. All searches
// see the same predictor and table; only the seeds of the searches differ.
func (e *Env) CompareFreedoms(ctx context.Context, dir string, set FreedomSettings) (*Freedoms, error) {
	set.defaults()
	engine, err := e.scoring(ctx)
	if err != nil {
		return nil, err
	}
	pr, err := predictor.Load(filepath.Join(dir, e.searched()), engine, e.Space)
	if err != nil {
		return nil, err
	}
	defer pr.Close()
	j, err := e.judge(filepath.Join(dir, lutFile), filepath.Join(dir, estimatorFile), pr)
	if err != nil {
		return nil, err
	}
	out := &Freedoms{Evaluations: e.Config.Search.Evaluations, Seeds: set.Seeds, FixedBits: set.FixedBits}
	fronts := map[string][][]frontPoint{} // by freedom, of each seed
	free, err := e.freedoms(set.FixedBits)
	if err != nil {
		return nil, err
	}
	for i, f := range free {
		out.Names = append(out.Names, f.name)
		for s := range set.Seeds {
			points, err := e.searchWithin(ctx, j, f, e.Config.Seed+uint64(s))
			if err != nil {
				return nil, err
			}
			fronts[f.name] = append(fronts[f.name], points)
			set.Progress("search", i*set.Seeds+s+1, len(free)*set.Seeds)
		}
	}
	out.Limits = e.freedomLimits(fronts, set)
	if !set.Predicted {
		if out.Images, err = e.scoreWinners(ctx, filepath.Join(dir, supernetFile), out.Limits, set); err != nil {
			return nil, err
		}
	}
	for _, name := range out.Names[1:] {
		if g := gain(out, name); g.Limits > 0 {
			out.Gains = append(out.Gains, g)
		}
	}
	return out, nil
}

func (s *FreedomSettings) defaults() {
	for _, d := range []struct {
		field *int
		value int
	}{{&s.Seeds, 5}, {&s.FixedBits, 8}, {&s.Limits, 5}} {
		if *d.field < 1 {
			*d.field = d.value
		}
	}
	s.Seeds = max(2, s.Seeds)
	if s.Progress == nil {
		s.Progress = func(string, int, int) {}
	}
}

// freedoms is the table of searches.
func (e *Env) freedoms(bits int) ([]freedom, error) {
	legal, err := e.legal()
	if err != nil {
		return nil, err
	}
	sp := e.Space
	fixed := legal(sp.Largest()).Genes()
	slots := sp.Slots()
	searched := func(i int) bool { return slots[i].Kind == space.SlotWBits || slots[i].Kind == space.SlotABits }
	made := func(gene func(i int) byte) space.Arch {
		genes := slices.Clone(fixed)
		for i := range genes {
			if searched(i) {
				genes[i] = gene(i)
			}
		}
		a, err := sp.New(genes)
		if err != nil { // genes of this space
			panic("stages: " + err.Error())
		}
		return legal(a)
	}
	return []freedom{
		{name: freedomJoint, within: legal},
		{name: freedomArch, within: func(a space.Arch) space.Arch { return legal(sp.WithBits(a, bits, bits)) }},
		{name: freedomBits, within: func(a space.Arch) space.Arch {
			genes := a.Genes()
			return made(func(i int) byte { return genes[i] })
		}, random: func(rng *rand.Rand) space.Arch { // bits of layers that a random network lacks are drawn too
			return made(func(i int) byte { return byte(rng.IntN(slots[i].Choices)) })
		}},
	}, nil
}

// searchWithin is one search.
func (e *Env) searchWithin(ctx context.Context, j *judgeArch, f freedom, seed uint64) ([]frontPoint, error) {
	base, err := e.problem(j)
	if err != nil {
		return nil, err
	}
	problem := *base
	problem.Seeds = nil
	for _, a := range base.Seeds {
		if a = f.within(a); !slices.Contains(problem.Seeds, a) {
			problem.Seeds = append(problem.Seeds, a)
		}
	}
	problem.Random = func(rng *rand.Rand) space.Arch { return f.within(base.Random(rng)) }
	if f.random != nil {
		problem.Random = f.random
	}
	problem.Mutate = func(rng *rand.Rand, a space.Arch, prob float64) space.Arch {
		return f.within(base.Mutate(rng, a, prob))
	}
	problem.Crossover = func(rng *rand.Rand, a, b space.Arch) space.Arch { return f.within(base.Crossover(rng, a, b)) }
	set := e.nsga2(nil)
	set.Seed = seed
	found, err := nsga2.Run(ctx, &problem, set, nil)
	if err != nil {
		return nil, fmt.Errorf("stages: %s: %w", f.name, err)
	}
	if err := found.Front.Err(); err != nil {
		return nil, fmt.Errorf("stages: %s: %w", f.name, err)
	}
	return j.front(ctx, found.Front)
}

// freedomLimits spreads limits evenly over the logarithm of the latencies that
// joint and architecture-only fronts reach, and picks the winners.
func (e *Env) freedomLimits(fronts map[string][][]frontPoint, set FreedomSettings) []FreedomLimit {
	low, high := 0.0, math.Inf(1) // where the last front begins, and where the first ends
	for _, name := range []string{freedomJoint, freedomArch} {
		for _, points := range fronts[name] { // by latency
			low, high = max(low, points[0].LatencyMS), min(high, points[len(points)-1].LatencyMS)
		}
	}
	if high < low {
		high = low
	}
	var out []FreedomLimit
	for k := range set.Limits {
		part := 1.0
		if set.Limits > 1 {
			part = float64(k) / float64(set.Limits-1)
		}
		limit := FreedomLimit{LatencyMS: low * math.Pow(high/low, part), Winners: map[string][]FreedomWinner{}}
		if k == 0 {
			limit.LatencyMS = low // not a rounding below what a front begins at
		}
		for name, list := range fronts {
			for s, points := range list {
				best := -1
				for i, p := range points {
					if p.LatencyMS <= limit.LatencyMS && (best < 0 || p.Accuracy > points[best].Accuracy) {
						best = i
					}
				}
				if best < 0 {
					limit.Winners[name] = nil
					break
				}
				p := points[best]
				limit.Winners[name] = append(limit.Winners[name], FreedomWinner{Arch: p.Arch, Seed: e.Config.Seed + uint64(s), LatencyMS: p.LatencyMS, Predicted: p.Accuracy})
			}
		}
		out = append(out, limit)
	}
	return out
}

// scoreWinners scores every distinct winner on test images.
func (e *Env) scoreWinners(ctx context.Context, checkpoint string, limits []FreedomLimit, set FreedomSettings) (images int, err error) {
	s, err := e.newScoring(ctx, checkpoint)
	if err != nil {
		return 0, err
	}
	if s.images, err = e.scorer(ctx, "test", set.Images); err != nil {
		return 0, err
	}
	scores := map[string]float64{}
	for _, l := range limits {
		for _, list := range l.Winners {
			for _, w := range list {
				scores[w.Arch] = 0
			}
		}
	}
	keys := slices.Sorted(maps.Keys(scores))
	err = ordered(ctx, e.workers(), len(keys), func(ctx context.Context, i int) (float64, error) {
		a, err := e.Space.Parse(keys[i])
		if err != nil {
			return 0, err
		}
		_, res, err := s.score(ctx, a)
		return res.Top1, err
	}, func(i int, top1 float64) error {
		scores[keys[i]] = top1
		set.Progress("score", i+1, len(keys))
		return nil
	})
	if err != nil {
		return 0, err
	}
	for _, l := range limits {
		for _, list := range l.Winners {
			for i := range list {
				list[i].Measured = scores[list[i].Arch]
			}
		}
	}
	return s.images.Len(), nil
}

// gain holds the joint search against another, seed by seed.
func gain(f *Freedoms, over string) FreedomGain {
	measured, predicted := make([]float64, f.Seeds), make([]float64, f.Seeds)
	reached := 0
	for _, l := range f.Limits {
		if len(l.Winners[over]) < f.Seeds {
			continue
		}
		reached++
		for s := range f.Seeds {
			a, b := l.Winners[freedomJoint][s], l.Winners[over][s]
			measured[s] += 100 * (a.Measured - b.Measured)
			predicted[s] += 100 * (a.Predicted - b.Predicted)
		}
	}
	for s := range f.Seeds {
		measured[s] /= float64(max(1, reached))
		predicted[s] /= float64(max(1, reached))
	}
	g := FreedomGain{Over: over, Limits: reached, Predicted: stat.Mean(predicted, nil), Measured: stat.Mean(measured, nil)}
	values := measured
	if f.Images == 0 {
		values = predicted
	}
	mean, dev := stat.MeanStdDev(values, nil)
	half := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: float64(f.Seeds - 1)}.Quantile(.975) * dev / math.Sqrt(float64(f.Seeds))
	g.Low, g.High = mean-half, mean+half
	return g
}
