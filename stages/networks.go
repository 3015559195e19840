package stages

import (
	"context"
	"math/rand/v2"
	"time"

	"hanas/export"
	"hanas/latency"
	"hanas/onnx"
	"hanas/space"
	"hanas/supernet"
)

// RandomNetworks are up to n distinct Archs with random bits.
func RandomNetworks(sp *space.Space, n int, rng *rand.Rand) []space.Arch {
	seen := map[space.Arch]bool{}
	var archs []space.Arch
	for tries := 0; len(archs) < n && tries < drawTries; tries++ {
		if a := sp.RandomBits(sp.Random(rng), rng); !seen[a] {
			seen[a] = true
			archs = append(archs, a)
		}
	}
	return archs
}

// MeasureNetworks times whole untrained networks, as they are exported, on an
// engine: what a latency table is fitted to and judged by.
func MeasureNetworks(ctx context.Context, engine onnx.Engine, sp *space.Space, archs []space.Arch, set latency.Settings, progress func(done, total int)) ([]latency.Measured, latency.Timings, error) {
	net, err := supernet.New(sp, 1)
	if err != nil {
		return nil, latency.Timings{}, err
	}
	info := supernet.Preprocessing{Mean: []float32{.5, .5, .5}, Std: []float32{.25, .25, .25}}
	models := make([]*onnx.Model, len(archs))
	for i, a := range archs {
		network, err := net.Untrained(a, info)
		if err != nil {
			return nil, latency.Timings{}, err
		}
		if models[i], err = export.Build(network, export.Settings{}); err != nil {
			return nil, latency.Timings{}, err
		}
	}
	times, err := latency.Networks(ctx, engine, models, set, progress)
	if err != nil {
		return nil, times, err
	}
	out := make([]latency.Measured, len(archs))
	for i, a := range archs {
		out[i] = latency.Measured{Layers: sp.Layers(a), Ms: times.Rows[i].MeanMs}
	}
	return out, times, nil
}

// NetworkSettings say how whole networks are timed, so that the stage and the
// command line do it alike: runs is the least number of runs in a round, usual
// the pace of the table that the times are held against.
func NetworkSettings(runs int, usual float64) latency.Settings {
	return latency.Settings{Rounds: 5, Warmup: 5, MinRuns: runs, MinTime: 15 * time.Millisecond, Usual: usual}
}
