package stages

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"hanas/export"
	"hanas/latency"
	"hanas/onnx"
	"hanas/onnx/ort"
	"hanas/pipeline"
	"hanas/space"
)

// lutRecord is latency.json: how well the estimator does on networks it has not seen.
type lutRecord struct {
	Rows   int            `json:"rows"`
	Report latency.Report `json:"report"`
	Nets   []netRecord    `json:"networks"` // held out from the fit
}

// netRecord is a whole network, estimated and measured.
type netRecord struct {
	Arch      string  `json:"arch"`
	Predicted float64 `json:"predicted_ms"`
	Plain     float64 `json:"plain_ms"` // sum of rows without correction
	Measured  float64 `json:"measured_ms"`
}

// maxDrift is by how much half the rounds may disagree with the others over a
// row, in the middle, before a user hears of it.
const maxDrift = 0.05

// runLut times every distinct layer of the space, then whole networks to fit
// the correction and others to judge it.
func (e *Env) runLut(ctx context.Context, p *pipeline.Pass) error {
	if e.Config.Lut.Table != "" {
		return e.importLut(p)
	}
	rt, err := e.ort(ctx)
	if err != nil {
		return err
	}
	c := e.Config.Lut
	threads := max(1, c.Threads)
	engine := rt.Engine(ort.Settings{Threads: threads})
	machine := ort.ThisMachine()
	device := c.Device
	if device == "" {
		device = machine.CPU
	}
	layers := e.Space.DistinctLayers()
	p.Log("timing %d distinct layers on %s, %d thread(s)", len(layers), device, threads)
	const rounds = 4 // spread over the whole profile, so that each row meets the usual pace
	table, err := latency.Profile(ctx, engine, layers, func(l space.Layer) (*onnx.Model, error) { return export.BuildLayer(l, e.Config.Seed) },
		latency.Settings{
			Header: latency.Header{Device: device, Runtime: "ONNX Runtime", Version: rt.Version(), Threads: threads, Governor: machine.Governor, Host: machine.CPU},
			Rounds: rounds, Warmup: max(1, c.Warmup), MinRuns: max(1, c.Repeats/rounds), MinTime: time.Duration(c.MinSeconds / rounds * float64(time.Second)),
			Seed: e.Config.Seed, WorkFile: p.Work("lut.work"),
		}, func(done, total int) { p.Progress(int64(done), int64(total), "timings") })
	if err != nil {
		return err
	}
	if table.Drift > maxDrift {
		p.Log("warning: repeated timings differ by %.0f %%: the machine is busy (close other programs and run with --force lut)", 100*table.Drift)
	}
	fit, test, names, err := e.measureNets(ctx, engine, p, table.PaceMs)
	if err != nil {
		return err
	}
	correction, err := table.Fit(fit)
	if err != nil {
		return err
	}
	est := latency.NewEstimator(table, correction)
	report, err := est.Report(test)
	if err != nil {
		return err
	}
	if err := table.Write(p.Output(lutFile)); err != nil {
		return err
	}
	if err := est.Write(p.Output(estimatorFile)); err != nil {
		return err
	}
	rec := lutRecord{Rows: table.Len(), Report: report}
	for i, n := range test {
		ms, _, err := est.Estimate(n.Layers)
		if err != nil {
			return err
		}
		plain, _, _ := table.Sum(n.Layers)
		rec.Nets = append(rec.Nets, netRecord{Arch: names[i], Predicted: ms, Plain: plain, Measured: n.Ms})
	}
	p.Summary(fmt.Sprintf("%d rows; on %d unseen networks: mean error %.1f %%, %.0f %% within 10 %% (without correction %.1f %%, %.0f %%)", rec.Rows, report.N,
		100*report.Corrected.MAPE, 100*report.Corrected.Within10, 100*report.Plain.MAPE, 100*report.Plain.Within10))
	return writeJSON(p.Output(latencyJSON), rec)
}

// measureNets times whole random networks: the first fit_nets to fit on, the
// rest to judge by.
func (e *Env) measureNets(ctx context.Context, engine onnx.Engine, p *pipeline.Pass, usual float64) (fit, test []latency.Measured, names []string, err error) {
	c := e.Config.Lut
	archs := RandomNetworks(e.Space, c.FitNets+c.TestNets, rand.New(rand.NewPCG(e.Config.Seed, 0x1a7)))
	nets, _, err := MeasureNetworks(ctx, engine, e.Space, archs, NetworkSettings(max(10, c.NetRuns), usual), func(done, total int) { p.Progress(int64(done), int64(total), "networks") })
	if err != nil {
		return nil, nil, nil, err
	}
	cut := min(c.FitNets, len(nets))
	for _, a := range archs[cut:] {
		names = append(names, e.Space.Key(a))
	}
	return nets[:cut], nets[cut:], names, nil
}
