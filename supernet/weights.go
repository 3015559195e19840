package supernet

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"hanas/space"
)

// Param is one shared parameter at its largest shape.
type Param struct {
	Name  string
	Shape []int // [out, in/groups, k, k] for convolutions, [out, in] for the classifier, [channels] for vectors
	Data  []float32
	Decay bool // weight decay applies (weights of convolutions and of the classifier)
}

// Supernet is the shared weights of a space. Its parameters are named after
// the layers ("s1.b0.dw.weight") and ordered as the largest network runs; the
// matrices of kernel transforms ("s1.b0.dw.7to5"), if it has any, follow.
type Supernet struct {
	Space  *space.Space
	params []*Param
	index  map[string]*Param

	transforms bool            // kernels by matrices, see kernel.go
	steps      bool            // learned quantisation steps, see steps.go
	running    map[string]norm // batch-norm statistics that came with imported weights, by layer
}

// New makes a supernet with random weights: He-normal with fan-out for
// convolutions (He et al. 2015), N(0, 0.01) for the classifier, batch norm at
// gain 1 and bias 0. The same seed gives the same bytes.
func New(sp *space.Space, seed uint64) (*Supernet, error) {
	if err := sp.Validate(); err != nil {
		return nil, err
	}
	s := &Supernet{Space: sp, index: map[string]*Param{}}
	rng := rand.New(rand.NewPCG(seed, 0x5e7))
	for _, l := range sp.Layers(sp.Largest()) {
		for _, spec := range layerParams(l) {
			s.add(spec, rng)
		}
	}
	return s, nil
}

// paramSpec is a parameter of a layer: its suffix, shape for these exact
// sizes, and how it starts.
type paramSpec struct {
	name  string
	shape []int
	std   float64 // of the normal start; 0 = constant
	value float32 // of the constant start
	decay bool
}

// layerParams is the one list of a layer's parameters; training graphs,
// slicing and checkpoints all follow it.
func layerParams(l space.Layer) []paramSpec {
	w, b := l.Name+".weight", l.Name+".bias"
	switch l.Kind {
	case space.Conv, space.Pointwise, space.Depthwise:
		k := l.Kernel
		fanOut := float64(k * k * l.Out / l.Groups)
		weight := paramSpec{w, []int{l.Out, l.In / l.Groups, k, k}, math.Sqrt(2 / fanOut), 0, true}
		if l.NoNorm {
			return []paramSpec{weight}
		}
		return []paramSpec{
			weight,
			{l.Name + ".gamma", []int{l.Out}, 0, 1, false},
			{l.Name + ".beta", []int{l.Out}, 0, 0, false},
		}
	case space.Linear:
		return []paramSpec{{w, []int{l.Out, l.In}, 0.01, 0, true}, {b, []int{l.Out}, 0, 0, false}}
	case space.SE:
		return []paramSpec{
			{l.Name + ".reduce.weight", []int{l.Mid, l.In, 1, 1}, math.Sqrt(2 / float64(l.In)), 0, true},
			{l.Name + ".reduce.bias", []int{l.Mid}, 0, 0, false},
			{l.Name + ".expand.weight", []int{l.In, l.Mid, 1, 1}, math.Sqrt(1 / float64(l.Mid)), 0, true},
			{l.Name + ".expand.bias", []int{l.In}, 0, 0, false},
		}
	}
	return nil // add, pool
}

func (s *Supernet) add(spec paramSpec, rng *rand.Rand) {
	n := 1
	for _, d := range spec.shape {
		n *= d
	}
	p := &Param{Name: spec.name, Shape: spec.shape, Data: make([]float32, n), Decay: spec.decay}
	for i := range p.Data {
		if spec.std > 0 {
			p.Data[i] = float32(rng.NormFloat64() * spec.std)
		} else {
			p.Data[i] = spec.value
		}
	}
	s.params = append(s.params, p)
	s.index[p.Name] = p
}

// Params are the shared parameters in network order; the caller must not
// change their shapes.
func (s *Supernet) Params() []*Param { return s.params }

// Param finds a parameter; nil when the space has no such layer.
func (s *Supernet) Param(name string) *Param { return s.index[name] }

// Count is the number of weights.
func (s *Supernet) Count() int {
	n := 0
	for _, p := range s.params {
		n += len(p.Data)
	}
	return n
}

// view is where a sub-network's parameter lies inside the shared one: the
// leading rows and columns, and the centre of the kernel.
type view struct {
	param *Param
	out   int // rows used
	in    int // columns used
	k     int // kernel used (1 for vectors and matrices)
	spec  paramSpec
	steps []*Param // matrices that make the kernel, see kernel.go; none = the centre
}

// views resolves a layer's parameters. It fails when the layer is larger than
// the shared weights: then it is of another space.
func (s *Supernet) views(l space.Layer) ([]view, error) {
	specs := layerParams(l)
	out := make([]view, len(specs))
	for i, spec := range specs {
		p := s.index[spec.name]
		if p == nil {
			return nil, fmt.Errorf("supernet: layer %s: no shared parameter %q (the Arch is of another space than the weights)", l.Name, spec.name)
		}
		v := view{param: p, out: spec.shape[0], in: 1, k: 1, spec: spec}
		if len(spec.shape) > 1 {
			v.in = spec.shape[1]
		}
		if len(spec.shape) == 4 {
			v.k = spec.shape[3]
			v.steps = s.kernelSteps(l)
		}
		if v.out > p.Shape[0] || (len(p.Shape) > 1 && v.in > p.Shape[1]) || (len(p.Shape) == 4 && v.k > p.Shape[3]) {
			return nil, fmt.Errorf("supernet: parameter %s: needs shape %v, shared weights have %v", spec.name, spec.shape, p.Shape)
		}
		out[i] = v
	}
	return out, nil
}

// size is the number of values that the view covers.
func (v view) size() int { return v.out * v.in * v.k * v.k }

// each calls f for every run of consecutive values: n values at small in the
// sliced tensor and at full in the shared one.
func (v view) each(f func(small, full, n int)) {
	fullK, fullIn := 1, 1
	if len(v.param.Shape) > 1 {
		fullIn = v.param.Shape[1]
	}
	if len(v.param.Shape) == 4 {
		fullK = v.param.Shape[3]
	}
	crop := (fullK - v.k) / 2 // centre crop, as AlphaNet slices kernels
	small := 0
	for o := 0; o < v.out; o++ {
		if v.k == fullK {
			n := v.in * v.k * v.k
			f(small, o*fullIn*fullK*fullK, n)
			small += n
			continue
		}
		for i := 0; i < v.in; i++ {
			base := (o*fullIn + i) * fullK * fullK
			for y := 0; y < v.k; y++ {
				f(small, base+(y+crop)*fullK+crop, v.k)
				small += v.k
			}
		}
	}
}

// slice copies the sub-network's values into dst, which must have v.size() values.
func (v view) slice(dst []float32) {
	if len(v.steps) > 0 {
		v.sliceTransformed(dst)
		return
	}
	v.each(func(small, full, n int) { copy(dst[small:small+n], v.param.Data[full:full+n]) })
}

// scatterInto adds scale*src to the gradients by name.
func (v view) scatterInto(grads map[string][]float32, src []float32, scale float32) {
	if len(v.steps) > 0 {
		v.scatterTransformed(grads, src, scale)
		return
	}
	v.scatter(grads[v.param.Name], src, scale)
}

// scatter adds scale*src at the sub-network's places of the full gradient.
func (v view) scatter(full, src []float32, scale float32) {
	v.each(func(s, f, n int) {
		to, from := full[f:f+n], src[s:s+n]
		for i, g := range from {
			to[i] += scale * g
		}
	})
}

func isWeight(name string) bool { return strings.HasSuffix(name, ".weight") }
