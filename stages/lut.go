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
	"hanas/supernet"
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

// maxDrift is how much slower an anchor may be in its slowest round than in its
// fastest before a user hears of it.
const maxDrift = 0.1

// runLut times every distinct layer of the space, then whole networks to fit
// the correction and others to judge it.
func (e *Env) runLut(ctx context.Context, p *pipeline.Pass) error {
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
	const rounds = 6 // spread over the whole profile: a row is that of its fastest
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
		p.Log("warning: a layer took %.0f %% longer in one round than in another: the machine's speed changed (close other programs and run with --force lut)", 100*table.Drift)
	}
	fit, test, names, err := e.measureNets(ctx, engine, p)
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
func (e *Env) measureNets(ctx context.Context, engine onnx.Engine, p *pipeline.Pass) (fit, test []latency.Measured, names []string, err error) {
	c := e.Config.Lut
	archs := e.netsToTime(c.FitNets + c.TestNets)
	net, err := supernet.New(e.Space, e.Config.Seed)
	if err != nil {
		return nil, nil, nil, err
	}
	info := supernet.Preprocessing{Mean: []float32{.5, .5, .5}, Std: []float32{.25, .25, .25}}
	nets := make([]timedNetwork, len(archs))
	for i, a := range archs {
		network, err := net.Untrained(a, info)
		if err != nil {
			return nil, nil, nil, err
		}
		m, err := export.Build(network, export.Settings{})
		if err != nil {
			return nil, nil, nil, err
		}
		size := e.Space.Layers(a)[0].InSize
		nets[i] = timedNetwork{m, []int{1, e.Space.Channels, size, size}}
	}
	times, err := timeNetworks(ctx, engine, nets, max(10, c.NetRuns), func(done, total int) { p.Progress(int64(done), int64(total), "networks") })
	if err != nil {
		return nil, nil, nil, err
	}
	for i, a := range archs {
		m := latency.Measured{Layers: e.Space.Layers(a), Ms: ms(times[i].Median)}
		if i < c.FitNets {
			fit = append(fit, m)
		} else {
			test, names = append(test, m), append(names, e.Space.Key(a))
		}
	}
	return fit, test, names, nil
}

// netsToTime are n distinct Archs with random bits.
func (e *Env) netsToTime(n int) []space.Arch {
	rng := rand.New(rand.NewPCG(e.Config.Seed, 0x1a7))
	seen := map[space.Arch]bool{}
	var archs []space.Arch
	for tries := 0; len(archs) < n && tries < drawTries; tries++ {
		if a := e.Space.RandomBits(e.Space.Random(rng), rng); !seen[a] {
			seen[a] = true
			archs = append(archs, a)
		}
	}
	return archs
}
