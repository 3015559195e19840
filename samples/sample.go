package samples

import (
	"crypto/sha256"
	"fmt"
	"math"
	"slices"

	"hanas/space"
)

// Sample is one scored sub-network.
type Sample struct {
	Arch        string  // space.Space.Key
	Accuracy    float64 // top-1, fraction in [0,1]
	Top5        float64 // fraction in [0,1]; 0 = not recorded
	Loss        float64 // mean cross-entropy; 0 = not recorded
	MACs        int64   // of one image
	Params      int64
	WeightBytes int64
	Seed        uint64 // of the evaluation
	Images      int64  // that were scored; 0 = not recorded
	Split       string // Train, Val or Test: SplitOf(Arch)
	Provenance  string // "measured", or "imported: FILE"
}

// Splits of a store. A sample's split follows from its key alone, so it is the
// same in every store and on every machine.
const (
	Train = "train" // eight tenths
	Val   = "val"   // one tenth
	Test  = "test"  // one tenth
)

// Provenance of a sample: Measured here, or importedFrom and a file's name.
const (
	Measured     = "measured"
	importedFrom = "imported: "
)

// SplitOf is the split of an Arch key.
func SplitOf(key string) string {
	switch sum := sha256.Sum256([]byte(key)); {
	case sum[0] < 205: // of 256
		return Train
	case sum[0] < 231:
		return Val
	}
	return Test
}

// New is a sample of a with everything but its scores filled in.
func New(sp *space.Space, a space.Arch) Sample {
	c := sp.CostOf(a)
	key := sp.Key(a)
	return Sample{Arch: key, MACs: c.MACs, Params: c.Params, WeightBytes: c.WeightBytes, Split: SplitOf(key), Provenance: Measured}
}

// Select are the samples of a split, in order.
func Select(all []Sample, split string) []Sample {
	return slices.DeleteFunc(slices.Clone(all), func(s Sample) bool { return s.Split != split })
}

// check compares what s says with the space and with what is possible.
func (s *Sample) check(sp *space.Space) error {
	a, err := sp.Parse(s.Arch)
	if err != nil {
		return err
	}
	for _, v := range []struct {
		name   string
		v, max float64
	}{{"accuracy", s.Accuracy, 1}, {"top5", s.Top5, 1}, {"loss", s.Loss, math.MaxFloat64}, {"images", float64(s.Images), math.MaxInt64}} {
		if !(v.v >= 0 && v.v <= v.max) {
			return fmt.Errorf("%s is %g", v.name, v.v)
		}
	}
	want := New(sp, a)
	if s.MACs != want.MACs || s.Params != want.Params || s.WeightBytes != want.WeightBytes {
		return fmt.Errorf("%d MACs, %d parameters, %d weight bytes; the space says %d, %d, %d",
			s.MACs, s.Params, s.WeightBytes, want.MACs, want.Params, want.WeightBytes)
	}
	if s.Split != want.Split {
		return fmt.Errorf("split is %q, its key says %q", s.Split, want.Split)
	}
	if s.Provenance == "" {
		return fmt.Errorf("no provenance")
	}
	return nil
}
