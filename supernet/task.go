package supernet

import (
	"hanas/onnx"
	"hanas/space"
)

// task is what the networks of a space learn: a row of tasks.
type task struct {
	// labels is the shape of the targets of a batch.
	labels func(layers []space.Layer, batch int) []int
	// loss is the scalar that training lowers; t.x are the logits.
	loss func(t *tracer, labels onnx.Value) onnx.Value
	// fill writes the targets of one image; label is its class.
	fill func(t *Trainer, dst []float32, image int, label int32)
	// distil mixes one image's logits of the largest network, share against
	// 1-share, into its targets; it counts what the largest network got right.
	distil func(t *Trainer, soft, labels, logits []float32, share float64) (right, of int)
}

// tasks has a row for each space.Space.Task.
var tasks = map[string]*task{
	space.Classify: {labels: classLabels, loss: (*tracer).crossEntropy, fill: (*Trainer).fillClass, distil: (*Trainer).distilClass},
	space.Locate:   {labels: cellLabels, loss: (*tracer).detectionLoss, fill: (*Trainer).fillCells, distil: (*Trainer).distilCells},
}

// taskOf is the task of a network: a head makes it a detector.
func taskOf(layers []space.Layer) *task {
	for i := range layers {
		if layers[i].From != "" {
			return tasks[space.Locate]
		}
	}
	return tasks[space.Classify]
}

func classLabels(layers []space.Layer, batch int) []int {
	return []int{batch, layers[len(layers)-1].Out}
}

// fillClass writes smoothed class probabilities.
func (t *Trainer) fillClass(dst []float32, _ int, label int32) {
	smooth := float32(t.Set.Smoothing)
	for j := range dst {
		dst[j] = smooth / float32(len(dst))
	}
	dst[label] += 1 - smooth
}

// distilClass mixes the largest network's probabilities.
func (t *Trainer) distilClass(soft, labels, logits []float32, share float64) (right, of int) {
	best, truth := softmax(soft, logits), 0
	for j, label := range labels {
		soft[j] = float32(share*float64(soft[j]) + (1-share)*float64(label))
		if label > labels[truth] {
			truth = j
		}
	}
	if best == truth {
		right = 1
	}
	return right, 1
}
