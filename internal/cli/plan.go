package cli

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"hanas/configs"
	"hanas/pipeline"
)

// planStage is a stage in the answer of `hanas plan --json`.
type planStage struct {
	Name      string   `json:"name"`
	Doc       string   `json:"doc"`
	Needs     []string `json:"needs"`
	Makes     []string `json:"makes"`
	Exclusive bool     `json:"exclusive"`
	Fresh     bool     `json:"fresh"`
	Reason    string   `json:"reason,omitempty"` // why it would run
	Shared    bool     `json:"shared,omitempty"` // would not run, but be taken from the shared store
	Action    string   `json:"action,omitempty"` // empty while an input is yet to be made
}

func (a *app) planCommand() *cobra.Command {
	var out, format, share string
	var set []string
	formats := slices.Sorted(maps.Keys(pipeline.Pictures))
	cmd := &cobra.Command{
		Use:   "plan PRESET|FILE",
		Short: "Show the stages: fresh or stale, and why",
		Example: `  hanas plan quick
  hanas plan quick --set search.evaluations=20000
  hanas plan quick --format dot | dot -Tsvg > plan.svg`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			picture, ok := pipeline.Pictures[format]
			if !ok {
				return usage("--format %s: unknown (want %s)", format, strings.Join(formats, ", "))
			}
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
			steps, err := pipeline.Plan(out, table)
			if err != nil {
				return err
			}
			for i, st := range steps {
				if pipeline.Shared(share, st) {
					steps[i].Reason += ", but the shared store has it"
				}
			}
			return a.print(planAnswer(out, steps, share), func(w io.Writer) { fmt.Fprint(w, picture(steps)) })
		},
		ValidArgsFunction: completePresets,
	}
	cmd.Flags().StringVarP(&out, "out", "o", "", "run folder (default runs/NAME)")
	cmd.Flags().StringArrayVar(&set, "set", nil, "override a setting, key.path=value; may be repeated")
	shareFlag(cmd, &share)
	cmd.Flags().StringVar(&format, "format", "text", "one of "+strings.Join(formats, ", "))
	return cmd
}

func planAnswer(dir string, steps []pipeline.Step, share string) any {
	answer := struct {
		Dir    string      `json:"dir"`
		Fresh  bool        `json:"fresh"` // nothing would run
		Stages []planStage `json:"stages"`
	}{dir, true, nil}
	for _, st := range steps {
		s := st.Stage
		answer.Fresh = answer.Fresh && st.Fresh
		answer.Stages = append(answer.Stages, planStage{
			Name: s.Name, Doc: s.Doc, Needs: append([]string{}, s.Needs...), Makes: s.Makes, Exclusive: s.Exclusive,
			Fresh: st.Fresh, Reason: st.Reason, Shared: pipeline.Shared(share, st), Action: string(st.ActionID),
		})
	}
	return answer
}
