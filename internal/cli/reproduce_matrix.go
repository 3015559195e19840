package cli

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hanas/configs"
	"hanas/internal/atomicfile"
	"hanas/internal/progress"
	"hanas/onnx/ort"
	"hanas/pipeline"
)

// paperHours is what the paper says a pair of task and device costs, GPU-hours.
const paperHours = 8

// matrixFlags say which cells there are.
type matrixFlags struct {
	tasks   []string
	devices map[string]string
	seeds   []string
	set     []string
	out     string
}

// matrixCell is a run of the matrix.
type matrixCell struct {
	Task    string  `json:"task"`   // preset
	Device  string  `json:"device"` // host, or the name given to a table
	Seed    string  `json:"seed"`
	Dir     string  `json:"dir"`
	Error   string  `json:"error,omitempty"`     // why there are no figures
	Best    float64 `json:"best_test,omitempty"` // of the most accurate file on test images, fraction
	BestMS  float64 `json:"best_predicted_ms,omitempty"`
	Tau     float64 `json:"predictor_tau,omitempty"`
	Gain    float64 `json:"hypervolume_over_random,omitempty"`
	Hours   float64 `json:"hours"`     // of wall clock, in this cell; what was shared counts where it was made
	CPU     float64 `json:"cpu_hours"` // of all threads
	Shared  int     `json:"stages_shared"`
	Actions string  `json:"report_action,omitempty"` // what the report depends on, by hash
}

// matrixAnswer is matrix.json.
type matrixAnswer struct {
	Machine string       `json:"machine"`
	Paper   float64      `json:"paper_gpu_hours"`
	Cells   []matrixCell `json:"cells"`
}

func (a *app) reproduceMatrixCommand() *cobra.Command {
	var f matrixFlags
	cmd := &cobra.Command{
		Use:   "matrix",
		Short: "Run tasks x devices x seeds, sharing what can be shared",
		Long: `Runs every preset for every device with every seed, a folder each, and writes
matrix.md, matrix.csv, matrix.tex and matrix.json beside them: what was obtained,
the environment, hashes, and CPU-hours beside the paper's 8 GPU-hours for a pair of
task and device. Cells share artifacts: the devices of a preset and a seed train one
supernet. A cell that fails is told of and the others go on; the same command again
runs only what is missing. The device host is timed; another is NAME=TABLE, a table
that was measured there.`,
		Example: "  hanas reproduce matrix --task quick --task quick-coco --device host= --device phone=phone/lut.csv --seed 1 --seed 2 --out runs/matrix",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.reproduceMatrix(cmd.Context(), f) },
	}
	fl := cmd.Flags()
	fl.StringArrayVar(&f.tasks, "task", []string{"quick"}, "a preset or config file; may be repeated")
	fl.StringToStringVar(&f.devices, "device", map[string]string{"host": ""}, "NAME=TABLE; host= is this machine; may be repeated")
	fl.StringArrayVar(&f.seeds, "seed", []string{"1"}, "a seed; may be repeated")
	fl.StringArrayVar(&f.set, "set", nil, "override a setting in every cell, key.path=value; may be repeated")
	fl.StringVarP(&f.out, "out", "o", filepath.Join("runs", "matrix"), "folder of the cells and the tables")
	return cmd
}

func (a *app) reproduceMatrix(ctx context.Context, f matrixFlags) error {
	c := a.console()
	defer c.Close()
	answer := matrixAnswer{Machine: ort.ThisMachine().CPU, Paper: paperHours}
	failed := 0
	for _, task := range f.tasks {
		for _, seed := range f.seeds {
			for _, device := range slices.Sorted(maps.Keys(f.devices)) {
				cell := matrixCell{Task: task, Device: device, Seed: seed}
				err := a.matrixCell(ctx, f, &cell, c)
				if ctx.Err() != nil {
					return ctx.Err()
				}
				if err != nil {
					cell.Error = err.Error()
					failed++
					c.Log("", fmt.Sprintf("%s on %s, seed %s: %v", task, device, seed, err))
				}
				answer.Cells = append(answer.Cells, cell)
				if err := answer.write(f.out); err != nil { // after every cell: a kill leaves the tables of what is done
					return err
				}
			}
		}
	}
	c.Close()
	if err := a.print(answer, func(w io.Writer) { fmt.Fprint(w, answer.markdown()) }); err != nil {
		return err
	}
	if failed > 0 {
		fmt.Fprintf(a.stderr, "hanas: reproduce: matrix: %d of %d cells failed (the same command runs them again)\n", failed, len(answer.Cells))
		return &codedError{codeFailed, errSaid}
	}
	return nil
}

// matrixCell brings a cell's run up to date and reads its figures.
func (a *app) matrixCell(ctx context.Context, f matrixFlags, cell *matrixCell, c *progress.Console) error {
	set := append(slices.Clone(f.set), "seed="+cell.Seed)
	if table := f.devices[cell.Device]; table != "" {
		set = append(set, "lut.table="+table)
	} else if cell.Device != "host" {
		return usage("--device %s: say NAME=TABLE", cell.Device)
	}
	cfg, err := configs.Load(cell.Task, set)
	if err != nil {
		return err
	}
	cell.Dir = filepath.Join(f.out, strings.Join([]string{cfg.Name, cell.Device, cell.Seed}, "-"))
	table, err := a.stages(cfg, func(line string) { c.Log("", line) })
	if err != nil {
		return err
	}
	shown := show(c)
	begin, cpu := time.Now(), cpuTime()
	r := pipeline.Runner{
		Dir: cell.Dir, Stages: table, Share: filepath.Join(f.out, "shared"), Begin: func() error { return keepConfig(cell.Dir, cfg) },
		Listener: func(ev pipeline.Event) {
			if ev.Kind == pipeline.Log && strings.HasPrefix(ev.Text, "taken from ") {
				cell.Shared++
			}
			shown(ev)
		},
	}
	_, err = r.Run(ctx)
	cell.Hours, cell.CPU = time.Since(begin).Hours(), (cpuTime() - cpu).Hours()
	if err != nil {
		return err
	}
	return cell.read()
}

// read takes the figures from the cell's folder.
func (m *matrixCell) read() error {
	var validation struct {
		Models []struct {
			Top1    float64 `json:"top1"`
			Latency struct {
				Predicted float64 `json:"predicted"`
			} `json:"latency_ms"`
		} `json:"models"`
	}
	var fit struct {
		Tau float64 `json:"tau"`
	}
	var front struct {
		Hypervolume float64 `json:"hypervolume"`
		Random      float64 `json:"random_hypervolume"`
	}
	for name, v := range map[string]any{"validation.json": &validation, "predictor.json": &fit, "front.json": &front} {
		text := result(m.Dir, name)
		if text == nil {
			continue // the table has no such stage
		}
		if err := json.Unmarshal(text, v); err != nil {
			return fmt.Errorf("cli: reproduce: %s: %w", filepath.Join(m.Dir, name), err)
		}
	}
	for _, v := range validation.Models {
		if v.Top1 > m.Best {
			m.Best, m.BestMS = v.Top1, v.Latency.Predicted
		}
	}
	m.Tau = fit.Tau
	if front.Random > 0 {
		m.Gain = front.Hypervolume / front.Random
	}
	manifest, err := pipeline.ReadManifest(m.Dir)
	if err != nil {
		return err
	}
	if r := manifest.Stages[reportStage]; r != nil {
		m.Actions = string(r.Action)
	}
	return nil
}

// matrixHead are the columns of all tables.
var matrixHead = []string{"task", "device", "seed", "best on test, %", "at ms", "tau", "hypervolume : random", "stages shared", "hours", "CPU-hours", "published GPU-hours"}

func (m *matrixAnswer) rows() [][]string {
	number := func(v float64, digits int) string {
		if v == 0 {
			return ""
		}
		return strconv.FormatFloat(v, 'f', digits, 64)
	}
	var out [][]string
	for _, c := range m.Cells {
		row := []string{
			c.Task, c.Device, c.Seed, number(100*c.Best, 1), number(c.BestMS, 3), number(c.Tau, 3), number(c.Gain, 2),
			strconv.Itoa(c.Shared), number(c.Hours, 3), number(c.CPU, 3), number(m.Paper, 0),
		}
		if c.Error != "" {
			row[3] = "failed"
		}
		out = append(out, row)
	}
	return out
}

func (m *matrixAnswer) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "| %s |\n|%s\n", strings.Join(matrixHead, " | "), strings.Repeat("---|", len(matrixHead)))
	for _, row := range m.rows() {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
	}
	fmt.Fprintf(&b, "\nOn %s. The published figure is the paper's cost of one pair of task and device; stages that a cell shares are paid for by the cell that made them.\n", m.Machine)
	for _, c := range m.Cells {
		if c.Error != "" {
			fmt.Fprintf(&b, "\n%s on %s, seed %s: %s\n", c.Task, c.Device, c.Seed, c.Error)
		}
	}
	return b.String()
}

// latexSpecial are the characters that LaTeX reads as commands.
var latexSpecial = strings.NewReplacer(`\`, `\textbackslash{}`, "&", `\&`, "%", `\%`, "$", `\$`, "#", `\#`, "_", `\_`, "{", `\{`, "}", `\}`, "~", `\textasciitilde{}`, "^", `\textasciicircum{}`)

func (m *matrixAnswer) latex() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\\begin{tabular}{lll%s}\n", strings.Repeat("r", len(matrixHead)-3))
	for i, row := range append([][]string{matrixHead}, m.rows()...) {
		for k, cell := range row {
			row[k] = latexSpecial.Replace(cell)
		}
		fmt.Fprintf(&b, "%s \\\\\n", strings.Join(row, " & "))
		if i == 0 {
			b.WriteString("\\hline\n")
		}
	}
	b.WriteString("\\end{tabular}\n")
	return b.String()
}

// write writes the four tables, each whole.
func (m *matrixAnswer) write(dir string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("cli: %w", err)
	}
	js, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	var table bytes.Buffer
	w := csv.NewWriter(&table)
	if err := w.WriteAll(append([][]string{matrixHead}, m.rows()...)); err != nil {
		return err
	}
	return errors.Join(
		atomicfile.Write(filepath.Join(dir, "matrix.json"), js),
		atomicfile.Write(filepath.Join(dir, "matrix.csv"), table.Bytes()),
		atomicfile.Write(filepath.Join(dir, "matrix.md"), []byte(m.markdown())),
		atomicfile.Write(filepath.Join(dir, "matrix.tex"), []byte(m.latex())),
	)
}
