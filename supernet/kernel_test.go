package supernet

import (
	"math"
	"math/rand/v2"
	"testing"

	"hanas/space"
)

// transformed is a supernet of one Once-for-All layer's kind with random
// matrices, small enough for finite differences.
func transformed(t *testing.T) (*Supernet, space.Layer) {
	t.Helper()
	sp := tinySpace(t)
	sp.Stages[0].Kernels = []int{3, 5, 7}
	s, err := New(sp, 1)
	if err != nil {
		t.Fatal(err)
	}
	s.addTransforms()
	rng := rand.New(rand.NewPCG(4, 4))
	for _, p := range s.params {
		if !p.Decay {
			for i := range p.Data {
				p.Data[i] += float32(.1 * rng.NormFloat64())
			}
		}
	}
	for _, l := range sp.Layers(sp.Smallest()) {
		if l.Name == "s0.b0.dw" && l.Kernel == 3 {
			return s, l
		}
	}
	t.Fatal("the smallest network has no 3x3 kernel")
	return nil, space.Layer{}
}

// The gradient of <slice, g> by the shared kernel and both matrices equals
// central differences.
func TestKernelTransformGradient(t *testing.T) {
	s, l := transformed(t)
	views, err := s.views(l)
	if err != nil {
		t.Fatal(err)
	}
	v := views[0]
	if len(v.steps) != 2 {
		t.Fatalf("a 3x3 kernel passes %d matrices, want 7to5 and 5to3", len(v.steps))
	}
	g, out := make([]float32, v.size()), make([]float32, v.size())
	rng := rand.New(rand.NewPCG(8, 8))
	for i := range g {
		g[i] = float32(rng.NormFloat64())
	}
	loss := func() float64 {
		v.slice(out)
		sum := 0.0
		for i, x := range out {
			sum += .5 * float64(x) * float64(g[i])
		}
		return sum
	}
	grads := map[string][]float32{}
	params := append([]*Param{v.param}, v.steps...)
	for _, p := range params {
		grads[p.Name] = make([]float32, len(p.Data))
	}
	v.scatterInto(grads, g, .5)
	for _, p := range params {
		moved := 0
		for i, x := range p.Data {
			const h = 1.0 / 64
			p.Data[i] = x + h
			up := loss()
			p.Data[i] = x - h
			down := loss()
			p.Data[i] = x
			want := (up - down) / (2 * h)
			if math.Abs(want-float64(grads[p.Name][i])) > 1e-4 {
				t.Fatalf("%s[%d]: gradient %v, by differences %v", p.Name, i, grads[p.Name][i], want)
			}
			if want != 0 {
				moved++
			}
		}
		if moved == 0 {
			t.Errorf("%s has no gradient at all", p.Name)
		}
	}
}

// With the identity, a transform is the centre crop that it replaces.
func TestIdentityTransformIsTheCentre(t *testing.T) {
	sp := tinySpace(t)
	crop, _ := New(sp, 2)
	same, _ := New(sp, 2)
	same.addTransforms()
	for _, l := range sp.Layers(sp.Smallest()) {
		a, err := crop.views(l)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := same.views(l)
		for i := range a {
			x, y := make([]float32, a[i].size()), make([]float32, a[i].size())
			a[i].slice(x)
			b[i].slice(y)
			for k := range x {
				if x[k] != y[k] {
					t.Fatalf("%s: value %d is %v, the centre has %v", a[i].spec.name, k, y[k], x[k])
				}
			}
		}
	}
}
