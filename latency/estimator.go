package latency

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"

	"hanas/internal/atomicfile"
	"hanas/space"
)

// Estimator is a table with a correction.
type Estimator struct {
	Correction
	table *Table
}

// NewEstimator joins a table and a correction (Plain for none).
func NewEstimator(t *Table, c Correction) *Estimator { return &Estimator{c, t} }

// Table is the table that the estimator sums.
func (e *Estimator) Table() *Table { return e.table }

// estimatorVersion rises when the terms of a correction change.
const estimatorVersion = 3

// estimatorFile is estimator.json, stored beside lut.csv.
type estimatorFile struct {
	Format     string     `json:"format"`
	Version    int        `json:"format_version"`
	Device     string     `json:"device"`
	Correction Correction `json:"correction"`
}

// Write stores the correction as JSON; the table is stored on its own.
func (e *Estimator) Write(path string) error {
	text, err := json.MarshalIndent(estimatorFile{"hanas-estimator", estimatorVersion, e.table.Device, e.Correction}, "", "  ")
	if err == nil {
		err = atomicfile.Write(path, append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("latency: write %s: %w", path, err)
	}
	return nil
}

// ReadEstimator reads a correction and joins it to the table of its device.
func ReadEstimator(path string, t *Table) (*Estimator, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("latency: read estimator: %w", err)
	}
	var f estimatorFile
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&f); err != nil {
		return nil, fmt.Errorf("latency: read %s: %w", path, err)
	}
	if f.Format != "hanas-estimator" || f.Version != estimatorVersion && f.Version != 2 { // 2 has no pairs
		return nil, fmt.Errorf("latency: read %s: format %q version %d, want hanas-estimator version %d (make it anew: --force lut)", path, f.Format, f.Version, estimatorVersion)
	}
	if f.Device != t.Device {
		return nil, fmt.Errorf("latency: read %s: it is fitted to %q, the table is of %q", path, f.Device, t.Device)
	}
	return NewEstimator(t, f.Correction), nil
}

// Estimate gives a network's time in ms and where the figure comes from. A
// *MissingError names all rows that the table lacks.
func (e *Estimator) Estimate(layers []space.Layer) (ms float64, provenance string, err error) {
	rows, err := e.table.lookup(layers)
	if err != nil {
		return 0, "", err
	}
	sum, filled := 0.0, 0
	for _, r := range rows {
		sum += r.MeanMs
		if r.Modelled {
			filled++
		}
	}
	provenance = fmt.Sprintf("modelled: sum of %s rows of %s", e.table.Provenance, e.table.Device)
	if filled > 0 {
		provenance += fmt.Sprintf(", %d of %d rows modelled", filled, len(rows))
	}
	if e.Networks > 0 {
		provenance += fmt.Sprintf(", fitted on %d networks (%.1f %% mean error in cross-validation)", e.Networks, 100*e.MAPE)
	}
	if e.Fused() {
		provenance += ", less what measured pairs save"
	}
	return e.apply(sum, layers), provenance, nil
}

// Energy gives a network's energy in mJ, 0 where the table has none.
func (e *Estimator) Energy(layers []space.Layer) (float64, error) {
	_, mj, err := e.table.Sum(layers)
	return mj, err
}

// Index prepares the estimator for a search over sp: the function it returns
// gives the ms of the layers of any Arch of sp without building keys, and NaN
// for layers of another space. It is safe for concurrent use. Tables that
// price whole blocks are looked up by key, which is slower.
func (e *Estimator) Index(sp *space.Space) (func(layers []space.Layer) float64, error) {
	if !e.table.native() {
		return func(layers []space.Layer) float64 {
			ms, _, err := e.Estimate(layers)
			if err != nil {
				return math.NaN()
			}
			return ms
		}, nil
	}
	sum, err := e.summed(sp, func(r Row) float64 { return r.MeanMs })
	if err != nil {
		return nil, err
	}
	return func(layers []space.Layer) float64 { return e.apply(sum(layers), layers) }, nil
}

// EnergyIndex is Index for energy, in mJ, the plain sum of rows. It is an error
// where a row of sp has none.
func (e *Estimator) EnergyIndex(sp *space.Space) (func(layers []space.Layer) float64, error) {
	_, mj, err := e.table.Sum(sp.DistinctLayers())
	if err != nil {
		return nil, fmt.Errorf("latency: index of space %s: %w", sp.Name, err)
	}
	if mj == 0 {
		return nil, fmt.Errorf("latency: the table of %s lacks the energy of rows of space %s", e.table.Device, sp.Name)
	}
	if e.table.native() {
		return e.summed(sp, func(r Row) float64 { return r.EnergyMJ })
	}
	return func(layers []space.Layer) float64 {
		mj, err := e.Energy(layers)
		if err != nil {
			return math.NaN()
		}
		return mj
	}, nil
}

// summed indexes one figure of the rows of sp's layers, and sums it.
func (e *Estimator) summed(sp *space.Space, figure func(Row) float64) (func(layers []space.Layer) float64, error) {
	distinct := sp.DistinctLayers()
	if _, _, err := e.table.Sum(distinct); err != nil { // names all missing rows
		return nil, fmt.Errorf("latency: index of space %s: %w", sp.Name, err)
	}
	index := make(map[shapeKey]float64, len(distinct))
	for i := range distinct {
		index[shapeOf(&distinct[i])] = figure(e.table.rows[distinct[i].Key()])
	}
	if len(index) != len(distinct) {
		return nil, fmt.Errorf("latency: index of space %s: its sizes are too large", sp.Name)
	}
	return func(layers []space.Layer) float64 {
		sum := 0.0
		for i := range layers {
			v, ok := index[shapeOf(&layers[i])]
			if !ok {
				return math.NaN()
			}
			sum += v
		}
		return sum
	}, nil
}

// shapeKey is a Layer without name and place, packed: hashing it costs a tenth
// of hashing the struct. Widths and sizes fit because space.Validate bounds
// them; groups follow from the kind.
type shapeKey struct{ a, b uint64 }

func shapeOf(l *space.Layer) shapeKey {
	var act uint64
	if len(l.Act) > 0 { // "relu", "relu6" and "hswish" differ in length
		act = uint64(len(l.Act) - 3)
	}
	if l.NoNorm {
		act |= 4
	}
	kind := uint64(l.Kind[0]&31) | uint64(len(l.Kind))<<5 // tells all kinds apart
	return shapeKey{
		a: uint64(l.In) | uint64(l.Out)<<21 | uint64(l.InSize)<<42 | uint64(l.Stride)<<55 | act<<59,
		b: kind | uint64(l.OutSize)<<9 | uint64(l.Kernel)<<22 | uint64(l.Mid)<<35 | uint64(l.WBits)<<54 | uint64(l.ABits)<<59,
	}
}
