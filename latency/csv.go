package latency

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"

	"hanas/internal/atomicfile"
	"hanas/space"
)

// formatVersion is the version of lut.csv; FORMAT.md describes it. Version 1
// has no column provenance.
const formatVersion = 2

var csvColumns = []string{"key", "mean_ms", "std_ms", "p95_ms", "count", "energy_mj", "provenance"}

// fileHeader is the first line of lut.csv behind "# ".
type fileHeader struct {
	Format  string `json:"format"`
	Version int    `json:"format_version"`
	Header
}

// Write stores the table as CSV: through a temporary file, so that path holds
// the old table or the new one. The same table gives the same bytes.
func (t *Table) Write(path string) error {
	var buf bytes.Buffer
	head, err := json.Marshal(fileHeader{"hanas-lut", formatVersion, t.Header})
	if err != nil {
		return fmt.Errorf("latency: write %s: %w", path, err)
	}
	buf.WriteString("# ")
	buf.Write(head)
	buf.WriteByte('\n')
	w := csv.NewWriter(&buf)
	w.Write(csvColumns) // writes to memory cannot fail
	num := func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
	for _, key := range t.RowKeys() {
		r := t.rows[key]
		w.Write([]string{key, num(r.MeanMs), num(r.StdMs), num(r.P95Ms), strconv.Itoa(r.Count), num(r.EnergyMJ), string(t.provenanceOf(r))})
	}
	w.Flush()
	if err := atomicfile.Write(path, buf.Bytes()); err != nil {
		return fmt.Errorf("latency: write %s: %w", path, err)
	}
	return nil
}

// ReadTable reads what Write stores. Errors name the line.
func ReadTable(path string) (*Table, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("latency: read table: %w", err)
	}
	t, err := parseTable(data)
	if err != nil {
		return nil, fmt.Errorf("latency: read %s: %w", path, err)
	}
	return t, nil
}

func parseTable(data []byte) (*Table, error) {
	first, rest, _ := bytes.Cut(data, []byte("\n"))
	head, ok := bytes.CutPrefix(first, []byte("# {"))
	if !ok {
		return nil, errors.New(`line 1: not a table of this program (want # {"format":"hanas-lut",…}; foreign tables are imported)`)
	}
	t := new(Table)
	if err := t.parseHeader(append([]byte("{"), head...)); err != nil {
		return nil, fmt.Errorf("line 1: %w", err)
	}
	columns := csvColumns
	if t.version == 1 {
		columns = csvColumns[:len(csvColumns)-1]
	}
	r := csv.NewReader(bytes.NewReader(rest))
	r.FieldsPerRecord = len(columns)
	r.ReuseRecord = true
	names, err := r.Read()
	if err != nil || !slices.Equal(names, columns) {
		return nil, fmt.Errorf("line 2: columns are %v, want %v", names, columns)
	}
	for {
		fields, err := r.Read()
		if err == io.EOF {
			return t, nil
		}
		if err != nil {
			if bad, ok := errors.AsType[*csv.ParseError](err); ok {
				return nil, fmt.Errorf("line %d: %w", bad.Line+1, bad.Err)
			}
			return nil, err
		}
		line, _ := r.FieldPos(0)
		if err := t.parseRow(fields); err != nil {
			return nil, fmt.Errorf("line %d: %w", line+1, err)
		}
	}
}

func (t *Table) parseHeader(text []byte) error {
	h := fileHeader{}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&h); err != nil {
		return fmt.Errorf("header: %w", err)
	}
	if dec.More() {
		return errors.New("header: text behind it")
	}
	if h.Format != "hanas-lut" || h.Version < 1 || h.Version > formatVersion {
		return fmt.Errorf("header: format %q version %d, this program reads hanas-lut version %d", h.Format, h.Version, formatVersion)
	}
	if !slices.Contains([]Provenance{MeasuredHere, Imported, Modelled}, h.Provenance) {
		return fmt.Errorf("header: provenance %q (want measured, imported or modelled)", h.Provenance)
	}
	if _, err := formatOf(h.Keys); err != nil {
		return err
	}
	t.Header, t.version = h.Header, h.Version
	return nil
}

func (t *Table) parseRow(fields []string) error {
	var r Row
	var err error
	for i, into := range []*float64{&r.MeanMs, &r.StdMs, &r.P95Ms, nil, &r.EnergyMJ} {
		if into == nil {
			continue
		}
		if *into, err = strconv.ParseFloat(fields[i+1], 64); err != nil {
			return fmt.Errorf("%s: %w", csvColumns[i+1], err)
		}
	}
	if r.Count, err = strconv.Atoi(fields[4]); err != nil {
		return fmt.Errorf("count: %w", err)
	}
	if len(fields) > 6 {
		switch p := Provenance(fields[6]); p {
		case t.Provenance:
		case Modelled:
			r.Modelled = true
		default:
			return fmt.Errorf("provenance: %q in a table that is %q (want that or %q)", p, t.Provenance, Modelled)
		}
	}
	if t.native() {
		if _, err := space.ParseLayerKey(fields[0]); err != nil {
			return err
		}
	}
	return t.Set(fields[0], r)
}

// provenanceOf says where a row comes from.
func (t *Table) provenanceOf(r Row) Provenance {
	if r.Modelled {
		return Modelled
	}
	return t.Provenance
}

// native says whether the keys are space.Layer.Key.
func (t *Table) native() bool { return t.Keys == "" || t.Keys == nativeKeys }
