package pipeline

import (
	"context"
	"errors"
	"time"
)

// Passing is an error that may pass by itself: a server that did not answer, a
// device in use. Only such errors are tried again; any other would fail alike.
type Passing interface {
	error
	MayPass() bool
}

// MayPass marks an error as one that may pass; nil stays nil.
func MayPass(err error) error {
	if err == nil {
		return nil
	}
	return passing{err}
}

type passing struct{ error }

func (p passing) MayPass() bool { return true }
func (p passing) Unwrap() error { return p.error }

// Retry says how often a stage is tried again. The zero value works.
type Retry struct {
	// Limit is the number of further attempts; 0 means 3, negative none.
	Limit int
	// First is the wait before the second attempt; it doubles from there; 0 means 1 s.
	First time.Duration
	// Most bounds the wait; 0 means 1 minute.
	Most time.Duration
	// Wait replaces the clock in tests; nil waits for real.
	Wait func(ctx context.Context, d time.Duration) error
}

// delay is how long to wait after the n-th failure (1, 2, …), and whether there
// is another attempt at all.
func (r Retry) delay(n int, err error) (time.Duration, bool) {
	limit, wait, most := r.Limit, r.First, r.Most
	if limit == 0 {
		limit = 3
	}
	if wait <= 0 {
		wait = time.Second
	}
	if most <= 0 {
		most = time.Minute
	}
	var p Passing
	if n > limit || !errors.As(err, &p) || !p.MayPass() {
		return 0, false
	}
	for range n - 1 {
		wait = min(2*wait, most)
	}
	return min(wait, most), true
}

func (r Retry) wait(ctx context.Context, d time.Duration) error {
	if r.Wait != nil {
		return r.Wait(ctx, d)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// persist attempts a stage until it succeeds, fails for good, or ctx ends.
func (e *execution) persist(ctx context.Context, s *Stage, v verdict) (*Record, error) {
	for n := 1; ; n++ {
		record, err := e.attempt(ctx, s, v)
		if err == nil || ctx.Err() != nil {
			return record, err
		}
		d, again := e.Retry.delay(n, err)
		if !again {
			return nil, err
		}
		e.events <- Event{Kind: Log, Stage: s.Name, Text: err.Error() + " (this may pass: trying again in " + d.String() + ")"}
		if e.Retry.wait(ctx, d) != nil {
			return nil, err
		}
	}
}
