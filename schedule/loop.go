package schedule

import (
	"context"
	"math/rand/v2"
	"time"
)

// CatchUp says what becomes of times that passed while nobody waited for them.
type CatchUp string

// The policies: missed times are forgotten, or made up for by one call.
const (
	Skip CatchUp = "skip"
	One  CatchUp = "one"
)

// Clock is the time; tests put in their own. The zero Loop uses the system's.
type Clock interface {
	Now() time.Time
	// Sleep waits for d or until ctx ends, and then returns its error.
	Sleep(ctx context.Context, d time.Duration) error
}

// grace is how late a call may be and still be on time.
const grace = 2 * time.Minute

// nap bounds a sleep: the clock may be set meanwhile, or the machine suspended.
const nap = time.Minute

// Loop calls a job when it is due.
type Loop struct {
	Table   *Timetable
	CatchUp CatchUp // "" = Skip
	// Jitter spreads the calls over this long after each time, so that many
	// machines with one timetable do not start at once.
	Jitter time.Duration
	Rand   *rand.Rand // of the jitter; nil = none
	Clock  Clock      // nil = the system's
	// Missed, if set, hears of times that passed by and are skipped.
	Missed func(due time.Time)
}

// Run waits and calls job, one call at a time, until ctx ends (its error), the
// timetable expires (ErrExpired) or job returns an error. last is the time
// that was served last; zero if none was. One beyond the next time of the
// table was served while the clock was ahead, and does not count.
func (l *Loop) Run(ctx context.Context, last time.Time, job func(ctx context.Context, due time.Time) error) error {
	clock := l.Clock
	if clock == nil {
		clock = systemClock{}
	}
	from := last
	if now := clock.Now(); from.IsZero() || l.Table.Ahead(from, now) {
		from = now
	}
	for {
		due, err := l.Table.Next(from)
		if err != nil {
			return err
		}
		set, err := l.wait(ctx, clock, due)
		if err != nil {
			return err
		}
		if set { // back by more than a period: the times of the past that was not are void
			from = clock.Now()
			continue
		}
		now := clock.Now()
		if now.Sub(due) > grace+l.Jitter && l.CatchUp != One {
			if l.Missed != nil {
				l.Missed(due)
			}
			from = now
			continue
		}
		if err := job(ctx, due); err != nil {
			return err
		}
		// Times that passed during a late call are made up for by it; those that
		// passed during a long one are missed. Never the same time twice.
		if from = due; now.After(from) {
			from = now
		}
	}
}

// wait sleeps until due and its jitter. It returns true when the clock was set
// back so far that due is no longer the next time.
func (l *Loop) wait(ctx context.Context, clock Clock, due time.Time) (set bool, err error) {
	at := due
	if l.Jitter > 0 && l.Rand != nil {
		at = due.Add(time.Duration(l.Rand.Int64N(int64(l.Jitter))))
	}
	before := clock.Now()
	for {
		now := clock.Now()
		if now.Before(before.Add(-grace)) {
			return true, nil
		}
		before = now
		left := at.Sub(now)
		if left <= 0 {
			return false, ctx.Err()
		}
		if err := clock.Sleep(ctx, min(left, nap)); err != nil {
			return false, err
		}
	}
}

type systemClock struct{}

// Now drops the monotonic reading: what counts is what the wall clock says,
// also after the machine slept.
func (systemClock) Now() time.Time { return time.Now().Round(0) }

func (systemClock) Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
