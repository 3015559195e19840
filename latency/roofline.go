package latency

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"hanas/space"
)

// Roofline prices layers from their work: arithmetic at a rate that depends on
// the operator, memory traffic at a bandwidth, and a fixed cost a layer (after
// Williams et al. 2009; here arithmetic and traffic add up instead of hiding
// each other, which makes the model linear, so that it can be fitted on whole
// networks alone). All coefficients are times and not negative.
type Roofline struct {
	Runtime   string             `json:"runtime"`
	Precision string             `json:"precision"` // "float" or "int8"
	Threads   int                `json:"threads,omitempty"`
	PerMMAC   map[string]float64 `json:"ms_per_mmac"`          // by family (see Families): ms for a million MACs
	PerMB     float64            `json:"ms_per_mb"`            // of activations read and written
	PerWMB    float64            `json:"ms_per_weight_mb"`     // of weights read
	PerPMB    float64            `json:"ms_per_patch_mb"`      // of patches that a full convolution is unrolled into: a GEMM reads them
	PerHMB    float64            `json:"ms_per_hswish_mb"`     // of results of a hard-swish
	PerLayer  map[string]float64 `json:"ms_per_layer"`         // by operator
	Offset    float64            `json:"offset_ms"`            // per network
	MJPerMMAC float64            `json:"mj_per_mmac"`          // energy of arithmetic; 0 = unknown
	Fitted    RooflineFit        `json:"fitted"`               // on what, and how well
	Scaled    map[string]float64 `json:"bits_scale,omitempty"` // time of other widths relative to Precision, by "wW/aA"
}

// RooflineFit tells what a model was fitted to and how well it does on the
// networks that were held out.
type RooflineFit struct {
	To      string  `json:"to"`       // the measurements or predictions
	Nets    int     `json:"nets"`     // fitted on
	HeldOut int     `json:"held_out"` // judged by; 0 = none
	MAPE    float64 `json:"mape"`     // on the held-out, as a fraction; with none held out, on the fitted
	Tau     float64 `json:"tau"`
}

// rooflineKinds are the operators that have coefficients of their own.
var rooflineKinds = []space.Kind{space.Conv, space.Pointwise, space.Depthwise, space.Linear, space.SE, space.Pool, space.Add}

// wideDepthwise is the family of depthwise layers with a kernel above 3: some
// runtimes have fast code for 3x3 only.
const wideDepthwise = "depthwise-wide"

// Families are the groups of layers whose arithmetic has a rate of its own:
// the operators, and depthwise layers with a kernel above 3 (those without a
// rate of their own have that of depthwise).
var Families = func() (names []string) {
	for _, k := range rooflineKinds {
		names = append(names, string(k))
	}
	return append(names, wideDepthwise)
}()

// familyOf is the index of a layer's family.
func familyOf(l *space.Layer) int {
	if l.Kind == space.Depthwise && l.Kernel > 3 {
		return len(rooflineKinds)
	}
	i, err := kindIndex(l.Kind)
	if err != nil { // space knows no other operators
		panic("latency: roofline: " + err.Error())
	}
	return i
}

func (m *Roofline) validate() error {
	var faults []error
	check := func(name string, v float64) {
		if !(v >= 0) || math.IsInf(v, 0) {
			faults = append(faults, fmt.Errorf("%s is %g", name, v))
		}
	}
	if m.Precision != "float" && m.Precision != "int8" {
		faults = append(faults, fmt.Errorf("precision %q (want float or int8)", m.Precision))
	}
	for _, c := range []struct {
		name string
		by   map[string]float64
		of   []string
	}{{"ms_per_mmac", m.PerMMAC, Families}, {"ms_per_layer", m.PerLayer, Families[:len(rooflineKinds)]}} {
		for name, v := range c.by {
			if !slices.Contains(c.of, name) {
				faults = append(faults, fmt.Errorf("%s: unknown operator %q", c.name, name))
			}
			check(c.name+"."+name, v)
		}
	}
	check("ms_per_mb", m.PerMB)
	check("ms_per_patch_mb", m.PerPMB)
	check("ms_per_hswish_mb", m.PerHMB)
	check("ms_per_weight_mb", m.PerWMB)
	check("offset_ms", m.Offset)
	check("mj_per_mmac", m.MJPerMMAC)
	for bits, v := range m.Scaled {
		check("bits_scale."+bits, v)
	}
	return errors.Join(faults...)
}

func kindIndex(kind space.Kind) (int, error) {
	for i, k := range rooflineKinds {
		if k == kind {
			return i, nil
		}
	}
	return 0, fmt.Errorf("unknown operator %q", kind)
}

// Layer prices one layer in ms, without the network's offset.
func (m *Roofline) Layer(l *space.Layer, outBits int) float64 {
	x, ms := make([]float64, rooflineTerms), 0.0
	m.layerWork(x, l, outBits)
	for i, w := range m.coefficients() {
		ms += w * x[i]
	}
	return ms
}

func bitsName(l *space.Layer) string { return fmt.Sprintf("w%d/a%d", l.WBits, l.ABits) }

func (m *Roofline) weightBits() int {
	if m.Precision == "int8" {
		return 8
	}
	return 32
}

// precisionOf tells which model prices a network: "int8" if every layer with
// weights is integer, "float" if none is, "" if it is mixed.
func precisionOf(layers []space.Layer) string {
	ints, floats := 0, 0
	for i := range layers {
		switch {
		case layers[i].WBits == 0:
		case integer(&layers[i]):
			ints++
		default:
			floats++
		}
	}
	switch {
	case floats == 0:
		return "int8"
	case ints == 0:
		return "float"
	}
	return ""
}

// Model prices a network with a device's roofline models: a uniform network
// with the model of its precision, a mixed one layer by layer with the model
// of each layer's precision (what passes between the two costs nothing here).
// runtime "" takes the first of the precision.
func (d *Device) Model(layers []space.Layer, runtime string) (Price, error) {
	need := []string{precisionOf(layers)}
	if need[0] == "" {
		need = []string{"int8", "float"}
	}
	models := map[string]*Roofline{}
	for _, precision := range need {
		m := d.model(precision, runtime)
		if m == nil {
			return Price{}, fmt.Errorf("latency: device %s has no %s model%s (it has: %s)", d.Name, precision, of(runtime), d.modelNames())
		}
		models[precision] = m
	}
	var p Price
	for i := range layers {
		precision := need[0]
		if len(need) == 2 && !integer(&layers[i]) {
			precision = "float"
		}
		out := 32
		if i+1 < len(layers) {
			out = layers[i+1].ABits
		}
		m := models[precision]
		p.Ms += m.Layer(&layers[i], out)
		p.EnergyMJ += m.MJPerMMAC * float64(layers[i].MACs()) / 1e6
	}
	first := models[need[0]]
	p.Ms += first.Offset
	p.Provenance = fmt.Sprintf("modelled: roofline of %s, %s, fitted to %s (%.1f %% mean error on %d held-out networks)",
		d.Name, first.Runtime, first.Fitted.To, 100*first.Fitted.MAPE, first.Fitted.HeldOut)
	if p.EnergyMJ == 0 && d.PowerW > 0 {
		p.EnergyMJ = d.PowerW * p.Ms
		p.Provenance += fmt.Sprintf("; energy at a constant %g W", d.PowerW)
	}
	return p, nil
}

func of(runtime string) string {
	if runtime == "" {
		return ""
	}
	return " of runtime " + runtime
}

func (d *Device) model(precision, runtime string) *Roofline {
	for i := range d.Models {
		m := &d.Models[i]
		if m.Precision == precision && (runtime == "" || strings.EqualFold(runtime, m.Runtime)) {
			return m
		}
	}
	return nil
}

func (d *Device) modelNames() string {
	var names []string
	for i := range d.Models {
		names = append(names, d.Models[i].Precision+" of "+d.Models[i].Runtime)
	}
	return strings.Join(names, ", ")
}
