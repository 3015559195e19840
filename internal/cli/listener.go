package cli

import (
	"hanas/internal/progress"
	"hanas/pipeline"
)

// show puts the pipeline's events on a console.
func show(c *progress.Console) func(pipeline.Event) {
	return func(e pipeline.Event) {
		switch e.Kind {
		case pipeline.Started:
			c.Start(e.Stage, e.Text)
		case pipeline.Skipped:
			c.Skip(e.Stage, e.Text)
		case pipeline.Progress:
			c.Update(e.Stage, e.Done, e.Total, e.Unit)
		case pipeline.Log:
			c.Log(e.Stage, e.Text)
		case pipeline.Finished:
			c.Finish(e.Stage, e.Text, e.Elapsed)
		case pipeline.Failed:
			c.Fail(e.Stage, "failed", e.Elapsed) // the error is told once, at the end
		case pipeline.Stopped:
			c.Fail(e.Stage, "stopped", e.Elapsed)
		}
	}
}
