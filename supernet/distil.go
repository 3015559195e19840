package supernet

import "math"

// distil mixes the largest network's probabilities with the labels, share
// against 1-share, into the targets of the others. It returns the largest
// network's accuracy on the step's images.
func (t *Trainer) distil(largest *member, share float64) float64 {
	k, correct := t.Net.Space.Classes, 0
	for i, out := range largest.outs {
		logits, soft := out[largest.session.logits].Floats(), t.soft[i].Floats()
		for r := 0; r < t.Set.MicroBatch; r++ {
			row := soft[r*k : (r+1)*k]
			best := softmax(row, logits[r*k:(r+1)*k])
			for j, label := range t.labels[i].Floats()[r*k : (r+1)*k] {
				row[j] = float32(share*float64(row[j]) + (1-share)*float64(label))
			}
			if int32(best) == t.classes[i*t.Set.MicroBatch+r] {
				correct++
			}
		}
	}
	return float64(correct) / float64(t.Set.Batch)
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
