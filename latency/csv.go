package latency

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"hanas/internal/atomicfile"
	"hanas/space"
)

// formatVersion is the version of a table's file; FORMAT.md describes it.
const formatVersion = 3

// csvColumns are the columns of each version.
var csvColumns = map[int][]string{
	1:             {"key", "mean_ms", "std_ms", "p95_ms", "count", "energy_mj"},
	2:             {"key", "mean_ms", "std_ms", "p95_ms", "count", "energy_mj", "provenance"},
	formatVersion: {"key", "mean_ms", "std_ms", "p95_ms", "count", "energy_mj", "traffic_bytes", "provenance"},
}

// fileHeader is the first line of lut.csv behind "# ".
type fileHeader struct {
	Format  string `json:"format"`
	Version int    `json:"format_version"`
	Header
}

// Write stores the table: as an Arrow stream if path ends in .arrow, else as
// CSV; both hold the same. It goes through a temporary file, so that path holds
// the old table or the new one. The same table gives the same bytes.
func (t *Table) Write(path string) error {
	encode := t.csv
	if filepath.Ext(path) == arrowExt {
		encode = t.arrow
	}
	data, err := encode()
	if err == nil {
		err = atomicfile.Write(path, data)
	}
	if err != nil {
		return fmt.Errorf("latency: write %s: %w", path, err)
	}
	return nil
}

func (t *Table) header() ([]byte, error) {
	return json.Marshal(fileHeader{"hanas-lut", formatVersion, t.Header})
}

// csv is the table's text.
func (t *Table) csv() ([]byte, error) {
	var buf bytes.Buffer
	head, err := t.header()
	if err != nil {
		return nil, err
	}
	buf.WriteString("# ")
	buf.Write(head)
	buf.WriteByte('\n')
	w := csv.NewWriter(&buf)
	w.Write(csvColumns[formatVersion]) // writes to memory cannot fail
	num := func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
	for _, key := range t.RowKeys() {
		r := t.rows[key]
		w.Write([]string{
			key, num(r.MeanMs), num(r.StdMs), num(r.P95Ms), strconv.Itoa(r.Count), num(r.EnergyMJ),
			strconv.FormatInt(r.TrafficBytes, 10), string(t.provenanceOf(r)),
		})
	}
	w.Flush()
	return buf.Bytes(), nil
}

// ReadTable reads what Write stores, in either form: what the file begins with
// tells which. Errors name the line, or the row.
func ReadTable(path string) (*Table, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("latency: read table: %w", err)
	}
	parse := parseTable
	if isArrow(data) || filepath.Ext(path) == arrowExt {
		parse = parseArrow
	}
	t, err := parse(data)
	if err == nil {
		err = t.checkUnits()
	}
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
	columns := csvColumns[t.version]
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

// parseHeader reads the JSON object that describes a table.
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
	key, from := "", t.Provenance
	for i, name := range csvColumns[t.version] {
		var err error
		switch text := fields[i]; name {
		case "key":
			key = text
		case "mean_ms":
			r.MeanMs, err = strconv.ParseFloat(text, 64)
		case "std_ms":
			r.StdMs, err = strconv.ParseFloat(text, 64)
		case "p95_ms":
			r.P95Ms, err = strconv.ParseFloat(text, 64)
		case "energy_mj":
			r.EnergyMJ, err = strconv.ParseFloat(text, 64)
		case "count":
			r.Count, err = strconv.Atoi(text)
		case "traffic_bytes":
			r.TrafficBytes, err = strconv.ParseInt(text, 10, 64)
		case "provenance":
			from = Provenance(text)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return t.read(key, r, from)
}

// read adds a row of a file.
func (t *Table) read(key string, r Row, from Provenance) error {
	switch from {
	case t.Provenance:
	case Modelled:
		r.Modelled = true
	default:
		return fmt.Errorf("provenance: %q in a table that is %q (want that or %q)", from, t.Provenance, Modelled)
	}
	if t.native() {
		if _, err := space.ParseLayerKey(key); err != nil {
			return err
		}
	}
	return t.Set(key, r)
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
