package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"hanas/configs"
	"hanas/internal/progress"
	"hanas/pipeline"
)

// matrixFlags say which cells there are.
type matrixFlags struct {
	tasks   []string
	devices map[string]string
	seeds   []string
	set     []string
	out     string
	share   string
	jobs    int
}

func (a *app) reproduceMatrixCommand() *cobra.Command {
	var f matrixFlags
	cmd := &cobra.Command{
		Use:   "matrix",
		Short: "Run tasks x devices x seeds, sharing what can be shared",
		Long: `Runs every preset for every device with every seed as one graph, in which what cells
have alike is there once: the devices of a preset and a seed have one supernet, one set
of samples and one predictor. Writes a run folder a cell, and beside them matrix.md,
matrix.csv, matrix.tex and matrix.json: what was obtained beside what is published, the
environment, hashes, and CPU-hours beside the paper's 8 GPU-hours for a pair of task and
device. A stage that fails stops only what needs it; the same command again runs only
what is missing, also after a kill. The device host is timed; another is NAME=TABLE, a
table that was measured there.`,
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
	fl.IntVarP(&f.jobs, "jobs", "j", 0, "stages that may run side by side (default: one a core)")
	shareFlag(cmd, &f.share)
	return cmd
}

// matrix is the cells of one call, and the graph that they are in.
type matrix struct {
	answer matrixAnswer
	union  *pipeline.Union
	at     []int             // the member of the graph, by cell; -1 = its table could not be made
	failed map[string]string // stages of the graph that failed, and why
	fresh  map[string]bool   // stages of the graph that are done
}

func (a *app) reproduceMatrix(ctx context.Context, f matrixFlags) error {
	for device, table := range f.devices {
		if table == "" && device != "host" {
			return usage("--device %s: say NAME=TABLE", device)
		}
	}
	c := a.console()
	defer c.Close()
	if err := os.MkdirAll(f.out, 0o777); err != nil {
		return fmt.Errorf("cli: reproduce: %w", err)
	}
	m, err := a.newMatrix(f, c)
	if err != nil {
		return err
	}
	shown := show(c)
	r := pipeline.Runner{
		Dir: f.out, Stages: m.union.Stages(), KeepGoing: true, Jobs: f.jobs, Share: f.share,
		Listener: func(ev pipeline.Event) {
			m.hear(ev)
			ev.Stage = m.label(ev.Stage)
			shown(ev)
			if ev.Kind == pipeline.Finished { // a kill leaves the tables of what is done
				_ = m.collect(f.out) // tried again, and told of, at the end
			}
		},
	}
	if len(m.union.Stages()) > 0 {
		var stage *pipeline.StageError
		if _, err = r.Run(ctx); ctx.Err() != nil || err != nil && !errors.As(err, &stage) {
			return err
		}
	}
	if err := m.collect(f.out); err != nil {
		return err
	}
	c.Close()
	if err := a.print(m.answer, func(w io.Writer) { fmt.Fprint(w, m.answer.markdown()) }); err != nil {
		return err
	}
	if n := m.answer.failures(); n > 0 {
		fmt.Fprintf(a.stderr, "hanas: reproduce: matrix: %d of %d cells failed (the same command runs them again)\n", n, len(m.answer.Cells))
		return &codedError{codeFailed, errSaid}
	}
	return nil
}

// newMatrix makes the graph of all cells. One whose table cannot be made is a
// failure of that cell.
func (a *app) newMatrix(f matrixFlags, c *progress.Console) (*matrix, error) {
	m := &matrix{
		answer: matrixAnswer{Environment: here(), Paper: paperHours, Published: matrixPublished},
		failed: map[string]string{}, fresh: map[string]bool{},
	}
	var members []pipeline.Member
	names := map[string]bool{}
	for _, task := range f.tasks {
		for _, seed := range f.seeds {
			for _, device := range slices.Sorted(maps.Keys(f.devices)) {
				cell := matrixCell{Task: task, Device: device, Seed: seed}
				table, err := a.matrixTable(f, &cell, c)
				if err == nil && names[cell.Dir] {
					err = usage("two cells are called %s (give their presets different names)", filepath.Base(cell.Dir))
				}
				names[cell.Dir] = true
				if err != nil {
					cell.Error = err.Error()
					m.at = append(m.at, -1)
				} else {
					m.at = append(m.at, len(members))
					members = append(members, pipeline.Member{Name: filepath.Base(cell.Dir), Stages: table})
				}
				m.answer.Cells = append(m.answer.Cells, cell)
			}
		}
	}
	var err error
	m.union, err = pipeline.Join(members)
	return m, err
}

// matrixTable makes the stages of a cell, and writes what it is run with.
func (a *app) matrixTable(f matrixFlags, cell *matrixCell, c *progress.Console) ([]pipeline.Stage, error) {
	set := append(slices.Clone(f.set), "seed="+cell.Seed)
	if table := f.devices[cell.Device]; table != "" {
		set = append(set, "lut.table="+table)
	}
	cfg, err := configs.Load(cell.Task, set)
	if err != nil {
		return nil, err
	}
	cell.Dir = filepath.Join(f.out, strings.Join([]string{cfg.Name, cell.Device, cell.Seed}, "-"))
	if err := os.MkdirAll(cell.Dir, 0o777); err != nil {
		return nil, fmt.Errorf("cli: reproduce: %w", err)
	}
	if err := keepConfig(cell.Dir, cfg); err != nil {
		return nil, err
	}
	return a.stages(cfg, func(line string) { c.Log("", line) })
}

// hear takes note of how a stage ended.
func (m *matrix) hear(ev pipeline.Event) {
	switch ev.Kind {
	case pipeline.Failed:
		m.failed[ev.Stage] = ev.Text
	case pipeline.Finished, pipeline.Skipped:
		m.fresh[ev.Stage] = true
	}
}

// label is a stage of the graph for people: whose it is.
func (m *matrix) label(stage string) string {
	name, members := m.union.Own(stage)
	switch len(members) {
	case 0:
		return name
	case 1:
		return name + " of " + members[0]
	}
	return fmt.Sprintf("%s of %s and %d more", name, members[0], len(members)-1)
}

// collect fills the folders of the cells that are complete, reads their figures
// and writes the tables.
func (m *matrix) collect(out string) error {
	record, err := pipeline.ReadManifest(out)
	if err != nil {
		return err
	}
	for i := range m.answer.Cells {
		cell := &m.answer.Cells[i]
		if m.at[i] < 0 || cell.done {
			continue
		}
		m.cost(cell, m.at[i], record)
		cell.Error = m.why(m.at[i], record)
		if cell.Error != "" {
			continue
		}
		if err := m.union.Extract(out, m.at[i], cell.Dir); err != nil {
			return err
		}
		if err := cell.read(); err != nil {
			return err
		}
		cell.done = true
	}
	return m.answer.write(out)
}

// why says what keeps a cell from being complete; "" = nothing.
func (m *matrix) why(member int, record *pipeline.Manifest) string {
	steps := m.union.Steps(member)
	for _, step := range steps {
		if text, failed := m.failed[step]; failed {
			name, _ := m.union.Own(step)
			return "stage " + name + ": " + text
		}
	}
	for _, step := range steps {
		if !m.fresh[step] || record.Stages[step] == nil { // a record is written a moment after its event
			name, _ := m.union.Own(step)
			return "stage " + name + " has not run yet"
		}
	}
	return ""
}

// cost sums what the stages of a cell took.
func (m *matrix) cost(cell *matrixCell, member int, record *pipeline.Manifest) {
	cell.Hours, cell.CPU, cell.CPUSplit, cell.Shared = 0, 0, 0, 0
	for _, step := range m.union.Steps(member) {
		_, users := m.union.Own(step)
		if len(users) > 1 {
			cell.Shared++
		}
		if r := record.Stages[step]; r != nil {
			cell.Hours += r.Seconds / 3600
			cell.CPU += r.CPUSeconds / 3600
			cell.CPUSplit += r.CPUSeconds / 3600 / float64(len(users))
		}
	}
}
