package latency

import (
	"errors"
	"fmt"
	"math"

	"hanas/space"
)

// work is what a network asks of a roofline: MACs by operator in millions,
// activations and weights in MB, layers by operator, and 1 for the network.
func (m *Roofline) work(layers []space.Layer) []float64 {
	k := len(rooflineKinds)
	x := make([]float64, 2*k+3)
	for i := range layers {
		l := &layers[i]
		at, err := kindIndex(l.Kind)
		if err != nil { // space knows no other operators
			panic("latency: roofline: " + err.Error())
		}
		out := 32
		if i+1 < len(layers) {
			out = layers[i+1].ABits
		}
		scale := 1.0
		if s, ok := m.Scaled[bitsName(l)]; ok {
			scale = s
		}
		x[at] += scale * float64(l.MACs()) / 1e6
		x[k+at] += scale
		x[2*k] += scale * float64(l.InBytes()+l.OutBytes(out)) / 1e6
		x[2*k+1] += scale * float64(l.Weights()) * float64(m.weightBits()) / 8e6
	}
	x[2*k+2] = 1
	return x
}

// Fit sets the coefficients from whole networks: least squares of the relative
// error over non-negative coefficients, with a pull towards prior (nil = 0) so
// that what the networks do not tell keeps the prior's value. pull is relative
// to the size of each term; 1e-4 decides ties only.
func (m *Roofline) Fit(nets []Measured, prior *Roofline, pull float64) error {
	if len(nets) < 2 {
		return errors.New("latency: roofline: want at least two networks")
	}
	var x [][]float64
	for i, n := range nets {
		if !(n.Ms > 0) || math.IsInf(n.Ms, 0) || len(n.Layers) == 0 {
			return fmt.Errorf("latency: roofline: network %d: %d layers, %g ms", i, len(n.Layers), n.Ms)
		}
		row := m.work(n.Layers)
		for j := range row {
			row[j] /= n.Ms
		}
		x = append(x, row)
	}
	target := make([]float64, len(x[0]))
	if prior != nil {
		target = prior.coefficients()
	}
	m.set(nonNegativeFit(x, target, pull))
	m.Fitted.Nets = len(nets)
	return nil
}

func (m *Roofline) coefficients() []float64 {
	k := len(rooflineKinds)
	w := make([]float64, 2*k+3)
	for i, kind := range rooflineKinds {
		w[i], w[k+i] = m.PerMMAC[string(kind)], m.PerLayer[string(kind)]
	}
	w[2*k], w[2*k+1], w[2*k+2] = m.PerMB, m.PerWMB, m.Offset
	return w
}

func (m *Roofline) set(w []float64) {
	k := len(rooflineKinds)
	m.PerMMAC, m.PerLayer = map[string]float64{}, map[string]float64{}
	for i, kind := range rooflineKinds {
		if w[i] > 0 {
			m.PerMMAC[string(kind)] = round(w[i])
		}
		if w[k+i] > 0 {
			m.PerLayer[string(kind)] = round(w[k+i])
		}
	}
	m.PerMB, m.PerWMB, m.Offset = round(w[2*k]), round(w[2*k+1]), round(w[2*k+2])
}

// round keeps four digits: more would pretend.
func round(v float64) float64 {
	if v == 0 {
		return 0
	}
	unit := math.Pow(10, math.Floor(math.Log10(math.Abs(v)))-3)
	return math.Round(v/unit) * unit
}

// Price is the network's time in ms.
func (m *Roofline) Price(layers []space.Layer) float64 {
	ms := 0.0
	w := m.coefficients()
	for i, v := range m.work(layers) {
		ms += w[i] * v
	}
	return ms
}

// Judge holds the model against networks that it was not fitted on.
func (m *Roofline) Judge(heldOut []Measured) Quality {
	var got, want []float64
	for _, n := range heldOut {
		got, want = append(got, m.Price(n.Layers)), append(want, n.Ms)
	}
	return quality(got, want)
}

// nonNegativeFit minimises |x·w − 1|² + pull·|S(w − prior)|² over w ≥ 0, where
// S scales each column to unit length, by cyclic coordinate descent on the
// normal equations.
func nonNegativeFit(x [][]float64, prior []float64, pull float64) []float64 {
	n := len(prior)
	gram, right, size := make([][]float64, n), make([]float64, n), make([]float64, n)
	for j := range n {
		for _, row := range x {
			size[j] += row[j] * row[j]
		}
		size[j] = math.Sqrt(size[j])
	}
	for j := range n {
		gram[j] = make([]float64, n)
		for _, row := range x {
			if size[j] == 0 {
				continue
			}
			right[j] += row[j] / size[j]
			for k := range n {
				if size[k] > 0 {
					gram[j][k] += row[j] / size[j] * row[k] / size[k]
				}
			}
		}
	}
	v := make([]float64, n) // scaled coefficients
	for j := range v {
		v[j] = prior[j] * size[j]
	}
	goal := append([]float64(nil), v...)
	for range 200_000 {
		moved := 0.0
		for j := range v {
			if size[j] == 0 {
				continue
			}
			slope := right[j] + pull*(goal[j]-v[j])
			for k := range v {
				slope -= gram[j][k] * v[k]
			}
			next := math.Max(0, v[j]+slope/(1+pull))
			moved = math.Max(moved, math.Abs(next-v[j]))
			v[j] = next
		}
		if moved < 1e-11 {
			break
		}
	}
	w := make([]float64, n)
	for j := range w {
		w[j] = prior[j]
		if size[j] > 0 {
			w[j] = v[j] / size[j]
		}
	}
	return w
}
