// Package pipeline runs documented steps on files that are known by their
// content. It has never heard of neural networks.
//
// There are few types: a [Stage] says what it needs, what it makes and how; a
// [Pass] is what a running stage may touch; a [Runner] brings a run folder up
// to date; an [Event] tells what happens. An artifact is a file or a folder
// inside the run folder and its name is its path there; a folder's name ends
// with a slash.
//
//	stages := []pipeline.Stage{
//		{Name: "draw", Doc: "draws the numbers", Version: 1, Makes: []string{"numbers.txt"}, Settings: 7,
//			Run: func(ctx context.Context, p *pipeline.Pass) error {
//				return os.WriteFile(p.Output("numbers.txt"), []byte("1\n2\n"), 0o666)
//			}},
//		{Name: "sum", Doc: "adds them", Version: 1, Needs: []string{"numbers.txt"}, Makes: []string{"sum.txt"}, Run: sum},
//	}
//	r := pipeline.Runner{Dir: "runs/demo", Stages: stages}
//	summary, err := r.Run(ctx)
//
// A stage is skipped when nothing that could change its answer has changed: its
// [ActionID] is the hash of its name, version, settings and the content of its
// inputs, and what it made is still there with the content on record. So the
// same call after a kill, at any moment, goes on where the first was, and an
// artifact that was damaged is made anew.
package pipeline
