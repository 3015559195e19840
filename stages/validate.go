package stages

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"hanas/eval"
	"hanas/latency"
	"hanas/onnx"
	"hanas/pipeline"
	"hanas/space"
)

// latencyRecord is predicted beside measured, in milliseconds.
type latencyRecord struct {
	Predicted float64 `json:"predicted"`
	Measured  float64 `json:"measured"` // single runs at batch 1, one thread, at the pace of the latency table
	Std       float64 `json:"std"`
	P95       float64 `json:"p95"`
	Count     int     `json:"count"`
}

// checkedModel is a model of validation.json.
type checkedModel struct {
	File        string        `json:"file"`
	Picks       []string      `json:"picks"`
	Baseline    bool          `json:"baseline,omitempty"` // not from the front, to hold it against
	Arch        string        `json:"arch"`
	Top1        float64       `json:"top1"` // test images
	Top5        float64       `json:"top5"`
	AP          *eval.Boxes   `json:"ap,omitempty"` // of a detector, on the test images; top1 is then AP and top5 AP at 0.5
	Images      int           `json:"n"`
	Lo          float64       `json:"top1_lo"` // 95 % interval
	Hi          float64       `json:"top1_hi"`
	Top1Scored  float64       `json:"top1_scored"`              // held-out images, when exported
	Inherited   *float64      `json:"top1_inherited,omitempty"` // before fine-tuning, on the held-out images
	FineTuned   bool          `json:"finetuned,omitempty"`
	Top1Again   float64       `json:"top1_rescored"` // the file from disk on the same images
	Equal       bool          `json:"scored_equal"`
	Rewriting   *rewriting    `json:"rewriting,omitempty"`
	Accuracy    float64       `json:"top1_predicted"`
	LatencyMS   latencyRecord `json:"latency_ms"`
	FileBytes   int64         `json:"file_bytes"`
	WeightBytes int64         `json:"weight_bytes"`
	PeakBytes   int64         `json:"peak_activation_bytes"`
	Params      int64         `json:"params"`
	MACs        int64         `json:"macs"`
}

// validationRecord is validation.json.
type validationRecord struct {
	Models []checkedModel `json:"models"`
	Pace   float64        `json:"pace,omitempty"` // unknown where the table has none: what this machine took over what it took for the latency table; measured latencies are scaled by it
}

// runValidate runs each exported file from disk.
func (e *Env) runValidate(ctx context.Context, p *pipeline.Pass) error {
	var manifest manifestRecord
	folder := p.Input(modelsFolder)
	if err := readJSON(filepath.Join(folder, "manifest.json"), &manifest); err != nil {
		return err
	}
	engine, err := e.scoring(ctx)
	if err != nil {
		return err
	}
	val, err := e.scorer(ctx, "val", e.Config.Evaluate.Images)
	if err != nil {
		return err
	}
	test, err := e.scorer(ctx, "test", e.Config.Validation.Images)
	if err != nil {
		return err
	}
	var rec validationRecord
	var nets []*onnx.Model
	for i, m := range manifest.Models {
		c, net, err := e.check(ctx, engine, filepath.Join(folder, m.File), m, [2]scorer{val, test})
		if err != nil {
			return fmt.Errorf("stages: validate %s: %w", m.File, err)
		}
		rec.Models, nets = append(rec.Models, c), append(nets, net)
		p.Progress(int64(i+1), int64(len(manifest.Models)), "models")
	}
	table, err := latency.ReadTable(p.Input(lutFile))
	if err != nil {
		return err
	}
	times, err := latency.Networks(ctx, engine, nets, NetworkSettings(max(30, e.Config.Validation.Runs), table.PaceMs), nil)
	if err != nil {
		return fmt.Errorf("stages: validate: %w", err)
	}
	rec.Pace = paceOf(times.PaceMs, table.PaceMs)
	for i, t := range times.Rows {
		c := &rec.Models[i]
		c.LatencyMS.Measured, c.LatencyMS.Std, c.LatencyMS.P95, c.LatencyMS.Count = t.MeanMs, t.StdMs, t.P95Ms, t.Count
		p.Log("%s: "+e.task().metric+" %.1f %% on %d test images, %.3f ms (predicted %.3f), scored again: %v", c.File, 100*c.Top1, c.Images, c.LatencyMS.Measured, c.LatencyMS.Predicted, c.Equal)
	}
	if err := e.writeGallery(ctx, p, rec, nets); err != nil {
		return err
	}
	p.Summary(fmt.Sprintf("%d files run", len(rec.Models)))
	return writeJSON(p.Output(validationFile), rec)
}

// paceOf is how slow this machine was, over how slow it was for the table; 0 for
// a table of elsewhere, which does not say.
func paceOf(now, then float64) float64 {
	if !(then > 0) {
		return 0
	}
	return now / then
}

func (e *Env) check(ctx context.Context, engine onnx.Engine, path string, m modelRecord, images [2]scorer) (checkedModel, *onnx.Model, error) {
	c := checkedModel{File: m.File, Picks: m.Picks, Baseline: m.Baseline, Arch: m.Arch, Top1Scored: m.Top1, Inherited: m.Inherited, FineTuned: m.FineTuned, Accuracy: m.Predicted.Accuracy}
	info, err := os.Stat(path)
	if err != nil {
		return c, nil, err
	}
	model, err := onnx.ReadFile(path)
	if err != nil {
		return c, nil, err
	}
	r, err := engine(model)
	if err != nil {
		return c, nil, err
	}
	defer r.Close()
	again, err := images[0].Score(ctx, r)
	if err != nil {
		return c, nil, err
	}
	res, err := images[1].Score(ctx, r)
	if err != nil {
		return c, nil, err
	}
	c.Top1, c.Top5, c.Images, c.Top1Again, c.Lo, c.Hi, c.AP = res.Value, res.Second, res.N, again.Value, res.Lo, res.Hi, res.Boxes
	if c.Equal = again.Value == m.Top1; !c.Equal {
		return c, nil, fmt.Errorf("scores %.4f on the held-out images, the search scored %.4f (the file or the runtime differs from what was scored)", again.Value, m.Top1)
	}
	if c.Rewriting, err = e.rewritten(ctx, model, images[1], res); err != nil {
		return c, nil, err
	}
	arch, err := e.Space.Parse(m.Arch)
	if err != nil {
		return c, nil, err
	}
	layers := e.Space.Layers(arch)
	cost := space.Cost(layers)
	c.FileBytes, c.WeightBytes, c.PeakBytes, c.Params, c.MACs = info.Size(), cost.WeightBytes, cost.PeakActivationBytes, cost.Params, cost.MACs
	c.LatencyMS.Predicted = m.Predicted.LatencyMS
	return c, model, nil
}
