package pipeline

import "time"

// Kind says what an event tells.
type Kind string

// The kinds of events. Of a stage there is either one Skipped, or one Started,
// any number of Progress and Log, and one of Finished, Failed and Stopped.
const (
	Started  Kind = "started"
	Skipped  Kind = "skipped" // fresh: nothing to do
	Progress Kind = "progress"
	Log      Kind = "log"
	Finished Kind = "finished"
	Failed   Kind = "failed"
	Stopped  Kind = "stopped" // the run was cancelled, or another stage failed
)

// Event is one thing that happened. The listener gets one at a time.
type Event struct {
	Kind    Kind          `json:"kind"`
	Time    time.Time     `json:"time"`
	Stage   string        `json:"stage"`
	Text    string        `json:"text,omitempty"`    // Log: the line; Started: the reason; Skipped, Finished: the summary
	Done    int64         `json:"done,omitempty"`    // Progress
	Total   int64         `json:"total,omitempty"`   // Progress; 0 = unknown
	Unit    string        `json:"unit,omitempty"`    // Progress: plural noun
	Elapsed time.Duration `json:"elapsed,omitempty"` // Finished, Failed, Stopped: nanoseconds
	Err     error         `json:"-"`                 // Failed, Stopped
}
