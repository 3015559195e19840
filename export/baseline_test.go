package export

import (
	"math"
	"os"
	"testing"

	"hanas/internal/realdata"
	"hanas/onnx"
	"hanas/space"
)

// counts walks a float graph by hand: weights of Conv and Gemm, and their
// multiply-accumulates. It knows nothing of Layers.
func counts(t *testing.T, m *onnx.Model) (params, macs int) {
	t.Helper()
	type size struct{ c, s int }
	at, weights := map[string]size{}, map[string][]int{}
	in := m.Graph.Inputs[0]
	at[in.Name] = size{3, in.Shape[2]}
	for _, i := range m.Graph.Initializers {
		weights[i.Name] = i.Tensor.Shape
	}
	for _, n := range m.Graph.Nodes {
		x := at[n.Inputs[0]]
		switch n.Op {
		case "Conv", "Gemm":
			w := weights[n.Inputs[1]]
			if n.Op == "Conv" {
				x.s = (x.s+2*n.IntsOr("pads", 0)[0]-w[2])/n.IntsOr("strides", 1)[0] + 1
			}
			x.c = w[0]
			params += onnx.Elements(w) + w[0]
			macs += onnx.Elements(w) * x.s * x.s
		case "GlobalAveragePool":
			x.s = 1
		}
		for _, o := range n.Outputs {
			at[o] = x
		}
	}
	return params, macs
}

// The graphs of published networks have their parameters within 1 % and their
// multiply-accumulates: EfficientNet's, MobileNetV3's and MobileNetV2's as their
// papers print them, FBNet-C's as its authors' code counts them (5.57 million
// parameters, of which the paper prints 5.5), Once-for-All's as its name says.
func TestBaselineGraphsAreThePublished(t *testing.T) {
	for _, r := range []struct {
		name, config string
		params       float64 // millions; 0 = not published
		macs, within float64 // millions, share
	}{
		{name: "mobilenet-v3-large", params: 5.4836, macs: 217, within: .01},
		{name: "efficientnet-b0", params: 5.2885, macs: 390, within: .02},
		{name: "fbnet-c", params: 5.57, macs: 375, within: .03},
		{name: "mobilenet-v2", params: 3.5049, macs: 300, within: .01},
		{name: "once-for-all", config: "ofa/nets/flops-482M_top1-79.6_finetune-75/net.config", macs: 482, within: .01},
	} {
		t.Run(r.name, func(t *testing.T) {
			var layers []space.Layer
			if r.config != "" {
				text, err := os.ReadFile(realdata.Path(t, r.config))
				if err == nil {
					layers, err = space.NetConfigLayers(text, 224)
				}
				if err != nil {
					t.Fatal(err)
				}
			} else {
				b, err := space.FindBaseline(r.name)
				if err != nil {
					t.Fatal(err)
				}
				layers = b.Layers()
			}
			m, err := Build(Random(r.name, space.WithUniformBits(layers, 16, 16), 1), Settings{Profile: Half})
			if err != nil {
				t.Fatal(err)
			}
			params, macs := counts(t, m)
			if got := float64(params) / 1e6; r.params > 0 && math.Abs(got/r.params-1) > .01 {
				t.Errorf("%.3f million parameters, published %.3f", got, r.params)
			}
			if got := float64(macs) / 1e6; math.Abs(got/r.macs-1) > r.within {
				t.Errorf("%.1f million MACs, published %.0f", got, r.macs)
			}
			t.Logf("%.3f million parameters, %.1f million MACs", float64(params)/1e6, float64(macs)/1e6)
		})
	}
}
