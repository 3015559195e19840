package configs

import "hanas/space"

// Config is everything that a run depends on.
type Config struct {
	// Name titles the run and its report.
	Name string `json:"name"`
	// Seed is where every random draw of the run comes from: same seed, same bytes.
	Seed uint64 `json:"seed"`
	// Workers is how many sub-networks are worked on at once; 0 = one a core.
	// It never changes a result, so it is in no action's key.
	Workers int `json:"workers"`

	Data       Data       `json:"data"`
	Space      Space      `json:"space"`
	Supernet   Supernet   `json:"supernet"`
	Sample     Sample     `json:"sample"`
	Evaluate   Evaluate   `json:"evaluate"`
	Predictor  Predictor  `json:"predictor"`
	Lut        Lut        `json:"lut"`
	Refine     Refine     `json:"refine"`
	Search     Search     `json:"search"`
	Export     Export     `json:"export"`
	Validation Validation `json:"validate"`
	Report     Report     `json:"report"`
}

// Data says which images there are. Its three splits share no image: the
// supernet learns from the first, sub-networks are scored on the second, and
// exported files on the third.
type Data struct {
	Kind       string  `json:"kind"`       // "glyphs" or "scenes" (drawn by the program), "parquet", "folder" or "list"
	Path       string  `json:"path"`       // file or folder, relative to the working directory; unused by glyphs
	Train      int     `json:"train"`      // images at most
	Val        int     `json:"val"`        // images at most
	Test       int     `json:"test"`       // images at most
	Size       int     `json:"size"`       // pixels; 0 = the space's largest resolution
	Resize     int     `json:"resize"`     // pixels of the short side before the central crop; 0 = size
	Difficulty float64 `json:"difficulty"` // glyphs: strength of warp, clutter and occlusion, 0 to 4
}

// Space names what can be built: a built-in space, or one written out.
type Space struct {
	Name string `json:"name"` // of a built-in space; unused if Define is there
	// Classes replaces the built-in space's number of classes; 0 = as the data set has.
	Classes int `json:"classes"`
	// Resolutions, WBits and ABits, if given, replace those of the space:
	// pixels, and bits from 2, 4, 8 and 16.
	Resolutions []int `json:"resolutions"`
	WBits       []int `json:"wbits"`
	ABits       []int `json:"abits"`
	// Define is a space of one's own.
	Define *space.Space `json:"define,omitempty"`
}

// Supernet says how the shared weights are trained.
type Supernet struct {
	Weights    string  `json:"weights"`     // trained weights of this space, a supernet.safetensors, taken instead of training; empty = train
	Epochs     float64 `json:"epochs"`      // passes over the training images
	Batch      int     `json:"batch"`       // images a step
	MicroBatch int     `json:"micro_batch"` // images a session run, a multiple of 16
	Random     int     `json:"random"`      // random sub-networks a step, beside the largest and the smallest
	Pool       int     `json:"pool"`        // topologies that the random ones are drawn from at a time
	PoolSteps  int     `json:"pool_steps"`  // steps until the pool is drawn anew
	FloatSteps float64 `json:"float_steps"` // share of the steps at the start without quantisation
	Plain      float64 `json:"plain"`       // chance of a pupil to stay in float after float_steps
	Alone      float64 `json:"alone"`       // share of the steps at the start that train the largest sub-network alone
	Optimizer  string  `json:"optimizer"`   // "adamw" or "sgd" (Nesterov); empty = adamw
	Rate       float64 `json:"rate"`        // learning rate at its peak
	Warmup     float64 `json:"warmup"`      // share of the steps
	Decay      float64 `json:"decay"`       // weight decay: decoupled from the gradient with adamw, part of it with sgd
	Average    float64 `json:"average"`     // share of the old average that a step keeps of the weights that are given in the end; 0 = the last weights
	Smoothing  float64 `json:"smoothing"`   // of the labels
	ClipNorm   float64 `json:"clip_norm"`   // bound on the gradient's norm
	Distil     float64 `json:"distil"`      // share of the largest network's outputs in the others' targets at the end, beside the labels; it grows from 0
	Checkpoint int     `json:"checkpoint"`  // steps between checkpoints, which a training that diverges goes back to
	// LearnSteps trains the quantisation steps of weights (LSQ); Inherit opens low
	// widths of bits one after another, from high to low.
	LearnSteps bool `json:"learn_steps"`
	Inherit    bool `json:"inherit"`
	// Distort, Cutout and Mixup vary the training images beyond shifts and mirrors,
	// for long trainings: the strength, from 0 to 1, of a random distortion of each; the
	// side of a hole in each, in pixels; Mixup's alpha, from 0 to 1. 0 = not.
	Distort float64 `json:"distort"`
	Cutout  int     `json:"cutout"`
	Mixup   float64 `json:"mixup"`
	// Attentive chooses each random sub-network from two: "worst" takes the one that
	// does worse for its size, "best" the better one; empty = the first.
	Attentive string `json:"attentive"`
}

// Sample says which sub-networks are scored.
type Sample struct {
	Count    int     `json:"count"`    // distinct sub-networks, the largest and the smallest among them
	Balanced float64 `json:"balanced"` // share of them, from 0 to 1, whose MACs lie evenly over the space's range
}

// Evaluate says how a sub-network is scored.
type Evaluate struct {
	Images      int `json:"images"`      // validation images
	Calibration int `json:"calibration"` // training images that batch-norm statistics and ranges are taken from
	Batch       int `json:"batch"`       // images a session run
}

// Predictor says how the accuracy predictor is fitted.
type Predictor struct {
	Kinds   []string `json:"kinds"`   // of "ridge", "kernel" and "mlp": those that compete; empty = all
	Hidden  []int    `json:"hidden"`  // widths of the layers of an mlp
	Members int      `json:"members"` // cross-validation folds, at least 2: one network each, whose spread is the uncertainty
	Epochs  int      `json:"epochs"`  // passes over the samples
	Batch   int      `json:"batch"`   // samples a step
	Rate    float64  `json:"rate"`    // learning rate at its peak (AdamW)
	Decay   float64  `json:"decay"`   // decoupled weight decay
}

// Lut says how this machine is measured.
type Lut struct {
	Table      string  `json:"table"`       // a table of another device to take instead of timing this machine; empty = time
	Device     string  `json:"device"`      // name for this machine; empty = its processor's
	Threads    int     `json:"threads"`     // of the runtime
	Repeats    int     `json:"repeats"`     // timed runs a layer, in random order over several rounds
	Warmup     int     `json:"warmup"`      // untimed runs before them
	MinSeconds float64 `json:"min_seconds"` // time spent on a layer at least
	FitNets    int     `json:"fit_nets"`    // whole networks measured to fit the correction
	TestNets   int     `json:"test_nets"`   // whole networks measured to judge it, never fitted on
	NetRuns    int     `json:"net_runs"`    // timed runs a whole network
}

// Search says what is looked for.
type Search struct {
	Population  int     `json:"population"`  // of NSGA-II
	Evaluations int     `json:"evaluations"` // distinct sub-networks looked at; random search gets as many
	Mutation    float64 `json:"mutation"`    // probability a gene; 0 = 1/genes
	Crossover   float64 `json:"crossover"`   // probability that a child has two parents
	// Objectives are what is minimised, of "error", "latency_ms", "memory_bytes",
	// "energy_mj", "size_bytes" and "macs"; empty = the first three.
	Objectives  []string `json:"objectives"`
	LatencyMS   float64  `json:"latency_ms"`   // limit; 0 = none
	MemoryMB    float64  `json:"memory_mb"`    // limit on weights and peak activations, in 10^6 bytes; 0 = none
	EnergyMJ    float64  `json:"energy_mj"`    // limit of an inference; 0 = none
	SizeKB      float64  `json:"size_kb"`      // limit on weights, scales and biases at their bits, in 10^3 bytes; 0 = none
	MMACs       float64  `json:"mmacs"`        // limit on multiplications, in 10^6; 0 = none
	Accuracy    float64  `json:"accuracy"`     // least predicted accuracy, percent; 0 = none
	PowerW      float64  `json:"power_w"`      // that the device draws while it computes: energy where its table has none; 0 = unknown
	Confidence  float64  `json:"confidence"`   // standard deviations of the predictor that an accuracy is lowered by
	Gradient    int      `json:"gradient"`     // descents along the surrogates' gradients whose ends NSGA-II begins with; 0 = none
	LatencyMAPE float64  `json:"latency_mape"` // mean error of the latency estimates on unseen networks above which there is no search; 0 = 0.25, negative = any will do
	Bits        []int    `json:"bits"`         // weight and activation bits that the device runs; empty = all of the space
	// Devices are further ones to search for, with the same predictor: a front each.
	Devices []Target `json:"devices"`
}

// Refine says how the predictor is mended where the search goes.
type Refine struct {
	Rounds int `json:"rounds"` // of searching, scoring and fitting again, before the search; 0 = none
	Scored int `json:"scored"` // sub-networks of the front that are scored in a round
}

// Export says which points of the front become files.
type Export struct {
	Picks     []string  `json:"picks"`      // of "knee", "fastest", "most_accurate"
	LatencyMS []float64 `json:"latency_ms"` // the most accurate under each limit too
	// Prefer are wishes such as "top1>=76, latency<=22" (percent, ms; memory in 10^6
	// bytes, energy in mJ, size in 10^3 bytes, macs in 10^6): the best point that meets each, or the nearest.
	Prefer []string `json:"prefer"`
	Count  int      `json:"count"` // further points, evenly along the front
	// Profile is the form of the files: "quantised" (the default), "compat",
	// "float" or "fp16". Scores and latencies of the search are the first's.
	Profile string `json:"profile,omitempty"`
	// FineTune is how many epochs each winner is trained alone, at its own bits,
	// before it is written; 0 = as the supernet left it.
	FineTune     float64 `json:"finetune"`
	FineTuneRate float64 `json:"finetune_rate"` // learning rate at its peak; 0 = 0.001
}

// Validation says how exported files are tested.
type Validation struct {
	Images int `json:"images"` // test images; 0 = all
	Runs   int `json:"runs"`   // timed runs a file, on one thread
}

// Report says what the page is called.
type Report struct {
	Title string `json:"title"` // empty = the run's name
}

// Resolve is the space that the config describes, checked.
func (s Space) Resolve() (*space.Space, error) {
	sp := s.Define
	if sp == nil {
		var err error
		if sp, err = space.Preset(s.Name); err != nil {
			return nil, err
		}
	} else {
		sp = sp.Clone()
	}
	if s.Classes > 0 {
		sp.Classes = s.Classes
	}
	for _, o := range []struct {
		to   *[]int
		from []int
	}{{&sp.Resolutions, s.Resolutions}, {&sp.WBits, s.WBits}, {&sp.ABits, s.ABits}} {
		if len(o.from) > 0 {
			*o.to = o.from
		}
	}
	return sp, sp.Validate()
}
