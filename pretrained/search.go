package pretrained

import (
	"context"
	"fmt"
	"math"
	"slices"

	"hanas/export"
	"hanas/onnx"
)

// Loss is how far a quantised network's answers are from the float network's on
// the calibration images: the mean Kullback-Leibler divergence of their
// softmax, in nats. Of four batches or more only those count that rounding
// has not been fitted to.
func (s *Statistics) Loss(ctx context.Context, engine onnx.Engine, n *export.Network) (float64, error) {
	m, err := export.Build(n, export.Settings{})
	if err != nil {
		return 0, err
	}
	r, err := engine(m)
	if err != nil {
		return 0, fmt.Errorf("pretrained: loss: %w", err)
	}
	defer r.Close()
	sum, rows := 0.0, 0
	judges := s.images
	if n := s.judges(); n > 0 {
		judges = judges[:n]
	}
	for k, images := range judges {
		out := []*onnx.Tensor{nil}
		if err := r.Run(ctx, []*onnx.Tensor{images}, out); err != nil {
			return 0, fmt.Errorf("pretrained: loss: %w", err)
		}
		classes := out[0].Shape[1]
		got := out[0].Floats()
		for i := 0; i < len(got); i += classes {
			sum += divergence(s.logits[k][i:i+classes], got[i:i+classes])
			rows++
		}
	}
	return sum / float64(rows), nil
}

// divergence is KL(softmax(want) || softmax(got)).
func divergence(want, got []float32) float64 {
	a, b := logSum(want), logSum(got)
	sum := 0.0
	for i := range want {
		p := float64(want[i]) - a
		sum += math.Exp(p) * (p - (float64(got[i]) - b))
	}
	return sum
}

func logSum(x []float32) float64 {
	peak := float64(slices.Max(x))
	sum := 0.0
	for _, v := range x {
		sum += math.Exp(float64(v) - peak)
	}
	return peak + math.Log(sum)
}

// step lowers one unit's weights to fewer bits.
type step struct {
	unit, bits int
	loss       float64 // of that alone
}

// Search chooses the bits of the weights, from those given, so that they take
// at most limit bytes (Bytes), activations staying as in from. It measures the
// loss of lowering each layer alone, and takes the choice whose losses add up to
// the least (as HAWQ does with its own measure: Z. Dong et al., 2020). The answer
// is deterministic. progress may be nil.
func (n *Net) Search(ctx context.Context, engine onnx.Engine, s *Statistics, from Bits, widths []int, limit int64, progress func(done, total int)) (Bits, error) {
	if least := n.lowest(from, widths); n.Bytes(least) > limit {
		return from, fmt.Errorf("pretrained: search: the weights take %d bytes at the fewest bits of %v, the limit is %d (raise it or allow fewer bits)", n.Bytes(least), widths, limit)
	}
	steps, err := n.sensitivities(ctx, engine, s, from, widths, progress)
	if err != nil {
		return from, err
	}
	return n.choose(from, steps, limit), nil
}

// choose is the choice of steps whose losses add up to the least among those
// that fit: a knapsack with one choice a layer, solved exactly over bytes that
// are rounded up to a 4,096th of what may be used (so that what is chosen fits).
func (n *Net) choose(from Bits, steps []step, limit int64) Bits {
	options := map[int][]step{}
	fixed := Bits{slices.Clone(from.W), slices.Clone(from.A)}
	for i := range n.Units {
		if n.free(i) {
			options[i] = []step{{unit: i, bits: from.W[i]}}
		}
	}
	for _, st := range steps {
		options[st.unit] = append(options[st.unit], st)
	}
	rest := n.Bytes(fixed)
	for i := range options {
		rest -= n.bytesOf(i, from.W[i])
	}
	cells := int(min(limit-rest, 4096))
	cell := float64(limit-rest) / float64(cells)
	least := make([]float64, cells+1) // by cells used at most
	picked := make([][]int, len(n.Units))
	for i := range n.Units {
		if options[i] == nil {
			continue
		}
		next := make([]float64, cells+1)
		picked[i] = make([]int, cells+1)
		for c := range next {
			next[c] = math.Inf(1)
			for k, o := range options[i] {
				need := int(math.Ceil(float64(n.bytesOf(i, o.bits)) / cell))
				if need <= c && least[c-need]+o.loss < next[c] {
					next[c], picked[i][c] = least[c-need]+o.loss, k
				}
			}
		}
		least = next
	}
	at := cells
	for i := len(n.Units) - 1; i >= 0; i-- {
		if options[i] == nil {
			continue
		}
		o := options[i][picked[i][at]]
		fixed.W[i] = o.bits
		at -= int(math.Ceil(float64(n.bytesOf(i, o.bits)) / cell))
	}
	return fixed
}

// bytesOf are the bytes of a unit's weights at some bits.
func (n *Net) bytesOf(i, bits int) int64 {
	l := n.Units[i].Layer
	l.WBits = bits
	return l.WeightBytes()
}

// free says whether a unit's weights may be lowered from b.
func (n *Net) free(i int) bool { return i > 0 && n.Units[i].Weight != nil }

// lowest is b with the fewest bits.
func (n *Net) lowest(b Bits, widths []int) Bits {
	low := Bits{slices.Clone(b.W), b.A}
	for i := range low.W {
		if n.free(i) {
			low.W[i] = min(low.W[i], slices.Min(widths))
		}
	}
	return low
}

// sensitivities measures every step alone.
func (n *Net) sensitivities(ctx context.Context, engine onnx.Engine, s *Statistics, from Bits, widths []int, progress func(done, total int)) ([]step, error) {
	var steps []step
	for i := range n.Units {
		for _, bits := range widths {
			if n.free(i) && bits < from.W[i] {
				steps = append(steps, step{unit: i, bits: bits})
			}
		}
	}
	for k := range steps {
		try := Bits{slices.Clone(from.W), from.A}
		try.W[steps[k].unit] = steps[k].bits
		q, err := n.Quantise(s, try)
		if err != nil {
			return nil, err
		}
		if steps[k].loss, err = s.Loss(ctx, engine, q); err != nil {
			return nil, err
		}
		if progress != nil {
			progress(k+1, len(steps))
		}
	}
	return steps, nil
}
