package pipeline

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"runtime/debug"
	"slices"
	"time"
)

// work runs a stage in its own goroutine and reports to results.
func (e *execution) work(ctx context.Context, s *Stage, v verdict) {
	begin := time.Now()
	record, err := e.persist(ctx, s, v)
	elapsed := time.Since(begin)
	if record != nil {
		record.Seconds = elapsed.Seconds()
		record.Finished = time.Now().UTC()
	}
	e.results <- result{stage: s, record: record, elapsed: elapsed, err: err}
}

func (e *execution) attempt(ctx context.Context, s *Stage, v verdict) (*Record, error) {
	begin := time.Now()
	p := &Pass{
		stage: s, dir: e.Dir, inputs: v.inputs,
		work:   filepath.Join(e.Dir, workFolder, s.Name+"-"+v.action.short()),
		events: e.events,
	}
	if err := prepare(p.work, s.Makes); err != nil {
		return nil, err
	}
	known, err := e.shared(p, s, v)
	if err != nil {
		return nil, err
	}
	if known == nil {
		if err := call(ctx, p); err != nil {
			return nil, err
		}
	} else {
		p.summary = known.Summary
	}
	if err := ctx.Err(); err != nil {
		return nil, err // a stage that returns nil when cancelled has made half a thing
	}
	settings, err := json.Marshal(s.Settings)
	if err != nil {
		return nil, err
	}
	artifacts, err := commit(e.Dir, p.work, s.Makes)
	if err != nil {
		return nil, err
	}
	r := &Record{
		Action: v.action, Version: s.Version, Settings: settings, Inputs: v.inputs,
		Artifacts: artifacts, Summary: p.summary, Seconds: time.Since(begin).Seconds(), Finished: time.Now().UTC(),
	}
	if _, prefix := s.own(); shareable(e.Share, s) && known == nil {
		if err := sharedStore(e.Share).put(r.local(s), filepath.Join(e.Dir, prefix)); err != nil {
			e.events <- Event{Kind: Log, Stage: s.Name, Text: fmt.Sprintf("not shared: %v", err)} // the run has its own
		}
	}
	return r, nil
}

// shared takes the stage's artifacts from the shared store, if it has them and
// the stage was not forced.
func (e *execution) shared(p *Pass, s *Stage, v verdict) (*Record, error) {
	if !shareable(e.Share, s) || slices.Contains(e.Force, s.Name) {
		return nil, nil
	}
	own, prefix := s.own()
	r, ok, err := sharedStore(e.Share).fetch(v.action, filepath.Join(p.work, outputs, prefix), own.Makes)
	if err != nil || ok {
		if ok {
			e.events <- Event{Kind: Log, Stage: s.Name, Text: fmt.Sprintf("taken from %s, where it took %s", e.Share, time.Duration(r.Seconds*float64(time.Second)).Round(time.Second/10))}
		}
		return r, err
	}
	return nil, prepare(p.work, s.Makes)
}

// call runs the stage's function. A panic in it is a bug, and is reported with
// its place instead of taking the other stages down.
func call(ctx context.Context, p *Pass) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v\n%s", cause, debug.Stack())
		}
	}()
	defer p.close()
	return p.stage.Run(ctx, p)
}
