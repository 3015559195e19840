package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"hanas/export"
	"hanas/latency"
	"hanas/onnx"
	"hanas/space"
)

func (a *app) latencyCommand() *cobra.Command {
	return group("latency", "Latency tables", a.latencyOpsCommand(), a.latencyProfileCommand(), a.latencyImportCommand(),
		a.latencyEstimateCommand(), a.latencyVerifyCommand(), a.latencyFusionCommand(), a.latencyFillCommand(), a.latencyInfoCommand(), a.latencyDevicesCommand())
}

func (a *app) latencyOpsCommand() *cobra.Command {
	var name, out string
	cmd := &cobra.Command{
		Use:   "ops --space NAME",
		Short: "List the rows that a table for a space needs, or write a model of each",
		Long: `Lists the distinct layers of a space. With --out, writes one small ONNX model of
each for a vendor's profiler, and ops.json, which "hanas latency import --ops"
reads to know which row each stands for.`,
		Example: `  hanas latency ops --space quick
  hanas latency ops --space quick --out ops`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if name == "" {
				return usage("say --space NAME")
			}
			sp, err := findSpace(name, "")
			if err != nil {
				return err
			}
			answer := struct {
				Space string   `json:"space"`
				Ops   []string `json:"ops"`
			}{sp.Name, []string{}}
			for _, l := range sp.DistinctLayers() {
				answer.Ops = append(answer.Ops, l.Key())
			}
			if out != "" {
				if err := writeOps(out, sp); err != nil {
					return err
				}
			}
			return a.print(answer, func(w io.Writer) {
				for _, key := range answer.Ops {
					fmt.Fprintln(w, key)
				}
			})
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "folder for the models")
	spaceFlag(cmd, &name)
	return cmd
}

// writeOps writes the one-layer models of a space and their index.
func writeOps(dir string, sp *space.Space) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("cli: %w", err)
	}
	index := opsIndex{Space: sp.Name, Files: map[string]string{}}
	for i, l := range sp.DistinctLayers() {
		m, err := export.BuildLayer(l, 1)
		if err != nil {
			return err
		}
		name := fmt.Sprintf("op-%04d.onnx", i)
		if err := onnx.WriteFile(filepath.Join(dir, name), m); err != nil {
			return err
		}
		index.Files[name] = l.Key()
	}
	text, err := json.MarshalIndent(index, "", "  ")
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "ops.json"), append(text, '\n'), 0o666)
	}
	if err != nil {
		return fmt.Errorf("cli: %w", err)
	}
	return nil
}

func (a *app) latencyInfoCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "info FILE",
		Short:   "Show what a table's figures hold for",
		Example: "  hanas latency info runs/quick/lut.csv",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			t, err := latency.ReadTable(args[0])
			if err != nil {
				return badInput(err)
			}
			answer := struct {
				latency.Header
				File string `json:"file"`
				Rows int    `json:"rows"`
			}{t.Header, args[0], t.Len()}
			return a.print(answer, func(w io.Writer) {
				columns(w, [][]string{
					{"device", t.Device},
					{"host", t.Host},
					{"runtime", fmt.Sprintf("%s %s, %d threads", t.Runtime, t.Version, t.Threads)},
					{"precision", t.Precision},
					{"measured on", t.Date},
					{"provenance", string(t.Provenance) + " " + t.Source},
					{"rows", fmt.Sprint(t.Len())},
					{"drift", fmt.Sprintf("%.1f %%", 100*t.Drift)},
				})
			})
		},
	}
}
