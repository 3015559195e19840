package samples

import (
	"fmt"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"

	"hanas/internal/arrowframe"
	"hanas/space"
)

// Version is the version of the file format that is written; readers take the
// first too, which had no device, and refuse a higher one.
const Version = 2

// defaultBatchRows is large enough that a batch's own header is small beside
// its rows, and small enough that a crash costs seconds of evaluation.
const defaultBatchRows = 64

// maxBatchRows bounds what a file may ask a writer to buffer.
const maxBatchRows = 1 << 16

// Info says what the samples of a store belong to. Hashes are free text; an
// empty one is not compared.
type Info struct {
	Version      int
	Space        string // name
	SpaceHash    string // space.Space.Hash
	SupernetHash string
	DataHash     string
	Device       string // what scored, e.g. "cpu, ONNX Runtime 1.30.0"; empty = unknown, or several
	BatchRows    int    // rows of each record batch but the last; 0 = 64
}

// For completes info for a space.
func (info Info) forSpace(sp *space.Space) Info {
	info.Version, info.Space, info.SpaceHash = Version, sp.Name, sp.Hash()
	if info.BatchRows == 0 {
		info.BatchRows = defaultBatchRows
	}
	return info
}

// Compatible says why samples under info cannot be used where want is needed:
// another space, or another supernet, data set or device where both name one.
func (info Info) Compatible(want Info) error {
	for _, f := range []struct{ what, have, want string }{
		{"space", info.SpaceHash, want.SpaceHash},
		{"supernet", info.SupernetHash, want.SupernetHash},
		{"data", info.DataHash, want.DataHash},
		{"device", info.Device, want.Device},
	} {
		if f.have != f.want && f.have != "" && f.want != "" {
			return fmt.Errorf("made with %s %s, not %s (space %q, wanted %q; start a new file or use the old settings)",
				f.what, f.have, f.want, info.Space, want.Space)
		}
	}
	return nil
}

// columns is the layout of a store.
var columns = arrowframe.Columns{
	{Name: "arch", Type: arrow.BinaryTypes.String},
	{Name: "accuracy", Type: arrow.PrimitiveTypes.Float64},
	{Name: "top5", Type: arrow.PrimitiveTypes.Float64},
	{Name: "loss", Type: arrow.PrimitiveTypes.Float64},
	{Name: "macs", Type: arrow.PrimitiveTypes.Int64},
	{Name: "params", Type: arrow.PrimitiveTypes.Int64},
	{Name: "weight_bytes", Type: arrow.PrimitiveTypes.Int64},
	{Name: "seed", Type: arrow.PrimitiveTypes.Uint64},
	{Name: "images", Type: arrow.PrimitiveTypes.Int64},
	{Name: "split", Type: arrow.BinaryTypes.String},
	{Name: "provenance", Type: arrow.BinaryTypes.String},
}

// metaKeys are the keys of the schema's metadata; the last came with version 2.
var metaKeys = []string{"hanas.version", "hanas.space", "hanas.space_hash", "hanas.supernet_hash", "hanas.data_hash", "hanas.batch_rows", "hanas.device"}

func (info Info) schema() *arrow.Schema {
	values := []string{strconv.Itoa(info.Version), info.Space, info.SpaceHash, info.SupernetHash, info.DataHash, strconv.Itoa(info.BatchRows), info.Device}
	meta := arrow.NewMetadata(metaKeys, values)
	return arrow.NewSchema(columns, &meta)
}

// infoOf reads a schema back and refuses what this version cannot read.
func infoOf(s *arrow.Schema) (Info, error) {
	meta := s.Metadata()
	values := make([]string, len(metaKeys))
	for i, key := range metaKeys {
		at := meta.FindKey(key)
		if at < 0 && key == "hanas.device" && values[0] == "1" {
			continue
		}
		if at < 0 {
			return Info{}, fmt.Errorf("no %s in its metadata: not a sample store", key)
		}
		values[i] = meta.Values()[at]
	}
	info := Info{Space: values[1], SpaceHash: values[2], SupernetHash: values[3], DataHash: values[4], Device: values[6]}
	var err error
	if info.Version, err = strconv.Atoi(values[0]); err != nil || info.Version < 1 || info.Version > Version {
		return Info{}, fmt.Errorf("format version %q, this program reads 1 to %d", values[0], Version)
	}
	if info.BatchRows, err = strconv.Atoi(values[5]); err != nil || info.BatchRows < 1 || info.BatchRows > maxBatchRows {
		return Info{}, fmt.Errorf("batch rows %q is not a number in [1, %d]", values[5], maxBatchRows)
	}
	if err := columns.Match(s); err != nil {
		return Info{}, err
	}
	return info, nil
}
