package configs

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"hanas/datasets"
	"hanas/export"
	"hanas/predictor"
	"hanas/search"
)

// Fault is one thing wrong with a config.
type Fault struct {
	Key  string // path, such as "supernet.rate"
	What string
}

// Error tells everything that is wrong with a config.
type Error struct {
	// Source is the preset or file that was read.
	Source string
	// File says that the fault is in a file, not in what was typed.
	File   bool
	Faults []Fault
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "configs: %s: ", e.Source)
	if len(e.Faults) > 1 {
		fmt.Fprintf(&b, "%d faults:\n  ", len(e.Faults))
	}
	for i, f := range e.Faults {
		if i > 0 {
			b.WriteString("\n  ")
		}
		if f.Key != "" {
			b.WriteString(f.Key + ": ")
		}
		b.WriteString(f.What)
	}
	return b.String()
}

// Validate reports every fault, each with its key path.
func (c *Config) Validate() []Fault {
	k := &checker{}
	if c.Name == "" {
		k.fault("name", "is empty (give the run a name)")
	}
	k.least("workers", c.Workers, 0)
	c.Data.check(k)
	if _, err := c.Space.Resolve(); err != nil {
		k.fault("space", err.Error())
	}
	c.Supernet.check(k)
	k.least("sample.count", c.Sample.Count, 2)
	k.within("sample.balanced", c.Sample.Balanced, 0, 1)
	k.within("refine.rounds", float64(c.Refine.Rounds), 0, 100)
	if c.Refine.Rounds > 0 {
		k.least("refine.scored", c.Refine.Scored, 1)
	}
	k.least("evaluate.images", c.Evaluate.Images, 1)
	k.least("evaluate.calibration", c.Evaluate.Calibration, 1)
	k.least("evaluate.batch", c.Evaluate.Batch, 1)
	if c.Data.Val > 0 && c.Evaluate.Images > c.Data.Val {
		k.fault("evaluate.images", fmt.Sprintf("is %d, more than data.val = %d", c.Evaluate.Images, c.Data.Val))
	}
	c.Predictor.check(k)
	c.Lut.check(k)
	c.Search.check(k)
	c.Export.check(k)
	k.least("validate.images", c.Validation.Images, 0)
	k.least("validate.runs", c.Validation.Runs, 0)
	return k.faults
}

func (d *Data) check(k *checker) {
	k.oneOf("data.kind", d.Kind, datasets.Kinds()...)
	if d.Kind != "glyphs" && d.Kind != "scenes" && d.Path == "" {
		k.fault("data.path", fmt.Sprintf("is empty, and data.kind is %q (say where the images are)", d.Kind))
	}
	k.least("data.train", d.Train, 0)
	k.least("data.val", d.Val, 0)
	k.least("data.test", d.Test, 0)
	k.least("data.size", d.Size, 0)
	k.least("data.resize", d.Resize, 0)
	k.within("data.difficulty", d.Difficulty, 0, 4)
}

func (s *Supernet) check(k *checker) {
	k.within("supernet.epochs", s.Epochs, 0, 1e6)
	k.least("supernet.batch", s.Batch, 0)
	k.least("supernet.micro_batch", s.MicroBatch, 0)
	if s.MicroBatch%16 != 0 {
		k.fault("supernet.micro_batch", fmt.Sprintf("is %d (want a multiple of 16)", s.MicroBatch))
	}
	if s.MicroBatch > 0 && s.Batch%s.MicroBatch != 0 {
		k.fault("supernet.batch", fmt.Sprintf("is %d (want a multiple of supernet.micro_batch = %d)", s.Batch, s.MicroBatch))
	}
	k.least("supernet.random", s.Random, 0)
	k.least("supernet.pool", s.Pool, 0)
	k.least("supernet.pool_steps", s.PoolSteps, 0)
	k.within("supernet.float_steps", s.FloatSteps, 0, 1)
	k.within("supernet.plain", s.Plain, 0, 1)
	k.within("supernet.alone", s.Alone, 0, 1)
	if s.Optimizer != "" {
		k.oneOf("supernet.optimizer", s.Optimizer, "adamw", "sgd")
	}
	k.within("supernet.average", s.Average, 0, 0.99999)
	k.within("supernet.distort", s.Distort, 0, 1)
	k.least("supernet.cutout", s.Cutout, 0)
	k.within("supernet.mixup", s.Mixup, 0, 1)
	if s.Attentive != "" {
		k.oneOf("supernet.attentive", s.Attentive, "worst", "best")
	}
	k.within("supernet.rate", s.Rate, 0, 10)
	k.within("supernet.warmup", s.Warmup, 0, 1)
	k.within("supernet.decay", s.Decay, 0, 1)
	k.within("supernet.smoothing", s.Smoothing, 0, 0.9)
	k.within("supernet.distil", s.Distil, 0, 1)
	k.within("supernet.clip_norm", s.ClipNorm, 0, math.MaxFloat32)
	k.least("supernet.checkpoint", s.Checkpoint, 0)
}

func (p *Predictor) check(k *checker) {
	for i, kind := range p.Kinds {
		k.oneOf(fmt.Sprintf("predictor.kinds[%d]", i), kind, predictor.Kinds()...)
	}
	for i, width := range p.Hidden {
		k.least(fmt.Sprintf("predictor.hidden[%d]", i), width, 1)
	}
	k.least("predictor.members", p.Members, 0)
	k.least("predictor.epochs", p.Epochs, 0)
	k.least("predictor.batch", p.Batch, 0)
	k.within("predictor.rate", p.Rate, 0, 10)
	k.within("predictor.decay", p.Decay, 0, 1)
}

func (l *Lut) check(k *checker) {
	k.least("lut.threads", l.Threads, 0)
	k.least("lut.repeats", l.Repeats, 0)
	k.least("lut.warmup", l.Warmup, 0)
	k.within("lut.min_seconds", l.MinSeconds, 0, 3600)
	k.least("lut.fit_nets", l.FitNets, 0)
	k.least("lut.test_nets", l.TestNets, 0)
	k.least("lut.net_runs", l.NetRuns, 0)
}

func (s *Search) check(k *checker) {
	if s.Population != 0 {
		k.least("search.population", s.Population, 2)
	}
	k.least("search.evaluations", s.Evaluations, 0)
	k.within("search.gradient", float64(s.Gradient), 0, 1000)
	k.within("search.mutation", s.Mutation, 0, 1)
	k.within("search.crossover", s.Crossover, 0, 1)
	s.checkObjectives(k)
	s.Limits().check(k, "search.")
	k.within("search.power_w", s.PowerW, 0, 1e6)
	k.within("search.confidence", s.Confidence, 0, 10)
	k.within("search.latency_mape", s.LatencyMAPE, -1, 100)
	checkBits(k, "search.bits", s.Bits)
	s.checkDevices(k)
}

func (e *Export) check(k *checker) {
	for i, pick := range e.Picks {
		k.oneOf(fmt.Sprintf("export.picks[%d]", i), pick, "knee", "fastest", "most_accurate")
	}
	for i, limit := range e.LatencyMS {
		if !(limit > 0) || math.IsInf(limit, 0) {
			k.fault(fmt.Sprintf("export.latency_ms[%d]", i), fmt.Sprintf("is %v (want a time above 0)", limit))
		}
	}
	k.oneOf("export.profile", cmp.Or(e.Profile, "quantised"), export.ProfileNames()...)
	for i, wishes := range e.Prefer {
		if _, err := search.ParsePreferences(wishes, Figures...); err != nil {
			k.fault(fmt.Sprintf("export.prefer[%d]", i), err.Error())
		}
	}
	k.least("export.count", e.Count, 0)
	k.within("export.finetune", e.FineTune, 0, 1e6)
	k.within("export.finetune_rate", e.FineTuneRate, 0, 10)
}

// checker collects faults.
type checker struct{ faults []Fault }

func (k *checker) fault(key, what string) { k.faults = append(k.faults, Fault{key, what}) }

func (k *checker) least(key string, v, least int) {
	if v < least {
		k.fault(key, fmt.Sprintf("is %d (want at least %d)", v, least))
	}
}

func (k *checker) within(key string, v, lo, hi float64) {
	if !(v >= lo && v <= hi) {
		k.fault(key, fmt.Sprintf("is %v (want %v to %v)", v, lo, hi))
	}
}

func (k *checker) oneOf(key, v string, known ...string) {
	if !slices.Contains(known, v) {
		k.fault(key, fmt.Sprintf("is %q (want one of %s)", v, strings.Join(known, ", ")))
	}
}
