package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"hanas/latency"
)

func (a *app) latencyCommand() *cobra.Command {
	return group("latency", "Latency tables", a.latencyEstimateCommand(), a.latencyOpsCommand(), a.latencyInfoCommand())
}

// estimateAnswer is what `hanas latency estimate --json` prints.
type estimateAnswer struct {
	Arch       string   `json:"arch"`
	Device     string   `json:"device"`
	LatencyMS  float64  `json:"latency_ms"` // 0 when rows are missing
	EnergyMJ   float64  `json:"energy_mj,omitempty"`
	Missing    []string `json:"missing"` // rows that the table lacks
	Provenance string   `json:"provenance"`
}

func (a *app) latencyEstimateCommand() *cobra.Command {
	var lut, estimator, name, key string
	cmd := &cobra.Command{
		Use:   "estimate --lut FILE --arch KEY",
		Short: "Estimate the latency of a sub-network from a table",
		Long: `Sums the table's rows for the layers of a sub-network. A correction fitted on
whole networks (estimator.json beside the table) is applied if there is one.`,
		Example: `  hanas latency estimate --lut runs/quick/lut.csv --arch largest
  hanas latency estimate --lut lut.csv --space quick --arch KEY --json`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			est, err := readEstimator(lut, estimator)
			if err != nil {
				return err
			}
			sp, err := findSpace(name, lut)
			if err != nil {
				return err
			}
			arch, err := parseArch(sp, key)
			if err != nil {
				return err
			}
			answer := estimateAnswer{Arch: sp.Key(arch), Device: est.Table().Device, Missing: []string{}}
			layers := sp.Layers(arch)
			answer.LatencyMS, answer.Provenance, err = est.Estimate(layers)
			var missing *latency.MissingError
			if errors.As(err, &missing) && a.json {
				answer.Missing = missing.Keys
				return errors.Join(a.printJSON(answer), &codedError{codeFailed, errSaid})
			}
			if err != nil {
				return err
			}
			if answer.EnergyMJ, err = est.Energy(layers); err != nil {
				return err
			}
			return a.print(answer, func(w io.Writer) {
				fmt.Fprintf(w, "%.4g ms on %s (%s)\n", answer.LatencyMS, answer.Device, answer.Provenance)
			})
		},
	}
	cmd.Flags().StringVar(&lut, "lut", "", "latency table")
	cmd.Flags().StringVar(&estimator, "estimator", "", "correction (default: estimator.json beside the table, if there)")
	cmd.Flags().StringVar(&key, "arch", "", "key of the sub-network, or largest or smallest")
	spaceFlag(cmd, &name)
	return cmd
}

// readEstimator reads a table, and the correction that belongs to it if there
// is one.
func readEstimator(lut, correction string) (*latency.Estimator, error) {
	if lut == "" {
		return nil, usage("say --lut FILE")
	}
	t, err := latency.ReadTable(lut)
	if err != nil {
		return nil, badInput(err)
	}
	if correction == "" {
		beside := filepath.Join(filepath.Dir(lut), "estimator.json")
		if _, err := os.Stat(beside); err != nil {
			return latency.NewEstimator(t, latency.Plain), nil
		}
		correction = beside
	}
	est, err := latency.ReadEstimator(correction, t)
	return est, badInput(err)
}

func (a *app) latencyOpsCommand() *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:     "ops --space NAME",
		Short:   "List the rows that a table for a space needs",
		Example: "  hanas latency ops --space quick",
		Args:    cobra.NoArgs,
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
			return a.print(answer, func(w io.Writer) {
				for _, key := range answer.Ops {
					fmt.Fprintln(w, key)
				}
			})
		},
	}
	spaceFlag(cmd, &name)
	return cmd
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
					{"provenance", string(t.Provenance) + " " + t.Source},
					{"rows", fmt.Sprint(t.Len())},
					{"drift", fmt.Sprintf("%.1f %%", 100*t.Drift)},
				})
			})
		},
	}
}
