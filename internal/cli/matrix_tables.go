package cli

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"hanas/internal/atomicfile"
	"hanas/onnx/ort"
	"hanas/pipeline"
)

// paperHours is what the paper says a pair of task and device costs, GPU-hours.
const paperHours = 8

// publishedBest is what the paper says of a device.
type publishedBest struct {
	Device string  `json:"device"`
	Top1   float64 `json:"top1_percent"` // on ImageNet
	MS     float64 `json:"latency_ms"`
}

// matrixPublished are the paper's own networks: its Table 1, and its text for the
// Cortex-A78.
var matrixPublished = []publishedBest{{"jetson-orin", 79.8, 12}, {"cortex-a78", 71.2, 8}}

// matrixHashed are the artifacts whose hashes stand in the tables.
var matrixHashed = []string{"data.json", "supernet.safetensors", "samples.arrow", "predictor.onnx", "lut.csv", "front.json", "models/"}

// environment is where figures were obtained.
type environment struct {
	CPU      string `json:"cpu"`
	Cores    int    `json:"cores"`
	Governor string `json:"governor,omitempty"`
	Memory   int64  `json:"memory_bytes,omitempty"`
	Platform string `json:"platform"`
	Go       string `json:"go"`
	Program  string `json:"program"` // version of hanas
}

func here() environment {
	m := ort.ThisMachine()
	return environment{m.CPU, m.Cores, m.Governor, m.MemoryBytes, runtime.GOOS + "/" + runtime.GOARCH, runtime.Version(), version()}
}

func (e environment) String() string {
	return fmt.Sprintf("%s, %d cores, %s, %s, hanas %s", e.CPU, e.Cores, e.Platform, e.Go, e.Program)
}

// matrixCell is a run of the matrix.
type matrixCell struct {
	Task     string            `json:"task"`   // preset
	Device   string            `json:"device"` // host, or the name given to a table
	Seed     string            `json:"seed"`
	Dir      string            `json:"dir"`
	Error    string            `json:"error,omitempty"`     // why there are no figures
	Best     float64           `json:"best_test,omitempty"` // of the most accurate file on test images, fraction
	BestMS   float64           `json:"best_predicted_ms,omitempty"`
	Tau      float64           `json:"predictor_tau,omitempty"`
	Gain     float64           `json:"hypervolume_over_random,omitempty"`
	Hours    float64           `json:"hours"`           // of wall clock, of all its stages one after another
	CPU      float64           `json:"cpu_hours"`       // of all threads, of all its stages
	CPUSplit float64           `json:"cpu_hours_split"` // the same, with what is shared divided among who share it
	Shared   int               `json:"stages_shared"`
	Actions  string            `json:"report_action,omitempty"` // what the report depends on, by hash
	Hashes   map[string]string `json:"hashes,omitempty"`        // SHA-256 of the artifacts

	done bool // it is read
}

// matrixAnswer is matrix.json.
type matrixAnswer struct {
	Environment environment     `json:"environment"`
	Paper       float64         `json:"paper_gpu_hours"`
	Published   []publishedBest `json:"published"`
	Cells       []matrixCell    `json:"cells"`
}

func (m *matrixAnswer) failures() (n int) {
	for _, c := range m.Cells {
		if c.Error != "" {
			n++
		}
	}
	return n
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
	m.Hashes = map[string]string{}
	for _, r := range manifest.Stages {
		for name, artifact := range r.Artifacts {
			m.Hashes[name] = artifact.Hash
		}
	}
	if r := manifest.Stages[reportStage]; r != nil {
		m.Actions = string(r.Action)
	}
	return nil
}

// matrixHead are the columns of all tables.
var matrixHead = []string{"task", "device", "seed", "best on test, %", "at ms", "tau", "hypervolume : random", "stages shared", "hours", "CPU-hours", "CPU-hours, shared split", "published GPU-hours", "published, % (ImageNet)", "published ms"}

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
			strconv.Itoa(c.Shared), number(c.Hours, 4), number(c.CPU, 4), number(c.CPUSplit, 4), number(m.Paper, 0), "", "",
		}
		for _, p := range m.Published {
			if p.Device == c.Device {
				row[len(row)-2], row[len(row)-1] = number(p.Top1, 1), number(p.MS, 0)
			}
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
	fmt.Fprintf(&b, "\nOn %s.\n", m.Environment)
	b.WriteString("CPU-hours: of all threads of this program, for all that the cell needs, as if it were alone; shared split: what cells have in common divided among them.\n" +
		"Published: the paper's GPU-hours for a pair of task and device, and its best network on ImageNet for the device of that name.\n")
	b.WriteString("\n| cell | " + strings.Join(matrixHashed, " | ") + " |\n|" + strings.Repeat("---|", 1+len(matrixHashed)) + "\n")
	for _, c := range m.Cells {
		fmt.Fprintf(&b, "| %s", filepath.Base(c.Dir))
		for _, name := range matrixHashed {
			fmt.Fprintf(&b, " | %.12s", c.Hashes[name])
		}
		b.WriteString(" |\n")
	}
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
		row = slices.Clone(row) // the head is everybody's
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
