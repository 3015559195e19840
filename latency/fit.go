package latency

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"hanas/space"
)

// Measured is a whole network with its measured time.
type Measured struct {
	Layers []space.Layer
	Ms     float64
}

// minNetworks is what a fit needs at least.
const minNetworks = 10

// folds is how many parts the networks are split into to choose the ridge: an
// odd number, because callers alternate between kinds of networks.
const folds = 5

// ridges are the pulls towards Plain that compete, relative to each column's
// own size.
var ridges = []float64{1e-4, 1e-3, 1e-2, 1e-1, 1}

// Fit finds the correction that minimises the squared relative error over
// pairs, by least squares with a pull towards Plain, whose strength is the one
// with the least error in cross-validation. It needs at least 10 networks, a
// hundred to find what 10 forms of borders cost; leave some out and hand them
// to Estimator.Report.
func (t *Table) Fit(pairs []Measured) (Correction, error) { return t.fit(nil, pairs) }

// fit is Fit for sums less what pairs save.
func (t *Table) fit(s *savings, pairs []Measured) (Correction, error) {
	if len(pairs) < minNetworks {
		return Plain, fmt.Errorf("latency: fit: %d networks, want at least %d", len(pairs), minNetworks)
	}
	var faults []error
	x := make([][terms]float64, 0, len(pairs))
	for i, p := range pairs {
		sum, _, err := t.Sum(p.Layers)
		if err == nil && !(p.Ms > 0 && !math.IsInf(p.Ms, 0)) {
			err = fmt.Errorf("measured %g ms", p.Ms)
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("latency: fit: network %d: %w", i, err))
			continue
		}
		row := features(sum-s.of(p.Layers), p.Layers)
		for k := range row {
			row[k] /= p.Ms // relative errors
		}
		x = append(x, row)
	}
	if len(faults) > 0 {
		return Plain, errors.Join(faults...)
	}
	best := Correction{Networks: len(pairs), MAPE: math.Inf(1), savings: s}
	pull := 0.0
	for _, r := range ridges {
		mape, err := crossValidate(x, r)
		if err != nil {
			return Plain, fmt.Errorf("latency: fit: %w", err)
		}
		if mape < best.MAPE {
			best.MAPE, pull = mape, r
		}
	}
	var err error
	if best.weights, err = solve(x, pull); err != nil {
		return Plain, fmt.Errorf("latency: fit: %w", err)
	}
	return best, nil
}

// crossValidate is the mean relative error on rows that were left out.
func crossValidate(x [][terms]float64, ridge float64) (float64, error) {
	sum := 0.0
	for fold := range folds {
		var rest [][terms]float64
		for i := range x {
			if i%folds != fold {
				rest = append(rest, x[i])
			}
		}
		w, err := solve(rest, ridge)
		if err != nil {
			return 0, err
		}
		for i := fold; i < len(x); i += folds {
			sum += math.Abs(dot(&x[i], &w) - 1)
		}
	}
	return sum / float64(len(x)), nil
}

// solve minimises |x·w − 1|² + ridge·|w − plain|², columns scaled to unit
// length. Terms that occur in no row stay 0.
func solve(x [][terms]float64, ridge float64) (w [terms]float64, err error) {
	w = Plain.weights
	var size [terms]float64
	for k := range size {
		for i := range x {
			size[k] += x[i][k] * x[i][k]
		}
		size[k] = math.Sqrt(size[k])
	}
	normal, right := mat.NewSymDense(terms, nil), mat.NewVecDense(terms, nil)
	for k := range terms {
		normal.SetSym(k, k, 1)
		if size[k] == 0 {
			continue
		}
		for j := range k {
			if size[j] == 0 {
				continue
			}
			v := 0.0
			for i := range x {
				v += x[i][k] / size[k] * x[i][j] / size[j]
			}
			normal.SetSym(k, j, v)
		}
		normal.SetSym(k, k, 1+ridge)
		v := 0.0
		for i := range x {
			v += x[i][k] / size[k] * (1 - dot(&x[i], &Plain.weights))
		}
		right.SetVec(k, v)
	}
	var chol mat.Cholesky
	if !chol.Factorize(normal) {
		return w, fmt.Errorf("the normal equations of %d networks cannot be solved", len(x))
	}
	var delta mat.VecDense
	if err := chol.SolveVecTo(&delta, right); err != nil {
		return w, err
	}
	for k := range w {
		if size[k] > 0 {
			w[k] += delta.AtVec(k) / size[k]
		}
	}
	return w, nil
}
