package latency

import (
	"fmt"

	"hanas/space"
)

// blockFormat is the spelling of a table that prices whole inverted
// bottlenecks, squeeze-excite, activations and residual included.
type blockFormat struct {
	name, source                       string
	stem, block, head, classifier      string // first words of the rows
	pool, mix                          string // "" = has no row of its own
	ratio                              bool   // "expand" is the ratio, not the hidden width
	tellsSE, tellsHSwish, vectorsAs1x1 bool
}

// blockFormats are the tables of Once-for-All (Cai et al. 2020) and NSGANetV2
// (Lu et al. 2020). They price float kernels only.
var blockFormats = []blockFormat{
	{
		name: "ofa-mbv3", source: "Once-for-All, MobileNetV3 (note10_*.yaml)",
		stem: "Conv", block: "expanded_conv", head: "Conv_1", pool: "AvgPool2D", mix: "Conv_2", classifier: "Logits",
		tellsSE: true, tellsHSwish: true, vectorsAs1x1: true,
	},
	{
		name: "ofa-proxyless", source: "Once-for-All, ProxylessNAS (pixel1_mobile_trim.yaml)",
		stem: "Conv", block: "expanded_conv", head: "Conv_1", classifier: "Logits",
		ratio: true, vectorsAs1x1: true,
	},
	{
		name: "nsganetv2", source: "NSGANetV2 (i7-8700K_lut.yaml)",
		stem: "first_conv", block: "MBConv", head: "final_expand_layer", mix: "feature_mix_layer", classifier: "classifier",
		ratio: true, tellsSE: true,
	},
}

// keys spells the rows of a network.
func (f *blockFormat) keys(layers []space.Layer) ([]string, error) {
	if err := floatOnly(layers); err != nil {
		return nil, err
	}
	var keys []string
	vector := 1 // size of what the classifier's row reads: before the pool where that has no row
	for _, p := range partsOf(layers) {
		l := p.first
		switch {
		case p.block():
			keys = append(keys, f.blockKey(&p))
		case l.Kind == space.Conv:
			keys = append(keys, f.stem+sizes(l, l))
		case l.Kind == space.Pool && f.pool == "":
			vector = l.InSize
		case l.Kind == space.Pool:
			keys = append(keys, f.pool+sizes(l, l))
		case l.Kind == space.Pointwise && l.NoNorm && f.mix == "":
			return nil, fmt.Errorf("layer %s has no row in this format", l.Name)
		case l.Kind == space.Pointwise && l.NoNorm:
			keys = append(keys, f.mix+sizes(l, l))
		case l.Kind == space.Pointwise:
			keys = append(keys, f.head+sizes(l, l))
		case l.Kind == space.Linear && f.vectorsAs1x1:
			keys = append(keys, fmt.Sprintf("%s-input:%dx%dx%d-output:%d", f.classifier, vector, vector, l.In, l.Out))
		case l.Kind == space.Linear:
			keys = append(keys, fmt.Sprintf("%s-input:%d-output:%d", f.classifier, l.In, l.Out))
		default:
			return nil, fmt.Errorf("layer %s (%s) has no row in this format", l.Name, l.Kind)
		}
	}
	return keys, nil
}

func (f *blockFormat) blockKey(p *part) string {
	expand := float64(p.dw.In)
	if f.ratio {
		expand /= float64(p.first.In)
	}
	key := f.block + sizes(p.first, p.last) +
		fmt.Sprintf("-expand:%g-kernel:%d-stride:%d-idskip:%d", expand, p.dw.Kernel, p.dw.Stride, flag(p.add))
	if f.tellsSE {
		key += fmt.Sprintf("-se:%d", flag(p.se != nil))
	}
	if f.tellsHSwish {
		key += fmt.Sprintf("-hs:%d", flag(p.dw.Act == "hswish"))
	}
	return key
}
