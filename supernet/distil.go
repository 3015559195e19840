package supernet

import "math"

// distil mixes the largest network's probabilities with the labels, share
// against 1-share, into the targets of the others. It returns the largest
// network's accuracy on the step's images.
func (t *Trainer) distil(largest *member, share float64) float64 {
	right, of := 0, 0
	for i, out := range largest.outs {
		logits, soft, labels := out[largest.session.logits].Floats(), t.soft[i].Floats(), t.labels[i].Floats()
		k, n := len(soft)/t.Set.MicroBatch, len(logits)/t.Set.MicroBatch
		for r := range t.Set.MicroBatch {
			x, y := t.task.distil(t, soft[r*k:(r+1)*k], labels[r*k:(r+1)*k], logits[r*n:(r+1)*n], share)
			right, of = right+x, of+y
		}
	}
	return float64(right) / float64(max(1, of))
}

// softmax writes the probabilities of logits and returns the largest one's index.
func softmax(dst, logits []float32) int {
	best := 0
	for i, v := range logits {
		if v > logits[best] {
			best = i
		}
	}
	sum := 0.0
	for i, v := range logits {
		e := math.Exp(float64(v - logits[best]))
		dst[i] = float32(e)
		sum += e
	}
	for i := range dst {
		dst[i] = float32(float64(dst[i]) / sum)
	}
	return best
}

// reduce averages the gradients in a fixed order and gives the output sets
// back to their sessions.
func (t *Trainer) reduce(members []*member) {
	for _, g := range t.grads {
		clear(g)
	}
	scale := 1 / float32(len(members)*len(t.images))
	for _, m := range members {
		for _, out := range m.outs {
			for k, v := range m.session.views {
				if bits, ok := m.session.bits[v.spec.name]; ok {
					t.Net.backStep(t.grads, v, rounding{bits, out[m.session.grads[k]].Floats(), m.session.scratch}, scale)
				}
				v.scatterInto(t.grads, out[m.session.grads[k]].Floats(), scale)
			}
			m.session.release(out)
		}
	}
}
