package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"

	"github.com/spf13/cobra"

	"hanas/internal/progress"
	"hanas/latency"
	"hanas/onnx"
	"hanas/onnx/ort"
	"hanas/space"
	"hanas/stages"
)

// verifyFlags say which table is held against which networks.
type verifyFlags struct {
	lut, estimator, space, provider string
	nets, threads                   int
	seed                            uint64
	limit                           float64
}

// verifyAnswer is FILE.verified.json, and what `hanas latency verify --json`
// prints.
type verifyAnswer struct {
	Device string  `json:"device"`
	Passed bool    `json:"passed"`
	Limit  float64 `json:"limit_mape"`
	// Pace is how slow this machine was, over how slow it was for the table: the
	// measured times are scaled by it. 0 = the table does not know its own.
	Pace   float64        `json:"pace,omitempty"`
	Report latency.Report `json:"report"`
}

func (a *app) latencyVerifyCommand() *cobra.Command {
	var f verifyFlags
	cmd := &cobra.Command{
		Use:   "verify --lut FILE",
		Short: "Hold a table against whole networks measured on this machine",
		Long: `Measures random networks of a space on this machine and compares them with the
table's estimates, with and without its correction. The networks are drawn with
a seed of their own, so that none of them was used to fit the correction. Fails
(exit code 1) if the mean error is above --limit, and leaves the outcome in
FILE.verified.json: a search refuses a table whose check failed.`,
		Example: "  hanas latency verify --lut runs/quick/lut.csv --nets 50",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.verify(cmd.Context(), f) },
	}
	fl := cmd.Flags()
	fl.StringVar(&f.lut, "lut", "", "latency table")
	fl.StringVar(&f.estimator, "estimator", "", "correction (default: estimator.json beside the table, if there)")
	fl.StringVar(&f.provider, "provider", "cpu", "execution provider of ONNX Runtime")
	fl.IntVar(&f.nets, "nets", 50, "networks to measure")
	fl.IntVar(&f.threads, "threads", 1, "threads inside an operator")
	fl.Uint64Var(&f.seed, "seed", 0x5eed, "of the networks")
	fl.Float64Var(&f.limit, "limit", .1, "largest mean error that passes, as a fraction")
	spaceFlag(cmd, &f.space)
	return cmd
}

func (a *app) verify(ctx context.Context, f verifyFlags) error {
	if f.nets < 2 || !(f.limit > 0) {
		return usage("--nets is at least 2, --limit is positive")
	}
	est, err := readEstimator(f.lut, f.estimator)
	if err != nil {
		return err
	}
	sp, err := findSpace(f.space, f.lut)
	if err != nil {
		return err
	}
	c := a.console()
	defer c.Close()
	rt, err := openORT(ctx, c)
	if err != nil {
		return err
	}
	defer rt.Close()
	provider, err := usableProvider(rt, f.provider)
	if err != nil {
		return err
	}
	usual := est.Table().PaceMs
	nets, pace, err := f.measure(ctx, rt.Engine(ort.Settings{Threads: f.threads, Provider: provider}), sp, usual, c)
	if err != nil {
		return err
	}
	answer := verifyAnswer{Device: est.Table().Device, Limit: f.limit}
	if usual > 0 {
		answer.Pace = pace / usual
	}
	if answer.Report, err = est.Report(nets); err != nil {
		return err
	}
	answer.Passed = answer.Report.Corrected.MAPE <= f.limit
	text, err := json.MarshalIndent(answer, "", "  ")
	if err == nil {
		err = os.WriteFile(f.lut+".verified.json", append(text, '\n'), 0o666)
	}
	if err != nil {
		return fmt.Errorf("cli: %w", err)
	}
	if err := a.print(answer, answer.text); err != nil {
		return err
	}
	if !answer.Passed {
		return &codedError{codeFailed, errSaid}
	}
	return nil
}

func (v verifyAnswer) text(w io.Writer) {
	rows := [][]string{{"", "mean error", "bias", "within 5 %", "within 10 %", "tau"}}
	for _, r := range []struct {
		name string
		q    latency.Quality
	}{{"plain sums", v.Report.Plain}, {"corrected", v.Report.Corrected}} {
		rows = append(rows, []string{
			r.name, fmt.Sprintf("%.1f %%", 100*r.q.MAPE), fmt.Sprintf("%+.1f %%", 100*r.q.Bias),
			fmt.Sprintf("%.0f %%", 100*r.q.Within5), fmt.Sprintf("%.0f %%", 100*r.q.Within10), fmt.Sprintf("%.3f", r.q.Tau),
		})
	}
	columns(w, rows)
	if v.Pace > 0 {
		fmt.Fprintf(w, "this machine takes %.2f times as long as when the table was made; measured times are scaled by that\n", v.Pace)
	}
	verdict := "passed"
	if !v.Passed {
		verdict = "failed"
	}
	fmt.Fprintf(w, "%d networks on %s: %s (limit %.1f %%)\n", v.Report.N, v.Device, verdict, 100*v.Limit)
}

// measure times random networks at the pace usual, and tells the pace it met.
func (f *verifyFlags) measure(ctx context.Context, engine onnx.Engine, sp *space.Space, usual float64, c *progress.Console) ([]latency.Measured, float64, error) {
	archs := stages.RandomNetworks(sp, f.nets, rand.New(rand.NewPCG(f.seed, 0xc8ec)))
	nets, times, err := stages.MeasureNetworks(ctx, engine, sp, archs, stages.NetworkSettings(20, usual), func(done, total int) { c.Update("verify", int64(done), int64(total), "networks") })
	return nets, times.PaceMs, err
}

// refuseUnverified is an error if the table's check failed.
func refuseUnverified(lut string) error {
	text, err := os.ReadFile(lut + ".verified.json")
	if err != nil {
		return nil // never checked
	}
	var v verifyAnswer
	if err := json.Unmarshal(text, &v); err != nil {
		return badInput(fmt.Errorf("%s.verified.json: %w", lut, err))
	}
	if v.Passed {
		return nil
	}
	return fmt.Errorf("cli: search: %s failed its check: %.1f %% mean error on %d networks, limit %.1f %% (profile again, or say --unverified)",
		lut, 100*v.Report.Corrected.MAPE, v.Report.N, 100*v.Limit)
}
