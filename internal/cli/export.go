package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"hanas/configs"
	"hanas/export"
)

// exported is what `hanas export --json` prints.
type exported struct {
	File   string  `json:"file"`
	Arch   string  `json:"arch"`
	Top1   float64 `json:"top1_scored"` // fraction, on the run's held-out images
	Images int     `json:"images_scored"`
	// Inherited is the score before fine-tuning, if that was asked for.
	Inherited *float64 `json:"top1_inherited,omitempty"`
	FineTuned bool     `json:"finetuned,omitempty"`
	SHA256    string   `json:"sha256"`
}

func (a *app) exportCommand() *cobra.Command {
	var f supernetExport
	cmd := &cobra.Command{
		Use:   "export (DIR | --supernet FILE | --baseline NAME) --arch KEY --out FILE.onnx",
		Short: "Write one sub-network of a run or of a supernet as ONNX",
		Long: `Writes one sub-network of a run folder as it was scored, and scores it again; or,
with --supernet, one of shared weights that stand alone, as hanas supernet import makes
them, at any resolution. Such a sub-network is named by --arch or by Once-for-All's
net.config (--net). Its batch norm is calibrated anew on --images images of --calibrate,
a folder with a folder a class, as Once-for-All does for every sub-network; without, the
statistics that came with the weights are used, which suit the largest sub-network alone.
Fewer bits than 16 are calibrated as hanas quantise does.

--baseline writes a published network (mobilenet-v3-large, efficientnet-b0, fbnet-c, …; a wrong
name lists them) with random weights: to be counted, timed or opened, not to classify.`,
		Example: `  hanas export runs/quick --arch largest --out largest.onnx
  hanas export runs/quick --arch KEY --finetune 2 --out tuned.onnx
  hanas export --supernet ofa.safetensors --arch smallest --size 160 --calibrate imagenet/train --out small.onnx
  hanas export --supernet ofa.safetensors --net note10/net.config --size 224 --calibrate imagenet/train --wbits 8 --abits 8 --out int8.onnx --json
  hanas export --baseline mobilenet-v3-large --wbits 8 --abits 8 --out v3.onnx --json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := export.ParseProfile(f.profile); err != nil {
				return usage("--profile is one of %s", strings.Join(export.ProfileNames(), ", "))
			}
			switch {
			case f.out == "":
				return usage("say --out FILE.onnx")
			case f.baseline != "" && (len(args) > 0 || f.supernet != "" || f.arch != "" || f.net != "" || f.finetune != 0):
				return usage("--baseline goes with --out, --size, --wbits, --abits, --profile and --seed alone")
			case f.baseline != "":
				return a.exportBaseline(f)
			case (len(args) == 1) == (f.supernet != ""):
				return usage("say a run folder, or --supernet FILE")
			case f.finetune < 0 || f.finetune > 0 && f.supernet != "":
				return usage("--finetune is a number of epochs, for a sub-network of a run folder")
			case f.supernet != "":
				return a.exportSupernet(cmd.Context(), f)
			}
			return a.exportRun(cmd.Context(), args[0], f)
		},
	}
	cmd.Flags().StringVar(&f.arch, "arch", "", "key of the sub-network, or largest or smallest")
	cmd.Flags().StringVarP(&f.out, "out", "o", "", "file to write")
	cmd.Flags().Float64Var(&f.finetune, "finetune", 0, "of a run: epochs that the sub-network is trained alone, at its own bits")
	cmd.Flags().StringVar(&f.baseline, "baseline", "", "a published network with random weights: a name, or Once-for-All's net.config")
	f.flags(cmd)
	return cmd
}

// exportRun writes one sub-network of a run folder by the stage export.
func (a *app) exportRun(ctx context.Context, dir string, f supernetExport) error {
	c := a.console()
	defer c.Close()
	cfg, _, err := a.open(dir, c)
	if err != nil {
		return err
	}
	given, remove, err := exportInputs(cfg, dir, f.arch)
	if err != nil {
		return err
	}
	defer remove()
	cfg.Export = configs.Export{
		Picks: []string{"most_accurate"}, FineTune: f.finetune, FineTuneRate: cfg.Export.FineTuneRate,
		Profile: cmp.Or(f.profile, cfg.Export.Profile),
	}
	made, clean, err := alone{app: a, config: cfg, console: c, stages: []string{"export"}, given: given}.run(ctx)
	if err != nil {
		return err
	}
	defer clean()
	c.Close()
	answer, err := takeExported(filepath.Join(made, "models"), f.out)
	if err != nil {
		return err
	}
	return a.print(answer, func(w io.Writer) {
		fmt.Fprintf(w, "%s: top-1 %.2f %% on %d held-out images", answer.File, 100*answer.Top1, answer.Images)
		if answer.Inherited != nil {
			fmt.Fprintf(w, ", %.2f %% before fine-tuning", 100**answer.Inherited)
		}
		fmt.Fprintln(w)
	})
}

// exportInputs are the run's artifacts, with a front of the one Arch.
func exportInputs(cfg *configs.Config, dir, key string) (given map[string]string, remove func(), err error) {
	sp, err := cfg.Space.Resolve()
	if err != nil {
		return nil, nil, err
	}
	arch, err := parseArch(sp, key)
	if err != nil {
		return nil, nil, err
	}
	given = map[string]string{"data.json": filepath.Join(dir, "data.json"), "supernet.safetensors": filepath.Join(dir, "supernet.safetensors")}
	for _, file := range given {
		if _, err := os.Stat(file); err != nil {
			return nil, nil, badInput(fmt.Errorf("%w (hanas run goes on from here)", err))
		}
	}
	front, err := json.Marshal(map[string]any{
		"objectives": []string{"error", "latency_ms", "memory_bytes"},
		"points":     []map[string]any{{"arch": sp.Key(arch)}},
	})
	if err != nil {
		return nil, nil, fmt.Errorf("cli: export: %w", err)
	}
	made, err := scratch(map[string][]byte{"front.json": front})
	if err != nil {
		return nil, nil, err
	}
	given["front.json"] = filepath.Join(made, "front.json")
	return given, func() { os.RemoveAll(made) }, nil
}

// takeExported copies the one model of a folder out.
func takeExported(models, out string) (exported, error) {
	var manifest struct {
		Models []exported `json:"models"`
	}
	data, err := os.ReadFile(filepath.Join(models, "manifest.json"))
	if err != nil {
		return exported{}, fmt.Errorf("cli: export: %w", err)
	}
	if err := json.Unmarshal(data, &manifest); err != nil || len(manifest.Models) != 1 {
		return exported{}, fmt.Errorf("cli: export: %d models in the manifest, want one: %w", len(manifest.Models), err)
	}
	m := manifest.Models[0]
	if err := copyFile(out, filepath.Join(models, m.File)); err != nil {
		return exported{}, fmt.Errorf("cli: export: %w", err)
	}
	m.File = out
	return m, nil
}
