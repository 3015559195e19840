package stages

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"hanas/eval"
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
	const rounds = 3
	table, err := latency.Profile(ctx, engine, layers, func(l space.Layer) (*onnx.Model, error) { return export.BuildLayer(l, e.Config.Seed) },
		latency.Settings{
			Header: latency.Header{Device: device, Runtime: "ONNX Runtime", Version: rt.Version(), Threads: threads, Governor: machine.Governor, Host: machine.CPU},
			Rounds: rounds, Warmup: max(1, c.Warmup), MinRuns: max(1, c.Repeats/rounds), MinTime: time.Duration(c.MinSeconds / rounds * float64(time.Second)),
			Seed: e.Config.Seed, WorkFile: p.Work("lut.work"),
		}, func(done, total int) { p.Progress(int64(done), int64(total), "timings") })
	if err != nil {
		return err
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
	net, err := supernet.New(e.Space, e.Config.Seed)
	if err != nil {
		return nil, nil, nil, err
	}
	info := supernet.Preprocessing{Mean: []float32{.5, .5, .5}, Std: []float32{.25, .25, .25}}
	rng := rand.New(rand.NewPCG(e.Config.Seed, 0x1a7))
	seen := map[space.Arch]bool{}
	total := c.FitNets + c.TestNets
	for tries := 0; len(seen) < total && tries < drawTries; tries++ {
		a := e.Space.Random(rng)
		if len(seen)%2 == 1 { // random bits nearly always mix integer and float layers: uniform ones belong there too
			a = e.Space.WithBits(a, e.Space.WBits[rng.IntN(len(e.Space.WBits))], e.Space.ABits[rng.IntN(len(e.Space.ABits))])
		}
		if seen[a] {
			continue
		}
		seen[a] = true
		m, err := e.measureNet(ctx, engine, net, a, info)
		if err != nil {
			return nil, nil, nil, err
		}
		if len(fit) < c.FitNets {
			fit = append(fit, m)
		} else {
			test, names = append(test, m), append(names, e.Space.Key(a))
		}
		p.Progress(int64(len(seen)), int64(total), "networks")
	}
	return fit, test, names, nil
}

func (e *Env) measureNet(ctx context.Context, engine onnx.Engine, net *supernet.Supernet, a space.Arch, info supernet.Preprocessing) (latency.Measured, error) {
	layers := e.Space.Layers(a)
	network, err := net.Untrained(a, info)
	if err != nil {
		return latency.Measured{}, err
	}
	m, err := export.Build(network, export.Settings{})
	if err != nil {
		return latency.Measured{}, err
	}
	r, err := engine(m)
	if err != nil {
		return latency.Measured{}, err
	}
	defer r.Close()
	t, err := eval.Latency(ctx, r, []int{1, e.Space.Channels, layers[0].InSize, layers[0].InSize}, eval.TimingSettings{Reps: max(10, e.Config.Lut.NetRuns), MinTime: 50 * time.Millisecond, Seed: e.Config.Seed})
	return latency.Measured{Layers: layers, Ms: ms(t.Median)}, err
}
