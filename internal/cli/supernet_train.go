package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"hanas/configs"
	"hanas/internal/progress"
	"hanas/pipeline"
	"hanas/supernet"
)

// trainStages are the stages of a run that end with the shared weights.
var trainStages = []string{"data", "supernet"}

// trained is what `hanas supernet train --json` prints.
type trained struct {
	supernetAnswer
	Dir      string          `json:"dir"`
	Ran      []string        `json:"ran"`
	Fresh    []string        `json:"fresh"`
	Training json.RawMessage `json:"training,omitempty"` // training.json: steps, speed, curve
}

func (a *app) supernetTrainCommand() *cobra.Command {
	var out string
	var set []string
	cmd := &cobra.Command{
		Use:   "train PRESET|FILE",
		Short: "Train the shared weights of a run, and stop there",
		Long: `Runs the stages of hanas run up to the shared weights, in the same folder: hanas run goes on
from them. After Ctrl-C, or a kill, the same command goes on, bit-identical.`,
		Example: `  hanas supernet train quick
  hanas supernet train cifar10 --set data.path=DIR --set supernet.epochs=30 --out runs/long
  hanas supernet info runs/long/supernet.safetensors`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := configs.Load(args[0], set)
			if err != nil {
				return err
			}
			if out == "" {
				out = defaultFolder(cfg)
			}
			c := a.console()
			defer c.Close()
			table, err := a.stages(cfg, func(line string) { c.Log("", line) })
			if err != nil {
				return err
			}
			table = slices.DeleteFunc(table, func(s pipeline.Stage) bool { return !slices.Contains(trainStages, s.Name) })
			r := pipeline.Runner{Dir: out, Stages: table, Listener: show(c), Begin: func() error { return keepConfig(out, cfg) }}
			sum, err := r.Run(cmd.Context())
			c.Close()
			if err != nil {
				return err
			}
			return a.printTrained(sum)
		},
		ValidArgsFunction: completePresets,
	}
	cmd.Flags().StringVarP(&out, "out", "o", "", "run folder (default runs/NAME)")
	cmd.Flags().StringArrayVar(&set, "set", nil, "override a setting, key.path=value; may be repeated")
	return cmd
}

func (a *app) printTrained(sum pipeline.Summary) error {
	file := filepath.Join(sum.Dir, "supernet.safetensors")
	net, err := supernet.Read(file, nil)
	if err != nil {
		return badInput(err)
	}
	answer := trained{supernetAnswer: *describe(file, net), Dir: sum.Dir, Ran: sum.Ran, Fresh: sum.Fresh, Training: result(sum.Dir, "training.json")}
	return a.print(answer, func(w io.Writer) {
		if len(sum.Ran) == 0 {
			fmt.Fprintf(w, "nothing to do: %s is trained\n", file)
		} else {
			fmt.Fprintf(w, "%s is trained, %s\n", file, progress.Clock(sum.Elapsed))
		}
		answer.text(w)
	})
}
