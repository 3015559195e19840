package pipeline

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// Runner brings a run folder up to date.
type Runner struct {
	// Dir is the run folder; it is made if there is none.
	Dir string
	// Stages is the table. Validate is called on it.
	Stages []Stage
	// Jobs is how many stages may run side by side; 0 means one a core.
	Jobs int
	// Cores is the budget that Stage.Cores draws on; 0 means all that this
	// process may use. A stage that asks for more gets all.
	Cores int
	// Force names stages that run even if they are fresh.
	Force []string
	// Share, if set, is a folder that artifacts are shared through with other
	// runs; it is made if there is none. A stage that it has the answer of does not
	// run, unless it is forced or Exclusive: those measure the machine.
	Share string
	// KeepGoing has a stage that fails stop only those that need what it makes; Run
	// then returns the errors of all that failed, each a StageError.
	KeepGoing bool
	// Retry says how often a stage is tried again after an error that may pass.
	Retry Retry
	// Begin, if set, is called once the folder is this process's alone, before
	// the manifest is read. Its error ends the run.
	Begin func() error
	// Listener, if set, gets the events, one at a time.
	Listener func(Event)
}

// Summary is what a run came to.
type Summary struct {
	Dir     string        `json:"dir"`
	Ran     []string      `json:"ran"`   // stages that did work, in the order they finished
	Fresh   []string      `json:"fresh"` // stages that had nothing to do
	Elapsed time.Duration `json:"-"`
	Seconds float64       `json:"seconds"`
}

// StageError says which stage failed.
type StageError struct {
	Stage string
	Err   error
}

func (e *StageError) Error() string { return fmt.Sprintf("stage %s: %v", e.Stage, e.Err) }

// Unwrap returns what the stage reported.
func (e *StageError) Unwrap() error { return e.Err }

// Run brings the run folder up to date. Stages that are ready run side by side;
// the first error stops the others, unless KeepGoing. When ctx ends, Run waits for the running
// stages to come to rest and returns the context's error. A later Run goes on
// where this one stopped.
func (r *Runner) Run(ctx context.Context) (Summary, error) {
	sum := Summary{Dir: r.Dir, Ran: []string{}, Fresh: []string{}}
	begin := time.Now()
	if err := r.check(); err != nil {
		return sum, err
	}
	if err := os.MkdirAll(r.Dir, 0o777); err != nil {
		return sum, fmt.Errorf("pipeline: run folder: %w", err)
	}
	release, err := lock(r.Dir)
	if err != nil {
		return sum, err
	}
	defer release()
	if r.Begin != nil {
		if err := r.Begin(); err != nil {
			return sum, err
		}
	}
	m, err := ReadManifest(r.Dir)
	if err != nil {
		return sum, err
	}
	e, err := newExecution(r, m, &sum)
	if err != nil {
		return sum, err
	}
	err = e.run(ctx)
	sum.Elapsed = time.Since(begin)
	sum.Seconds = sum.Elapsed.Seconds()
	return sum, err
}

func (r *Runner) check() error {
	if err := Validate(r.Stages); err != nil {
		return err
	}
	names := make([]string, 0, len(r.Stages))
	for _, s := range r.Stages {
		names = append(names, s.Name)
	}
	for _, name := range r.Force {
		if !slices.Contains(names, name) {
			return fmt.Errorf("pipeline: force: no stage %q (there are: %s)", name, strings.Join(names, ", "))
		}
	}
	return nil
}
