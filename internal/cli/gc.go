package cli

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"hanas/pipeline"
)

func (a *app) gcCommand() *cobra.Command {
	var dry bool
	cmd := &cobra.Command{
		Use:   "gc DIR",
		Short: "Remove what kills and changed settings left in a run folder",
		Long: `Removes working folders that no stage would go on from, temporary files of
writes that were cut off, and artifacts of stages that the run no longer has.
Files that no stage made stay.`,
		Example: `  hanas gc runs/quick --dry-run
  hanas gc runs/quick --json`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			c := a.console()
			defer c.Close()
			_, table, err := a.open(args[0], c)
			if err != nil {
				return err
			}
			found, err := pipeline.Collect(args[0], table, dry)
			if err != nil {
				return err
			}
			answer := struct {
				Dir     string             `json:"dir"`
				DryRun  bool               `json:"dry_run"`
				Bytes   int64              `json:"bytes"`
				Removed []pipeline.Garbage `json:"removed"` // with dry_run: would be
			}{args[0], dry, 0, append([]pipeline.Garbage{}, found...)}
			for _, g := range found {
				answer.Bytes += g.Bytes
			}
			return a.print(answer, func(w io.Writer) {
				for _, g := range found {
					fmt.Fprintf(w, "%s  %s  %s\n", g.Path, megabytes(g.Bytes), g.Why)
				}
				verb := "removed"
				if dry {
					verb = "would remove"
				}
				fmt.Fprintf(w, "%s %d things, %s\n", verb, len(found), megabytes(answer.Bytes))
			})
		},
	}
	cmd.Flags().BoolVar(&dry, "dry-run", false, "only list")
	return cmd
}

// mustBeFolder is bad input unless there is a folder.
func mustBeFolder(dir string) error {
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is not a folder", dir)
	}
	return badInput(err)
}
