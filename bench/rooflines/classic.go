package main

import (
	"fmt"

	"hanas/space"
)

// classics are networks outside our spaces that tell what dense convolutions
// cost on a device: He et al. 2016, table 1, and Simonyan and Zisserman 2015,
// table 1.
var classics = map[string]func() []space.Layer{
	"resnet18": func() []space.Layer { return resnet([4]int{2, 2, 2, 2}, false) },
	"resnet34": func() []space.Layer { return resnet([4]int{3, 4, 6, 3}, false) },
	"resnet50": func() []space.Layer { return resnet([4]int{3, 4, 6, 3}, true) },
	"vgg11":    func() []space.Layer { return vgg([5]int{1, 1, 2, 2, 2}) },
	"vgg13":    func() []space.Layer { return vgg([5]int{2, 2, 2, 2, 2}) },
	"vgg16":    func() []space.Layer { return vgg([5]int{2, 2, 3, 3, 3}) },
	"vgg19":    func() []space.Layer { return vgg([5]int{2, 2, 4, 4, 4}) },
}

// layersOf are the float layers of a classic or a baseline.
func layersOf(name string) ([]space.Layer, error) {
	if build, ok := classics[name]; ok {
		return build(), nil
	}
	b, err := space.FindBaseline(name)
	if err != nil {
		return nil, err
	}
	return b.Layers(), nil
}

// stack strings layers together, from an image of 224 pixels.
type stack struct {
	layers         []space.Layer
	channels, size int
}

// add appends a layer on what there is.
func (s *stack) add(kind space.Kind, out, kernel, stride int, act string) {
	l := space.Layer{
		Name: fmt.Sprint(len(s.layers)), Kind: kind, In: s.channels, Out: out, InSize: s.size, OutSize: (s.size + stride - 1) / stride,
		Kernel: kernel, Stride: stride, Groups: 1, Act: act, WBits: 16, ABits: 16,
	}
	if kind == space.Pool || kind == space.Add {
		l.WBits, l.Groups = 0, out
	}
	s.layers = append(s.layers, l)
	s.channels, s.size = l.Out, l.OutSize
}

// conv picks the operator by the kernel.
func (s *stack) conv(out, kernel, stride int, act string) {
	kind := space.Conv
	if kernel == 1 {
		kind = space.Pointwise
	}
	s.add(kind, out, kernel, stride, act)
}

// resnet has blocks of two 3x3 convolutions, or bottlenecks; a pointwise
// convolution where the shortcut changes shape.
func resnet(depths [4]int, bottleneck bool) []space.Layer {
	s := &stack{channels: 3, size: 224}
	s.conv(64, 7, 2, "relu")
	s.add(space.Pool, 64, 3, 2, "")
	for stage, depth := range depths {
		mid := 64 << stage
		out := mid
		if bottleneck {
			out = 4 * mid
		}
		for b := range depth {
			stride := 1
			if b == 0 && stage > 0 {
				stride = 2
			}
			in, size := s.channels, s.size
			if in != out || stride > 1 {
				s.conv(out, 1, stride, "")
				s.channels, s.size = in, size
			}
			if bottleneck {
				s.conv(mid, 1, 1, "relu")
				s.conv(mid, 3, stride, "relu")
				s.conv(out, 1, 1, "")
			} else {
				s.conv(mid, 3, stride, "relu")
				s.conv(out, 3, 1, "")
			}
			s.add(space.Add, out, 1, 1, "relu")
		}
	}
	s.add(space.Pool, s.channels, s.size, s.size, "")
	s.add(space.Linear, 1000, 1, 1, "")
	return s.layers
}

// vgg has stages of 3x3 convolutions and three linear layers.
func vgg(depths [5]int) []space.Layer {
	s := &stack{channels: 3, size: 224}
	for stage, depth := range depths {
		for range depth {
			s.conv(min(64<<stage, 512), 3, 1, "relu")
		}
		s.add(space.Pool, s.channels, 2, 2, "")
	}
	s.channels, s.size = s.channels*s.size*s.size, 1
	s.add(space.Linear, 4096, 1, 1, "relu")
	s.add(space.Linear, 4096, 1, 1, "relu")
	s.add(space.Linear, 1000, 1, 1, "")
	return s.layers
}
