package stages

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	"hanas/pipeline"
	"hanas/predictor"
	"hanas/search"
	"hanas/search/nsga2"
	"hanas/space"
)

// searchRecord is search.json: how both searches went.
type searchRecord struct {
	Seconds   float64       `json:"seconds"`
	Reference []float64     `json:"reference"` // of the hypervolumes: error, ms, bytes
	Search    []search.Step `json:"search"`
	Random    []search.Step `json:"random"`
	RandomSet []frontPoint  `json:"random_front"`
}

// judgeArch is the surrogates of an Arch: of accuracy, and of what a device
// takes.
type judgeArch struct {
	*pricing
	goal
	env       *Env
	predictor *predictor.Predictor
}

// points scores a batch.
func (j *judgeArch) points(ctx context.Context, archs []space.Arch) ([]search.Point, error) {
	mean, std, err := j.predictor.Predict(ctx, archs)
	if err != nil {
		return nil, err
	}
	c := j.env.Config.Search
	out := make([]search.Point, len(archs))
	var layers []space.Layer
	for i, a := range archs {
		layers = j.env.Space.AppendLayers(layers[:0], a)
		f := j.figuresOf(layers)
		f.err = 1 - (mean[i] - c.Confidence*std[i])
		out[i] = j.point(&f)
	}
	return out, nil
}

func (j *judgeArch) front(ctx context.Context, f search.Front[space.Arch]) ([]frontPoint, error) {
	var out []frontPoint
	var archs []space.Arch
	for _, c := range f.Points {
		archs = append(archs, c.Genome)
	}
	mean, std, err := j.predictor.Predict(ctx, archs)
	if err != nil {
		return nil, err
	}
	for i, a := range archs {
		out = append(out, j.frontPoint(a, mean[i], std[i]))
	}
	slices.SortFunc(out, func(a, b frontPoint) int {
		switch {
		case a.LatencyMS < b.LatencyMS || a.LatencyMS == b.LatencyMS && a.Arch < b.Arch:
			return -1
		case a.LatencyMS == b.LatencyMS && a.Arch == b.Arch:
			return 0
		}
		return 1
	})
	return out, nil
}

// baselines are the ends of the space at 8 bits, or at the nearest widths that
// the device runs.
func (j *judgeArch) baselines(ctx context.Context) ([]baseline, error) {
	legal, err := j.env.legal()
	if err != nil {
		return nil, err
	}
	var out []baseline
	sp := j.env.Space
	for _, end := range []struct {
		name string
		arch space.Arch
	}{{"largest", sp.Largest()}, {"smallest", sp.Smallest()}} {
		a := legal(sp.WithBits(end.arch, 8, 8))
		mean, std, err := j.predictor.Predict(ctx, []space.Arch{a})
		if err != nil {
			return nil, err
		}
		out = append(out, baseline{end.name, j.frontPoint(a, mean[0], std[0])})
	}
	return out, nil
}

func (j *judgeArch) frontPoint(a space.Arch, mean, std float64) frontPoint {
	p := frontPoint{Arch: j.env.Space.Key(a), Accuracy: mean, Std: std, Provenance: j.provenance}
	f := j.figuresOf(j.env.Space.Layers(a))
	f.fill(&p)
	return p
}

// runSearch runs NSGA-II and, with the same number of evaluations, random
// search.
func (e *Env) runSearch(ctx context.Context, p *pipeline.Pass) error {
	if err := e.trusted(p.Input(latencyJSON)); err != nil {
		return err
	}
	engine, err := e.scoring(ctx)
	if err != nil {
		return err
	}
	pr, err := predictor.Load(p.Input(e.searched()), engine, e.Space)
	if err != nil {
		return err
	}
	defer pr.Close()
	j, err := e.newJudge(p, pr)
	if err != nil {
		return err
	}
	problem, err := e.problem(j)
	if err != nil {
		return err
	}
	reference, err := search.Corner(ctx, problem)
	if err != nil {
		return err
	}
	c := e.Config.Search
	progress := func(s search.Step, _ search.Front[space.Arch]) {
		p.Progress(int64(s.Evaluations), int64(c.Evaluations), "evaluations")
	}
	seeded := *problem
	if c.Gradient > 0 {
		seeds, err := e.gradientSeeds(ctx, j, gradientFiles{p.Input(e.searched()), p.Input(lutFile)})
		if err != nil {
			return err
		}
		p.Log("%d descents end at %d sub-networks", c.Gradient, len(seeds))
		seeded.Seeds = slices.Concat(seeds, problem.Seeds)
	}
	found, err := nsga2.Run(ctx, &seeded, e.nsga2(reference), progress)
	if err != nil {
		return err
	}
	if err := found.Front.Err(); err != nil {
		return err
	}
	blind, err := search.Random(ctx, problem, search.RandomSettings{Evaluations: found.Archive.Len(), Seed: e.Config.Seed, Reference: reference}, nil)
	if err != nil {
		return err
	}
	points, err := j.front(ctx, found.Front)
	if err != nil {
		return err
	}
	rec := searchRecord{Reference: reference, Search: found.Steps, Random: blind.Steps}
	if rec.RandomSet, err = j.front(ctx, blind.Front); err != nil {
		return err
	}
	front := frontRecord{
		Objectives: j.names(), Reference: reference, Evaluations: found.Archive.Len(), Points: points,
		Hypervolume: found.Front.Hypervolume(reference), RandomHypervolume: blind.Front.Hypervolume(reference),
	}
	if front.Baselines, err = j.baselines(ctx); err != nil {
		return err
	}
	p.Summary(fmt.Sprintf("%d points after %d evaluations; hypervolume %.4g, random search %.4g", len(points), front.Evaluations, front.Hypervolume, front.RandomHypervolume))
	if err := writeJSON(p.Output(searchFile), rec); err != nil {
		return err
	}
	return writeJSON(p.Output(frontFile), front)
}

// nsga2 is how the configuration searches; reference is the corner of the
// hypervolumes, none = they are not followed.
func (e *Env) nsga2(reference []float64) nsga2.Settings {
	c := e.Config.Search
	return nsga2.Settings{Population: c.Population, Evaluations: c.Evaluations, CrossoverProb: c.Crossover, MutationProb: c.Mutation, Seed: e.Config.Seed, Reference: reference}
}

// searched is the predictor that a search uses.
func (e *Env) searched() string {
	if e.Config.Refine.Rounds > 0 {
		return refinedFile
	}
	return predictorFile
}

func (e *Env) newJudge(p *pipeline.Pass, pr *predictor.Predictor) (*judgeArch, error) {
	return e.judge(p.Input(lutFile), p.Input(estimatorFile), pr)
}

func (e *Env) judge(lut, estimator string, pr *predictor.Predictor) (*judgeArch, error) {
	p, err := e.readPricing(lut, estimator, e.Config.Search.PowerW)
	if err != nil {
		return nil, err
	}
	g, err := newGoal(e.Config.Search.Objectives, e.Config.Search.Limits(), p)
	return &judgeArch{p, g, e, pr}, err
}

// problem is the space with the device's legal bits only: others cannot be
// drawn, so no limit needs to refuse them.
func (e *Env) problem(j *judgeArch) (*search.Problem[space.Arch], error) {
	sp := e.Space
	legal, err := e.legal()
	if err != nil {
		return nil, err
	}
	seeds := []space.Arch{legal(sp.Smallest()), legal(sp.Largest())}
	for _, b := range sp.WBits { // few mutations lead to one width throughout, and it is what people ship
		for _, end := range seeds[:2] {
			if a := legal(sp.WithBits(end, b, max(b, sp.ABits[0]))); !slices.Contains(seeds, a) {
				seeds = append(seeds, a)
			}
		}
	}
	genes := float64(sp.GeneCount())
	return &search.Problem[space.Arch]{
		Objectives: j.names(),
		Seeds:      seeds,
		Random:     func(rng *rand.Rand) space.Arch { return legal(sp.Random(rng)) },
		Mutate: func(rng *rand.Rand, a space.Arch, prob float64) space.Arch {
			if prob == 0 {
				prob = 1 / genes
			}
			return legal(sp.Mutate(a, prob, rng))
		},
		Crossover: func(rng *rand.Rand, a, b space.Arch) space.Arch { return legal(sp.Crossover(a, b, rng)) },
		Evaluate:  j.points,
	}, nil
}

// legal moves the bits of an Arch to those that the device runs.
func (e *Env) legal() (func(space.Arch) space.Arch, error) {
	bits := e.Config.Search.Bits
	if len(bits) == 0 {
		return func(a space.Arch) space.Arch { return a }, nil
	}
	w, act, err := legalChoices(e.Space, bits)
	if err != nil {
		return nil, err
	}
	return func(a space.Arch) space.Arch { return restrict(e.Space, a, w, act) }, nil
}

// legalChoices are the choice indices of bits that a device runs.
func legalChoices(sp *space.Space, bits []int) (w, a []byte, err error) {
	for i, b := range sp.WBits {
		if slices.Contains(bits, b) {
			w = append(w, byte(i))
		}
	}
	for i, b := range sp.ABits {
		if slices.Contains(bits, b) {
			a = append(a, byte(i))
		}
	}
	if len(w) == 0 || len(a) == 0 {
		return nil, nil, fmt.Errorf("stages: search.bits: %v leaves space %s (weights %v, activations %v) without a choice", bits, sp.Name, sp.WBits, sp.ABits)
	}
	return w, a, nil
}

// restrict moves each bit choice that is not legal to the nearest legal one.
func restrict(sp *space.Space, a space.Arch, w, act []byte) space.Arch {
	genes := slices.Clone(a.Genes())
	for i, slot := range sp.Slots() {
		legal := w
		switch slot.Kind {
		case space.SlotWBits:
		case space.SlotABits:
			legal = act
		default:
			continue
		}
		best := legal[0]
		for _, l := range legal {
			if d, b := int(l)-int(genes[i]), int(best)-int(genes[i]); d*d < b*b {
				best = l
			}
		}
		genes[i] = best
	}
	out, err := sp.New(genes)
	if err != nil { // the genes are of this space
		panic("stages: " + err.Error())
	}
	return out
}
