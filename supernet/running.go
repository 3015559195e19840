package supernet

import (
	"fmt"
	"math"

	"hanas/space"
)

// Suffixes of a layer's batch-norm statistics in a checkpoint.
const (
	runningMean = ".running_mean"
	runningVar  = ".running_var"
)

// readRunning takes the batch-norm statistics of a checkpoint: of all layers,
// or of none.
func (s *Supernet) readRunning(t *Tensors) (map[string]norm, error) {
	out := map[string]norm{}
	for _, l := range s.Space.Layers(s.Space.Largest()) {
		if !normed(l) {
			continue
		}
		mean, ok := t.Data[l.Name+runningMean]
		variance, ok2 := t.Data[l.Name+runningVar]
		if !ok && !ok2 && len(out) == 0 {
			return nil, nil
		}
		if len(mean) != l.Out || len(variance) != l.Out {
			return nil, fmt.Errorf("supernet: checkpoint tensors %q and %q have %d and %d values, the space needs %d",
				l.Name+runningMean, l.Name+runningVar, len(mean), len(variance), l.Out)
		}
		if err := checkStatistics(mean, variance); err != nil {
			return nil, fmt.Errorf("supernet: checkpoint: statistics of layer %s: %w", l.Name, err)
		}
		out[l.Name] = norm{mean, variance}
	}
	return out, nil
}

// checkStatistics refuses what no batch can have.
func checkStatistics(mean, variance []float32) error {
	for c := range mean {
		m, v := float64(mean[c]), float64(variance[c])
		if math.IsNaN(m+v) || math.IsInf(m+v, 0) || v < 0 {
			return fmt.Errorf("channel %d has mean %g and variance %g", c, m, v)
		}
	}
	return nil
}

// normed says whether a layer has batch norm.
func normed(l space.Layer) bool {
	return (l.Kind == space.Conv || l.Kind == space.Pointwise || l.Kind == space.Depthwise) && !l.NoNorm
}

// stored are the statistics that came with the weights: those of the leading
// channels of the largest network.
func (s *Supernet) stored(layers []space.Layer) (map[int]norm, error) {
	stats := map[int]norm{}
	for i, l := range layers {
		if !normed(l) {
			continue
		}
		n, ok := s.running[l.Name]
		if !ok {
			return nil, fmt.Errorf("layer %s: the weights came without batch-norm statistics (give images to calibrate on)", l.Name)
		}
		stats[i] = norm{n.mean[:l.Out], n.variance[:l.Out]}
	}
	return stats, nil
}

// HasStatistics says whether batch-norm statistics came with the weights.
func (s *Supernet) HasStatistics() bool { return s.running != nil }
