package latency

import (
	"errors"
	"fmt"
	"math"
	"strconv"

	"hanas/space"
)

// The places of a roofline's terms: MACs by family in millions, layers by
// operator, then MB of activations, of weights, of patches and of hard-swish
// results, and 1 for the network.
var (
	placeLayers   = len(Families)
	placeMB       = placeLayers + len(rooflineKinds)
	placeWMB      = placeMB + 1
	placePMB      = placeWMB + 1
	placeHMB      = placePMB + 1
	placeOffset   = placeHMB + 1
	rooflineTerms = placeOffset + 1
)

// work is what a network asks of a roofline.
func (m *Roofline) work(layers []space.Layer) []float64 {
	x := make([]float64, rooflineTerms)
	for i := range layers {
		out := 32
		if i+1 < len(layers) {
			out = layers[i+1].ABits
		}
		m.layerWork(x, &layers[i], out)
	}
	x[placeOffset] = 1
	return x
}

// layerWork adds what a layer asks for to x.
func (m *Roofline) layerWork(x []float64, l *space.Layer, outBits int) {
	kind, err := kindIndex(l.Kind)
	if err != nil { // space knows no other operators
		panic("latency: roofline: " + err.Error())
	}
	scale := 1.0
	if s, ok := m.Scaled[bitsName(l)]; ok {
		scale = s
	}
	x[familyOf(l)] += scale * float64(l.MACs()) / 1e6
	x[placeLayers+kind] += scale
	x[placeMB] += scale * float64(l.InBytes()+l.OutBytes(outBits)) / 1e6
	x[placeWMB] += scale * float64(l.Weights()) * float64(m.weightBits()) / 8e6
	if l.Kind == space.Conv && l.Kernel > 1 {
		patch := float64(l.In/l.Groups*l.Kernel*l.Kernel) * float64(l.OutSize*l.OutSize)
		x[placePMB] += scale * patch * float64(l.ABits) / 8e6
	}
	if l.Act == "hswish" {
		x[placeHMB] += scale * float64(l.OutBytes(outBits)) / 1e6
	}
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
	w := make([]float64, rooflineTerms)
	for i, family := range Families {
		w[i] = m.PerMMAC[family]
	}
	if _, ok := m.PerMMAC[wideDepthwise]; !ok {
		w[len(rooflineKinds)] = m.PerMMAC[string(space.Depthwise)]
	}
	for i, kind := range rooflineKinds {
		w[placeLayers+i] = m.PerLayer[string(kind)]
	}
	w[placeMB], w[placeWMB], w[placePMB], w[placeHMB], w[placeOffset] = m.PerMB, m.PerWMB, m.PerPMB, m.PerHMB, m.Offset
	return w
}

func (m *Roofline) set(w []float64) {
	m.PerMMAC, m.PerLayer = map[string]float64{}, map[string]float64{}
	for i, family := range Families {
		if w[i] > 0 || family == wideDepthwise { // which would be that of depthwise if it were left out
			m.PerMMAC[family] = round(w[i])
		}
	}
	for i, kind := range rooflineKinds {
		if v := w[placeLayers+i]; v > 0 {
			m.PerLayer[string(kind)] = round(v)
		}
	}
	m.PerMB, m.PerWMB, m.PerPMB, m.PerHMB, m.Offset = round(w[placeMB]), round(w[placeWMB]), round(w[placePMB]), round(w[placeHMB]), round(w[placeOffset])
}

// round keeps four digits: more would pretend.
func round(v float64) float64 {
	r, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 4, 64), 64)
	if err != nil { // a number that was just printed
		panic("latency: round: " + err.Error())
	}
	return r
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
