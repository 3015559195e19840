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
