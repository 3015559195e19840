package supernet

import (
	"fmt"

	"hanas/space"
)

// Kernel transforms (Cai et al. 2020, Once-for-All, section 3.2): a smaller
// depthwise kernel is the centre of the next larger one times a matrix that is
// shared by the layer's channels, so that a 3x3 need not be the middle of a
// good 7x7. A supernet without the matrices crops the centre.

// transformName is the matrix that makes kernels of size small out of those of
// size large; the k*k numbers of a kernel count row by row.
func transformName(layer string, large, small int) string {
	return fmt.Sprintf("%s.%dto%d", layer, large, small)
}

// addTransforms gives every depthwise layer with several kernels its matrices,
// the identity: the same function as cropping, and from there they are trained.
func (s *Supernet) addTransforms() {
	s.transforms = true
	for _, l := range s.Space.Layers(s.Space.Largest()) {
		if l.Kind != space.Depthwise {
			continue
		}
		kernels := s.Space.Stages[l.Stage].Kernels
		for i := len(kernels) - 1; i > 0; i-- {
			n := kernels[i-1] * kernels[i-1]
			p := &Param{Name: transformName(l.Name, kernels[i], kernels[i-1]), Shape: []int{n, n}, Data: make([]float32, n*n)}
			for d := range n {
				p.Data[d*n+d] = 1
			}
			s.params = append(s.params, p)
			s.index[p.Name] = p
		}
	}
}

// Transforms says whether smaller kernels are made by matrices.
func (s *Supernet) Transforms() bool { return s.transforms }

// kernelSteps are the matrices between the largest kernel of l's layer and l's.
func (s *Supernet) kernelSteps(l space.Layer) []*Param {
	if l.Kind != space.Depthwise || l.Stage < 0 || l.Stage >= len(s.Space.Stages) {
		return nil
	}
	kernels := s.Space.Stages[l.Stage].Kernels
	var steps []*Param
	for i := len(kernels) - 1; i > 0 && kernels[i] > l.Kernel; i-- {
		if p := s.index[transformName(l.Name, kernels[i], kernels[i-1])]; p != nil {
			steps = append(steps, p)
		}
	}
	return steps
}

// centre copies the middle of a square kernel; it has len(small) numbers.
func centre(small, large []float64) {
	k, n := root(len(small)), root(len(large))
	at := (n - k) / 2
	for y := range k {
		copy(small[y*k:(y+1)*k], large[(y+at)*n+at:])
	}
}

// root is the side of a square of n.
func root(n int) int {
	k := 1
	for k*k < n {
		k++
	}
	return k
}

// kernelTrace is one channel's kernel on its way down: what each matrix got.
type kernelTrace struct{ in, out [][]float64 }

func (v view) trace() kernelTrace {
	var t kernelTrace
	for _, m := range v.steps {
		t.in = append(t.in, make([]float64, m.Shape[1]))
		t.out = append(t.out, make([]float64, m.Shape[0]))
	}
	return t
}

// transform runs channel c of the shared kernels through the matrices.
func (v view) transform(c int, t kernelTrace) {
	area := v.param.Shape[2] * v.param.Shape[3]
	x := make([]float64, area)
	for i, w := range v.param.Data[c*area : (c+1)*area] {
		x[i] = float64(w)
	}
	for s, m := range v.steps {
		centre(t.in[s], x)
		n := len(t.in[s])
		for row := range t.out[s] {
			sum := 0.0
			for i, w := range m.Data[row*n : (row+1)*n] {
				sum += float64(w) * t.in[s][i]
			}
			t.out[s][row] = sum
		}
		x = t.out[s]
	}
}

// sliceTransformed is slice for a view with matrices.
func (v view) sliceTransformed(dst []float32) {
	t, area := v.trace(), v.k*v.k
	for c := range v.out {
		v.transform(c, t)
		for i, w := range t.out[len(t.out)-1] {
			dst[c*area+i] = float32(w)
		}
	}
}

// scatterTransformed adds scale*src to the gradients of the shared kernels and
// of the matrices: the chain rule through sliceTransformed.
func (v view) scatterTransformed(grads map[string][]float32, src []float32, scale float32) {
	t, area := v.trace(), v.k*v.k
	full := v.param.Shape[2] * v.param.Shape[3]
	for c := range v.out {
		v.transform(c, t)
		g := make([]float64, area)
		for i, x := range src[c*area : (c+1)*area] {
			g[i] = float64(scale) * float64(x)
		}
		for s := len(v.steps) - 1; s >= 0; s-- {
			above := full
			if s > 0 {
				above = len(t.out[s-1])
			}
			g = v.steps[s].back(grads[v.steps[s].Name], t.in[s], g, above)
		}
		to := grads[v.param.Name][c*full : (c+1)*full]
		for i, x := range g {
			to[i] += float32(x)
		}
	}
}

// back adds g's outer product with x to the matrix's gradient and gives the
// gradient of the larger kernel, of above numbers, whose centre x is.
func (p *Param) back(matrix []float32, x, g []float64, above int) []float64 {
	n, k, side := len(x), root(len(x)), root(above)
	at := (side - k) / 2
	out := make([]float64, above)
	for row, gr := range g {
		for i, xi := range x {
			matrix[row*n+i] += float32(gr * xi)
			out[(i/k+at)*side+i%k+at] += gr * float64(p.Data[row*n+i])
		}
	}
	return out
}
