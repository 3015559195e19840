package stages

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"

	"hanas/configs"
	"hanas/latency"
	"hanas/space"
)

// pricing is what a device takes for the networks of a space.
type pricing struct {
	device     string
	ms         func(layers []space.Layer) float64
	energy     func(layers []space.Layer, ms float64) float64 // mJ; nil = unknown
	noEnergy   string                                         // why it is
	provenance map[string]string                              // of the figures, by their names in front.json
}

// tablePricing prices by a table and its correction; watts is the power of a
// device whose table has no energies, 0 = unknown.
func (e *Env) tablePricing(est *latency.Estimator, watts float64) (*pricing, error) {
	ms, err := est.Index(e.Space)
	if err != nil {
		return nil, err
	}
	_, from, err := est.Estimate(e.Space.Layers(e.Space.Largest()))
	if err != nil {
		return nil, err
	}
	p := newPricing(est.Table().Device, from)
	p.ms = ms
	mj, err := est.EnergyIndex(e.Space)
	switch {
	case err == nil:
		p.energy = func(layers []space.Layer, _ float64) float64 { return mj(layers) }
		p.provenance["energy_mj"] = fmt.Sprintf("modelled: sum of %s rows of %s", est.Table().Provenance, est.Table().Device)
	case watts > 0:
		p.byPower(watts)
	default:
		p.noEnergy = err.Error()
	}
	return p, nil
}

func newPricing(device, from string) *pricing {
	return &pricing{device: device, provenance: map[string]string{
		"accuracy": "predicted", "latency_ms": from, "memory_bytes": "modelled: weights at their bits and peak activations",
		"size_bytes": "exact: weights, scales and biases at their bits", "macs": "exact",
	}}
}

// byPower takes energy for power over time.
func (p *pricing) byPower(watts float64) {
	p.energy = func(_ []space.Layer, ms float64) float64 { return watts * ms }
	p.provenance["energy_mj"] = fmt.Sprintf("modelled: %g W over the predicted latency", watts)
}

// readPricing prices by the files of a table and its correction; without the
// latter by the plain sum.
func (e *Env) readPricing(lut, estimator string, watts float64) (*pricing, error) {
	table, err := latency.ReadTable(lut)
	if err != nil {
		return nil, err
	}
	est := latency.NewEstimator(table, latency.Plain)
	switch _, err := os.Stat(estimator); {
	case err == nil:
		if est, err = latency.ReadEstimator(estimator, table); err != nil {
			return nil, err
		}
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("stages: %w", err)
	}
	return e.tablePricing(est, watts)
}

// targetPricing prices for a further device, and says which bits it runs.
func (e *Env) targetPricing(t configs.Target) (*pricing, []int, error) {
	if t.Table != "" {
		p, err := e.readPricing(t.Table, filepath.Join(filepath.Dir(t.Table), estimatorFile), t.PowerW)
		if err != nil {
			return nil, nil, fmt.Errorf("stages: device %s: %w", t.Name, err)
		}
		return p, t.Bits, nil
	}
	d, err := latency.FindDevice(t.Device)
	if err != nil {
		return nil, nil, fmt.Errorf("stages: device %s: %w", t.Name, err)
	}
	bits, err := e.deviceBits(d, t)
	if err != nil {
		return nil, nil, err
	}
	sp := e.Space
	most := bits[len(bits)-1]
	price, err := d.Model(sp.Layers(sp.WithBits(sp.Largest(), most, most)), t.Runtime)
	if err != nil {
		return nil, nil, fmt.Errorf("stages: device %s: %w", t.Name, err)
	}
	p := newPricing(d.Name, price.Provenance)
	p.ms = func(layers []space.Layer) float64 {
		price, err := d.Model(layers, t.Runtime)
		if err != nil {
			return math.NaN()
		}
		return price.Ms
	}
	switch {
	case t.PowerW > 0:
		p.byPower(t.PowerW)
	case price.EnergyMJ > 0:
		p.energy = func(layers []space.Layer, _ float64) float64 {
			price, err := d.Model(layers, t.Runtime)
			if err != nil {
				return math.NaN()
			}
			return price.EnergyMJ
		}
		p.provenance["energy_mj"] = "modelled: " + price.Provenance
	default:
		p.noEnergy = "its model has none"
	}
	return p, bits, nil
}

// deviceBits are widths that a device runs in any mixture, ascending: of those
// that are asked for (or all of the space) the largest set of which every two
// are legal as weights and activations. Of sets as large it is one with 8 bits,
// and then the narrowest.
func (e *Env) deviceBits(d *latency.Device, t configs.Target) ([]int, error) {
	sp := e.Space
	var all []int
	for _, b := range sp.WBits {
		if slices.Contains(sp.ABits, b) && (len(t.Bits) == 0 || slices.Contains(t.Bits, b)) {
			all = append(all, b)
		}
	}
	slices.Sort(all)
	runs := map[[2]int]error{}
	var why error
	for _, w := range all {
		for _, a := range all {
			runs[[2]int{w, a}] = d.Check(sp.Layers(sp.WithBits(sp.Largest(), w, a)))
			why = cmp.Or(why, runs[[2]int{w, a}])
		}
	}
	var best []int
	for set := 1; set < 1<<len(all); set++ { // in the order of the widest
		var bits []int
		for i, b := range all {
			if set>>i&1 == 1 {
				bits = append(bits, b)
			}
		}
		legal := true
		for _, w := range bits {
			for _, a := range bits {
				legal = legal && runs[[2]int{w, a}] == nil
			}
		}
		if legal && (len(bits) > len(best) || len(bits) == len(best) && slices.Contains(bits, 8) && !slices.Contains(best, 8)) {
			best = bits
		}
	}
	if len(best) == 0 {
		return nil, fmt.Errorf("stages: device %s: %s runs no width of space %s (%w)", t.Name, d.Name, sp.Name, cmp.Or(why, errNoBits))
	}
	return best, nil
}

// errNoBits is of a device that is asked for widths that the space lacks.
var errNoBits = errors.New("the space has none of those that are asked for")
