package stages

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"hanas/export"
	"hanas/onnx"
	"hanas/pipeline"
	"hanas/search"
	"hanas/space"
)

// frontPoint is a point of front.json.
type frontPoint struct {
	Arch        string            `json:"arch"`
	Accuracy    float64           `json:"accuracy"` // predicted top-1, fraction
	Std         float64           `json:"accuracy_std"`
	LatencyMS   float64           `json:"latency_ms"`
	MemoryBytes int64             `json:"memory_bytes"` // weights and peak activations
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
	models, err := e.winners(front)
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

// winners picks the front points that become files; a point that is chosen for
// several reasons becomes one.
func (e *Env) winners(front frontRecord) ([]modelRecord, error) {
	var all []search.Candidate[int]
	for i, pt := range front.Points {
		all = append(all, search.Candidate[int]{Genome: i, Point: search.Point{Objectives: []float64{-pt.Accuracy, pt.LatencyMS, float64(pt.MemoryBytes)}}})
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("stages: export: the front has no points (raise the limits of search)")
	}
	f := search.NewFront(front.Objectives, all)
	var out []modelRecord
	pick := func(name string, c search.Candidate[int], ok bool) {
		if !ok {
			e.Log(fmt.Sprintf("export: no point of the front is %s", name))
			return
		}
		pt := front.Points[c.Genome]
		if k := slices.IndexFunc(out, func(m modelRecord) bool { return m.Arch == pt.Arch }); k >= 0 {
			out[k].Picks = append(out[k].Picks, name)
			return
		}
		out = append(out, modelRecord{File: name + ".onnx", Picks: []string{name}, Arch: pt.Arch, Predicted: pt})
	}
	for _, name := range e.Config.Export.Picks {
		var c search.Candidate[int]
		var ok bool
		switch name {
		case "knee":
			c, ok = f.Knee()
		case "fastest":
			c, ok = f.Best(1)
		case "most_accurate":
			c, ok = f.Best(0)
		}
		pick(name, c, ok)
	}
	for _, limit := range e.Config.Export.LatencyMS {
		c, ok := f.Best(0, search.Limit{Objective: 1, Max: limit})
		pick(fmt.Sprintf("under-%gms", limit), c, ok)
	}
	for i, c := range f.Diverse(e.Config.Export.Count + 3) {
		if len(out) < e.Config.Export.Count+len(e.Config.Export.Picks)+len(e.Config.Export.LatencyMS) {
			pick(fmt.Sprintf("front-%d", i+1), c, true)
		}
	}
	for _, b := range front.Baselines {
		if !slices.ContainsFunc(out, func(m modelRecord) bool { return m.Arch == b.Arch }) {
			out = append(out, modelRecord{File: b.Name + ".onnx", Picks: []string{b.Name}, Baseline: true, Arch: b.Arch, Predicted: b.frontPoint})
		}
	}
	return out, nil
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

// memory is the search's memory objective: weights and peak activations.
func memory(layers []space.Layer) int64 {
	c := space.Cost(layers)
	return c.WeightBytes + c.PeakActivationBytes
}
