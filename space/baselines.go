package space

import (
	"fmt"
	"strings"
)

// blockRow is a run of blocks of a published network: kernel, expansion of the
// block's input, output width, number of blocks, stride of the first.
type blockRow struct {
	kernel        int
	expand        float64
	width, repeat int
	stride        int
	se            bool
	act           string
}

// family is a published network as data; a Baseline scales it.
type family struct {
	name, source string
	stem         int
	stemAct      string
	rows         []blockRow
	head, mix    int // 0 = none
	headAct      string
	separable    bool // MobileNetV1: an activation behind the second convolution, no residuals
	seOfInput    bool // a squeeze-excite has a quarter of the block's input, not of its hidden width
	fixedEnds    bool // stem and head keep their width (EfficientNet-Lite)
	wideHeadOnly bool // the head is never narrowed (MobileNetV2)
	resolution   int
}

// families are the networks that tables of the field compare with. Swish is
// spelled hswish: the two cost the same and no operator here is swish.
var families = []family{
	{
		name: "mobilenet-v1", source: "Howard et al. 2017, table 1", stem: 32, stemAct: "relu6", separable: true, resolution: 224,
		rows: []blockRow{
			{3, 1, 64, 1, 1, false, "relu6"},
			{3, 1, 128, 2, 2, false, "relu6"},
			{3, 1, 256, 2, 2, false, "relu6"},
			{3, 1, 512, 6, 2, false, "relu6"},
			{3, 1, 1024, 2, 2, false, "relu6"},
		},
	},
	{
		name: "mobilenet-v2", source: "Sandler et al. 2018, table 2", stem: 32, stemAct: "relu6", head: 1280, headAct: "relu6", wideHeadOnly: true, resolution: 224,
		rows: []blockRow{
			{3, 1, 16, 1, 1, false, "relu6"},
			{3, 6, 24, 2, 2, false, "relu6"},
			{3, 6, 32, 3, 2, false, "relu6"},
			{3, 6, 64, 4, 2, false, "relu6"},
			{3, 6, 96, 3, 1, false, "relu6"},
			{3, 6, 160, 3, 2, false, "relu6"},
			{3, 6, 320, 1, 1, false, "relu6"},
		},
	},
	{
		name: "mobilenet-v3-large", source: "Howard et al. 2019, table 1", stem: 16, stemAct: "hswish", head: 960, mix: 1280, headAct: "hswish", resolution: 224,
		rows: []blockRow{
			{3, 1, 16, 1, 1, false, "relu"},
			{3, 4, 24, 1, 2, false, "relu"},
			{3, 3, 24, 1, 1, false, "relu"},
			{5, 3, 40, 3, 2, true, "relu"},
			{3, 6, 80, 1, 2, false, "hswish"},
			{3, 2.5, 80, 1, 1, false, "hswish"},
			{3, 2.3, 80, 2, 1, false, "hswish"},
			{3, 6, 112, 2, 1, true, "hswish"},
			{5, 6, 160, 3, 2, true, "hswish"},
		},
	},
	{
		name: "mobilenet-v3-small", source: "Howard et al. 2019, table 2", stem: 16, stemAct: "hswish", head: 576, mix: 1024, headAct: "hswish", resolution: 224,
		rows: []blockRow{
			{3, 1, 16, 1, 2, true, "relu"},
			{3, 4.5, 24, 1, 2, false, "relu"},
			{3, 3.67, 24, 1, 1, false, "relu"},
			{5, 4, 40, 1, 2, true, "hswish"},
			{5, 6, 40, 2, 1, true, "hswish"},
			{5, 3, 48, 2, 1, true, "hswish"},
			{5, 6, 96, 3, 2, true, "hswish"},
		},
	},
	{
		name: "mobilenet-v3-large-minimalistic", source: "TensorFlow's MobileNetV3 without squeeze-excite, hard-swish and 5x5", stem: 16, stemAct: "relu", head: 960, mix: 1280, headAct: "relu", resolution: 224,
		rows: []blockRow{
			{3, 1, 16, 1, 1, false, "relu"},
			{3, 4, 24, 1, 2, false, "relu"},
			{3, 3, 24, 1, 1, false, "relu"},
			{3, 3, 40, 3, 2, false, "relu"},
			{3, 6, 80, 1, 2, false, "relu"},
			{3, 2.5, 80, 1, 1, false, "relu"},
			{3, 2.3, 80, 2, 1, false, "relu"},
			{3, 6, 112, 2, 1, false, "relu"},
			{3, 6, 160, 3, 2, false, "relu"},
		},
	},
	{
		name: "mobilenet-v3-small-minimalistic", source: "TensorFlow's MobileNetV3 without squeeze-excite, hard-swish and 5x5", stem: 16, stemAct: "relu", head: 576, mix: 1024, headAct: "relu", resolution: 224,
		rows: []blockRow{
			{3, 1, 16, 1, 2, false, "relu"},
			{3, 4.5, 24, 1, 2, false, "relu"},
			{3, 3.67, 24, 1, 1, false, "relu"},
			{3, 4, 40, 1, 2, false, "relu"},
			{3, 6, 40, 2, 1, false, "relu"},
			{3, 3, 48, 2, 1, false, "relu"},
			{3, 6, 96, 3, 2, false, "relu"},
		},
	},
	{
		name: "efficientnet-b0", source: "Tan and Le 2019, table 1", stem: 32, stemAct: "hswish", head: 1280, headAct: "hswish", seOfInput: true, resolution: 224,
		rows: []blockRow{
			{3, 1, 16, 1, 1, true, "hswish"},
			{3, 6, 24, 2, 2, true, "hswish"},
			{5, 6, 40, 2, 2, true, "hswish"},
			{3, 6, 80, 3, 2, true, "hswish"},
			{5, 6, 112, 3, 1, true, "hswish"},
			{5, 6, 192, 4, 2, true, "hswish"},
			{3, 6, 320, 1, 1, true, "hswish"},
		},
	},
	{
		name: "efficientnet-lite", source: "TensorFlow TPU models, EfficientNet-Lite", stem: 32, stemAct: "relu6", head: 1280, headAct: "relu6", fixedEnds: true, resolution: 224,
		rows: []blockRow{
			{3, 1, 16, 1, 1, false, "relu6"},
			{3, 6, 24, 2, 2, false, "relu6"},
			{5, 6, 40, 2, 2, false, "relu6"},
			{3, 6, 80, 3, 2, false, "relu6"},
			{5, 6, 112, 3, 1, false, "relu6"},
			{5, 6, 192, 4, 2, false, "relu6"},
			{3, 6, 320, 1, 1, false, "relu6"},
		},
	},
	{
		name: "fbnet-c", source: "Wu et al. 2019, figure 5", stem: 16, stemAct: "relu", head: 1984, headAct: "relu", resolution: 224,
		rows: []blockRow{
			{3, 1, 16, 1, 1, false, "relu"},
			{3, 6, 24, 1, 2, false, "relu"},
			{3, 1, 24, 2, 1, false, "relu"},
			{5, 6, 32, 1, 2, false, "relu"},
			{5, 3, 32, 1, 1, false, "relu"},
			{5, 6, 32, 1, 1, false, "relu"},
			{3, 6, 32, 1, 1, false, "relu"},
			{5, 6, 64, 1, 2, false, "relu"},
			{5, 3, 64, 1, 1, false, "relu"},
			{5, 6, 64, 2, 1, false, "relu"},
			{5, 6, 112, 3, 1, false, "relu"},
			{5, 3, 112, 1, 1, false, "relu"},
			{5, 6, 184, 4, 2, false, "relu"},
			{3, 6, 352, 1, 1, false, "relu"},
		},
	},
	{
		name: "mnasnet-b1", source: "Tan et al. 2019, figure 7 without squeeze-excite", stem: 32, stemAct: "relu", head: 1280, headAct: "relu", resolution: 224,
		rows: []blockRow{
			{3, 1, 16, 1, 1, false, "relu"},
			{3, 3, 24, 3, 2, false, "relu"},
			{5, 3, 40, 3, 2, false, "relu"},
			{5, 6, 80, 3, 2, false, "relu"},
			{3, 6, 96, 2, 1, false, "relu"},
			{5, 6, 192, 4, 2, false, "relu"},
			{3, 6, 320, 1, 1, false, "relu"},
		},
	},
	{
		name: "proxyless-mobile", source: "Cai et al. 2019, figure 4", stem: 32, stemAct: "relu6", head: 1280, headAct: "relu6", resolution: 224,
		rows: []blockRow{
			{3, 1, 16, 1, 1, false, "relu6"},
			{5, 3, 32, 1, 2, false, "relu6"},
			{3, 3, 32, 1, 1, false, "relu6"},
			{7, 3, 40, 1, 2, false, "relu6"},
			{3, 3, 40, 1, 1, false, "relu6"},
			{5, 3, 40, 2, 1, false, "relu6"},
			{7, 6, 80, 1, 2, false, "relu6"},
			{5, 3, 80, 3, 1, false, "relu6"},
			{5, 6, 96, 1, 1, false, "relu6"},
			{5, 3, 96, 3, 1, false, "relu6"},
			{7, 6, 192, 2, 2, false, "relu6"},
			{7, 3, 192, 2, 1, false, "relu6"},
			{7, 6, 320, 1, 1, false, "relu6"},
		},
	},
}

// liteScales are width, depth and resolution of EfficientNet-Lite0 to Lite4.
var liteScales = []struct {
	width, depth float64
	resolution   int
}{{1, 1, 224}, {1, 1.1, 240}, {1.1, 1.2, 260}, {1.2, 1.4, 280}, {1.4, 1.8, 300}}

// Baseline is a published network, scaled.
type Baseline struct {
	Name       string
	Source     string // where its structure is published
	Width      float64
	Depth      float64
	Resolution int
	family     *family
}

// BaselineFamilies are the names that FindBaseline knows, without scales.
func BaselineFamilies() []string {
	var names []string
	for i := range families {
		names = append(names, families[i].name)
	}
	return names
}

// FindBaseline is a published network by name: a family, optionally followed
// by a width multiplier and an image size ("mobilenet-v2-0.5-160"), or
// "efficientnet-lite0" to "efficientnet-lite4".
func FindBaseline(name string) (Baseline, error) {
	b := Baseline{Name: name, Width: 1, Depth: 1}
	rest := ""
	for i := range families {
		f := &families[i]
		if tail, ok := strings.CutPrefix(name, f.name); ok && (b.family == nil || len(f.name) > len(b.family.name)) {
			b.family, rest = f, tail
		}
	}
	if b.family == nil {
		return b, fmt.Errorf("space: no baseline %q (known: %v)", name, BaselineFamilies())
	}
	b.Source, b.Resolution = b.family.source, b.family.resolution
	var err error
	switch {
	case b.family.name == "efficientnet-lite":
		var n int
		if _, err = fmt.Sscanf(rest+" ", "%d ", &n); err == nil && (n < 0 || n >= len(liteScales) || rest != fmt.Sprint(n)) {
			err = fmt.Errorf("lite%s", rest)
		}
		if err == nil {
			b.Width, b.Depth, b.Resolution = liteScales[n].width, liteScales[n].depth, liteScales[n].resolution
		}
	case rest != "":
		_, err = fmt.Sscanf(rest, "-%g-%d", &b.Width, &b.Resolution)
		if err == nil && !(b.Width >= .1 && b.Width <= 4 && b.Resolution >= 32 && b.Resolution <= maxImage) {
			err = fmt.Errorf("width %g or resolution %d is out of range", b.Width, b.Resolution)
		}
	}
	if err != nil {
		return b, fmt.Errorf("space: baseline %q: cannot read what follows %s (want -WIDTH-RESOLUTION, or lite0 to lite4): %w", name, b.family.name, err)
	}
	return b, nil
}
