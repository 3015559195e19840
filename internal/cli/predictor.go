package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"hanas/onnx/ort"
	"hanas/predictor"
	"hanas/samples"
)

func (a *app) predictorCommand() *cobra.Command {
	return group("predictor", "Accuracy predictors", a.predictorFitCommand(), a.predictorImportCommand(), a.predictorEvalCommand())
}

func (a *app) predictorEvalCommand() *cobra.Command {
	var file, name, split string
	cmd := &cobra.Command{
		Use:   "eval PREDICTOR.onnx --samples FILE",
		Short: "Compare a predictor with scored sub-networks",
		Long: `Predicts the accuracy of the samples of a file and compares. By default those
that no predictor learns from: the split "test".`,
		Example: `  hanas predictor eval runs/quick/predictor.onnx --samples runs/quick/samples.arrow
  hanas predictor eval p.onnx --samples other.arrow --split all --space quick --json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if file == "" {
				return usage("say --samples FILE")
			}
			if err := mustExist(args[0]); err != nil {
				return err
			}
			all, _, err := samples.Read(file)
			if err != nil {
				return badInput(err)
			}
			rows, err := ofSplit(all, split)
			if err != nil {
				return err
			}
			sp, err := findSpace(name, file)
			if err != nil {
				return err
			}
			c := a.console()
			defer c.Close()
			rt, err := openORT(cmd.Context(), c)
			if err != nil {
				return err
			}
			defer rt.Close()
			p, err := predictor.Load(args[0], rt.Engine(ort.Settings{}), sp)
			if err != nil {
				return badInput(err)
			}
			defer p.Close()
			m, err := p.Judge(cmd.Context(), rows)
			if err != nil {
				return badInput(fmt.Errorf("%s: %w", file, err))
			}
			return a.print(m, func(w io.Writer) {
				fmt.Fprintf(w, "tau %.3f, rho %.3f, error %.2f points rms, bias %+.2f points, on %d sub-networks\n", m.Tau, m.Rho, m.RMSEpp, m.BiasPP, m.N)
			})
		},
	}
	cmd.Flags().StringVar(&file, "samples", "", "sample file")
	cmd.Flags().StringVar(&split, "split", samples.Test, "train, val, test or all")
	spaceFlag(cmd, &name)
	return cmd
}

// ofSplit are the samples of a split, at least two of them.
func ofSplit(all []samples.Sample, split string) ([]samples.Sample, error) {
	rows := all
	switch split {
	case "all":
	case samples.Train, samples.Val, samples.Test:
		rows = samples.Select(all, split)
	default:
		return nil, usage("--split %s: want train, val, test or all", split)
	}
	if len(rows) < 2 {
		return nil, badInput(fmt.Errorf("%d samples in split %s, want two or more", len(rows), split))
	}
	return rows, nil
}
