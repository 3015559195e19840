package supernet

import (
	"fmt"
	"slices"
	"strings"

	"hanas/space"
	"hanas/torchfile"
)

// ofaSpaces are the built-in spaces of the published checkpoints
// ofa_mbv3_d234_e346_k357_w1.0 and w1.2 (Cai et al. 2020), by the width of the
// first convolution; with every resolution that they were trained at.
var ofaSpaces = map[int]string{16: "ofa-mbv3-w1.0-r4", 24: "ofa-mbv3-w1.2-r4"}

// ofaEnds are Once-for-All's names of the layers outside the blocks.
var ofaEnds = map[string]string{
	"stem": "first_conv", "head": "final_expand_layer", "mix": "feature_mix_layer", "classifier": "classifier.linear",
}

// ofaParts are its names of a block's layers.
var ofaParts = map[string]string{
	"expand": "inverted_bottleneck", "dw": "depth_conv", "se": "depth_conv.se.fc", "project": "point_linear",
}

// ofaEras are the names of a block's convolution: in the published checkpoints,
// and in today's package.
var ofaEras = []string{"mobile_inverted_conv", "conv"}

// ImportOFA reads a published Once-for-All MobileNetV3 supernet (a state dict
// of PyTorch, legacy or ZIP container) as shared weights of a built-in space:
// kernels with their transforms, and the batch-norm statistics of the largest
// network. Every tensor must be there, finite and in its shape; a tensor that
// no layer needs is an error too, because the file is then of another network.
// Nothing in the file is executed.
func ImportOFA(path string) (*Supernet, error) {
	f, err := torchfile.Read(path)
	if err != nil {
		return nil, fmt.Errorf("supernet: import: %w", err)
	}
	w, err := f.Weights()
	if err != nil {
		return nil, fmt.Errorf("supernet: import %s: %w", path, err)
	}
	s, err := importOFA(w)
	if err != nil {
		return nil, fmt.Errorf("supernet: import %s: %w (want ofa_mbv3_d234_e346_k357_w1.0 or w1.2)", path, err)
	}
	return s, nil
}

func importOFA(w *torchfile.Weights) (*Supernet, error) {
	const first = "first_conv.conv.weight"
	shape, ok := w.Shape(first)
	if !ok {
		return nil, fmt.Errorf("tensor %s is missing", first)
	}
	name, ok := ofaSpaces[slices.Concat(shape, []int{0})[0]]
	if !ok {
		return nil, fmt.Errorf("tensor %s has shape %v, want [16 3 3 3] or [24 3 3 3]", first, shape)
	}
	sp, err := space.Preset(name)
	if err != nil {
		return nil, err
	}
	s, err := New(sp, 0)
	if err != nil {
		return nil, err
	}
	s.addTransforms()
	r := ofaReader{s: s, w: w, running: map[string]norm{}}
	for _, l := range sp.Layers(sp.Largest()) {
		if err := r.layer(l); err != nil {
			return nil, err
		}
	}
	if left := w.Unused(); len(left) > 0 {
		return nil, fmt.Errorf("%d tensors belong to no layer of %s, the first is %s", len(left), name, left[0])
	}
	s.running = r.running
	return s, nil
}

// ofaReader fills a supernet from tensors under Once-for-All's names.
type ofaReader struct {
	s       *Supernet
	w       *torchfile.Weights
	running map[string]norm
}

// module is Once-for-All's name of a layer; blocks are numbered through, the
// one block of the first stage and then four a stage.
func (r *ofaReader) module(l space.Layer) string {
	if l.Stage < 0 {
		return ofaEnds[l.Name]
	}
	block := 0
	for _, st := range r.s.Space.Stages[:l.Stage] {
		block += st.Depths[len(st.Depths)-1]
	}
	part := ofaParts[l.Name[strings.LastIndexByte(l.Name, '.')+1:]]
	at := func(era string) string { return fmt.Sprintf("blocks.%d.%s.%s", block+l.Block, era, part) }
	for _, era := range ofaEras {
		for _, tensor := range []string{".conv.weight", ".conv.conv.weight", ".reduce.weight"} {
			if _, ok := r.w.Shape(at(era) + tensor); ok {
				return at(era)
			}
		}
	}
	return at(ofaEras[0])
}

// layer reads the tensors of one layer. In an elastic block, weights and batch
// norm lie one module deeper (conv.conv.weight, bn.bn.weight).
func (r *ofaReader) layer(l space.Layer) error {
	module := r.module(l)
	conv, bn := module+".conv", module+".bn"
	if l.Stage >= 0 && len(r.s.Space.Stages[l.Stage].Expands) > 1 {
		conv, bn = conv+".conv", bn+".bn"
	}
	switch l.Kind {
	case space.Conv, space.Pointwise, space.Depthwise:
		if err := r.take(l.Name+".weight", conv+".weight"); err != nil || l.NoNorm {
			return err
		}
		if err := r.transforms(l, module); err != nil {
			return err
		}
		return r.norm(l, bn)
	case space.Linear:
		return r.takeAll([][2]string{{l.Name + ".weight", module + ".weight"}, {l.Name + ".bias", module + ".bias"}})
	case space.SE:
		var pairs [][2]string
		for _, t := range []string{".reduce.weight", ".reduce.bias", ".expand.weight", ".expand.bias"} {
			pairs = append(pairs, [2]string{l.Name + t, module + t})
		}
		return r.takeAll(pairs)
	}
	return nil
}

// transforms reads the matrices of a depthwise layer.
func (r *ofaReader) transforms(l space.Layer, module string) error {
	smallest := l
	if l.Kind == space.Depthwise {
		smallest.Kernel = r.s.Space.Stages[l.Stage].Kernels[0]
	}
	for _, p := range r.s.kernelSteps(smallest) {
		if err := r.take(p.Name, module+".conv."+strings.TrimPrefix(p.Name, l.Name+".")+"_matrix"); err != nil {
			return err
		}
	}
	return nil
}

func (r *ofaReader) norm(l space.Layer, bn string) error {
	if err := r.takeAll([][2]string{{l.Name + ".gamma", bn + ".weight"}, {l.Name + ".beta", bn + ".bias"}}); err != nil {
		return err
	}
	mean, err := r.w.Floats(bn+runningMean, l.Out)
	if err != nil {
		return err
	}
	variance, err := r.w.Floats(bn+runningVar, l.Out)
	if err != nil {
		return err
	}
	if err := checkStatistics(mean, variance); err != nil {
		return fmt.Errorf("tensors of %s: %w", bn, err)
	}
	r.running[l.Name] = norm{mean, variance}
	return nil
}

func (r *ofaReader) takeAll(pairs [][2]string) error {
	for _, p := range pairs {
		if err := r.take(p[0], p[1]); err != nil {
			return err
		}
	}
	return nil
}

// take copies the tensor of their name into the parameter of ours.
func (r *ofaReader) take(ours, theirs string) error {
	p := r.s.index[ours]
	v, err := r.w.Floats(theirs, p.Shape...)
	if err != nil {
		return err
	}
	copy(p.Data, v)
	return nil
}
