package space

import (
	"encoding/json"
	"fmt"
	"slices"
)

// presets are the built-in spaces.
var presets = []Space{
	{ // glyphs on a CPU in minutes: 0.8 to 5.8 MMACs
		Name: "quick", Resolutions: []int{32}, Channels: 3, Classes: 36,
		StemWidths: []int{16}, StemStride: 2, StemKernel: 3, StemAct: "relu",
		Stages: []Stage{
			{Widths: []int{16, 24}, Depths: []int{1, 2}, Kernels: []int{3, 5}, Expands: []float64{2, 3, 4}, Stride: 1, Act: "relu"},
			{Widths: []int{24, 32}, Depths: []int{1, 2}, Kernels: []int{3, 5}, Expands: []float64{2, 3, 4}, Stride: 2, Act: "relu"},
			{Widths: []int{48, 64}, Depths: []int{1, 2}, Kernels: []int{3, 5}, Expands: []float64{2, 3, 4}, Stride: 2, Act: "relu"},
		},
		HeadWidths: []int{96, 128}, HeadAct: "relu",
		WBits: []int{2, 4, 8, 16}, ABits: []int{2, 4, 8, 16},
	},
	{ // glyph scenes at 64x64: detection heads on strides 4, 8 and 16
		Name: "quick-coco", Resolutions: []int{64}, Channels: 3, Classes: 10,
		StemWidths: []int{16}, StemStride: 2, StemKernel: 3, StemAct: "relu",
		Stages: []Stage{
			{Widths: []int{24, 32}, Depths: []int{1, 2}, Kernels: []int{3, 5}, Expands: []float64{2, 3}, Stride: 2, Act: "relu"},
			{Widths: []int{32, 48}, Depths: []int{1, 2}, Kernels: []int{3, 5}, Expands: []float64{2, 3, 4}, Stride: 2, Act: "relu"},
			{Widths: []int{48, 64}, Depths: []int{1, 2}, Kernels: []int{3, 5}, Expands: []float64{2, 3, 4}, Stride: 2, Act: "relu"},
		},
		HeadWidths: []int{48, 64}, HeadAct: "relu", Detect: []int{0, 1, 2},
		WBits: []int{2, 4, 8, 16}, ABits: []int{2, 4, 8, 16},
	},
	{ // CIFAR-10 at its own size: 3 to 24 MMACs
		Name: "cifar10", Resolutions: []int{32}, Channels: 3, Classes: 10,
		StemWidths: []int{16}, StemStride: 1, StemKernel: 3, StemAct: "relu",
		Stages: []Stage{
			{Widths: []int{16, 24}, Depths: []int{1}, Kernels: []int{3, 5}, Expands: []float64{1, 2}, Stride: 1, Act: "relu"},
			{Widths: []int{24, 32}, Depths: []int{1, 2}, Kernels: []int{3, 5}, Expands: []float64{2, 3, 4}, Stride: 2, Act: "relu"},
			{Widths: []int{40, 56}, Depths: []int{1, 2, 3}, Kernels: []int{3, 5, 7}, Expands: []float64{2, 3, 4}, Stride: 2, Act: "relu"},
			{Widths: []int{64, 80}, Depths: []int{1, 2}, Kernels: []int{3, 5, 7}, Expands: []float64{2, 3, 4}, Stride: 1, Act: "relu"},
		},
		HeadWidths: []int{160, 224}, HeadAct: "relu",
		WBits: []int{2, 4, 8, 16}, ABits: []int{2, 4, 8, 16},
	},
	{ // CIFAR-10, larger: 5 to 60 MMACs
		Name: "cifar10-large", Resolutions: []int{32}, Channels: 3, Classes: 10,
		StemWidths: []int{24, 32}, StemStride: 1, StemKernel: 3, StemAct: "relu",
		Stages: []Stage{
			{Widths: []int{24, 32}, Depths: []int{1}, Kernels: []int{3, 5}, Expands: []float64{1, 2}, Stride: 1, Act: "relu"},
			{Widths: []int{40, 56}, Depths: []int{1, 2, 3}, Kernels: []int{3, 5}, Expands: []float64{2, 3, 4}, Stride: 2, Act: "relu"},
			{Widths: []int{72, 96}, Depths: []int{1, 2, 3}, Kernels: []int{3, 5, 7}, Expands: []float64{2, 3, 4}, Stride: 2, Act: "relu"},
			{Widths: []int{112, 160}, Depths: []int{1, 2, 3}, Kernels: []int{3, 5}, Expands: []float64{2, 3, 4}, Stride: 2, Act: "relu"},
		},
		HeadWidths: []int{256, 384}, HeadAct: "relu",
		WBits: []int{2, 4, 8, 16}, ABits: []int{2, 4, 8, 16},
	},
	onceForAll("ofa-mbv3-w1.0", []int{16, 24, 40, 80, 112, 160}, 16, 960, 1280),
	onceForAll("ofa-mbv3-w1.2", []int{24, 32, 48, 96, 136, 192}, 24, 1152, 1536),
	everyFour(onceForAll("ofa-mbv3-w1.0-r4", []int{16, 24, 40, 80, 112, 160}, 16, 960, 1280)),
	everyFour(onceForAll("ofa-mbv3-w1.2-r4", []int{24, 32, 48, 96, 136, 192}, 24, 1152, 1536)),
}

// everyFour has all resolutions that Once-for-All trained: steps of four where
// its predictor and the plain spaces have sixteen.
func everyFour(s Space) Space {
	s.Resolutions = nil
	for r := 128; r <= 224; r += 4 {
		s.Resolutions = append(s.Resolutions, r)
	}
	return s
}

// onceForAll is the MobileNetV3 space of Once-for-All (Cai et al. 2020), in
// float: its published weights and measured samples are.
func onceForAll(name string, widths []int, stem, head, mix int) Space {
	s := Space{
		Name: name, Resolutions: []int{128, 144, 160, 176, 192, 208, 224}, Channels: 3, Classes: 1000,
		StemWidths: []int{stem}, StemStride: 2, StemKernel: 3, StemAct: "hswish",
		HeadWidths: []int{head}, HeadAct: "hswish", FeatureMix: mix,
		WBits: []int{16}, ABits: []int{16}, FixedWBits: 16, FixedABits: 16,
	}
	rows := []struct {
		stride int
		act    string
		se     bool
	}{{1, "relu", false}, {2, "relu", false}, {2, "relu", true}, {2, "hswish", false}, {1, "hswish", true}, {2, "hswish", true}}
	for i, r := range rows {
		st := Stage{
			Widths: widths[i : i+1], Depths: []int{2, 3, 4}, Kernels: []int{3, 5, 7}, Expands: []float64{3, 4, 6},
			Stride: r.stride, Act: r.act, SE: r.se,
		}
		if i == 0 { // one fixed block without expand layer
			st.Depths, st.Kernels, st.Expands = []int{1}, []int{3}, []float64{1}
		}
		s.Stages = append(s.Stages, st)
	}
	return s
}

// Preset is a built-in space by name, a copy that the caller may change.
func Preset(name string) (*Space, error) {
	for i := range presets {
		if presets[i].Name == name {
			return presets[i].Clone(), nil
		}
	}
	return nil, fmt.Errorf("space: no built-in space %q (known: %v)", name, Presets())
}

// Presets are the names of the built-in spaces.
func Presets() []string {
	var names []string
	for i := range presets {
		names = append(names, presets[i].Name)
	}
	return slices.Clip(names)
}

// Clone is a deep copy.
func (s *Space) Clone() *Space {
	text, err := json.Marshal(s)
	c := new(Space)
	if err == nil {
		err = json.Unmarshal(text, c)
	}
	if err != nil { // only floats that are not numbers, which Validate refuses
		panic("space: clone: " + err.Error())
	}
	return c
}
