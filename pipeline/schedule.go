package pipeline

import (
	"context"
	"errors"
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
	ready     queue              // stages whose inputs are there, not yet judged
	due       []*task            // judged stale, not begun, makers before users
	users     map[string][]*task // by artifact that is not there yet
	made      map[string]string
	running   []*Stage
	failed    []error                  // with KeepGoing
	spent     time.Duration            // processor time of this process, as last looked at
	cpu       map[*Stage]time.Duration // what the running stages have had of it
	restamped bool                     // the manifest differs from the file
	written   time.Time                // when it was last written
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
		Runner: r, manifest: m, summary: sum, made: map[string]string{}, users: map[string][]*task{}, spent: cpuTime(), cpu: map[*Stage]time.Duration{},
		events: make(chan Event), results: make(chan result),
	}
	for place, i := range sequence {
		e.await(&task{stage: &r.Stages[i], place: place})
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
		logs := logBook{dir: e.Dir}
		defer logs.close()
		live := liveBook{dir: e.Dir, stages: map[string]*Live{}}
		defer live.close()
		for ev := range e.events {
			ev.Time = time.Now()
			logs.note(ev)
			live.note(ev)
			if e.Listener != nil {
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
		res, err := e.next()
		if err == nil {
			err = e.finish(res, first != nil || ctx.Err() != nil)
		}
		if err != nil && first == nil {
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
	if first == nil {
		first = errors.Join(e.failed...)
	}
	return first
}

// account shares the processor time since the last look among the stages that
// ran meanwhile, by the cores they were given: of what they took together there
// is a record, of each only that estimate, unless it ran alone.
func (e *execution) account() {
	now := cpuTime()
	delta := now - e.spent
	e.spent = now
	given := 0
	for _, s := range e.running {
		given += e.cores(s)
	}
	for _, s := range e.running {
		e.cpu[s] += delta * time.Duration(e.cores(s)) / time.Duration(given)
	}
}

// room says whether a stage may run beside those that run.
func (e *execution) room(s *Stage) bool {
	if len(e.running) == 0 {
		return true
	}
	jobs, budget := e.jobs(), e.budget()
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
		e.provide(name, record.Artifacts[name].Hash)
	}
	e.summary.Fresh = append(e.summary.Fresh, s.Name)
	e.events <- Event{Kind: Skipped, Stage: s.Name, Text: record.Summary}
	if err := sweep(e.Dir, s.Name); err != nil {
		return &StageError{Stage: s.Name, Err: err}
	}
	return nil
}

// flushAfter is how long the record of a quick stage may wait for others to be
// written with it: a manifest written after each of thousands would cost more
// than they do. A kill in between runs those stages again, to the same bytes.
const flushAfter = 50 * time.Millisecond

// restamp writes the manifest if it has changed: stages that finished, or new
// modification times, so that files read this time are not read again.
func (e *execution) restamp() error {
	if !e.restamped {
		return nil
	}
	if err := e.manifest.write(e.Dir); err != nil {
		return err
	}
	e.restamped, e.written = false, time.Now()
	return nil
}

// next waits for a stage to end, and writes the manifest if that takes long.
func (e *execution) next() (result, error) {
	if e.restamped {
		timer := time.NewTimer(flushAfter)
		defer timer.Stop()
		select {
		case res := <-e.results:
			return res, nil
		case <-timer.C:
		}
		if err := e.restamp(); err != nil {
			return <-e.results, err
		}
	}
	return <-e.results, nil
}

// finish takes a stage's result into the manifest. stopping says that the run
// is coming to rest: an error is then no news.
func (e *execution) finish(res result, stopping bool) error {
	s := res.stage
	e.account()
	if res.record != nil {
		res.record.CPUSeconds = e.cpu[s].Seconds()
	}
	delete(e.cpu, s)
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
		if e.KeepGoing {
			e.failed = append(e.failed, &StageError{Stage: s.Name, Err: res.err})
			return nil
		}
		return &StageError{Stage: s.Name, Err: res.err}
	}
	e.manifest.Stages[s.Name] = res.record
	e.restamped = true
	if res.elapsed >= flushAfter || time.Since(e.written) >= flushAfter {
		if err := e.restamp(); err != nil {
			return err
		}
	}
	if err := sweep(e.Dir, s.Name); err != nil {
		return &StageError{Stage: s.Name, Err: err}
	}
	for name, a := range res.record.Artifacts {
		e.provide(name, a.Hash)
	}
	e.summary.Ran = append(e.summary.Ran, s.Name)
	e.events <- Event{Kind: Finished, Stage: s.Name, Text: res.record.Summary, Elapsed: res.elapsed}
	return nil
}
