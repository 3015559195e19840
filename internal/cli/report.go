package cli

import (
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"hanas/pipeline"
)

func (a *app) reportCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "report DIR",
		Short:   "Draw the report of a finished run anew",
		Example: "  hanas report runs/quick",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := args[0]
			c := a.console()
			defer c.Close()
			_, table, err := a.open(dir, c)
			if err != nil {
				return err
			}
			steps, err := pipeline.Plan(dir, table)
			if err != nil {
				return badInput(err)
			}
			for _, st := range steps {
				if !st.Fresh && st.Stage.Name != reportStage {
					return fmt.Errorf("%s is not complete: %s: %s (hanas run goes on from here)", dir, st.Stage.Name, st.Reason)
				}
			}
			r := pipeline.Runner{Dir: dir, Stages: table, Force: []string{reportStage}, Listener: show(c)}
			if _, err := r.Run(cmd.Context()); err != nil {
				return err
			}
			c.Close()
			return a.printReport(dir, table)
		},
	}
}

// reportStage is the stage that draws the report.
const reportStage = "report"

func (a *app) printReport(dir string, table []pipeline.Stage) error {
	files := []string{}
	for _, s := range table {
		if s.Name == reportStage {
			for _, name := range s.Makes {
				files = append(files, filepath.Join(dir, filepath.FromSlash(name)))
			}
		}
	}
	answer := struct {
		Dir   string   `json:"dir"`
		Files []string `json:"files"`
	}{dir, files}
	return a.print(answer, func(w io.Writer) {
		for _, file := range files {
			fmt.Fprintln(w, file)
		}
	})
}
