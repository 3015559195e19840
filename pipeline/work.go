package pipeline

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"runtime/debug"
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
	p := &Pass{
		stage: s, dir: e.Dir, inputs: v.inputs,
		work:   filepath.Join(e.Dir, workFolder, s.Name+"-"+v.action.short()),
		events: e.events,
	}
	if err := prepare(p.work, s.Makes); err != nil {
		return nil, err
	}
	if err := call(ctx, p); err != nil {
		return nil, err
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
	return &Record{
		Action: v.action, Version: s.Version, Settings: settings, Inputs: v.inputs,
		Artifacts: artifacts, Summary: p.summary,
	}, nil
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
