package stages

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"hanas/configs"
	"hanas/export"
	"hanas/onnx"
	"hanas/pipeline"
	"hanas/search"
)

// frontPoint is a point of front.json.
type frontPoint struct {
	Arch        string            `json:"arch"`
	Accuracy    float64           `json:"accuracy"` // predicted top-1, fraction
	Std         float64           `json:"accuracy_std"`
	LatencyMS   float64           `json:"latency_ms"`
	MemoryBytes int64             `json:"memory_bytes"` // weights and peak activations
	EnergyMJ    float64           `json:"energy_mj,omitempty"`
	SizeBytes   int64             `json:"size_bytes"` // weights, scales and biases at their bits
	MACs        int64             `json:"macs"`
	Provenance  map[string]string `json:"provenance"`
}

// frontRecord is front.json.
type frontRecord struct {
	Objectives        []string     `json:"objectives"`
	Hypervolume       float64      `json:"hypervolume"`
	RandomHypervolume float64      `json:"random_hypervolume"`
	Reference         []float64    `json:"reference"`
	Evaluations       int          `json:"evaluations"`
	Points            []frontPoint `json:"points"`
	Baselines         []baseline   `json:"baselines"`
}

// baseline is a network of the space that nobody searched for: what the front is
// held against, exported and validated beside it.
type baseline struct {
	Name string `json:"name"` // "largest" or "smallest", at 8 bits throughout
	frontPoint
}

// modelRecord is a model of manifest.json.
type modelRecord struct {
	File      string     `json:"file"`
	Picks     []string   `json:"picks"` // why it was chosen
	Baseline  bool       `json:"baseline,omitempty"`
	Arch      string     `json:"arch"`
	Predicted frontPoint `json:"predicted"`
	Top1      float64    `json:"top1_scored"` // on the held-out images of the stage evaluate
	Images    int        `json:"images_scored"`
	// Inherited is the score before fine-tuning; FineTuned says that the file
	// has the weights after it, because they score no worse.
	Inherited *float64 `json:"top1_inherited,omitempty"`
	FineTuned bool     `json:"finetuned,omitempty"`
	SHA256    string   `json:"sha256"`
}

// manifestRecord is models/manifest.json.
type manifestRecord struct {
	Space        string        `json:"space"`
	SpaceHash    string        `json:"space_hash"`
	SupernetHash string        `json:"supernet_hash"`
	DataHash     string        `json:"data_hash"`
	Seed         uint64        `json:"seed"`
	Models       []modelRecord `json:"models"`
}

// runExport writes the winners as files and scores each as evaluate does.
func (e *Env) runExport(ctx context.Context, p *pipeline.Pass) error {
	var front frontRecord
	if err := readJSON(p.Input(frontFile), &front); err != nil {
		return err
	}
	s, err := e.newScoring(ctx, p.Input(supernetFile))
	if err != nil {
		return err
	}
	if s.profile, err = export.ParseProfile(e.Config.Export.Profile); err != nil {
		return err
	}
	var devices []deviceFront
	if len(e.Config.Search.Devices) > 0 {
		if devices, err = e.readFronts(p.Input(frontsFolder)); err != nil {
			return err
		}
	}
	models, err := e.winners(front, devices)
	if err != nil {
		return err
	}
	rec := manifestRecord{Space: e.Space.Name, SpaceHash: e.Space.Hash(), SupernetHash: p.InputHash(supernetFile), DataHash: p.InputHash(dataFile), Seed: e.Config.Seed}
	err = ordered(ctx, e.workers(), len(models), func(ctx context.Context, i int) (modelRecord, error) {
		return e.writeModel(ctx, p, s, models[i])
	}, func(i int, m modelRecord) error {
		p.Progress(int64(i+1), int64(len(models)), "models")
		rec.Models = append(rec.Models, m)
		return nil
	})
	if err != nil {
		return err
	}
	p.Summary(fmt.Sprintf("%d ONNX files", len(rec.Models)))
	return writeJSON(filepath.Join(p.Output(modelsFolder), "manifest.json"), rec)
}

// choice collects the front points that become files; a point that is chosen
// for several reasons becomes one.
type choice struct {
	env *Env
	out []modelRecord
}

func (c *choice) pick(name string, pt frontPoint) {
	if k := slices.IndexFunc(c.out, func(m modelRecord) bool { return m.Arch == pt.Arch }); k >= 0 {
		c.out[k].Picks = append(c.out[k].Picks, name)
		return
	}
	c.out = append(c.out, modelRecord{File: name + ".onnx", Picks: []string{name}, Arch: pt.Arch, Predicted: pt})
}

// winners picks from the run's own front, and from those of further devices
// what the configuration names; the names of the latter begin with the device's.
func (e *Env) winners(front frontRecord, devices []deviceFront) ([]modelRecord, error) {
	if len(front.Points) == 0 {
		return nil, fmt.Errorf("stages: export: the front has no points (raise the limits of search)")
	}
	c := &choice{env: e}
	set := e.Config.Export
	if err := c.named("", front); err != nil {
		return nil, err
	}
	for i, d := range scaled(front).Diverse(set.Count + 3) {
		if len(c.out) < set.Count+len(set.Picks)+len(set.LatencyMS)+len(set.Prefer) {
			c.pick(fmt.Sprintf("front-%d", i+1), front.Points[d.Genome])
		}
	}
	for _, b := range front.Baselines {
		if !slices.ContainsFunc(c.out, func(m modelRecord) bool { return m.Arch == b.Arch }) {
			c.out = append(c.out, modelRecord{File: b.Name + ".onnx", Picks: []string{b.Name}, Baseline: true, Arch: b.Arch, Predicted: b.frontPoint})
		}
	}
	for _, d := range devices {
		if err := c.named(d.Name+"-", d.frontRecord); err != nil {
			return nil, err
		}
	}
	return c.out, nil
}

// scaled is a front by its own objectives, each point its place.
func scaled(front frontRecord) search.Front[int] {
	f := search.Front[int]{Objectives: front.Objectives, Feasible: true}
	for i := range front.Points {
		pt := search.Point{}
		for _, name := range front.Objectives {
			pt.Objectives = append(pt.Objectives, metricNamed(name).ofPoint(&front.Points[i]))
		}
		f.Points = append(f.Points, search.Candidate[int]{Genome: i, Point: pt})
	}
	return f
}

// named takes the picks, the most accurate under each latency limit and what is
// wished for.
func (c *choice) named(prefix string, front frontRecord) error {
	known := frontRecord{Objectives: []string{"error", "latency_ms"}, Points: front.Points} // which need not be what was minimised
	f := scaled(known)
	take := func(name string, best search.Candidate[int], ok bool) {
		if !ok {
			c.env.Log(fmt.Sprintf("export: no point of the front is %s%s", prefix, name))
			return
		}
		c.pick(prefix+name, front.Points[best.Genome])
	}
	for _, name := range c.env.Config.Export.Picks {
		var best search.Candidate[int]
		var ok bool
		switch name {
		case "knee":
			best, ok = scaled(front).Knee()
		case "fastest":
			best, ok = f.Best(1)
		case "most_accurate":
			best, ok = f.Best(0)
		}
		take(name, best, ok)
	}
	for _, limit := range c.env.Config.Export.LatencyMS {
		best, ok := f.Best(0, search.Limit{Objective: 1, Max: limit})
		take(fmt.Sprintf("under-%gms", limit), best, ok)
	}
	for _, text := range c.env.Config.Export.Prefer {
		wishes, err := search.ParsePreferences(text, configs.Figures...)
		if err != nil {
			return fmt.Errorf("stages: export.prefer: %w", err)
		}
		at, misses := preferred(front.Points, wishes)
		for _, m := range misses {
			c.env.Log(fmt.Sprintf("export: no point of the front is within %v, the nearest has %.4g", m, figureOf(&front.Points[at], m.Figure)))
		}
		c.pick(prefix+wishName(wishes), front.Points[at])
	}
	return nil
}

func (e *Env) writeModel(ctx context.Context, p *pipeline.Pass, s *scoring, m modelRecord) (modelRecord, error) {
	a, err := e.Space.Parse(m.Arch)
	if err != nil {
		return m, fmt.Errorf("stages: %s: %w", frontFile, err)
	}
	model, m, err := e.written(ctx, p, s, m, a)
	if err != nil {
		return m, err
	}
	path := filepath.Join(p.Output(modelsFolder), m.File)
	if err := onnx.WriteFile(path, model); err != nil {
		return m, err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return m, fmt.Errorf("stages: %w", err)
	}
	if _, err := export.ReadBack(data, model); err != nil { // a second reader sees what was written
		return m, err
	}
	sum := sha256.Sum256(data)
	m.SHA256 = hex.EncodeToString(sum[:])
	return m, nil
}
