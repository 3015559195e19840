package space

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
)

// Stage is a run of inverted-bottleneck blocks (Sandler et al. 2018) that
// share their output width. Choices are listed in ascending order.
type Stage struct {
	Widths  []int     `json:"widths"`  // output channels
	Depths  []int     `json:"depths"`  // number of blocks
	Kernels []int     `json:"kernels"` // of the depthwise layer, per block, odd
	Expands []float64 `json:"expands"` // hidden/in, per block; 1 = no expand layer
	Stride  int       `json:"stride"`  // of the first block
	Act     string    `json:"act"`     // "relu", "relu6" or "hswish"
	SE      bool      `json:"se"`      // squeeze-excite behind the depthwise layer
}

// Space is a set of networks: stem, stages of inverted bottlenecks, head,
// pool, classifier; or heads of a detector. Choices are listed in ascending order; one entry = fixed.
// A Space must not be changed once Archs of it exist.
type Space struct {
	Name        string  `json:"name"`
	Resolutions []int   `json:"resolutions"` // height = width of the image
	Channels    int     `json:"channels"`    // of the image
	Classes     int     `json:"classes"`
	StemWidths  []int   `json:"stem_widths"`
	StemStride  int     `json:"stem_stride"`
	StemKernel  int     `json:"stem_kernel"`
	StemAct     string  `json:"stem_act"`
	Stages      []Stage `json:"stages"`
	HeadWidths  []int   `json:"head_widths"` // 1×1 convolution before the pool; empty = none
	HeadAct     string  `json:"head_act"`
	// FeatureMix is the width of a 1×1 convolution after the pool, with
	// HeadAct but without batch norm or bias (MobileNetV3); 0 = none.
	FeatureMix int `json:"feature_mix,omitempty"`

	// Detect are the stages, from 0, whose ends a detection head reads, the last
	// stage among them; empty = the networks classify. HeadWidths are then those
	// of the heads, and HeadAct their activation.
	Detect []int `json:"detect,omitempty"`

	WBits []int `json:"wbits"` // choices of weight bits, a subset of 2, 4, 8, 16
	ABits []int `json:"abits"` // choices of activation bits, a subset of 2, 4, 8, 16
	// FixedWBits and FixedABits are the bits of the ends (stem, feature mix,
	// classifier) and FixedWBits also of squeeze-excite; 0 = 8.
	FixedWBits int  `json:"fixed_wbits,omitempty"`
	FixedABits int  `json:"fixed_abits,omitempty"`
	SearchEnds bool `json:"search_ends,omitempty"` // the ends' bits are genes too
	Divisor    int  `json:"divisor,omitempty"`     // hidden widths are multiples of it; 0 = 8
}

// Limits of a valid space: names and genes stay small, products fit an int64.
const (
	maxStages  = 16
	maxDepth   = 16
	maxChoices = 64
	maxWidth   = 1 << 14
	maxImage   = 1 << 12
)

// Validate reports every fault of the space, not only the first.
func (s *Space) Validate() error {
	c := checker{name: s.Name}
	c.choices("resolutions", s.Resolutions, maxImage)
	c.choices("stem_widths", s.StemWidths, maxWidth)
	c.between("channels", s.Channels, 1, maxWidth)
	c.between("classes", s.Classes, 1, 1<<20)
	c.between("stem_stride", s.StemStride, 1, 8)
	c.kernel("stem_kernel", s.StemKernel)
	c.act("stem_act", s.StemAct)
	if len(s.HeadWidths) > 0 {
		c.choices("head_widths", s.HeadWidths, maxWidth)
	}
	if len(s.HeadWidths) > 0 || s.FeatureMix > 0 {
		c.act("head_act", s.HeadAct)
	}
	c.between("feature_mix", s.FeatureMix, 0, maxWidth)
	c.between("divisor", s.Divisor, 0, 256)
	c.bits("wbits", s.WBits)
	c.bits("abits", s.ABits)
	c.bits("fixed_wbits", []int{s.fixedW()})
	c.bits("fixed_abits", []int{s.fixedA()})
	c.between("number of stages", len(s.Stages), 1, maxStages)
	for i, st := range s.Stages {
		at := fmt.Sprintf("stages[%d].", i)
		c.choices(at+"widths", st.Widths, maxWidth)
		c.choices(at+"depths", st.Depths, maxDepth)
		c.choices(at+"kernels", st.Kernels, 31)
		for _, k := range st.Kernels {
			c.kernel(at+"kernels", k)
		}
		c.expands(at+"expands", st.Expands)
		c.between(at+"stride", st.Stride, 1, 8)
		c.act(at+"act", st.Act)
	}
	s.checkDetect(&c)
	return errors.Join(c.faults...)
}

// checker collects faults.
type checker struct {
	name   string
	faults []error
}

func (c *checker) fault(key, format string, args ...any) {
	c.faults = append(c.faults, fmt.Errorf("space: %s: %s: %s", c.name, key, fmt.Sprintf(format, args...)))
}

func (c *checker) between(key string, v, lo, hi int) {
	if v < lo || v > hi {
		c.fault(key, "%d is outside [%d, %d]", v, lo, hi)
	}
}

func (c *checker) choices(key string, v []int, hi int) {
	c.between(key+": number of choices", len(v), 1, maxChoices)
	for i, x := range v {
		c.between(key, x, 1, hi)
		if i > 0 && x <= v[i-1] {
			c.fault(key, "%v is not ascending", v)
			return
		}
	}
}

func (c *checker) expands(key string, v []float64) {
	c.between(key+": number of choices", len(v), 1, maxChoices)
	for i, x := range v {
		if !(x >= 1 && x <= 64) {
			c.fault(key, "%g is outside [1, 64]", x)
		}
		if i > 0 && x <= v[i-1] {
			c.fault(key, "%v is not ascending", v)
			return
		}
	}
}

func (c *checker) bits(key string, v []int) {
	c.choices(key, v, 16)
	for _, b := range v {
		if !slices.Contains([]int{2, 4, 8, 16}, b) {
			c.fault(key, "%d bits (known: 2, 4, 8, 16)", b)
		}
	}
}

func (c *checker) kernel(key string, k int) {
	if k < 1 || k > 31 || k%2 == 0 {
		c.fault(key, "kernel %d (want an odd number up to 31)", k)
	}
}

func (c *checker) act(key, act string) {
	if !slices.Contains(keyActs, act) {
		c.fault(key, "unknown activation %q (known: %v)", act, keyActs)
	}
}

func (s *Space) fixedW() int { return orDefault(s.FixedWBits, 8) }
func (s *Space) fixedA() int { return orDefault(s.FixedABits, 8) }

func orDefault(v, def int) int {
	if v == 0 {
		return def
	}
	return v
}

// Hash identifies the space's content: 16 hex digits of the SHA-256 of its
// JSON form.
func (s *Space) Hash() string {
	text, err := json.Marshal(s)
	if err != nil { // only floats that are not numbers, which Validate refuses
		panic("space: hash: " + err.Error())
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// hidden is the width between expand and project.
func (s *Space) hidden(in int, expand float64) int {
	if expand == 1 {
		return in
	}
	return MakeDivisible(int(math.Round(float64(in)*expand)), orDefault(s.Divisor, 8))
}

// MakeDivisible rounds v to a multiple of d without losing more than 10 %
// (MobileNetV2's rule, as Once-for-All applies it).
func MakeDivisible(v, d int) int {
	n := max(d, (v+d/2)/d*d)
	if 10*n < 9*v {
		n += d
	}
	return n
}
