package space

// CostOf is Cost(s.Layers(a)) without the layers: nothing is kept.
func (s *Space) CostOf(a Arch) Costs {
	buf := scratch.Get().(*[]Layer)
	*buf = s.AppendLayers((*buf)[:0], a)
	c := Cost(*buf)
	scratch.Put(buf)
	return c
}
