package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"hanas/latency"
)

// fillAnswer is what `hanas latency fill --json` prints.
type fillAnswer struct {
	File  string `json:"file"`
	Added int    `json:"added"`
	latency.Filling
}

func (a *app) latencyFillCommand() *cobra.Command {
	var space, out string
	cmd := &cobra.Command{
		Use:   "fill FILE --space NAME --out FILE",
		Short: "Add the rows that a space needs and a table lacks, modelled from the others",
		Long: `Fits a roofline to the table's own rows of each operator and bits, prices the
rows that the space needs and the table lacks, and writes the whole. Rows that
were added are marked as modelled, and every estimate says how many it uses. The
answer tells how far the models are off on rows that were left out of their fit.`,
		Example: "  hanas latency fill lut.csv --space quick --out full.csv",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if space == "" || out == "" {
				return usage("say --space NAME and --out FILE")
			}
			sp, err := findSpace(space, "")
			if err != nil {
				return err
			}
			t, err := latency.ReadTable(args[0])
			if err != nil {
				return badInput(err)
			}
			f, err := t.Fill(sp.DistinctLayers())
			if err != nil {
				return err
			}
			if err := t.Write(out); err != nil {
				return err
			}
			return a.print(fillAnswer{out, len(f.Keys), f}, func(w io.Writer) {
				fmt.Fprintf(w, "%d of %d rows in %s are modelled", len(f.Keys), t.Len(), out)
				if len(f.Keys) > 0 {
					fmt.Fprintf(w, ", from %d others; on rows left out: mean error %.1f %%, %.0f %% within 10 %%", f.Rows, 100*f.MAPE, 100*f.Within10)
				}
				if f.Weak > 0 {
					fmt.Fprintf(w, " (%d of them from fewer rows than can be judged)", f.Weak)
				}
				fmt.Fprintln(w)
			})
		},
	}
	spaceFlag(cmd, &space)
	cmd.Flags().StringVar(&out, "out", "", "the table to write")
	return cmd
}
