package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hanas/configs"
	"hanas/datasets"
	"hanas/eval"
	"hanas/internal/progress"
	"hanas/onnx"
	"hanas/onnx/ort"
)

// validated is the score of one file: of a classifier or of a detector.
type validated struct {
	File         string      `json:"file"`
	Arch         string      `json:"arch,omitempty"`
	*classScores             // absent from the JSON of a detector
	AP           *eval.Boxes `json:"ap,omitempty"`     // detectors: COCO's twelve figures
	N            int         `json:"n"`                // images
	Broken       int         `json:"broken,omitempty"` // images that could not be read: --broken skip
	LatencyMS    float64     `json:"latency_ms"`       // median of single runs here, batch 1
	Warning      string      `json:"warning,omitempty"`
}

// classScores are the figures that only a classifier has.
type classScores struct {
	Top1      float64    `json:"top1"`          // fraction
	Top5      float64    `json:"top5"`          // fraction
	Top1Range [2]float64 `json:"top1_interval"` // Wilson, 95 %
	Top5Range [2]float64 `json:"top5_interval"` // Wilson, 95 %
	Loss      float64    `json:"loss"`          // mean cross-entropy, nats
}

// validateAnswer is what `hanas validate --json` prints: the files, and for a
// single one its figures on top too.
type validateAnswer struct {
	*validated
	Models []validated `json:"models"`
}

type validateFlags struct {
	data, split    string
	card, results  string // files
	broken         string // "fail" or "skip"
	limit, threads int
	level          string // of the runtime's graph rewriting
}

func (a *app) validateCommand() *cobra.Command {
	f := validateFlags{split: "test", level: ort.All.String()}
	cmd := &cobra.Command{
		Use:   "validate MODEL.onnx… --data KIND[:PATH]",
		Short: "Run ONNX files on images: accuracy and latency",
		Long: `Runs each file through ONNX Runtime, also files made elsewhere: the input may have any name
and be channels first or last, float, half, double or the bytes of the pixels. The images' size comes from the graph and
their normalisation from the file's metadata, or from a card: MODEL.card.json beside
MODEL.onnx, with "size", "resize", "mean", "std". A card with a "decoder" makes the file
a detector, scored with COCO's twelve figures on --data coco:FOLDER; detectors of a
run need no card, and take --data scenes (drawn by the program) too. Files of a run
folder are tested on that run's own split of the images.`,
		Example: `  hanas validate runs/quick/models/*.onnx --data glyphs
  hanas validate my.onnx --data parquet:cifar10 --limit 1000
  hanas validate my.onnx --data list:imagenet/val_map.txt --card my.json --json
  hanas validate my.onnx --data list:imagenet/LOC_val_solution.csv --results results.jsonl --broken skip
  hanas validate my.onnx --data folder:pictures --level basic        # every operator as the file has it
  hanas validate detector.onnx --data coco:coco --split val --json`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error {
			if err := f.check(); err != nil {
				return err
			}
			if f.results != "" && len(files) > 1 {
				return usage("--results takes one model, not %d", len(files))
			}
			level, err := ort.LevelOf(f.level)
			if err != nil {
				return usage("--level: %v", err)
			}
			c := a.console()
			defer c.Close()
			rt, err := openORT(cmd.Context(), c)
			if err != nil {
				return err
			}
			defer rt.Close()
			v := &validator{validateFlags: f, engine: rt.Engine(ort.Settings{Threads: f.threads, Level: level}), console: c, sets: map[string]*datasets.Set{}}
			answer := validateAnswer{}
			begin := time.Now()
			c.Start("validate", "")
			for _, file := range files {
				one, err := v.file(cmd.Context(), file)
				if err != nil {
					return err
				}
				if one.Warning != "" {
					c.Log("validate", file+": "+one.Warning)
				}
				answer.Models = append(answer.Models, one)
			}
			c.Finish("validate", fmt.Sprintf("%d files", len(files)), time.Since(begin))
			c.Close()
			if len(files) == 1 {
				answer.validated = &answer.Models[0]
			}
			return a.print(answer, answer.text)
		},
	}
	cmd.Flags().StringVar(&f.data, "data", "", "images, KIND[:PATH]; kinds: coco, "+strings.Join(datasets.Kinds(), ", "))
	cmd.Flags().StringVar(&f.card, "card", "", "JSON file that says how to feed the network (default MODEL.card.json, if there)")
	cmd.Flags().StringVar(&f.results, "results", "", "file to write, .csv or .jsonl: what is said of each image (one model, classification)")
	cmd.Flags().StringVar(&f.broken, "broken", "fail", "images that cannot be read: fail, or skip and count them")
	cmd.Flags().StringVar(&f.split, "split", f.split, "split of the images: train, val or test")
	cmd.Flags().IntVar(&f.limit, "limit", 0, "images at most (default all)")
	cmd.Flags().StringVar(&f.level, "level", f.level, "how much the runtime rewrites the graph: "+strings.Join(ort.Levels(), ", "))
	completeFlag(cmd, "level", fixed(ort.Levels()...))
	cmd.Flags().IntVar(&f.threads, "threads", 1, "threads of the runtime")
	return cmd
}

func (f *validateFlags) check() error {
	kind, _, _ := strings.Cut(f.data, ":")
	switch {
	case f.data == "":
		return usage("say --data KIND[:PATH] (kinds: %s)", strings.Join(datasets.Kinds(), ", "))
	case kind != "coco" && !strings.Contains(" "+strings.Join(datasets.Kinds(), " ")+" ", " "+kind+" "):
		return usage("--data %s: unknown kind (known: coco, %s)", f.data, strings.Join(datasets.Kinds(), ", "))
	case f.split != "train" && f.split != "val" && f.split != "test":
		return usage("--split %s: want train, val or test", f.split)
	case f.limit < 0:
		return usage("--limit %d: want 0 or more", f.limit)
	case f.results != "" && resultForms[filepath.Ext(f.results)] == nil:
		return usage("--results %s: want a file that ends in .csv or .jsonl", f.results)
	case f.broken != "fail" && f.broken != "skip":
		return usage("--broken %s: want fail or skip", f.broken)
	case f.threads < 1:
		return usage("--threads %d: want 1 or more", f.threads)
	}
	return nil
}

func (v *validateAnswer) text(w io.Writer) {
	rows := [][]string{{"FILE", "TOP-1", "95 %", "TOP-5", "95 %", "IMAGES", "LATENCY"}}
	for _, m := range v.Models {
		if m.AP != nil {
			fmt.Fprintf(w, "%s: AP %.3f, AP50 %.3f, AP75 %.3f on %d images\n", m.File, m.AP.AP, m.AP.AP50, m.AP.AP75, m.N)
			continue
		}
		rows = append(rows, []string{
			m.File, fmt.Sprintf("%.2f %%", 100*m.Top1), interval(m.Top1Range), fmt.Sprintf("%.2f %%", 100*m.Top5), interval(m.Top5Range),
			fmt.Sprint(m.N), fmt.Sprintf("%.3f ms", m.LatencyMS),
		})
	}
	columns(w, rows)
}

// interval is a range of fractions in per cent.
func interval(r [2]float64) string { return fmt.Sprintf("%.1f–%.1f", 100*r[0], 100*r[1]) }

// validator keeps data sets, and decoded images that are not too many, between
// files that want the same.
type validator struct {
	validateFlags
	engine  onnx.Engine
	console *progress.Console // told how far it is; nil = nobody
	sets    map[string]*datasets.Set
	kept    kept
	bytes   int // of a part's pixels at most; 0 = partBytes
}

func (v *validator) file(ctx context.Context, file string) (validated, error) {
	out := validated{File: file}
	if err := mustExist(file); err != nil {
		return out, err
	}
	m, err := onnx.ReadFile(file)
	if err != nil {
		return out, badInput(err)
	}
	out.Arch = m.Meta("hanas.arch")
	c, err := readCard(v.card, file)
	if err != nil {
		return out, err
	}
	if c, err = c.orOwn(m); err != nil {
		return out, badInput(fmt.Errorf("%s: %w", file, err))
	}
	kind, _, _ := strings.Cut(v.data, ":")
	if boxes := kind == "coco" || kind == "scenes"; boxes != (c.Decoder != "") {
		return out, badInput(fmt.Errorf("%s: --data %s with decoder %q (boxes need both --data coco:FOLDER and a card with a decoder: %s)",
			file, v.data, c.Decoder, strings.Join(eval.Decoders(), ", ")))
	}
	if c.Decoder == "" {
		if m, c, err = suited(m, c); err != nil {
			return out, badInput(fmt.Errorf("%s: %w", file, err))
		}
	}
	r, err := v.engine(m)
	if err != nil {
		return out, badInput(fmt.Errorf("%s: %w", file, err))
	}
	defer r.Close()
	switch {
	case kind == "scenes":
		out.AP, out.N, err = v.scenes(ctx, c, m, r, file)
	case c.Decoder != "":
		out.AP, out.N, err = v.boxes(ctx, c, m, r)
	default:
		err = v.classes(ctx, c, m, r, &out)
	}
	if err != nil {
		return out, fmt.Errorf("%s: %w", file, err)
	}
	var shape []int // as the graph says
	if c.Decoder == "" && c.Size > 0 {
		shape = []int{1, 3, c.Size, c.Size}
	}
	stats, err := eval.Latency(ctx, r, shape, eval.TimingSettings{})
	if err != nil {
		return out, fmt.Errorf("%s: %w", file, err)
	}
	out.LatencyMS = float64(stats.Median) / float64(time.Millisecond)
	return out, nil
}

// classes scores a classifier, part by part.
func (v *validator) classes(ctx context.Context, c card, m *onnx.Model, r onnx.Runner, out *validated) error {
	set, err := v.open(ctx, out.File, c, m)
	if err != nil {
		return err
	}
	out.Warning = otherLabels(cmp.Or(strings.Join(c.Labels, "\n"), m.Meta("hanas.labels")), set.Info.Classes)
	var rows []imageResult
	var res eval.Result
	err = v.parts(ctx, set, func(part *loaded, from, total int) error {
		rows = append(rows, part.broken...)
		out.Broken += len(part.broken)
		if part.Images == nil { // none could be read
			return nil
		}
		settings := eval.Settings{OnBatch: func(done, _ int) { v.tell(from+done, total) }}
		if v.results != "" {
			settings.OnImage = func(i int, logits []float32) {
				rows = append(rows, resultOf(part.names[i], int(part.Labels[i]), logits, part.Classes))
			}
		}
		one, err := eval.Classify(ctx, r, part.Images, settings)
		res.Add(one)
		return err
	})
	if err == nil && res.N == 0 {
		err = badInput(datasets.ErrNoneReadable)
	}
	if err != nil {
		return err
	}
	out.N, out.classScores = res.N, &classScores{Top1: res.Top1, Top5: res.Top5, Loss: res.Loss}
	out.Top1Range[0], out.Top1Range[1] = eval.Wilson(res.Correct1, res.N)
	out.Top5Range[0], out.Top5Range[1] = eval.Wilson(res.Correct5, res.N)
	if v.results == "" {
		return nil
	}
	return writeResults(v.results, rows)
}

// otherLabels warns where a file's labels, a line each, are not the classes of
// the images: accuracy holds positions against each other, whatever their names.
func otherLabels(told string, classes []string) string {
	if told == "" || len(classes) == 0 {
		return ""
	}
	labels := strings.Split(told, "\n")
	if len(labels) != len(classes) {
		return fmt.Sprintf("the file has %d labels, the images %d classes (is this the data that it was made for?)", len(labels), len(classes))
	}
	for i, name := range classes {
		if labels[i] != name {
			return fmt.Sprintf("label %d is %q in the file and %q in the images: positions are compared, not names (if they mean different things, the accuracy means nothing)", i, labels[i], name)
		}
	}
	return ""
}

// open finds the images that a file is tested on, at its size and with its
// normalisation.
func (v *validator) open(ctx context.Context, file string, c card, m *onnx.Model) (*datasets.Set, error) {
	kind, path, _ := strings.Cut(v.data, ":")
	s := datasets.Settings{Kind: kind, Path: path}
	cfg, err := configNear(file)
	if err != nil {
		return nil, err
	}
	if cfg != nil && cfg.Data.Kind == kind {
		s = runData(cfg, path)
	}
	x, err := intakeOf(m)
	if err == nil {
		s.Size = cmp.Or(x.size, c.Size)
	}
	if err == nil && s.Size == 0 {
		err = fmt.Errorf("the graph's input is %v: its image may have any size (say \"size\" in a card, %s beside it or --card)", m.Graph.Inputs[0].Shape, filepath.Base(cardName(file)))
	}
	if err != nil {
		return nil, badInput(fmt.Errorf("%s: %w", file, err))
	}
	told, _ := strconv.Atoi(m.Meta("hanas.resize")) // none = 0
	s.Resize = max(s.Resize, s.Size, told, c.Resize)
	if s.Mean, err = triple(m.Meta("hanas.mean")); err == nil {
		s.Std, err = triple(m.Meta("hanas.std"))
	}
	if err != nil {
		return nil, badInput(fmt.Errorf("%s: %w", file, err))
	}
	if c.Mean != nil {
		s.Mean, s.Std = *c.Mean, *c.Std
	}
	key := fmt.Sprintf("%+v", s)
	if set := v.sets[key]; set != nil {
		return set, nil
	}
	set, err := datasets.Open(ctx, s)
	if err != nil {
		return nil, badInput(err)
	}
	v.sets[key] = set
	return set, nil
}

// runData are the images of a run; path, if given, is where they are now.
func runData(cfg *configs.Config, path string) datasets.Settings {
	d := cfg.Data
	if path == "" {
		path = d.Path
	}
	return datasets.Settings{Kind: d.Kind, Path: path, Train: d.Train, Val: d.Val, Test: d.Test, Resize: d.Resize, Seed: cfg.Seed, Difficulty: d.Difficulty}
}

// inputSize is the side of the square images that a graph takes.
func inputSize(m *onnx.Model) (int, error) {
	if len(m.Graph.Inputs) != 1 {
		return 0, fmt.Errorf("the graph has %d inputs, want one image", len(m.Graph.Inputs))
	}
	s := m.Graph.Inputs[0].Shape
	if len(s) != 4 || s[1] != 3 || s[2] != s[3] || s[2] <= 0 {
		return 0, fmt.Errorf("the graph's input is %v, want [N, 3, size, size]", s)
	}
	return s[2], nil
}

// triple reads three numbers; an empty text gives zeros: measured on the images.
func triple(text string) (v [3]float32, err error) {
	if text == "" {
		return v, nil
	}
	if n, err := fmt.Sscan(text, &v[0], &v[1], &v[2]); n != 3 || err != nil {
		return v, fmt.Errorf("metadata %q is not three numbers", text)
	}
	return v, nil
}
