package progress

import (
	"encoding/json"
	"io"
	"time"
)

// Event is something that happened to a task, for machines: see FORMAT.md.
type Event struct {
	Time string `json:"time"`  // RFC 3339, UTC
	What string `json:"event"` // one of Kinds
	Task string `json:"task,omitempty"`
	Text string `json:"text,omitempty"` // why it started, what it logs, or how it ended

	// Of "progress": total 0 = unknown; rate and time left are there once known.
	Done      int64   `json:"done,omitempty"`
	Total     int64   `json:"total,omitempty"`
	Unit      string  `json:"unit,omitempty"`
	PerSecond float64 `json:"per_second,omitempty"`
	Left      float64 `json:"seconds_left,omitempty"`

	Seconds float64 `json:"seconds,omitempty"` // that a task took, of "finished" and "failed"
}

// Kinds are what Event.What can be.
var Kinds = []string{"started", "progress", "log", "finished", "failed", "fresh"}

// tellEvery is the time between two events of one task's progress.
const tellEvery = time.Second

// Tell has every event written to w too, a JSON document a line. A writer that
// fails is not written to again.
func (c *Console) Tell(w io.Writer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	c.sink = e
}

// tell stamps an event and writes it.
func (c *Console) tell(e Event) {
	if c.sink == nil {
		return
	}
	e.Time = c.now().UTC().Format(time.RFC3339Nano)
	if c.sink.Encode(e) != nil {
		c.sink = nil
	}
}

// tellProgress tells how far a task is, once a second and at its end.
func (c *Console) tellProgress(t *task, now time.Time) {
	if c.sink == nil || now.Sub(t.told) < tellEvery && t.done != t.total {
		return
	}
	t.told = now
	e := Event{What: "progress", Task: t.name, Done: t.done, Total: t.total, Unit: t.unit, PerSecond: t.meter.perSecond()}
	if e.PerSecond > 0 && t.total > t.done {
		e.Left = float64(t.total-t.done) / e.PerSecond
	}
	c.tell(e)
}
