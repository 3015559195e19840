package space

import "math"

// CostOf is Cost(s.Layers(a)) without the layers: nothing is kept.
func (s *Space) CostOf(a Arch) Costs {
	buf := scratch.Get().(*[]Layer)
	*buf = s.AppendLayers((*buf)[:0], a)
	c := Cost(*buf)
	scratch.Put(buf)
	return c
}

// LogMACs is the natural logarithm of a's multiply-accumulates: what samplers
// that are to be even over the cost are even over.
func (s *Space) LogMACs(a Arch) float64 { return math.Log(float64(s.CostOf(a).MACs)) }

// MeanBits is the mean width in bits of a's weights, each layer that has some
// counted once.
func (s *Space) MeanBits(a Arch) float64 {
	buf := scratch.Get().(*[]Layer)
	*buf = s.AppendLayers((*buf)[:0], a)
	sum, n := 0, 0
	for _, l := range *buf {
		if l.WBits > 0 {
			sum, n = sum+l.WBits, n+1
		}
	}
	scratch.Put(buf)
	return float64(sum) / float64(max(1, n))
}
