package cli

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"hanas/pipeline"
)

// gcFlags are those of hanas gc.
type gcFlags struct {
	dry, share bool
	unused     int
	keep       []string
}

func (a *app) gcCommand() *cobra.Command {
	var f gcFlags
	cmd := &cobra.Command{
		Use:   "gc DIR",
		Short: "Remove what kills and changed settings left in a run folder, or what a shared store no longer needs",
		Long: `Removes working folders that no stage would go on from, temporary files of
writes that were cut off, and artifacts of stages that the run no longer has.
Files that no stage made stay.

With --share DIR is a store of runs (hanas run --share): answers that no run put
there or took for --unused days go, but for those of runs that --keep names, and
artifacts that no answer names. Runs may use the store meanwhile: what is gone is
made anew.`,
		Example: `  hanas gc runs/quick --dry-run
  hanas gc runs/quick --json
  hanas gc --share ~/hanas --unused 30 --keep runs/quick --dry-run`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			found, err := a.collect(args[0], f)
			if err != nil {
				return err
			}
			return a.printGarbage(args[0], found, f.dry)
		},
	}
	fl := cmd.Flags()
	fl.BoolVar(&f.dry, "dry-run", false, "only list")
	fl.BoolVar(&f.share, "share", false, "DIR is a shared store, not a run folder")
	fl.IntVar(&f.unused, "unused", 30, "days without use after which an answer of a shared store goes; negative = never")
	fl.StringArrayVar(&f.keep, "keep", nil, "run folder whose answers stay in a shared store; may be repeated")
	return cmd
}

func (a *app) collect(dir string, f gcFlags) ([]pipeline.Garbage, error) {
	if f.share {
		set := pipeline.StoreSweep{Unused: time.Duration(f.unused) * 24 * time.Hour, Runs: f.keep, Dry: f.dry}
		found, err := pipeline.CollectShared(dir, set)
		return found, badInput(err)
	}
	if len(f.keep) > 0 {
		return nil, usage("--keep is of a shared store: say --share too")
	}
	c := a.console()
	defer c.Close()
	_, table, err := a.open(dir, c)
	if err != nil {
		return nil, err
	}
	return pipeline.Collect(dir, table, f.dry)
}

func (a *app) printGarbage(dir string, found []pipeline.Garbage, dry bool) error {
	answer := struct {
		Dir     string             `json:"dir"`
		DryRun  bool               `json:"dry_run"`
		Bytes   int64              `json:"bytes"`
		Removed []pipeline.Garbage `json:"removed"` // with dry_run: would be
	}{dir, dry, 0, append([]pipeline.Garbage{}, found...)}
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
}

// mustBeFolder is bad input unless there is a folder.
func mustBeFolder(dir string) error {
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is not a folder", dir)
	}
	return badInput(err)
}
