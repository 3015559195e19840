package pretrained

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"hanas/export"
	"hanas/space"
	"hanas/torchfile"
)

// Net is a trained network in float: batch norm is folded into gain and bias.
type Net struct {
	Name  string // of the family, from the net.config
	Units []export.Unit
}

// Read reads a state dict of PyTorch and the net.config that names its layers,
// for images of size x size pixels. Every tensor that the layers need must be
// there in the shape that they say; tensors that no layer needs are an error
// too, because the network would be another one.
func Read(weights, config string, size int) (*Net, error) {
	text, err := os.ReadFile(config)
	if err != nil {
		return nil, fmt.Errorf("pretrained: %w", err)
	}
	layers, err := space.NetConfigLayers(text, size)
	if err != nil {
		return nil, fmt.Errorf("pretrained: %s: %w", config, err)
	}
	var head struct {
		Name string `json:"name"`
		Norm struct {
			Epsilon float64 `json:"eps"`
		} `json:"bn"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return nil, fmt.Errorf("pretrained: %s: %w", config, err)
	}
	if head.Norm.Epsilon <= 0 {
		head.Norm.Epsilon = 1e-5 // PyTorch's own
	}
	f, err := torchfile.Read(weights)
	if err != nil {
		return nil, fmt.Errorf("pretrained: %w", err)
	}
	tensors, err := f.Weights()
	if err != nil {
		return nil, fmt.Errorf("pretrained: %s: %w", weights, err)
	}
	s := store{tensors, head.Norm.Epsilon}
	n := &Net{Name: head.Name}
	for _, l := range layers {
		u, err := s.unit(l)
		if err != nil {
			return nil, fmt.Errorf("pretrained: %s: %w", weights, err)
		}
		n.Units = append(n.Units, u)
	}
	if left := s.Unused(); len(left) > 0 {
		return nil, fmt.Errorf("pretrained: %s: %d tensors belong to no layer of %s, the first is %s (is it another network's?)", weights, len(left), config, left[0])
	}
	return n, nil
}

// store names the tensors of our layers.
type store struct {
	*torchfile.Weights
	epsilon float64
}

// moduleNames are what PyTorch calls the modules of our layers; N is the block
// and MB the name of its convolution, which differs between versions.
var moduleNames = map[string]string{
	"stem": "first_conv", "head": "final_expand_layer", "mix": "feature_mix_layer", "classifier": "classifier.linear",
	"expand": "blocks.N.MB.inverted_bottleneck", "dw": "blocks.N.MB.depth_conv", "project": "blocks.N.MB.point_linear",
	"se": "blocks.N.MB.depth_conv.se.fc",
}

var blockLayer = regexp.MustCompile(`^b([0-9]+)\.([a-z]+)$`)

// module is the name of l's module in the file.
func (s *store) module(l space.Layer) string {
	if m := blockLayer.FindStringSubmatch(l.Name); m != nil {
		name := strings.Replace(moduleNames[m[2]], "N", m[1], 1)
		for _, mb := range []string{"mobile_inverted_conv", "conv"} {
			if _, ok := s.Shape("blocks." + m[1] + "." + mb + ".depth_conv.conv.weight"); ok {
				return strings.Replace(name, "MB", mb, 1)
			}
		}
		return strings.Replace(name, "MB", "mobile_inverted_conv", 1)
	}
	name := moduleNames[l.Name]
	if _, ok := s.Shape(name + ".conv.weight"); !ok && l.Name == "head" {
		name = moduleNames["mix"] // ProxylessNASNets: the wide layer before the pool
	}
	return name
}

func (s *store) unit(l space.Layer) (export.Unit, error) {
	u := export.Unit{Layer: l}
	name := s.module(l)
	var err error
	get := func(suffix string, shape ...int) []float32 {
		var v []float32
		if err == nil {
			v, err = s.Floats(name+suffix, shape...)
		}
		return v
	}
	switch l.Kind {
	case space.Conv, space.Pointwise, space.Depthwise:
		u.Weight = get(".conv.weight", l.Out, l.In/l.Groups, l.Kernel, l.Kernel)
		if !l.NoNorm {
			gamma, beta := get(".bn.weight", l.Out), get(".bn.bias", l.Out)
			mean, variance := get(".bn.running_mean", l.Out), get(".bn.running_var", l.Out)
			if err == nil {
				u.Gain, u.Bias = export.FoldNorm(gamma, beta, mean, variance, s.epsilon)
			}
		}
	case space.Linear:
		u.Weight, u.Bias = get(".weight", l.Out, l.In), get(".bias", l.Out)
	case space.SE:
		u.SE = &export.SEWeights{
			Reduce: get(".reduce.weight", l.Mid, l.In, 1, 1), ReduceBias: get(".reduce.bias", l.Mid),
			Expand: get(".expand.weight", l.In, l.Mid, 1, 1), ExpandBias: get(".expand.bias", l.In),
		}
	}
	return u, err
}

// Resolution is the side of the images, in pixels.
func (n *Net) Resolution() int { return n.Units[0].Layer.InSize }

// network wraps units for export.
func (n *Net) network(units []export.Unit) *export.Network {
	return &export.Network{Arch: n.Name, Space: "net.config", Units: units, Resolution: n.Resolution()}
}

// Float is the network as it was trained.
func (n *Net) Float() *export.Network { return n.network(slices.Clone(n.Units)) }
