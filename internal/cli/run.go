package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"hanas/configs"
	"hanas/internal/progress"
	"hanas/pipeline"
)

// runAnswer is what `hanas run --json` prints.
type runAnswer struct {
	pipeline.Summary
	Stages    []stageState      `json:"stages"`
	Artifacts map[string]string `json:"artifacts"` // name -> path
	// Predictor and Validation are predictor.json and validation.json.
	Predictor  json.RawMessage `json:"predictor,omitempty"`
	Validation json.RawMessage `json:"validation,omitempty"`
}

func (a *app) runCommand() *cobra.Command {
	var out string
	var set, force []string
	var jobs int
	var share string
	var machines Place
	cmd := &cobra.Command{
		Use:   "run PRESET|FILE",
		Short: "Run the whole pipeline, or what is left of it",
		Long: `Brings a run folder up to date: stages whose settings, inputs and outputs are as
they were are skipped. After Ctrl-C, or a kill, the same command goes on.

With --share, runs that differ in a part of their settings share the rest: what a
stage makes is put into that folder, by what it depends on, and a run that needs
the same takes it from there. Stages that measure the machine are not shared.`,
		Example: `  hanas run quick
  hanas run cifar10 --set data.path=DIR
  hanas run my.yaml --out runs/try2 --set search.latency_ms=0.5 --force lut
  hanas run quick --share ~/hanas --set search.memory_mb=0.1 --out runs/small
  hanas run cifar10 --temporal temporal:7233 --artifacts s3://bucket`,
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
			machines.Log = func(line string) { c.Log("", line) }
			table, leave, err := a.spread(cmd.Context(), machines, cfg)
			if err != nil {
				return err
			}
			defer leave()
			if err := checkForce(table, force); err != nil {
				return err
			}
			r := pipeline.Runner{
				Dir: out, Stages: table, Jobs: jobs, Share: share, Force: force, Listener: show(c),
				Begin: func() error { return keepConfig(out, cfg) },
			}
			sum, err := r.Run(cmd.Context())
			c.Close()
			if err != nil {
				return err
			}
			return a.printRun(table, sum)
		},
		ValidArgsFunction: completePresets,
	}
	cmd.Flags().StringVarP(&out, "out", "o", "", "run folder (default runs/NAME)")
	cmd.Flags().StringArrayVar(&set, "set", nil, "override a setting, key.path=value; may be repeated")
	cmd.Flags().StringArrayVar(&force, "force", nil, "run this stage even if it is fresh; may be repeated")
	cmd.Flags().IntVarP(&jobs, "jobs", "j", 0, "stages that may run side by side (default: one a core)")
	shareFlag(cmd, &share)
	machines.flags(cmd)
	completeFlag(cmd, "force", a.completeStages)
	return cmd
}

func checkForce(table []pipeline.Stage, force []string) error {
	known := map[string]bool{}
	var names []string
	for _, s := range table {
		known[s.Name] = true
		names = append(names, s.Name)
	}
	for _, name := range force {
		if !known[name] {
			return usage("--force %s: no such stage (there are: %v)", name, names)
		}
	}
	return nil
}

func (a *app) printRun(table []pipeline.Stage, sum pipeline.Summary) error {
	answer := runAnswer{Summary: sum, Artifacts: map[string]string{}, Predictor: result(sum.Dir, "predictor.json"), Validation: result(sum.Dir, "validation.json")}
	steps, err := pipeline.Plan(sum.Dir, table)
	if err != nil {
		return err
	}
	m, err := pipeline.ReadManifest(sum.Dir)
	if err != nil {
		return err
	}
	answer.Stages = states(steps, m)
	for _, s := range table {
		for _, name := range s.Makes {
			answer.Artifacts[name] = filepath.Join(sum.Dir, filepath.FromSlash(name))
		}
	}
	return a.print(answer, func(w io.Writer) {
		if len(sum.Ran) == 0 {
			fmt.Fprintf(w, "nothing to do: all %d stages of %s are fresh\n", len(sum.Fresh), sum.Dir)
		} else {
			fmt.Fprintf(w, "%s is up to date: %d stages ran, %d were fresh, %s\n", sum.Dir, len(sum.Ran), len(sum.Fresh), progress.Clock(sum.Elapsed))
		}
		if page, ok := answer.Artifacts["report.html"]; ok {
			fmt.Fprintln(w, "report:", page)
		}
	})
}

func completePresets(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return configs.Presets(), cobra.ShellCompDirectiveDefault
}

// shareFlag is --share, the shared store of artifacts.
func shareFlag(cmd *cobra.Command, share *string) {
	cmd.Flags().StringVar(share, "share", os.Getenv("HANAS_SHARE"), "folder that artifacts are shared through with other runs (default $HANAS_SHARE, or none)")
}
