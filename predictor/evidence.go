package predictor

import (
	"errors"
	"math"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/optimize"
)

// covariance are the parameters of a Gaussian process over networks: with the
// inner product G = sum of weight f * G f over the families of a lift,
//
//	k(a, b) = linear * G + smooth * exp(G), and noise where a = b
//
// The exponential of an inner product has products of any number of choices in
// its series: it learns how choices act on each other.
type covariance struct {
	weights               []float64 // of the families; 0 = not used
	linear, smooth, noise float64
}

// evidence is the logarithm of how likely rows are under a covariance, as a
// function of the logarithms of its parameters: weights, then linear, smooth,
// noise (C. Rasmussen, C. Williams, Gaussian Processes for Machine Learning,
// 2006, 5.4.1), and its gradient.
type evidence struct {
	grams []*mat.SymDense // of the used families
	y     []float64
	start []float64
}

// The prior of the logarithms of the parameters: about where they start, give
// or take. It keeps those that few rows do not tell from running away.
const priorDeviation = 3

func newEvidence(grams []*mat.SymDense, y []float64) *evidence {
	e := &evidence{grams: grams, y: y}
	for _, g := range grams { // all families alike, and G about 1 on the diagonal
		e.start = append(e.start, -math.Log(float64(len(grams))*mat.Trace(g)/float64(len(y))))
	}
	e.start = append(e.start, 0, -1, math.Log(2e-3))
	return e
}

// of reads parameters.
func (e *evidence) of(p []float64) covariance {
	n := len(e.grams)
	c := covariance{linear: math.Exp(p[n]), smooth: math.Exp(p[n+1]), noise: math.Exp(p[n+2])}
	for _, v := range p[:n] {
		c.weights = append(c.weights, math.Exp(v))
	}
	return c
}

// at gives minus the evidence and minus its gradient; +Inf where the matrix is
// not positive definite in float64.
func (e *evidence) at(p, gradient []float64) float64 {
	c, n := e.of(p), len(e.y)
	g := inner(e.grams, c.weights)
	k := mat.NewSymDense(n, nil)
	smooth := make([]float64, n*n) // of exp, in G's layout
	for i := range n {
		for j := i; j < n; j++ {
			v := g.At(i, j)
			s := c.smooth * math.Exp(v)
			smooth[i*n+j] = s
			k.SetSym(i, j, c.linear*v+s)
		}
		k.SetSym(i, i, k.At(i, i)+c.noise)
	}
	var chol mat.Cholesky
	if !chol.Factorize(k) {
		return math.Inf(1)
	}
	alpha := mat.NewVecDense(n, nil)
	inverse := mat.NewSymDense(n, nil)
	if chol.SolveVecTo(alpha, mat.NewVecDense(n, e.y)) != nil || chol.InverseTo(inverse) != nil {
		return math.Inf(1)
	}
	value := .5*mat.Dot(alpha, mat.NewVecDense(n, e.y)) + .5*chol.LogDet()
	clear(gradient)
	f := len(e.grams)
	for i := range n {
		for j := i; j < n; j++ {
			d := inverse.At(i, j) - alpha.AtVec(i)*alpha.AtVec(j)
			if i == j {
				d /= 2
				gradient[f+2] += d * c.noise
			}
			s, v := smooth[i*n+j], g.At(i, j)
			gradient[f] += d * c.linear * v
			gradient[f+1] += d * s
			smooth[i*n+j] = d * (c.linear + s) // what a change of G does
		}
	}
	for m, gram := range e.grams {
		raw, sum := gram.RawSymmetric(), 0.0
		for i := range n {
			row := raw.Data[i*raw.Stride : i*raw.Stride+n]
			for j := i; j < n; j++ {
				sum += smooth[i*n+j] * row[j]
			}
		}
		gradient[m] = sum * c.weights[m]
	}
	for i := range p {
		d := (p[i] - e.start[i]) / priorDeviation
		value += d * d / 2
		gradient[i] += d / priorDeviation
	}
	return value
}

// inner is the sum of weight f * gram f.
func inner(grams []*mat.SymDense, weights []float64) *mat.SymDense {
	n := grams[0].SymmetricDim()
	g := mat.NewSymDense(n, nil)
	to := g.RawSymmetric()
	for f, gram := range grams {
		from := gram.RawSymmetric()
		for i := range n {
			row, sum := from.Data[i*from.Stride+i:i*from.Stride+n], to.Data[i*to.Stride+i:i*to.Stride+n]
			for j, v := range row {
				sum[j] += weights[f] * v
			}
		}
	}
	return g
}

// evidenceSteps bounds the climb; most end by themselves before.
const evidenceSteps = 40

// climb finds the parameters of most evidence by a quasi-Newton method.
func (e *evidence) climb(stop func() error) (covariance, error) {
	best, least := e.start, math.Inf(1)
	gradient := make([]float64, len(e.start))
	last := []float64(nil) // where gradient is of
	eval := func(p []float64) float64 {
		if stop() != nil {
			return math.Inf(1)
		}
		v := e.at(p, gradient)
		if last = append(last[:0], p...); v < least {
			best, least = append([]float64(nil), p...), v
		}
		return v
	}
	problem := optimize.Problem{Func: eval, Grad: func(grad, p []float64) {
		if !same(last, p) {
			eval(p)
		}
		copy(grad, gradient)
	}, Status: func() (optimize.Status, error) { return optimize.NotTerminated, stop() }}
	_, err := optimize.Minimize(problem, e.start, &optimize.Settings{MajorIterations: evidenceSteps, FuncEvaluations: 2 * evidenceSteps}, &optimize.LBFGS{})
	if stop() != nil {
		return covariance{}, stop()
	}
	if math.IsInf(least, 0) { // a line search that ends early is no matter: the best point counts
		return covariance{}, errors.Join(errors.New("the covariance of the rows is singular"), err)
	}
	return e.of(best), nil
}

func same(a, b []float64) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
