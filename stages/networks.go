package stages

import (
	"context"
	"math/rand/v2"
	"time"

	"hanas/eval"
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
// engine: what a latency table is fitted to and judged by. runs is the least
// number of runs in each of several passes.
func MeasureNetworks(ctx context.Context, engine onnx.Engine, sp *space.Space, archs []space.Arch, runs int, progress func(done, total int)) ([]latency.Measured, error) {
	net, err := supernet.New(sp, 1)
	if err != nil {
		return nil, err
	}
	info := supernet.Preprocessing{Mean: []float32{.5, .5, .5}, Std: []float32{.25, .25, .25}}
	nets := make([]eval.Timed, len(archs))
	for i, a := range archs {
		network, err := net.Untrained(a, info)
		if err != nil {
			return nil, err
		}
		m, err := export.Build(network, export.Settings{})
		if err != nil {
			return nil, err
		}
		size := sp.Layers(a)[0].InSize
		nets[i] = eval.Timed{Model: m, Shape: []int{1, sp.Channels, size, size}}
	}
	times, err := eval.Latencies(ctx, engine, nets, runs, progress)
	if err != nil {
		return nil, err
	}
	out := make([]latency.Measured, len(archs))
	for i, a := range archs {
		out[i] = latency.Measured{Layers: sp.Layers(a), Ms: ms(times[i].Median)}
	}
	return out, nil
}

// ms is d in milliseconds.
func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
