package latency

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"hanas/space"
)

// Provenance says where a table's rows come from.
type Provenance string

// The provenances of a table.
const (
	MeasuredHere Provenance = "measured" // by Profile, on the device itself
	Imported     Provenance = "imported" // from a file of somebody else
	Modelled     Provenance = "modelled" // computed from a formula
)

// Row is the time of one operator at one shape.
type Row struct {
	MeanMs   float64
	StdMs    float64 // between repetitions; 0 = unknown
	P95Ms    float64 // 95th percentile of the repetitions; 0 = unknown
	Count    int     // repetitions; 0 = unknown
	EnergyMJ float64 // 0 = unknown
	// TrafficBytes is what the operator reads and writes: activations and packed
	// weights, each once, by its shape; 0 = unknown.
	TrafficBytes int64
	Modelled     bool // by Fill, in a table that is otherwise as its header says
}

// Header says what a table's figures hold for.
type Header struct {
	Device     string     `json:"device"`
	Runtime    string     `json:"runtime,omitempty"`  // "ONNX Runtime", …
	Version    string     `json:"version,omitempty"`  // of the runtime
	Threads    int        `json:"threads,omitempty"`  // 0 = unknown
	Governor   string     `json:"governor,omitempty"` // CPU frequency governor; "" = unknown
	Provenance Provenance `json:"provenance"`
	Source     string     `json:"source,omitempty"` // imported: the file; modelled: the formula
	// Keys names the spelling of the row keys: "" or "layer" for
	// space.Layer.Key, else one of Formats.
	Keys  string  `json:"keys,omitempty"`
	Drift float64 `json:"drift,omitempty"` // median disagreement of a row between one half of the rounds and the other, as a fraction
	// PaceMs says how fast the machine was: the geometric mean of the probes'
	// times that every row is scaled to. 0 = unknown.
	PaceMs float64 `json:"pace_ms,omitempty"`
	Host   string  `json:"host,omitempty"` // CPU model and the like
	// Precision lists the bits that the rows are of, as "float" or "w4/a8 w8/a8".
	Precision string `json:"precision,omitempty"`
	Date      string `json:"date,omitempty"` // of the measurement, 2026-03-25; "" = unknown
}

// Table is a latency lookup table. The zero Table is empty and usable.
type Table struct {
	Header
	rows    map[string]Row
	version int // of the file it was read from
}

// Len is the number of rows.
func (t *Table) Len() int { return len(t.rows) }

// Row finds a row by key.
func (t *Table) Row(key string) (Row, bool) {
	r, ok := t.rows[key]
	return r, ok
}

// RowKeys lists the row keys, sorted.
func (t *Table) RowKeys() []string { return slices.Sorted(maps.Keys(t.rows)) }

// Set adds a row. A figure that is negative or no number, and a second row of
// the same key that says otherwise, are errors.
func (t *Table) Set(key string, r Row) error {
	if key == "" || !utf8.ValidString(key) || strings.ContainsFunc(key, unicode.IsControl) {
		return fmt.Errorf("key %q: want text without control characters", key)
	}
	for _, f := range []struct {
		name string
		v    float64
	}{{"mean_ms", r.MeanMs}, {"std_ms", r.StdMs}, {"p95_ms", r.P95Ms}, {"energy_mj", r.EnergyMJ}, {"count", float64(r.Count)}, {"traffic_bytes", float64(r.TrafficBytes)}} {
		if !(f.v >= 0) || math.IsInf(f.v, 0) {
			return fmt.Errorf("%s: %s is %g", key, f.name, f.v)
		}
	}
	if old, ok := t.rows[key]; ok && old != r {
		return fmt.Errorf("%s: a second row disagrees: %g ms and %g ms", key, old.MeanMs, r.MeanMs)
	}
	if t.rows == nil {
		t.rows = map[string]Row{}
	}
	t.rows[key] = r
	return nil
}

// MissingError names every row that a network needs and a table lacks.
type MissingError struct {
	Table string // device
	Keys  []string
	All   bool // the table has no row of the network: it is of another space, image size or bits
}

func (e *MissingError) Error() string {
	text := ""
	for _, k := range e.Keys {
		text += "\n  " + k
	}
	if e.All {
		return fmt.Sprintf("latency: table of %s has no row of this network (a table of another space, image size or bits?); it lacks %d rows:%s", e.Table, len(e.Keys), text)
	}
	return fmt.Sprintf("latency: table of %s lacks %d rows (profile or import them):%s", e.Table, len(e.Keys), text)
}

// lookup finds the rows of a network, in order; a row per layer, or per block
// where the format says so.
func (t *Table) lookup(layers []space.Layer) ([]Row, error) {
	format, err := formatOf(t.Keys)
	if err != nil {
		return nil, err
	}
	keys, err := format.keys(layers)
	if err != nil {
		return nil, fmt.Errorf("latency: table of %s, keys %q: %w", t.Device, t.Keys, err)
	}
	rows := make([]Row, 0, len(keys))
	var missing []string
	for _, key := range keys {
		r, ok := t.rows[key]
		if !ok {
			missing = append(missing, key)
		}
		rows = append(rows, r)
	}
	if missing != nil {
		all := len(missing) == len(keys)
		slices.Sort(missing)
		return nil, &MissingError{t.Device, slices.Compact(missing), all}
	}
	return rows, nil
}

// Sum is the plain sum of a network's rows in ms and, where every row has it,
// in mJ (else 0).
func (t *Table) Sum(layers []space.Layer) (ms, mj float64, err error) {
	rows, err := t.lookup(layers)
	if err != nil {
		return 0, 0, err
	}
	known := true
	for _, r := range rows {
		ms += r.MeanMs
		mj += r.EnergyMJ
		known = known && (r.EnergyMJ > 0 || r.MeanMs == 0)
	}
	if !known {
		mj = 0
	}
	return ms, mj, nil
}
