package cli

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"hanas/internal/atomicfile"
	"hanas/pipeline"
	"hanas/report"
)

func (a *app) reportCommand() *cobra.Command {
	var compare []string
	var out string
	cmd := &cobra.Command{
		Use:   "report DIR",
		Short: "Draw the report of a finished run anew, or compare runs",
		Long: `Draws the report of a finished run anew. With --compare the fronts of this run and
of others go into one page, with what each reaches under limits that they share.
Both pages are one file each, which opens without a network.`,
		Example: `  hanas report runs/quick
  hanas report runs/quick --compare runs/quick-2 --compare runs/wide --out compared.html`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := args[0]
			if len(compare) > 0 {
				return a.compareRuns(append([]string{dir}, compare...), out)
			}
			c := a.console()
			defer c.Close()
			_, table, err := a.open(dir, c)
			if err != nil {
				return err
			}
			if err := complete(dir, table); err != nil {
				return err
			}
			r := pipeline.Runner{Dir: dir, Stages: table, Force: []string{reportStage}, Listener: show(c)}
			if _, err := r.Run(cmd.Context()); err != nil {
				return err
			}
			c.Close()
			return a.printReport(dir, table)
		},
	}
	cmd.Flags().StringArrayVar(&compare, "compare", nil, "another run's folder; may be repeated")
	cmd.Flags().StringVar(&out, "out", "compared.html", "the page of a comparison")
	return cmd
}

// compareAnswer is what `hanas report --compare --json` prints.
type compareAnswer struct {
	File string   `json:"file"`
	Runs []string `json:"runs"`
}

func (a *app) compareRuns(dirs []string, out string) error {
	var runs []report.Named
	for _, dir := range dirs {
		d, err := report.ReadJSON(dir)
		if err != nil {
			return badInput(err)
		}
		runs = append(runs, report.Named{Name: filepath.Base(filepath.Clean(dir)), Data: d})
	}
	var page bytes.Buffer
	if err := report.Compare(&page, runs); err != nil {
		return badInput(err)
	}
	if err := atomicfile.Write(out, page.Bytes()); err != nil {
		return fmt.Errorf("cli: report: %w", err)
	}
	return a.print(compareAnswer{out, dirs}, func(w io.Writer) { fmt.Fprintln(w, out) })
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
