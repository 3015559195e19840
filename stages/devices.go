package stages

import (
	"context"
	"fmt"
	"path/filepath"

	"hanas/configs"
	"hanas/pipeline"
	"hanas/predictor"
	"hanas/search"
	"hanas/search/nsga2"
	"hanas/space"
)

// deviceFront is a file of fronts/: what a search for a further device found.
type deviceFront struct {
	Name   string         `json:"name"`   // as the configuration calls it
	Device string         `json:"device"` // of the table or the model
	Bits   []int          `json:"bits,omitempty"`
	Target configs.Target `json:"target"`
	frontRecord
}

// frontsFolder holds a front for each of search.devices.
const frontsFolder = "fronts/"

// runDevices searches for each further device, with the predictor that the run's
// own search has.
func (e *Env) runDevices(ctx context.Context, p *pipeline.Pass) error {
	engine, err := e.scoring(ctx)
	if err != nil {
		return err
	}
	pr, err := predictor.Load(p.Input(e.searched()), engine, e.Space)
	if err != nil {
		return err
	}
	defer pr.Close()
	targets := e.Config.Search.Devices
	for i, t := range targets {
		f, err := e.searchTarget(ctx, t, pr, func(s search.Step) {
			p.Progress(int64(i*e.Config.Search.Evaluations+s.Evaluations), int64(len(targets)*e.Config.Search.Evaluations), "evaluations")
		})
		if err != nil {
			return fmt.Errorf("stages: device %s: %w", t.Name, err)
		}
		p.Log("%s (%s): %d points after %d evaluations", t.Name, f.Device, len(f.Points), f.Evaluations)
		if err := writeJSON(filepath.Join(p.Output(frontsFolder), t.Name+".json"), f); err != nil {
			return err
		}
	}
	p.Summary(fmt.Sprintf("%d further devices", len(targets)))
	return nil
}

// searchTarget is one search. The limits and bits are the device's, all else is
// that of the run's own.
func (e *Env) searchTarget(ctx context.Context, t configs.Target, pr *predictor.Predictor, told func(search.Step)) (*deviceFront, error) {
	price, bits, err := e.targetPricing(t)
	if err != nil {
		return nil, err
	}
	own := *e.Config
	own.Search.Bits = bits
	at := &Env{Config: &own, Space: e.Space, Log: e.Log}
	g, err := newGoal(own.Search.Objectives, t.Limits(), price)
	if err != nil {
		return nil, err
	}
	j := &judgeArch{price, g, at, pr}
	problem, err := at.problem(j)
	if err != nil {
		return nil, err
	}
	reference, err := search.Corner(ctx, problem)
	if err != nil {
		return nil, err
	}
	found, err := nsga2.Run(ctx, problem, at.nsga2(reference), func(s search.Step, _ search.Front[space.Arch]) { told(s) })
	if err != nil {
		return nil, err
	}
	if err := found.Front.Err(); err != nil {
		return nil, err
	}
	f := &deviceFront{Name: t.Name, Device: price.device, Bits: bits, Target: t}
	f.frontRecord = frontRecord{Objectives: j.names(), Reference: reference, Evaluations: found.Archive.Len(), Hypervolume: found.Front.Hypervolume(reference)}
	if f.Points, err = j.front(ctx, found.Front); err != nil {
		return nil, err
	}
	f.Baselines, err = j.baselines(ctx)
	return f, err
}

// readFronts reads fronts/ in the order of the configuration.
func (e *Env) readFronts(folder string) ([]deviceFront, error) {
	var out []deviceFront
	for _, t := range e.Config.Search.Devices {
		var f deviceFront
		if err := readJSON(filepath.Join(folder, t.Name+".json"), &f); err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}
