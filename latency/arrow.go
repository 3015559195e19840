package latency

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"hanas/internal/arrowframe"
)

// arrowExt is the ending of tables that Write stores as Arrow.
const arrowExt = ".arrow"

// arrowColumns are those of the CSV form, in types that need no parsing.
var arrowColumns = arrowframe.Columns{
	{Name: "key", Type: arrow.BinaryTypes.String},
	{Name: "mean_ms", Type: arrow.PrimitiveTypes.Float64},
	{Name: "std_ms", Type: arrow.PrimitiveTypes.Float64},
	{Name: "p95_ms", Type: arrow.PrimitiveTypes.Float64},
	{Name: "count", Type: arrow.PrimitiveTypes.Int64},
	{Name: "energy_mj", Type: arrow.PrimitiveTypes.Float64},
	{Name: "traffic_bytes", Type: arrow.PrimitiveTypes.Int64},
	{Name: "provenance", Type: arrow.BinaryTypes.String},
}

// The keys of the schema's metadata: the header of the CSV form, and the
// SHA-256 of the whole CSV form, which any damage to a figure changes.
const (
	arrowHeader = "hanas.lut"
	arrowSum    = "hanas.csv_sha256"
)

// isArrow says whether data begins as an Arrow stream or file does.
func isArrow(data []byte) bool {
	return bytes.HasPrefix(data, []byte{0xFF, 0xFF, 0xFF, 0xFF}) || bytes.HasPrefix(data, []byte("ARROW1"))
}

func (t *Table) sum() (string, error) {
	text, err := t.csv()
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), err
}

// arrow is the table as an Arrow stream of one record.
func (t *Table) arrow() ([]byte, error) {
	head, err := t.header()
	if err != nil {
		return nil, err
	}
	sum, err := t.sum()
	if err != nil {
		return nil, err
	}
	meta := arrow.NewMetadata([]string{arrowHeader, arrowSum}, []string{string(head), sum})
	schema := arrow.NewSchema(arrowColumns, &meta)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	text := func(i int, v string) { b.Field(i).(*array.StringBuilder).Append(v) }
	float := func(i int, v float64) { b.Field(i).(*array.Float64Builder).Append(v) }
	integer := func(i int, v int64) { b.Field(i).(*array.Int64Builder).Append(v) }
	for _, key := range t.RowKeys() {
		r := t.rows[key]
		text(0, key)
		float(1, r.MeanMs)
		float(2, r.StdMs)
		float(3, r.P95Ms)
		integer(4, int64(r.Count))
		float(5, r.EnergyMJ)
		integer(6, r.TrafficBytes)
		text(7, string(t.provenanceOf(r)))
	}
	rec := b.NewRecordBatch()
	defer rec.Release()
	return arrowframe.Write(schema, memory.DefaultAllocator, rec)
}

// parseArrow reads what arrow gives, or what another program writes with the
// same columns and header; the checksum may be absent.
func parseArrow(data []byte) (*Table, error) {
	if bytes.HasPrefix(data, []byte("ARROW1")) {
		return nil, errors.New("an Arrow file with a footer (want an Arrow stream: pyarrow.ipc.new_stream)")
	}
	first, end, err := arrowColumns.Next(data, 0)
	if err == nil && (end || !first.Schema) {
		err = errors.New("does not begin with a schema")
	}
	if err != nil {
		return nil, fmt.Errorf("not an Arrow table: %w", err)
	}
	t, sum := new(Table), ""
	head := data[:first.End]
	if err := arrowframe.Schema(head, memory.DefaultAllocator, func(s *arrow.Schema) (err error) {
		sum, err = t.schema(s)
		return err
	}); err != nil {
		return nil, err
	}
	if err := t.records(data, head); err != nil {
		return nil, err
	}
	if have, err := t.sum(); err != nil || sum != "" && sum != have {
		return nil, errors.Join(err, fmt.Errorf("the rows do not give the checksum of the file: damaged, or edited (edit without %s in the metadata)", arrowSum))
	}
	return t, nil
}

// schema reads the header and gives the checksum.
func (t *Table) schema(s *arrow.Schema) (sum string, err error) {
	meta := s.Metadata()
	at := meta.FindKey(arrowHeader)
	if at < 0 {
		return "", fmt.Errorf("no %s in its metadata: not a latency table", arrowHeader)
	}
	if err := t.parseHeader([]byte(meta.Values()[at])); err != nil {
		return "", err
	}
	if t.version != formatVersion {
		return "", fmt.Errorf("header: version %d, Arrow tables begin with %d", t.version, formatVersion)
	}
	if at := meta.FindKey(arrowSum); at >= 0 {
		sum = meta.Values()[at]
	}
	return sum, arrowColumns.Match(s)
}

// records reads all that is behind the schema.
func (t *Table) records(data, head []byte) error {
	for at := len(head); ; {
		f, end, err := arrowColumns.Next(data, at)
		switch {
		case err != nil:
			return fmt.Errorf("row %d: %w", t.Len(), err)
		case end && f.End != len(data):
			return fmt.Errorf("byte %d: %d bytes behind the end of the table", f.End, len(data)-f.End)
		case end:
			return nil
		case f.Schema:
			return fmt.Errorf("byte %d: a second schema", at)
		}
		if err := arrowframe.Record(head, data[f.Start:f.End], memory.DefaultAllocator, t.record); err != nil {
			return fmt.Errorf("byte %d: %w", at, err)
		}
		at = f.End
	}
}

// record adds the rows of a record batch.
func (t *Table) record(rec arrow.RecordBatch) error {
	text := func(i, row int) string { return string([]byte(arrowframe.Text(rec, i).Value(row))) }
	float := func(i, row int) float64 { return arrowframe.Float(rec, i).Value(row) }
	for i := range int(rec.NumRows()) {
		count := arrowframe.Int(rec, 4).Value(i)
		r := Row{
			MeanMs: float(1, i), StdMs: float(2, i), P95Ms: float(3, i), EnergyMJ: float(5, i),
			Count: int(count), TrafficBytes: arrowframe.Int(rec, 6).Value(i),
		}
		if err := t.read(text(0, i), r, Provenance(text(7, i))); err != nil {
			return fmt.Errorf("row %d: %w", i, err)
		}
	}
	return nil
}
