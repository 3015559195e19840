package stages

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"hanas/configs"
	"hanas/onnx/ort"
	"hanas/space"
)

// Job is scoring work that any machine of one kind can do a part of. It is a
// value that JSON can hold, apart from the paths of its inputs: its bytes, and
// those of its inputs, name its answer.
type Job struct {
	Stage   string          `json:"stage"`   // that asks, "evaluate"
	Version int             `json:"version"` // of the code that scores: scoringVersion
	Machine string          `json:"machine"` // Kind of the machines whose answers are alike
	Config  *configs.Config `json:"config"`
	Archs   []string        `json:"archs"` // to score: space.Space.Key
	// Inputs are the artifacts that scoring reads, by name, as local paths.
	Inputs map[string]string `json:"-"`
}

// scoringVersion is raised when the code scores the same Arch otherwise, so
// that workers of another build are not asked.
const scoringVersion = 3

// Shard is a part of a job: the Archs from From up to To, which is left out.
type Shard struct {
	From int `json:"from"`
	To   int `json:"to"`
}

// Shards cuts the Archs of a job from the given one on into parts of size; the
// cuts are the same wherever it begins, so that a job that goes on finds the
// parts that are done.
func (j Job) Shards(from, size int) []Shard {
	var out []Shard
	for next := from; next < len(j.Archs); {
		end := min((next/size+1)*size, len(j.Archs))
		out = append(out, Shard{next, end})
		next = end
	}
	return out
}

// Score is what scoring an Arch gives. Its floats are exact in JSON.
type Score struct {
	Arch   string  `json:"arch"` // space.Space.Key
	Top1   float64 `json:"top1"` // fraction in [0,1]
	Top5   float64 `json:"top5"` // fraction in [0,1]
	Loss   float64 `json:"loss"` // mean cross-entropy
	Images int64   `json:"images"`
}

// Crew does the shards of a job, on other machines or in this process, and hands
// the scores to emit in the order of the Archs, each once, beginning with the
// from-th. The scores are the same whoever does them.
type Crew interface {
	Score(ctx context.Context, job Job, from int, emit func(i int, s Score) error) error
}

// Hand does shards of one job. Its methods may be called from several
// goroutines.
type Hand struct {
	archs   []space.Arch
	scoring *scoring
}

// Hand opens what a job needs. The images of this machine must be those that the
// job was made with: their digest is held against the job's data.json.
func (e *Env) Hand(ctx context.Context, job Job) (*Hand, error) {
	if job.Version != scoringVersion {
		return nil, fmt.Errorf("stages: job: scored by version %d of the code, this is %d (use one build of hanas everywhere)", job.Version, scoringVersion)
	}
	if err := e.sameImages(ctx, job.Inputs[dataFile]); err != nil {
		return nil, err
	}
	h := &Hand{}
	for i, key := range job.Archs {
		a, err := e.Space.Parse(key)
		if err != nil {
			return nil, fmt.Errorf("stages: job: Arch %d: %w", i, err)
		}
		h.archs = append(h.archs, a)
	}
	var err error
	h.scoring, err = e.newScoring(ctx, job.Inputs[supernetFile])
	return h, err
}

// sameImages holds the images of this machine against a data.json.
func (e *Env) sameImages(ctx context.Context, record string) error {
	var want dataRecord
	if err := readJSON(record, &want); err != nil {
		return err
	}
	set, err := e.data(ctx)
	if err != nil {
		return err
	}
	if set.Info.Digest != want.Info.Digest {
		return fmt.Errorf("stages: images: digest %.12s here, the run has %.12s (give this machine the run's images)", set.Info.Digest, want.Info.Digest)
	}
	return nil
}

// Shard scores the Archs of a shard in order. The first of them may be done
// already, by whoever had the shard before; tell, if there is one, is called
// with all that is done after each further score.
func (h *Hand) Shard(ctx context.Context, s Shard, done []Score, tell func([]Score)) ([]Score, error) {
	if s.From < 0 || s.To > len(h.archs) || s.From+len(done) > s.To {
		return nil, fmt.Errorf("stages: shard [%d, %d) with %d done: the job has %d Archs", s.From, s.To, len(done), len(h.archs))
	}
	out := slices.Clone(done)
	for i, d := range done {
		if want := h.scoring.space.Key(h.archs[s.From+i]); d.Arch != want {
			return nil, fmt.Errorf("stages: shard [%d, %d): %s is said to be done where %s is due", s.From, s.To, d.Arch, want)
		}
	}
	for _, a := range h.archs[s.From+len(done) : s.To] {
		_, res, err := h.scoring.score(ctx, a)
		if err != nil {
			return nil, err
		}
		out = append(out, Score{h.scoring.space.Key(a), res.Value, res.Second, res.Loss, int64(res.N)})
		if tell != nil {
			tell(out)
		}
	}
	return out, ctx.Err()
}

// inProcess is the crew of a run without a server: goroutines of this process.
type inProcess struct{ env *Env }

// ownShard is how many Archs a goroutine takes at a time: few, so that none is
// left alone with many at the end.
const ownShard = 4

func (c inProcess) Score(ctx context.Context, job Job, from int, emit func(int, Score) error) error {
	hand, err := c.env.Hand(ctx, job)
	if err != nil {
		return err
	}
	shards := job.Shards(from, ownShard)
	return ordered(ctx, c.env.workers(), len(shards), func(ctx context.Context, i int) ([]Score, error) {
		return hand.Shard(ctx, shards[i], nil, nil)
	}, func(i int, scores []Score) error {
		for k, s := range scores {
			if err := emit(shards[i].From+k, s); err != nil {
				return err
			}
		}
		return nil
	})
}

// Kind names what decides the bytes of scores besides a job's inputs: the code,
// the version of ONNX Runtime and the instruction sets its kernels choose
// between. Machines of one kind can share a job.
func Kind(rt *ort.Runtime) string {
	features := slices.Sorted(slices.Values(ort.ThisMachine().Features))
	return strings.Join(append([]string{
		fmt.Sprintf("score-%d", scoringVersion), "onnxruntime-" + rt.Version(), runtime.GOARCH,
	}, features...), ".")
}
