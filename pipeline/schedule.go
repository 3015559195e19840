package pipeline

import (
	"context"
	"runtime"
	"slices"
	"time"
)

// execution is one Run: the state of the scheduling goroutine, which alone
// touches it. Stages run in goroutines of their own and report to results.
type execution struct {
	*Runner
	manifest  *Manifest
	summary   *Summary
	pending   []*Stage           // not begun, makers before users
	judged    map[*Stage]verdict // of pending stages whose inputs are there
	made      map[string]string
	running   []*Stage
	restamped bool
	events    chan Event
	results   chan result
}

type result struct {
	stage   *Stage
	record  *Record
	elapsed time.Duration
	err     error
}

func newExecution(r *Runner, m *Manifest, sum *Summary) (*execution, error) {
	sequence, err := order(r.Stages)
	if err != nil {
		return nil, err
	}
	e := &execution{
		Runner: r, manifest: m, summary: sum, judged: map[*Stage]verdict{}, made: map[string]string{},
		events: make(chan Event), results: make(chan result),
	}
	for _, i := range sequence {
		e.pending = append(e.pending, &r.Stages[i])
	}
	return e, nil
}

// run schedules until nothing is left to do, or something has failed and the
// rest has come to rest.
func (e *execution) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ev := range e.events {
			if e.Listener != nil {
				ev.Time = time.Now()
				e.Listener(ev)
			}
		}
	}()
	var first error
	for {
		if first == nil && ctx.Err() == nil {
			if first = e.start(ctx); first != nil {
				cancel()
			}
		}
		if len(e.running) == 0 {
			break
		}
		if err := e.finish(<-e.results, first != nil || ctx.Err() != nil); err != nil && first == nil {
			first = err
			cancel()
		}
	}
	if err := e.restamp(); err != nil && first == nil {
		first = err
	}
	sweepAll(e.Dir)
	close(e.events)
	<-done
	if first == nil {
		first = ctx.Err()
	}
	return first
}

// start begins every stage that can begin now. A fresh stage is done at once,
// which may make others ready: hence the loop.
func (e *execution) start(ctx context.Context) error {
	for again := true; again; {
		again = false
		for i := 0; i < len(e.pending); i++ {
			s := e.pending[i]
			if ctx.Err() != nil {
				return nil // run reports it
			}
			v, ok, err := e.verdict(s)
			if err != nil {
				return err
			}
			if !ok || v.reason != "" && !e.room(s) {
				continue
			}
			e.pending = slices.Delete(e.pending, i, i+1)
			i--
			if v.reason == "" {
				if err := e.skip(s, v); err != nil {
					return err
				}
				again = true
				continue
			}
			e.events <- Event{Kind: Started, Stage: s.Name, Text: v.reason}
			e.running = append(e.running, s)
			go e.work(ctx, s, v)
		}
	}
	return nil
}

// verdict judges a stage, once; false while its inputs are not all there.
func (e *execution) verdict(s *Stage) (verdict, bool, error) {
	if v, ok := e.judged[s]; ok || !e.ready(s) {
		return v, ok, nil
	}
	v, err := judge(e.Dir, s, e.manifest.Stages[s.Name], e.made)
	if err != nil {
		return v, false, err
	}
	if v.reason == "" && slices.Contains(e.Force, s.Name) {
		v.reason = "forced"
	}
	e.judged[s] = v
	return v, true, nil
}

// ready says whether all that a stage needs is there.
func (e *execution) ready(s *Stage) bool {
	for _, name := range s.Needs {
		if _, ok := e.made[name]; !ok {
			return false
		}
	}
	return true
}

// room says whether a stage may run beside those that run.
func (e *execution) room(s *Stage) bool {
	if len(e.running) == 0 {
		return true
	}
	jobs, budget := e.Jobs, e.budget()
	if jobs <= 0 {
		jobs = runtime.GOMAXPROCS(0)
	}
	used := e.cores(s)
	for _, other := range e.running {
		if other.Exclusive {
			return false
		}
		used += e.cores(other)
	}
	return !s.Exclusive && len(e.running) < jobs && used <= budget
}

func (e *execution) budget() int {
	if e.Cores > 0 {
		return e.Cores
	}
	return runtime.GOMAXPROCS(0)
}

func (e *execution) cores(s *Stage) int { return min(max(s.Cores, 1), e.budget()) }

// skip takes over what a fresh stage made. A kill after the manifest was
// written may have left its working folder.
func (e *execution) skip(s *Stage, v verdict) error {
	record := e.manifest.Stages[s.Name]
	for name, now := range v.stamps {
		a := record.Artifacts[name]
		a.Stamp = now
		record.Artifacts[name] = a
		e.restamped = true
	}
	for _, name := range s.Makes {
		e.made[name] = record.Artifacts[name].Hash
	}
	e.summary.Fresh = append(e.summary.Fresh, s.Name)
	e.events <- Event{Kind: Skipped, Stage: s.Name, Text: record.Summary}
	if err := sweep(e.Dir, s.Name); err != nil {
		return &StageError{Stage: s.Name, Err: err}
	}
	return nil
}

// restamp keeps new modification times, so that the files that were read this
// time are not read again next time.
func (e *execution) restamp() error {
	if !e.restamped {
		return nil
	}
	return e.manifest.write(e.Dir)
}

// finish takes a stage's result into the manifest. stopping says that the run
// is coming to rest: an error is then no news.
func (e *execution) finish(res result, stopping bool) error {
	s := res.stage
	e.running = slices.DeleteFunc(e.running, func(other *Stage) bool { return other == s })
	if res.err != nil {
		kind := Failed
		if stopping {
			kind = Stopped
		}
		e.events <- Event{Kind: kind, Stage: s.Name, Elapsed: res.elapsed, Err: res.err, Text: res.err.Error()}
		if kind == Stopped {
			return nil // run returns the context's error, or the one that stopped it
		}
		return &StageError{Stage: s.Name, Err: res.err}
	}
	e.manifest.Stages[s.Name] = res.record
	if err := e.manifest.write(e.Dir); err != nil {
		return err
	}
	e.restamped = false
	if err := sweep(e.Dir, s.Name); err != nil {
		return &StageError{Stage: s.Name, Err: err}
	}
	for name, a := range res.record.Artifacts {
		e.made[name] = a.Hash
	}
	e.summary.Ran = append(e.summary.Ran, s.Name)
	e.events <- Event{Kind: Finished, Stage: s.Name, Text: res.record.Summary, Elapsed: res.elapsed}
	return nil
}
