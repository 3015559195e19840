package schedule

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// ErrExpired says that a timetable has no time left, such as 30 February.
var ErrExpired = errors.New("schedule: the cron expression names no time in the next five years")

// Timetable says when something is due.
type Timetable struct {
	Spec string
	cron cron.Schedule
	zone *time.Location
}

// Parse reads five cron fields (minute, hour, day, month, weekday), or a
// descriptor such as @weekly, in a time zone of the IANA data base ("" = local).
// A time that daylight saving skips does not occur that day.
func Parse(spec, zone string) (*Timetable, error) {
	if strings.Contains(spec, "=") {
		return nil, fmt.Errorf("schedule: cron %q: no time zone here (name it beside the expression)", spec)
	}
	location := time.Local
	var err error
	if zone != "" {
		if location, err = time.LoadLocation(zone); err != nil {
			return nil, fmt.Errorf("schedule: time zone %q: %w (want a name such as Europe/Berlin or UTC)", zone, err)
		}
	}
	parsed, err := cron.ParseStandard(spec)
	if err != nil {
		return nil, fmt.Errorf("schedule: cron %q: %w (want minute hour day month weekday, such as \"0 3 * * 1\")", spec, err)
	}
	return &Timetable{Spec: spec, cron: parsed, zone: location}, nil
}

// Next is the first time after t, or ErrExpired.
func (t *Timetable) Next(after time.Time) (time.Time, error) {
	next := t.cron.Next(after.In(t.zone))
	if next.IsZero() {
		return next, ErrExpired
	}
	return next, nil
}

// Ahead says whether a time that was served lies beyond the next one after now:
// the clock was ahead when it was.
func (t *Timetable) Ahead(served, now time.Time) bool {
	next, err := t.Next(now)
	return err == nil && served.After(next)
}
