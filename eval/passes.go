package eval

import (
	"context"
	"math/rand/v2"
	"time"

	"hanas/onnx"
)

// Timed is a network to time, and the shape of its input.
type Timed struct {
	Model *onnx.Model
	Shape []int // nil = the graph's own with a batch of 1
}

// The passes over a list of networks that are timed, and the time of counted
// runs a network and pass, at least.
const (
	latencyPasses = 5
	passTime      = 20 * time.Millisecond
)

// Latencies times each network once a pass, in random order and in a fresh
// session, and gives the statistics of its fastest pass. Whatever else the
// machine does only slows a network down, for seconds at a time: passes that
// lie apart seldom all meet it. runs is the least number of counted runs a
// pass. progress (may be nil) hears of every timing.
func Latencies(ctx context.Context, engine onnx.Engine, nets []Timed, runs int, progress func(done, total int)) ([]Stats, error) {
	best := make([]Stats, len(nets))
	for pass := range latencyPasses {
		order := rand.New(rand.NewPCG(uint64(pass), 0x7135)).Perm(len(nets))
		for k, i := range order {
			s, err := latencyOf(ctx, engine, nets[i], runs)
			if err != nil {
				return nil, err
			}
			if pass == 0 || s.Median < best[i].Median {
				best[i] = s
			}
			if progress != nil {
				progress(pass*len(nets)+k+1, latencyPasses*len(nets))
			}
		}
	}
	return best, nil
}

func latencyOf(ctx context.Context, engine onnx.Engine, n Timed, runs int) (Stats, error) {
	r, err := engine(n.Model)
	if err != nil {
		return Stats{}, err
	}
	defer r.Close()
	return Latency(ctx, r, n.Shape, TimingSettings{Reps: runs, MinTime: passTime})
}
