package latency

import (
	"errors"
	"fmt"
	"math"

	"hanas/space"
)

// Measured is a whole network with its measured time.
type Measured struct {
	Layers []space.Layer
	Ms     float64
}

// Correction turns the sum of a network's rows into its time:
//
//	ms = Scale·sum + Offset + PerBorder·borders + PerElement·elements + PerOpen·open − PerLayer·layers
//
// Borders are the places where a tensor passes between integer and float
// computation, elements their sizes. Open layers compute with integers but
// hand on a float tensor: a runtime that fuses only what is quantised on both
// sides runs them slower than their row says. PerLayer takes off what each row
// holds once too often: the cost of a call, paid once per profiled layer but
// once per network. No coefficient is negative.
type Correction struct {
	Scale      float64 `json:"scale"`
	Offset     float64 `json:"offset_ms"`
	PerBorder  float64 `json:"per_border_ms"`
	PerElement float64 `json:"per_element_ms"`
	PerOpen    float64 `json:"per_open_ms"`
	PerLayer   float64 `json:"per_layer_ms"` // subtracted
	Networks   int     `json:"networks"`     // it was fitted on; 0 = not fitted
	MAPE       float64 `json:"mape"`         // on them, as a fraction
}

// Plain is the correction that changes nothing.
var Plain = Correction{Scale: 1}

// terms is the number of coefficients.
const terms = 6

// weights are the coefficients in the order of features.
func (c *Correction) weights() [terms]float64 {
	return [terms]float64{c.Scale, c.Offset, c.PerBorder, c.PerElement, c.PerOpen, c.PerLayer}
}

// minNetworks is what a fit needs at least.
const minNetworks = 10

// features are the factors of the coefficients.
func features(sum float64, layers []space.Layer) [terms]float64 {
	borders, elements, open := crossings(layers)
	return [terms]float64{sum, 1, float64(borders), float64(elements), float64(open), -float64(len(layers))}
}

// crossings counts the tensors that pass between integer and float layers,
// their elements, and the weighted integer layers whose output stays float.
func crossings(layers []space.Layer) (borders, elements, open int) {
	for i := 1; i < len(layers); i++ {
		l, before := &layers[i], &layers[i-1]
		if integer(l) != integer(before) {
			borders++
			elements += l.In * l.InSize * l.InSize
		}
		if l.ABits == 16 && integer(before) && before.WBits > 0 {
			open++
		}
	}
	return borders, elements, open
}

// integer says whether a layer computes with integers: its input is quantised
// and its weights fit 8 bits.
func integer(l *space.Layer) bool { return l.ABits < 16 && l.WBits <= 8 }

// Fit finds the correction that minimises the squared relative error over
// pairs, by non-negative least squares with a slight pull towards Plain, which
// decides where the networks do not. It needs at least 10 networks; leave some
// out and hand them to Estimator.Report.
func (t *Table) Fit(pairs []Measured) (Correction, error) {
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
		row := features(sum, p.Layers)
		for k := range row {
			row[k] /= p.Ms // relative errors
		}
		x = append(x, row)
	}
	if len(faults) > 0 {
		return Plain, errors.Join(faults...)
	}
	w := nonNegative(x, [terms]float64{1})
	c := Correction{Scale: w[0], Offset: w[1], PerBorder: w[2], PerElement: w[3], PerOpen: w[4], PerLayer: w[5], Networks: len(pairs)}
	for _, row := range x {
		c.MAPE += math.Abs(dot(row, w)-1) / float64(len(x))
	}
	return c, nil
}

func dot(a, b [terms]float64) float64 {
	s := 0.0
	for k := range a {
		s += a[k] * b[k]
	}
	return s
}

// ridge is the pull towards the prior, relative to each column's own size.
const ridge = 1e-4

// nonNegative minimises |x·w − 1|² + ridge·|w − prior|² (columns scaled to
// unit length) over w ≥ 0 by cyclic coordinate descent; the problem is
// strictly convex, so the result does not depend on the start.
func nonNegative(x [][terms]float64, prior [terms]float64) [terms]float64 {
	var size [terms]float64
	for k := range size {
		for _, row := range x {
			size[k] += row[k] * row[k]
		}
		size[k] = math.Sqrt(size[k])
	}
	w := prior
	for range 100_000 {
		moved := 0.0
		for k := range w {
			if size[k] == 0 {
				w[k] = 0
				continue
			}
			grad := 0.0
			for _, row := range x {
				grad += row[k] / size[k] * (1 - dot(row, w))
			}
			grad -= ridge * (w[k] - prior[k]) * size[k]
			next := math.Max(0, w[k]+grad/(1+ridge)/size[k])
			moved = math.Max(moved, math.Abs(next-w[k])*size[k])
			w[k] = next
		}
		if moved < 1e-12 {
			break
		}
	}
	return w
}
