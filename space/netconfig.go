package space

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
)

// netConfig is Once-for-All's spelling of a specialised network (net.config).
type netConfig struct {
	Name        string    `json:"name"`
	FirstConv   netConv   `json:"first_conv"`
	Blocks      []netMB   `json:"blocks"`
	FinalExpand *netConv  `json:"final_expand_layer"`
	FeatureMix  *netConv  `json:"feature_mix_layer"`
	Classifier  netLinear `json:"classifier"`
}

type netConv struct {
	Kernel int    `json:"kernel_size"`
	Stride int    `json:"stride"`
	Groups int    `json:"groups"`
	Out    int    `json:"out_channels"`
	Norm   bool   `json:"use_bn"`
	Act    string `json:"act_func"`
}

type netMB struct {
	Conv struct {
		Name   string  `json:"name"`
		In     int     `json:"in_channels"`
		Out    int     `json:"out_channels"`
		Kernel int     `json:"kernel_size"`
		Stride int     `json:"stride"`
		Expand float64 `json:"expand_ratio"`
		Mid    *int    `json:"mid_channels"`
		Act    string  `json:"act_func"`
		SE     bool    `json:"use_se"`
	} `json:"mobile_inverted_conv"`
	Shortcut *struct {
		Name string `json:"name"`
	} `json:"shortcut"`
}

type netLinear struct {
	Out int `json:"out_features"`
}

// netActs are Once-for-All's names of activations.
var netActs = map[string]string{"relu": "relu", "relu6": "relu6", "h_swish": "hswish"}

// NetConfigLayers reads a net.config of Once-for-All (MobileNetV3 and
// ProxylessNASNets) and gives its layers, in float, for images of size
// resolution. Blocks are numbered through as blocks of stage 0.
func NetConfigLayers(data []byte, resolution int) ([]Layer, error) {
	var c netConfig
	if err := json.Unmarshal(data, &c); err != nil {
		return nil, fmt.Errorf("space: net.config: %w", err)
	}
	n := netReader{x: expansion{in: 3, size: resolution}}
	if c.Name != "MobileNetV3" && c.Name != "ProxylessNASNets" {
		n.fail("name", "unknown family %q (known: MobileNetV3, ProxylessNASNets)", c.Name)
	}
	if resolution < 1 || resolution > maxImage {
		n.fail("resolution", "%d is outside [1, %d]", resolution, maxImage)
	}
	n.conv("stem", Conv, c.FirstConv)
	for i, b := range c.Blocks {
		n.block(i, b)
	}
	if c.FinalExpand != nil {
		n.conv("head", Pointwise, *c.FinalExpand)
	} else if c.FeatureMix != nil { // Proxyless: the wide layer is before the pool
		n.conv("head", Pointwise, *c.FeatureMix)
		c.FeatureMix = nil
	}
	n.emit(Layer{Name: "pool", Kind: Pool, Stage: -1, Block: -1, Out: n.x.in, Kernel: n.x.size, Stride: 1})
	if c.FeatureMix != nil {
		n.conv("mix", Pointwise, *c.FeatureMix)
	}
	if c.Classifier.Out < 1 || c.Classifier.Out > 1<<20 {
		n.fail("classifier", "%d outputs", c.Classifier.Out)
	}
	n.emit(Layer{Name: "classifier", Kind: Linear, Stage: -1, Block: -1, Out: c.Classifier.Out, Kernel: 1, Stride: 1})
	return n.x.layers, n.err
}

// netReader keeps its first error; after it, nothing is emitted.
type netReader struct {
	x   expansion
	err error
}

func (n *netReader) fail(where, format string, args ...any) {
	if n.err == nil {
		n.x.layers = nil
		n.err = fmt.Errorf("space: net.config: %s: %s", where, fmt.Sprintf(format, args...))
	}
}

func (n *netReader) emit(l Layer) {
	if n.err != nil {
		return
	}
	l.ABits = 16
	if l.Kind != Add && l.Kind != Pool {
		l.WBits = 16
	}
	if l.Groups == 0 {
		l.Groups = 1
	}
	n.x.emit(l)
}

func (n *netReader) conv(name string, kind Kind, c netConv) {
	act, ok := netActs[c.Act]
	n.sane(name, c.Out, c.Kernel, c.Stride)
	if !ok || c.Groups > 1 || kind == Pointwise && c.Kernel != 1 {
		n.fail(name, "activation %q, %d groups, kernel %d", c.Act, c.Groups, c.Kernel)
	}
	n.emit(Layer{Name: name, Kind: kind, Stage: -1, Block: -1, Out: c.Out, Kernel: c.Kernel, Stride: c.Stride, Act: act, NoNorm: !c.Norm})
}

func (n *netReader) sane(where string, width, kernel, stride int) {
	if width < 1 || width > maxWidth || kernel < 1 || kernel > 31 || kernel%2 == 0 || stride < 1 || stride > 8 {
		n.fail(where, "%d channels, kernel %d, stride %d", width, kernel, stride)
	}
}

func (n *netReader) block(i int, b netMB) {
	c := b.Conv
	if c.Name == "ZeroLayer" && b.Shortcut != nil { // skipped: the block is its shortcut
		return
	}
	at := "b" + strconv.Itoa(i)
	where := "blocks[" + strconv.Itoa(i) + "]"
	act, known := netActs[c.Act]
	n.sane(where, c.Out, c.Kernel, c.Stride)
	if !known || c.Name != "MBInvertedConvLayer" || c.In != n.x.in || !(c.Expand >= 1 && c.Expand <= 64) {
		n.fail(where, "%s with activation %q, %d input channels after %d, expand ratio %g", c.Name, c.Act, c.In, n.x.in, c.Expand)
		return
	}
	hidden := int(math.Round(float64(c.In) * c.Expand))
	if c.Mid != nil {
		hidden = *c.Mid
	}
	n.sane(where, hidden, c.Kernel, c.Stride)
	if c.Expand != 1 {
		n.emit(Layer{Name: at + ".expand", Kind: Pointwise, Block: i, Out: hidden, Kernel: 1, Stride: 1, Act: act})
	}
	n.emit(Layer{Name: at + ".dw", Kind: Depthwise, Block: i, Out: hidden, Kernel: c.Kernel, Stride: c.Stride, Groups: hidden, Act: act})
	if c.SE {
		n.emit(Layer{Name: at + ".se", Kind: SE, Block: i, Out: hidden, Kernel: 1, Stride: 1, Mid: squeeze(hidden)})
	}
	n.emit(Layer{Name: at + ".project", Kind: Pointwise, Block: i, Out: c.Out, Kernel: 1, Stride: 1})
	if b.Shortcut != nil {
		if c.In != c.Out || c.Stride != 1 {
			n.fail(where, "a shortcut from %d to %d channels at stride %d", c.In, c.Out, c.Stride)
		}
		n.emit(Layer{Name: at + ".add", Kind: Add, Block: i, Out: c.Out, Kernel: 1, Stride: 1})
	}
}
