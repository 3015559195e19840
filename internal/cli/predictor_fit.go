package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"hanas/onnx"
	"hanas/onnx/ort"
	"hanas/predictor"
	"hanas/samples"
)

// fitAnswer is what `hanas predictor fit --json` prints; its first keys are
// those of predictor.json.
type fitAnswer struct {
	predictor.Assessment
	File string `json:"file"`
}

// fitFlags are the flags of predictor fit.
type fitFlags struct {
	file, name, out, base string
	curve, anyway         bool
	set                   predictor.Settings
}

func (a *app) predictorFitCommand() *cobra.Command {
	var f fitFlags
	cmd := &cobra.Command{
		Use:   "fit --samples FILE",
		Short: "Learn the accuracy of sub-networks from scored ones",
		Long: `Learns from the samples of the splits train and val with every kind of model, keeps
the one that cross-validates best, and judges it on the split test. A predictor
that does not rank better than MACs alone is not written (exit code 1).`,
		Example: `  hanas predictor fit --samples runs/quick/samples.arrow --out predictor.onnx
  hanas predictor fit --samples dynast.arrow --space ofa-mbv3-w1.0 --curve --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.fitPredictor(cmd.Context(), f) },
	}
	cmd.Flags().StringVar(&f.file, "samples", "", "sample file")
	cmd.Flags().StringVar(&f.out, "out", "predictor.onnx", "the file to write")
	cmd.Flags().StringSliceVar(&f.set.Kinds, "kinds", nil, fmt.Sprintf("models that compete, of %v (default all)", predictor.Kinds()))
	cmd.Flags().IntVar(&f.set.Members, "members", 0, "parts of the cross-validation (default 5)")
	cmd.Flags().Uint64Var(&f.set.Seed, "seed", 0, "seed")
	cmd.Flags().StringVar(&f.base, "base", "", "predictor of the same space to build on, e.g. one fitted on samples at the highest bits")
	cmd.Flags().BoolVar(&f.curve, "curve", false, "also fit on 50, 100, 200, … rows: the learning curve")
	cmd.Flags().BoolVar(&f.anyway, "anyway", false, "write even a predictor that is no better than MACs alone")
	spaceFlag(cmd, &f.name)
	return cmd
}

func (a *app) fitPredictor(ctx context.Context, f fitFlags) error {
	if f.file == "" {
		return usage("say --samples FILE")
	}
	all, info, err := samples.Read(f.file)
	if err != nil {
		return badInput(err)
	}
	sp, err := findSpace(f.name, f.file)
	if err != nil {
		return err
	}
	if info.SpaceHash != sp.Hash() {
		return badInput(fmt.Errorf("%s: of space %q, not of %q (say --space)", f.file, info.Space, sp.Name))
	}
	var base *predictor.Model
	if f.base != "" {
		if base, err = predictor.ReadModel(f.base, sp); err != nil {
			return badInput(err)
		}
	}
	c := a.console()
	defer c.Close()
	rt, err := openORT(ctx, c)
	if err != nil {
		return err
	}
	defer rt.Close()
	model, got, err := predictor.Assess(ctx, rt.Engine(ort.Settings{}), sp, all, predictor.Trial{Settings: f.set, Curve: f.curve, Base: base})
	if err != nil {
		return badInput(err)
	}
	answer := fitAnswer{got, f.out}
	if why := answer.Complaint(); why != "" && !f.anyway {
		return fmt.Errorf("predictor fit: not written: %s (or say --anyway)", why)
	}
	if err := onnx.WriteFile(f.out, model.Graph); err != nil {
		return err
	}
	return a.print(answer, answer.text)
}

func (f *fitAnswer) text(w io.Writer) {
	fmt.Fprintf(w, "%s: %s, learned from %d sub-networks\n", f.File, f.Kind, f.NTrain)
	fmt.Fprintf(w, "on %d held-out ones: tau %.3f (MACs alone %.3f), rho %.3f, error %.3f points rms, bias %+.3f\n", f.NTest, f.Tau, f.TauMACs, f.Rho, f.RMSEpp, f.BiasPP)
	fmt.Fprintf(w, "within one predicted deviation: %.0f %%, within two: %.0f %%\n", 100*f.Coverage68, 100*f.Coverage95)
	if f.Noise != nil {
		fmt.Fprintf(w, "repeats differ by %.3f points (standard deviation): no predictor has a tau above %.3f\n", f.Noise.StdPP, f.TauCeiling)
	}
	for _, p := range f.Curve {
		fmt.Fprintf(w, "  %6d rows  %-7s tau %.3f, error %.3f\n", p.Rows, p.Kind, p.Tau, p.RMSEpp)
	}
}
