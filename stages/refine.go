package stages

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"

	"hanas/onnx"
	"hanas/pipeline"
	"hanas/predictor"
	"hanas/samples"
	"hanas/search/nsga2"
	"hanas/space"
)

// refineRound is one round of refine.json.
type refineRound struct {
	Predicted []float64         `json:"predicted"` // before they were scored
	Scored    []float64         `json:"scored"`
	Arch      []string          `json:"arch"`
	Metrics   predictor.Metrics `json:"metrics"` // of the predictions, where the search went
}

// refineRecord is refine.json.
type refineRecord struct {
	Kind   string        `json:"kind"` // of the predictor
	Rounds []refineRound `json:"rounds"`
}

// refinement is the state of a stage that goes round and round.
type refinement struct {
	env     *Env
	pass    *pipeline.Pass
	engine  onnx.Engine
	scoring *scoring
	graph   *onnx.Model // the predictor
	kind    string
	rows    []samples.Sample          // what it learns from
	known   map[string]samples.Sample // what is scored, by Arch
	found   *samples.Writer
}

// runRefine searches, scores what the search proposes and fits the predictor
// again, in rounds. A search goes where the predictor errs in its favour, so
// that the front is worse than it looks; scores from there mend it (the loop of
// LINAS: D. Cummings et al., 2022).
func (e *Env) runRefine(ctx context.Context, p *pipeline.Pass) error {
	r, err := e.newRefinement(ctx, p)
	if err != nil {
		return err
	}
	defer r.found.Close()
	rec := refineRecord{Kind: r.kind}
	c := e.Config.Refine
	for round := range c.Rounds {
		archs, err := r.propose(ctx)
		if err != nil {
			return err
		}
		if len(archs) == 0 {
			p.Log("round %d: all of the front is scored", round+1)
			break
		}
		one, err := r.score(ctx, archs, round*c.Scored, c.Rounds*c.Scored)
		if err != nil {
			return err
		}
		p.Log("round %d: %d proposed sub-networks scored: tau %.3f, %.2f points rms, %+.2f in the mean", round+1, len(archs), one.Metrics.Tau, one.Metrics.RMSEpp, one.Metrics.BiasPP)
		rec.Rounds = append(rec.Rounds, one)
		if err := r.fit(ctx); err != nil {
			return err
		}
	}
	if n := len(rec.Rounds); n > 0 {
		first, last := rec.Rounds[0].Metrics, rec.Rounds[n-1].Metrics
		p.Summary(fmt.Sprintf("predictions on the front: %.2f points rms in the first of %d rounds, %.2f in the last (bias %+.2f, %+.2f)", first.RMSEpp, n, last.RMSEpp, first.BiasPP, last.BiasPP))
	}
	if err := r.found.Close(); err != nil {
		return err
	}
	if err := copyFile(p.Work(refinedSamples), p.Output(refinedSamples)); err != nil {
		return err
	}
	if err := onnx.WriteFile(p.Output(refinedFile), r.graph); err != nil {
		return err
	}
	return writeJSON(p.Output(refineJSON), rec)
}

func (e *Env) newRefinement(ctx context.Context, p *pipeline.Pass) (*refinement, error) {
	engine, err := e.scoring(ctx)
	if err != nil {
		return nil, err
	}
	r := &refinement{env: e, pass: p, engine: engine, known: map[string]samples.Sample{}}
	if r.scoring, err = e.newScoring(ctx, p.Input(supernetFile)); err != nil {
		return nil, err
	}
	all, _, err := samples.Read(p.Input(samplesFile))
	if err != nil {
		return nil, err
	}
	for _, s := range all {
		r.known[s.Arch] = s
	}
	r.rows = append(samples.Select(all, samples.Train), samples.Select(all, samples.Val)...)
	if r.graph, err = onnx.ReadFile(p.Input(predictorFile)); err != nil {
		return nil, err
	}
	if r.kind, err = winner(p.Input(predictorJSON)); err != nil {
		return nil, err
	}
	w, before, err := samples.Resume(p.Work(refinedSamples), e.Space, samples.Info{SupernetHash: p.InputHash(supernetFile), DataHash: p.InputHash(dataFile), Device: r.scoring.device})
	if err != nil {
		return nil, err
	}
	r.found = w
	for _, s := range before { // of a run that was killed: not scored again
		r.known[s.Arch] = s
	}
	return r, nil
}

// winner is the kind of predictor that won the cross-validation.
func winner(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("stages: %w", err)
	}
	var rec struct {
		Fit struct {
			Kind string `json:"kind"`
		} `json:"fit"`
	}
	if err := json.Unmarshal(text, &rec); err != nil {
		return "", fmt.Errorf("stages: %s: %w", predictorJSON, err)
	}
	if rec.Fit.Kind == "" {
		return "", errors.New("stages: " + predictorJSON + ": names no kind of predictor (run with --force predictor)")
	}
	return rec.Fit.Kind, nil
}

// propose searches with the predictor as it is, and gives points of the front
// that no row has yet, evenly along it.
func (r *refinement) propose(ctx context.Context) ([]space.Arch, error) {
	pr, err := predictor.New(r.graph, r.engine, r.env.Space)
	if err != nil {
		return nil, err
	}
	defer pr.Close()
	j, err := r.env.newJudge(r.pass, pr)
	if err != nil {
		return nil, err
	}
	problem, err := r.env.problem(j)
	if err != nil {
		return nil, err
	}
	found, err := nsga2.Run(ctx, problem, r.env.nsga2(nil), nil)
	if err != nil {
		return nil, err
	}
	if err := found.Front.Err(); err != nil {
		return nil, err
	}
	learnt := map[string]bool{}
	for _, s := range r.rows {
		learnt[s.Arch] = true
	}
	points, err := j.front(ctx, found.Front) // sorted by latency
	if err != nil {
		return nil, err
	}
	points = slices.DeleteFunc(points, func(p frontPoint) bool { return learnt[p.Arch] })
	var out []space.Arch
	n := min(r.env.Config.Refine.Scored, len(points))
	for i := range n {
		a, err := r.env.Space.Parse(points[(2*i+1)*len(points)/(2*n)].Arch)
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, nil
}

// score runs the proposed Archs, adds them to the rows, and compares.
func (r *refinement) score(ctx context.Context, archs []space.Arch, done, total int) (refineRound, error) {
	var one refineRound
	pr, err := predictor.New(r.graph, r.engine, r.env.Space)
	if err != nil {
		return one, err
	}
	defer pr.Close()
	if one.Predicted, _, err = pr.Predict(ctx, archs); err != nil {
		return one, err
	}
	rows := make([]samples.Sample, len(archs)) // known is written while others are scored
	for i, a := range archs {
		row := samples.New(r.env.Space, a)
		if known, ok := r.known[row.Arch]; ok {
			row = known
		}
		rows[i] = row
	}
	err = ordered(ctx, r.env.workers(), len(archs), func(ctx context.Context, i int) (samples.Sample, error) {
		row := rows[i]
		if row.Images > 0 {
			return row, nil
		}
		_, res, err := r.scoring.score(ctx, archs[i])
		row.Accuracy, row.Top5, row.Loss, row.Images, row.Seed = res.Value, res.Second, res.Loss, int64(res.N), r.env.Config.Seed
		return row, err
	}, func(i int, row samples.Sample) error {
		r.pass.Progress(int64(done+i+1), int64(total), "sub-networks")
		r.rows = append(r.rows, row)
		one.Arch, one.Scored = append(one.Arch, row.Arch), append(one.Scored, row.Accuracy)
		if _, ok := r.known[row.Arch]; ok {
			return nil
		}
		r.known[row.Arch] = row
		return r.found.Append([]samples.Sample{row})
	})
	one.Metrics = predictor.Compare(one.Predicted, one.Scored)
	return one, err
}

// fit learns from all rows anew.
func (r *refinement) fit(ctx context.Context) error {
	set := r.env.predictorSettings(r.pass.InputHash(supernetFile))
	set.Kinds = []string{r.kind}
	m, err := predictor.Fit(ctx, r.engine, r.env.Space, r.rows, set)
	if err != nil {
		return err
	}
	r.graph = m.Graph
	return nil
}

// predictorSettings are those of the configuration, for samples of a supernet.
func (e *Env) predictorSettings(supernetHash string) predictor.Settings {
	c := e.Config.Predictor
	return predictor.Settings{
		Hidden: c.Hidden, Members: c.Members, Epochs: c.Epochs, Batch: c.Batch, Rate: c.Rate, Decay: c.Decay, Kinds: c.Kinds,
		Seed: e.Config.Seed, Supernet: supernetHash,
	}
}
