package space

import (
	"math"
	"strconv"
	"sync"
)

// Features describes a for a predictor: for every slot with more than one
// choice a one-hot row, all zero where the slot is dead, then log10 of
// millions of MACs, of parameters and of weight bytes. FeatureNames names the
// columns; their number depends on the space only.
func (s *Space) Features(a Arch) []float32 {
	return s.AppendFeatures(make([]float32, 0, s.FeatureCount()), a)
}

// numericFeatures are the columns behind the one-hot rows.
var numericFeatures = []string{"log10 MMACs", "log10 Mparams", "log10 MB of weights"}

// scratch lends layers to AppendFeatures.
var scratch = sync.Pool{New: func() any { return new([]Layer) }}

// AppendFeatures is Features into memory of the caller's.
func (s *Space) AppendFeatures(dst []float32, a Arch) []float32 {
	s.own(a)
	eachSlot(s, a.genes, func(i int, r slotRef) {
		n := r.choices()
		if n == 1 {
			return
		}
		for k := range n {
			v := float32(0)
			if r.live && int(a.genes[i]) == k {
				v = 1
			}
			dst = append(dst, v)
		}
	})
	c := s.CostOf(a)
	for _, v := range [3]int64{c.MACs, c.Params, c.WeightBytes} {
		dst = append(dst, float32(math.Log10(float64(v)/1e6)))
	}
	return dst
}

// FeatureCount is the length of Features.
func (s *Space) FeatureCount() int {
	n := len(numericFeatures)
	eachSlot(s, "", func(_ int, r slotRef) {
		if r.choices() > 1 {
			n += r.choices()
		}
	})
	return n
}

// FeatureNames names the columns of Features: "s1.b0.kernel=5".
func (s *Space) FeatureNames() []string {
	var names []string
	for _, sl := range s.Slots() {
		if sl.Choices == 1 {
			continue
		}
		for _, v := range sl.Values {
			names = append(names, sl.Name+"="+strconv.FormatFloat(v, 'g', -1, 64))
		}
	}
	return append(names, numericFeatures...)
}
