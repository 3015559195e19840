package latency

import "hanas/space"

// Summer adds up a table's rows for any Arch of one space, straight from its
// genes: no layers, no keys and no memory. It is safe for concurrent use.
type Summer struct {
	rows []sumRow
}

// sumRow is one row's ms by the genes that decide it.
type sumRow struct {
	genes  []int32
	stride []int32
	ms     []float64
}

// Summer tabulates the plain sums of a table over a space; see
// Table.Expected for its errors.
func (t *Table) Summer(sp *space.Space) (*Summer, error) {
	e, err := t.Expected(sp)
	if err != nil {
		return nil, err
	}
	s := new(Summer)
	for i := range e.terms {
		x := &e.terms[i]
		any := false
		for _, ms := range x.values[metricMs] {
			any = any || ms != 0
		}
		if !any {
			continue
		}
		r := sumRow{ms: x.values[metricMs], stride: make([]int32, len(x.deps))}
		step := int32(1)
		for d := len(x.deps) - 1; d >= 0; d-- {
			r.stride[d] = step
			step *= int32(e.slots[x.deps[d]].Choices)
		}
		for _, d := range x.deps {
			r.genes = append(r.genes, int32(d))
		}
		s.rows = append(s.rows, r)
	}
	return s, nil
}

// Ms is the plain sum of a's rows. a must be of the Summer's space.
func (s *Summer) Ms(a space.Arch) float64 {
	sum := 0.0
	for i := range s.rows {
		r := &s.rows[i]
		cell := int32(0)
		for d, g := range r.genes {
			cell += int32(a.Gene(int(g))) * r.stride[d]
		}
		sum += r.ms[cell]
	}
	return sum
}
