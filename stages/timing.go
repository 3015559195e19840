package stages

import (
	"context"
	"math/rand/v2"
	"time"

	"hanas/eval"
	"hanas/onnx"
)

// timedNetwork is a network to time, and the shape of its input.
type timedNetwork struct {
	model *onnx.Model
	shape []int
}

// The passes over a list of networks that are timed. Whatever else the machine
// does only slows a network down, for seconds at a time: passes that lie apart
// seldom all meet it.
const (
	timingPasses = 5
	passTime     = 20 * time.Millisecond // of counted runs a network and pass, at least
)

// timeNetworks times each network once a pass, in random order and in a fresh
// session, and gives the statistics of its fastest pass. runs is the least
// number of counted runs a pass. progress hears of every timing.
func timeNetworks(ctx context.Context, engine onnx.Engine, nets []timedNetwork, runs int, progress func(done, total int)) ([]eval.Stats, error) {
	best := make([]eval.Stats, len(nets))
	for pass := range timingPasses {
		order := rand.New(rand.NewPCG(uint64(pass), 0x7135)).Perm(len(nets))
		for k, i := range order {
			s, err := timeNetwork(ctx, engine, nets[i], runs)
			if err != nil {
				return nil, err
			}
			if pass == 0 || s.Median < best[i].Median {
				best[i] = s
			}
			progress(pass*len(nets)+k+1, timingPasses*len(nets))
		}
	}
	return best, nil
}

func timeNetwork(ctx context.Context, engine onnx.Engine, n timedNetwork, runs int) (eval.Stats, error) {
	r, err := engine(n.model)
	if err != nil {
		return eval.Stats{}, err
	}
	defer r.Close()
	return eval.Latency(ctx, r, n.shape, eval.TimingSettings{Reps: runs, MinTime: passTime})
}

// ms is d in milliseconds.
func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
