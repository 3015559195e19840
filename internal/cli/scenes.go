package cli

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"hanas/datasets"
)

// scenesAnswer is what `hanas scenes --json` prints.
type scenesAnswer struct {
	Folder string `json:"folder"`
	Split  string `json:"split"`
	Images int    `json:"n"`
}

func (a *app) scenesCommand() *cobra.Command {
	s := datasets.Settings{Size: 64, Seed: 1, Difficulty: 1}
	answer := scenesAnswer{Split: "val", Images: 100}
	cmd := &cobra.Command{
		Use:   "scenes FOLDER",
		Short: "Write drawn scenes of digits as a COCO folder",
		Long: `Writes the built-in images for detection with their boxes, as COCO's files have
them: FOLDER/annotations/instances_SPLIT.json and FOLDER/SPLIT/000001.png and so on. With
the seed, difficulty and size of a run they are the images of that run. Nothing that is
there is overwritten.`,
		Example: `  hanas scenes digits --split test --n 600 --difficulty 0.5
  hanas validate runs/quick-coco/models/knee.onnx --data coco:digits --split test`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			number := map[string]int{"train": 0, "val": 1, "test": 2}
			split, ok := number[answer.Split]
			if !ok {
				return usage("--split %s: want train, val or test", answer.Split)
			}
			if answer.Images < 1 {
				return usage("--n %d: want 1 or more", answer.Images)
			}
			answer.Folder = args[0]
			if _, err := os.Stat(answer.Folder + "/annotations/instances_" + answer.Split + ".json"); err == nil {
				return badInput(fmt.Errorf("%s: has a split %q already (choose another folder)", answer.Folder, answer.Split))
			}
			ds, err := datasets.GlyphScenes(s, split, answer.Images)
			if err != nil {
				return usage("%v", err)
			}
			if err := datasets.WriteCOCO(cmd.Context(), ds, answer.Folder, answer.Split); err != nil {
				return err
			}
			return a.print(answer, answer.text)
		},
	}
	cmd.Flags().StringVar(&answer.Split, "split", answer.Split, "train, val or test: they share no image")
	cmd.Flags().IntVar(&answer.Images, "n", answer.Images, "images")
	cmd.Flags().IntVar(&s.Size, "size", s.Size, "input of the networks they are for, in pixels; the images have three times as many")
	cmd.Flags().Uint64Var(&s.Seed, "seed", s.Seed, "of the drawing")
	cmd.Flags().Float64Var(&s.Difficulty, "difficulty", s.Difficulty, "strength of warp and grain, 0 to 4")
	return cmd
}

func (s scenesAnswer) text(w io.Writer) { fmt.Fprintf(w, "%d images in %s\n", s.Images, s.Folder) }
