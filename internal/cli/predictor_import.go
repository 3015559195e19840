package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"hanas/onnx"
	"hanas/predictor"
	"hanas/space"
)

func (a *app) predictorImportCommand() *cobra.Command {
	var name, out string
	cmd := &cobra.Command{
		Use:   "import FILE.pth --space NAME",
		Short: "Turn Once-for-All's accuracy predictor into a predictor file",
		Long: `Reads an accuracy predictor of Once-for-All's MobileNetV3 (a PyTorch file; nothing
in it is executed) and writes it as ONNX on the features of the space. The
published one predicts the w1.2 supernet on 10,000 images held out of the
training set: its accuracies are not those of the validation set.`,
		Example: "  hanas predictor import acc_predictor.pth --space ofa-mbv3-w1.2 --out predictor.onnx",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if name == "" {
				return usage("say --space NAME (built in: %v)", space.Presets())
			}
			sp, err := findSpace(name, "")
			if err != nil {
				return err
			}
			if err := mustExist(args[0]); err != nil {
				return err
			}
			m, err := predictor.ImportOnceForAll(args[0], sp)
			if err != nil {
				return badInput(err)
			}
			if err := onnx.WriteFile(out, m.Graph); err != nil {
				return err
			}
			answer := struct {
				File   string `json:"file"`
				Space  string `json:"space"`
				Origin string `json:"origin"`
			}{out, sp.Name, m.Report.Origin}
			return a.print(answer, func(w io.Writer) {
				fmt.Fprintf(w, "%s: predicts sub-networks of %s (imported: %s)\n", out, sp.Name, m.Report.Origin)
			})
		},
	}
	cmd.Flags().StringVar(&out, "out", "predictor.onnx", "the file to write")
	spaceFlag(cmd, &name)
	return cmd
}
