package pretrained

import (
	"context"
	"errors"
	"fmt"
	"math"

	"hanas/export"
	"hanas/onnx"
	"hanas/onnx/quant"
)

// bins of a histogram of absolute values.
const bins = 2048

// seen is what one tensor held on the calibration images.
type seen struct {
	low, high float64   // smallest and largest value
	mean      []float64 // per channel
	counts    []float64 // histogram of absolute values from 0 to the largest
	n         float64   // values a channel
}

func (s *seen) peak() float64 { return math.Max(s.high, -s.low) }

// Statistics are what the tensors of a Net hold on calibration images.
type Statistics struct {
	in, out, mid map[int]*seen       // by unit
	spread       map[int]*spread     // of what units read whose weights mix channels
	unseen       map[int]*spread     // the same of the batches that judge
	rounded      map[[2]int]rounding // by unit and bits, as they are asked for
	images       []*onnx.Tensor
	logits       [][]float32 // of the float network, batch by batch
}

// Calibrate runs the float network on batches of normalised images
// [n, 3, size, size], twice: for the extremes, and for the histograms between.
func (n *Net) Calibrate(ctx context.Context, engine onnx.Engine, batches []*onnx.Tensor) (*Statistics, error) {
	if len(batches) == 0 {
		return nil, errors.New("pretrained: calibrate: no images")
	}
	m, what, err := export.Observe(n.Float())
	if err != nil {
		return nil, err
	}
	r, err := engine(m)
	if err != nil {
		return nil, fmt.Errorf("pretrained: calibrate: %w", err)
	}
	defer r.Close()
	st := &Statistics{in: map[int]*seen{}, out: map[int]*seen{}, mid: map[int]*seen{}, spread: map[int]*spread{}, unseen: map[int]*spread{}, rounded: map[[2]int]rounding{}, images: batches}
	at := make([]*seen, len(what))
	for k, o := range what {
		at[k] = &seen{}
		switch {
		case o.Out:
			st.out[o.Unit] = at[k]
		case o.Mid:
			st.mid[o.Unit] = at[k]
		default:
			st.in[o.Unit] = at[k]
			if mixes(n.Units[o.Unit].Layer) {
				st.spread[o.Unit], st.unseen[o.Unit] = &spread{}, &spread{}
			}
		}
	}
	for pass, look := range []func(*seen, *onnx.Tensor){(*seen).extremes, (*seen).count} {
		for b, images := range batches {
			out := make([]*onnx.Tensor, 1+len(what))
			if err := r.Run(ctx, []*onnx.Tensor{images}, out); err != nil {
				return nil, fmt.Errorf("pretrained: calibrate: %w", err)
			}
			for k, s := range at {
				look(s, out[1+k])
			}
			for k, o := range what {
				sp := st.spread[o.Unit]
				if b < st.judges() {
					sp = st.unseen[o.Unit]
				}
				if pass == 1 && sp != nil && !o.Out && !o.Mid {
					sp.add(out[1+k].Floats(), out[1+k].Shape[0], out[1+k].Shape[1])
				}
			}
			if pass == 0 {
				st.logits = append(st.logits, append([]float32(nil), out[0].Floats()...))
			}
		}
	}
	for k, s := range at {
		for c := range s.mean {
			s.mean[c] /= s.n
		}
		if p := s.peak(); math.IsNaN(p) || math.IsInf(p, 0) {
			return nil, fmt.Errorf("pretrained: calibrate: layer %s: a value is %g", n.Units[what[k].Unit].Layer.Name, p)
		}
	}
	return st, nil
}

// judges is how many batches, the first ones, say what a choice loses: a quarter.
// Rounding does not look at how their channels vary together, or weights of few
// bits would be fitted to the very images that judge them. A single batch does both.
func (s *Statistics) judges() int { return len(s.images) / 4 }

// Joined are the statistics of all images, those that judge too: for the last
// rounding, when nothing is left to be chosen. Losses say less afterwards.
func (s *Statistics) Joined() *Statistics {
	all := *s
	all.spread, all.rounded = map[int]*spread{}, map[[2]int]rounding{}
	for i, a := range s.spread {
		all.spread[i] = a.with(s.unseen[i])
	}
	return &all
}

// extremes and sums, channel by channel.
func (s *seen) extremes(t *onnx.Tensor) {
	channels := t.Shape[1]
	if s.mean == nil {
		s.mean = make([]float64, channels)
	}
	values := t.Floats()
	area := len(values) / (t.Shape[0] * channels)
	for i := 0; i < len(values); i += area {
		sum := 0.0
		for _, v := range values[i : i+area] {
			x := float64(v)
			sum += x
			s.low, s.high = math.Min(s.low, x), math.Max(s.high, x)
		}
		s.mean[i/area%channels] += sum
	}
	s.n += float64(t.Shape[0] * area)
}

func (s *seen) count(t *onnx.Tensor) {
	if s.counts == nil {
		s.counts = make([]float64, bins)
	}
	peak := s.peak()
	if peak == 0 {
		return
	}
	scale := float32(bins / peak)
	for _, v := range t.Floats() {
		if v < 0 {
			v = -v
		}
		s.counts[min(int(v*scale), bins-1)]++
	}
}

// rangeAt is the range of the least mean square error at bits.
func (s *seen) rangeAt(bits int) quant.Range {
	peak := s.peak()
	if peak == 0 {
		peak = 1e-6
	}
	levels := float64(int(1)<<bits - 1)
	if s.low < 0 {
		levels = float64(quant.WeightLevels(bits))
	}
	best, least := peak, math.Inf(1)
	if bits <= 8 {
		for part := 100; part > 2; part-- {
			hi := peak * float64(part) / 100
			if e := s.off(hi, hi/levels, peak); e < least {
				best, least = hi, e
			}
		}
	}
	if s.low < 0 {
		return quant.Range{Lo: -best, Hi: best}
	}
	return quant.Range{Lo: 0, Hi: best}
}

// off is the squared error of all values with a step and a limit.
func (s *seen) off(hi, step, peak float64) float64 {
	sum := 0.0
	for i, n := range s.counts {
		if n == 0 {
			continue
		}
		v := (float64(i) + .5) * peak / bins
		d := v - math.Min(math.Round(v/step)*step, hi)
		sum += n * d * d
	}
	return sum
}
