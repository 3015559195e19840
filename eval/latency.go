package eval

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"hanas/onnx"
)

// TimingSettings say how long to measure; the zero value works.
type TimingSettings struct {
	Warmup  int           // runs that are not counted; 0 = 5
	Reps    int           // least number of counted runs; 0 = 30
	MinTime time.Duration // go on until this much time was measured; 0 = 200 ms
	Seed    uint64        // of the input's values
}

// Stats summarise the times of single runs.
type Stats struct {
	Mean, Std, Median, P95, Min time.Duration
	Count                       int // runs
}

// maxRuns bounds the runs of one measurement.
const maxRuns = 100_000

// Latency times single runs of a network, one after another, on random input
// of the given shape; nil = the graph's own shapes with a batch of 1. Outputs
// are allocated once, before the clock starts.
func Latency(ctx context.Context, r onnx.Runner, shape []int, s TimingSettings) (Stats, error) {
	if s.Warmup == 0 {
		s.Warmup = 5
	}
	if s.Reps == 0 {
		s.Reps = 30
	}
	if s.MinTime == 0 {
		s.MinTime = 200 * time.Millisecond
	}
	inputs, err := randomInputs(r, shape, rand.New(rand.NewPCG(s.Seed, 0x74696d65)))
	if err != nil {
		return Stats{}, err
	}
	outputs := make([]*onnx.Tensor, len(r.Outputs()))
	var times []time.Duration
	var total time.Duration
	for i := -s.Warmup; i < maxRuns && (i < s.Reps || total < s.MinTime); i++ {
		began := time.Now()
		if err := r.Run(ctx, inputs, outputs); err != nil {
			return Stats{}, fmt.Errorf("eval: latency: %w", err)
		}
		d := time.Since(began)
		if err := ctx.Err(); err != nil {
			return Stats{}, fmt.Errorf("eval: latency: stopped after %d runs: %w", len(times), err)
		}
		if i >= 0 {
			times = append(times, d)
			total += d
		}
	}
	return Summarise(times)
}

// Summarise computes the statistics of some times: the sample standard
// deviation, and percentiles by nearest rank.
func Summarise(times []time.Duration) (Stats, error) {
	n := len(times)
	if n == 0 {
		return Stats{}, errors.New("eval: latency: no runs were timed")
	}
	sorted := slices.Sorted(slices.Values(times))
	sum := 0.0
	for _, t := range sorted {
		sum += float64(t)
	}
	mean, squares := sum/float64(n), 0.0
	for _, t := range sorted {
		squares += (float64(t) - mean) * (float64(t) - mean)
	}
	s := Stats{
		Mean: time.Duration(math.Round(mean)), Min: sorted[0], Count: n,
		Median: (sorted[(n-1)/2] + sorted[n/2]) / 2, P95: sorted[(95*n+99)/100-1],
	}
	if n > 1 {
		s.Std = time.Duration(math.Round(math.Sqrt(squares / float64(n-1))))
	}
	return s, nil
}

// randomInputs makes one tensor an input of the graph; shape overrides the
// first one's.
func randomInputs(r onnx.Runner, shape []int, rng *rand.Rand) ([]*onnx.Tensor, error) {
	var out []*onnx.Tensor
	for k, in := range r.Inputs() {
		dims := slices.Clone(in.Shape)
		if k == 0 && shape != nil {
			dims = slices.Clone(shape)
		}
		for i, d := range dims {
			if d < 0 && i > 0 {
				return nil, fmt.Errorf("eval: latency: input %q is %v: only the batch may be symbolic (state a shape)", in.Name, in.Shape)
			}
			if d < 0 {
				dims[i] = 1
			}
		}
		t := onnx.NewTensor(in.DType, dims...)
		switch in.DType {
		case onnx.Float:
			for i := range t.Floats() {
				t.Floats()[i] = 2*rng.Float32() - 1
			}
		case onnx.Uint8, onnx.Int8:
			for i := range t.Bytes() {
				t.Bytes()[i] = byte(rng.Uint32())
			}
		default:
			return nil, fmt.Errorf("eval: latency: input %q is %v (need float, uint8 or int8)", in.Name, in.DType)
		}
		out = append(out, t)
	}
	return out, nil
}
