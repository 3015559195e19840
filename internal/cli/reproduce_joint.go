package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"hanas/stages"
)

func (a *app) reproduceJointCommand() *cobra.Command {
	var set stages.FreedomSettings
	cmd := &cobra.Command{
		Use:   "joint DIR",
		Short: "The paper's claim: joint search against architecture-only and bits-only search",
		Long: `Searches again on the predictor and the table of a finished run, with equal budgets
and several seeds: architecture and bits together; the architecture at one fixed
width; bits on one fixed topology, the largest. Under latency limits that the first
two reach, the most accurate network of every front is scored through the run's
supernet on test images, which nothing was chosen by. The paper claims 2.1 points
for joint over architecture-only search at equal latency.`,
		Example: "  hanas reproduce joint runs/cifar10 --seeds 5 --json",
		Args:    cobra.ExactArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return a.reproduceJoint(cmd.Context(), args[0], set) },
	}
	fl := cmd.Flags()
	fl.IntVar(&set.Seeds, "seeds", 5, "searches of each kind")
	fl.IntVar(&set.FixedBits, "fixed-bits", 8, "weights and activations of the architecture-only search")
	fl.IntVar(&set.Limits, "limits", 5, "latency limits")
	fl.IntVar(&set.Images, "images", 0, "test images that winners are scored on; 0 = all")
	fl.BoolVar(&set.Predicted, "predicted", false, "do not score winners, compare predictions")
	return cmd
}

func (a *app) reproduceJoint(ctx context.Context, dir string, set stages.FreedomSettings) error {
	c := a.console()
	defer c.Close()
	cfg, table, err := a.open(dir, c)
	if err != nil {
		return err
	}
	if err := complete(dir, table); err != nil {
		return err
	}
	env, err := stages.NewEnv(cfg, func(line string) { c.Log("", line) })
	if err != nil {
		return badInput(err)
	}
	set.Progress = func(what string, done, total int) { c.Update(what, int64(done), int64(total), "done") }
	got, err := env.CompareFreedoms(ctx, dir, set)
	if err != nil {
		return err
	}
	c.Close()
	return a.print(got, func(w io.Writer) { freedomText(w, got) })
}

// freedomText prints a table of limits, means over seeds, and the gains.
func freedomText(w io.Writer, f *stages.Freedoms) {
	rows := [][]string{append([]string{"latency at most"}, f.Names...)}
	for _, l := range f.Limits {
		row := []string{fmt.Sprintf("%.4g ms", l.LatencyMS)}
		for _, n := range f.Names {
			cell, sum := "-", 0.0
			for _, win := range l.Winners[n] {
				v := win.Measured
				if f.Images == 0 {
					v = win.Predicted
				}
				sum += 100 * v / float64(len(l.Winners[n]))
			}
			if len(l.Winners[n]) > 0 {
				cell = fmt.Sprintf("%.2f %%", sum)
			}
			row = append(row, cell)
		}
		rows = append(rows, row)
	}
	columns(w, rows)
	how := "predicted"
	if f.Images > 0 {
		how = fmt.Sprintf("measured on %d test images", f.Images)
	}
	fmt.Fprintf(w, "means of %d seeds, %d evaluations each, %s; architecture only: %d bits\n", f.Seeds, f.Evaluations, how, f.FixedBits)
	for _, g := range f.Gains {
		v := g.Measured
		if f.Images == 0 {
			v = g.Predicted
		}
		fmt.Fprintf(w, "joint over %s: %+.2f points (95 %%: %+.2f to %+.2f), predicted %+.2f, at %d limits\n", g.Over, v, g.Low, g.High, g.Predicted, g.Limits)
	}
}
