package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"hanas/configs"
	"hanas/pipeline"
	"hanas/schedule"
)

// retrain runs if anything calls for it and proposes the best model. The
// decision is in the history when it returns nil. The settings are read anew
// each time, so that an edited file counts.
func (a *app) retrain(ctx context.Context, f scheduleFlags, e schedule.Entry) (schedule.Entry, error) {
	reg := schedule.Registry{Dir: f.registry}
	cfg, err := configs.Load(f.preset, f.set)
	if err != nil {
		return e, err
	}
	c := a.console()
	defer c.Close()
	table, err := a.stages(cfg, func(line string) { c.Log("", line) })
	if err != nil {
		return e, err
	}
	if err := checkForce(table, f.force); err != nil {
		return e, err
	}
	if pid, busy := pipeline.Busy(f.out); busy {
		e.Action, e.Reason = schedule.Idle, fmt.Sprintf("process %d already runs in %s", pid, f.out)
		return e, reg.Append(e)
	}
	why, force, err := a.drifted(ctx, f, cfg, table, c)
	if err != nil {
		return e, err
	}
	if len(why) == 0 {
		e.Action, e.Reason = schedule.Idle, "nothing changed"
		return e, reg.Append(e)
	}
	r := pipeline.Runner{
		Dir: f.out, Stages: table, Force: force, Listener: show(c),
		Begin: func() error { return keepConfig(f.out, cfg) },
	}
	if _, err := r.Run(ctx); err != nil {
		return e, err
	}
	m, limits, err := candidate(f.out, cfg)
	if err != nil {
		return e, err
	}
	e.Reason = strings.Join(why, "; ") + ": "
	return reg.Propose(m, limits, e)
}

// candidate is the model of a run to propose: of those within the limits of the
// search (of all, if none is) the one that scored most on the held-out images.
// The test images take no part in that choice, so that they stay a fair judge.
func candidate(dir string, cfg *configs.Config) (schedule.Model, schedule.Limits, error) {
	limits := schedule.Limits{LatencyMS: cfg.Search.LatencyMS, Memory: int64(cfg.Search.MemoryMB * 1e6)}
	var validation struct {
		Models []struct {
			File      string  `json:"file"`
			Baseline  bool    `json:"baseline"`
			Top1      float64 `json:"top1"`
			Scored    float64 `json:"top1_scored"`
			Images    int     `json:"n"`
			LatencyMS struct {
				Measured float64 `json:"measured"`
			} `json:"latency_ms"`
			Weights int64 `json:"weight_bytes"`
			Peak    int64 `json:"peak_activation_bytes"`
		} `json:"models"`
	}
	file := filepath.Join(dir, "validation.json")
	data, err := os.ReadFile(file)
	if err != nil {
		return schedule.Model{}, limits, fmt.Errorf("schedule: %w", err)
	}
	if err := json.Unmarshal(data, &validation); err != nil {
		return schedule.Model{}, limits, fmt.Errorf("schedule: %s: %w", file, err)
	}
	man, err := pipeline.ReadManifest(dir)
	if err != nil {
		return schedule.Model{}, limits, err
	}
	images := ""
	if r := man.Stages["data"]; r != nil {
		images = r.Artifacts["data.json"].Hash
	}
	best, bestScore, bestFits := -1, 0.0, false
	for i, m := range validation.Models {
		fits := (limits.LatencyMS == 0 || m.LatencyMS.Measured <= limits.LatencyMS) && (limits.Memory == 0 || m.Weights+m.Peak <= limits.Memory)
		if m.Baseline || !filepath.IsLocal(m.File) {
			continue
		}
		if best < 0 || fits && !bestFits || fits == bestFits && m.Scored > bestScore {
			best, bestScore, bestFits = i, m.Scored, fits
		}
	}
	if best < 0 {
		return schedule.Model{}, limits, fmt.Errorf("schedule: %s has no model to propose", file)
	}
	m := validation.Models[best]
	return schedule.Model{
		File: filepath.Join(dir, "models", m.File), Data: images, Top1: m.Top1, Images: m.Images,
		LatencyMS: m.LatencyMS.Measured, Memory: m.Weights + m.Peak,
	}, limits, nil
}

// planned says why a run is due by what is in the run folder.
func planned(dir string, table []pipeline.Stage) ([]string, error) {
	steps, err := pipeline.Plan(dir, table)
	if err != nil {
		return nil, err
	}
	var why []string
	for _, st := range steps {
		if !st.Fresh && !strings.HasPrefix(st.Reason, "waits for ") {
			why = append(why, st.Stage.Name+": "+st.Reason)
		}
	}
	return slices.Compact(why), nil
}
