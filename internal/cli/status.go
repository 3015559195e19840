package cli

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"hanas/internal/progress"
	"hanas/pipeline"
)

// stageState is what is known of a stage of a run folder.
type stageState struct {
	Name     string     `json:"name"`
	State    string     `json:"state"`            // "fresh" or "stale"
	Reason   string     `json:"reason,omitempty"` // why it is stale
	Summary  string     `json:"summary,omitempty"`
	Seconds  float64    `json:"seconds"` // that it took; 0 = never finished
	Bytes    int64      `json:"bytes"`   // of what it made
	Finished *time.Time `json:"finished,omitempty"`
}

// statusAnswer is what `hanas status --json` prints.
type statusAnswer struct {
	Dir     string       `json:"dir"`
	Name    string       `json:"name"`
	Running bool         `json:"running"`
	PID     int          `json:"pid,omitempty"`
	Done    bool         `json:"done"` // every stage is fresh
	Seconds float64      `json:"seconds"`
	Stages  []stageState `json:"stages"`
}

func (a *app) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "status DIR",
		Short:   "Show how far a run folder is",
		Example: "  hanas status runs/quick",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			dir := args[0]
			c := a.console()
			defer c.Close()
			cfg, table, err := a.open(dir, c)
			if err != nil {
				return err
			}
			answer, err := statusOf(dir, cfg.Name, table)
			if err != nil {
				return badInput(err)
			}
			return a.print(answer, answer.text)
		},
	}
}

// statusOf looks at a run folder.
func statusOf(dir, name string, table []pipeline.Stage) (*statusAnswer, error) {
	steps, err := pipeline.Plan(dir, table)
	if err != nil {
		return nil, err
	}
	m, err := pipeline.ReadManifest(dir)
	if err != nil {
		return nil, err
	}
	answer := statusAnswer{Dir: dir, Name: name, Done: true, Stages: states(steps, m)}
	answer.PID, answer.Running = pipeline.Busy(dir)
	for _, s := range answer.Stages {
		answer.Done = answer.Done && s.State == "fresh"
		answer.Seconds += s.Seconds
	}
	return &answer, nil
}

// states joins what a run would do with what the last one did.
func states(steps []pipeline.Step, m *pipeline.Manifest) []stageState {
	var out []stageState
	for _, st := range steps {
		s := stageState{Name: st.Stage.Name, State: "stale", Reason: st.Reason}
		if st.Fresh {
			s.State = "fresh"
		}
		if r := m.Stages[st.Stage.Name]; r != nil {
			s.Summary, s.Seconds, s.Finished = r.Summary, r.Seconds, &r.Finished
			for _, artifact := range r.Artifacts {
				s.Bytes += artifact.Bytes
			}
		}
		out = append(out, s)
	}
	return out
}

func (s *statusAnswer) text(w io.Writer) {
	rows := [][]string{{"STATE", "STAGE", "TOOK", "SIZE", "OUTCOME"}}
	for _, st := range s.Stages {
		took, size, what := "-", "-", st.Summary
		if st.Finished != nil {
			took = progress.Clock(time.Duration(st.Seconds * float64(time.Second)))
			size = megabytes(st.Bytes)
		}
		if st.Reason != "" {
			what = st.Reason
		}
		rows = append(rows, []string{st.State, st.Name, took, size, what})
	}
	columns(w, rows)
	switch {
	case s.Running && s.PID > 0:
		fmt.Fprintf(w, "running: process %d\n", s.PID)
	case s.Running:
		fmt.Fprintln(w, "running")
	case s.Done:
		fmt.Fprintln(w, "complete")
	default:
		fmt.Fprintln(w, "not complete: hanas run goes on from here")
	}
}
