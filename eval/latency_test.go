package eval_test

import (
	"context"
	"math"
	"strings"
	"testing"
	"time"

	"hanas/eval"
	"hanas/onnx"
)

func TestSummarise(t *testing.T) {
	ms := func(v ...float64) (out []time.Duration) {
		for _, x := range v {
			out = append(out, time.Duration(x*float64(time.Millisecond)))
		}
		return out
	}
	for _, c := range []struct {
		times []time.Duration
		want  eval.Stats // worked by hand
	}{
		{ms(3), eval.Stats{Mean: 3e6, Median: 3e6, P95: 3e6, Min: 3e6, Count: 1}},
		{ms(4, 2), eval.Stats{Mean: 3e6, Std: time.Duration(math.Round(math.Sqrt2 * 1e6)), Median: 3e6, P95: 4e6, Min: 2e6, Count: 2}},
		{ms(2, 4, 4, 4, 5, 5, 7, 9), eval.Stats{Mean: 5e6, Std: 2138090, Median: 4.5e6, P95: 9e6, Min: 2e6, Count: 8}},
	} {
		got, err := eval.Summarise(c.times)
		if err != nil || got != c.want {
			t.Errorf("%v: %+v (%v), want %+v", c.times, got, err, c.want)
		}
	}
	var hundred []float64
	for i := range 100 {
		hundred = append(hundred, float64(100-i))
	}
	if got, _ := eval.Summarise(ms(hundred...)); got.P95 != 95*time.Millisecond || got.Median != 50500*time.Microsecond {
		t.Errorf("1 to 100 ms: %+v", got)
	}
	if _, err := eval.Summarise(nil); err == nil {
		t.Error("no times, no error")
	}
}

// counter counts runs and checks the inputs that it gets.
type counter struct {
	t    *testing.T
	ins  []onnx.ValueInfo
	runs int
	stop context.CancelFunc
}

func (c *counter) Inputs() []onnx.ValueInfo { return c.ins }
func (c *counter) Outputs() []onnx.ValueInfo {
	return []onnx.ValueInfo{{Name: "y", DType: onnx.Float, Shape: []int{1}}}
}
func (c *counter) Close() error { return nil }

func (c *counter) Run(_ context.Context, in, out []*onnx.Tensor) error {
	c.runs++
	if c.runs > 1 && out[0] == nil {
		c.t.Error("outputs are allocated anew")
	}
	out[0] = onnx.NewTensor(onnx.Float, 1)
	if len(in) != len(c.ins) || in[0].Shape[0] != 1 {
		c.t.Errorf("inputs %v", in)
	}
	if c.stop != nil && c.runs == 3 {
		c.stop()
	}
	return nil
}

func TestLatency(t *testing.T) {
	image := []onnx.ValueInfo{{Name: "image", DType: onnx.Float, Shape: []int{-1, 3, 2, 2}}, {Name: "q", DType: onnx.Uint8, Shape: []int{1, 5}}}
	c := &counter{t: t, ins: image}
	s, err := eval.Latency(t.Context(), c, nil, eval.TimingSettings{Warmup: 2, Reps: 7, MinTime: 1})
	if err != nil || s.Count != 7 || c.runs != 9 || s.Min > s.Median || s.Median > s.P95 {
		t.Errorf("%+v after %d runs, %v", s, c.runs, err)
	}
	for want, ins := range map[string][]onnx.ValueInfo{
		"only the batch may be symbolic": {{Name: "x", DType: onnx.Float, Shape: []int{1, -1}}},
		"need float, uint8 or int8":      {{Name: "x", DType: onnx.String, Shape: []int{1}}},
	} {
		if _, err := eval.Latency(t.Context(), &counter{t: t, ins: ins}, nil, eval.TimingSettings{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want %q in it", err, want)
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	if _, err := eval.Latency(ctx, &counter{t: t, ins: image, stop: stop}, nil, eval.TimingSettings{}); err == nil {
		t.Error("goes on after its context is cancelled")
	}
}
