package supernet

import (
	"context"
	"fmt"
	"sync"

	"hanas/onnx"
	"hanas/onnx/grad"
	"hanas/onnx/quant"
	"hanas/space"
)

// Backend is what runs the training graphs.
type Backend struct {
	Engine onnx.Engine
	// Differentiate adds the gradients of a scalar output to a graph:
	// grad.Build, or a form of it that is faster on the engine at hand.
	Differentiate func(m *onnx.Model, loss string, wrt []string) (*onnx.Model, error)
}

// gradients differentiates a graph and loads it.
func (b Backend) gradients(m *onnx.Model, wrt []string) (onnx.Runner, error) {
	differentiate := b.Differentiate
	if differentiate == nil {
		differentiate = grad.Build
	}
	g, err := differentiate(m, outputLoss, wrt)
	if err != nil {
		return nil, err
	}
	return b.Engine(g)
}

// session is a training graph of one topology, loaded, with the buffers that
// its varying inputs live in. Bits vary from use to use, the topology does not.
type session struct {
	runner  onnx.Runner
	layers  []space.Layer
	views   []view
	quants  []int
	feeds   map[string]*onnx.Tensor // every input but images and labels
	inputs  []onnx.ValueInfo
	losses  int   // position of the loss among the outputs
	logits  int   // position of the logits
	grads   []int // position of each view's gradient
	scratch []float32
	bits    map[string]int // of the weights as they were set
	mu      sync.Mutex
	spare   [][]*onnx.Tensor // output sets not in use
}

// newSession writes, differentiates and loads the graph of layers.
func (s *Supernet) newSession(b Backend, layers []space.Layer, set graphSettings) (*session, error) {
	plan, err := s.graph(layers, set)
	if err != nil {
		return nil, err
	}
	wrt := make([]string, len(plan.views))
	largest := 0
	for i, v := range plan.views {
		wrt[i] = v.spec.name
		largest = max(largest, v.size())
	}
	r, err := b.gradients(plan.model, wrt)
	if err != nil {
		return nil, fmt.Errorf("supernet: training graph: %w", err)
	}
	n := &session{
		runner: r, layers: layers, views: plan.views, quants: plan.quants, feeds: map[string]*onnx.Tensor{},
		inputs: r.Inputs(), scratch: make([]float32, largest),
	}
	for _, v := range plan.views {
		n.feeds[v.spec.name] = onnx.NewTensor(onnx.Float, v.spec.shape...)
	}
	for _, i := range plan.quants {
		for _, part := range []string{".in.lo", ".in.hi", ".in.scale"} {
			n.feeds[layers[i].Name+part] = onnx.NewTensor(onnx.Float)
		}
	}
	return n, n.locate()
}

// locate finds the outputs that the trainer reads.
func (n *session) locate() error {
	at := map[string]int{}
	for i, o := range n.runner.Outputs() {
		at[o.Name] = i
	}
	find := func(name string) (int, error) {
		i, ok := at[name]
		if !ok {
			return 0, fmt.Errorf("supernet: training graph has no output %q", name)
		}
		return i, nil
	}
	var err error
	if n.losses, err = find(outputLoss); err != nil {
		return err
	}
	if n.logits, err = find(outputLogit); err != nil {
		return err
	}
	for _, v := range n.views {
		i, err := find(grad.Name(v.spec.name))
		if err != nil {
			return err
		}
		n.grads = append(n.grads, i)
	}
	return nil
}

// set loads the weights for layers (the session's topology at some bits):
// slices them, quantises them, and sets the activation ranges.
func (n *session) set(s *Supernet, layers []space.Layer, imageHi float64) {
	bits := weightBits(layers)
	n.bits = bits
	for _, v := range n.views {
		dst := n.feeds[v.spec.name].Floats()
		if b, ok := bits[v.spec.name]; ok {
			raw := n.scratch[:v.size()]
			v.slice(raw)
			s.round(dst, raw, v, b)
			continue
		}
		v.slice(dst)
	}
	if len(n.quants) == 0 {
		return
	}
	f := moments(layers, imageHi, s.values)
	for _, i := range n.quants {
		name := layers[i].Name
		lo, hi, scale := grid(f.in[i].Range(layers[i].ABits), layers[i].ABits)
		n.feeds[name+".in.lo"].Floats()[0] = lo
		n.feeds[name+".in.hi"].Floats()[0] = hi
		n.feeds[name+".in.scale"].Floats()[0] = scale
	}
}

// weightBits gives the bits of every weight that is rounded, by name.
func weightBits(layers []space.Layer) map[string]int {
	bits := map[string]int{}
	for _, l := range layers {
		if l.WBits == 0 || l.WBits == 16 {
			continue
		}
		for _, spec := range layerParams(l) {
			if isWeight(spec.name) {
				bits[spec.name] = l.WBits
			}
		}
	}
	return bits
}

// run computes loss, logits and gradients of one micro-batch. The result must
// be given back with release.
func (n *session) run(ctx context.Context, images, labels *onnx.Tensor) ([]*onnx.Tensor, error) {
	in := make([]*onnx.Tensor, len(n.inputs))
	for i, info := range n.inputs {
		switch info.Name {
		case inputImages:
			in[i] = images
		case inputLabels:
			in[i] = labels
		default:
			in[i] = n.feeds[info.Name]
		}
	}
	n.mu.Lock()
	var out []*onnx.Tensor
	if k := len(n.spare); k > 0 {
		out, n.spare = n.spare[k-1], n.spare[:k-1]
	}
	n.mu.Unlock()
	if out == nil {
		out = make([]*onnx.Tensor, len(n.runner.Outputs()))
	}
	return out, n.runner.Run(ctx, in, out)
}

func (n *session) release(out []*onnx.Tensor) {
	n.mu.Lock()
	n.spare = append(n.spare, out)
	n.mu.Unlock()
}

// grid is the step of a range at the given bits and the smallest and largest
// value on it: codes 0 … 2^b-1 behind a ReLU, -2^(b-1) … 2^(b-1)-1 else. At 16
// bits the codes stay within 15 bits and sign, so that UINT16 holds them.
func grid(r quant.Range, bits int) (lo, hi, scale float32) {
	if r.Lo >= 0 {
		n := float64(int(1)<<min(bits, 15) - 1)
		scale = float32(r.Hi / n)
		return 0, scale * float32(n), scale
	}
	n := float64(int(1)<<(bits-1) - 1)
	scale = float32(r.Hi / n)
	return -scale * float32(n+1), scale * float32(n), scale
}
