package stages

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"hanas/latency"
	"hanas/pipeline"
)

// importLut takes the table that the configuration names in place of timing this
// machine, with the correction that lies beside it, if one does. Every layer of
// the space must be in it. Nothing judges it here: its device is elsewhere.
func (e *Env) importLut(p *pipeline.Pass) error {
	file := e.Config.Lut.Table
	table, err := latency.ReadTable(file)
	if err != nil {
		return fmt.Errorf("stages: lut.table: %w", err)
	}
	est := latency.NewEstimator(table, latency.Plain)
	beside := filepath.Join(filepath.Dir(file), estimatorFile)
	switch _, err := os.Stat(beside); {
	case err == nil:
		if est, err = latency.ReadEstimator(beside, table); err != nil {
			return fmt.Errorf("stages: lut.table: %w", err)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("stages: lut.table: %w", err)
	}
	if _, err := est.Index(e.Space); err != nil { // names all rows that lack
		return fmt.Errorf("stages: lut.table: %s: %w (measure them on the device with hanas latency profile, or model them with hanas latency fill)", file, err)
	}
	if err := table.Write(p.Output(lutFile)); err != nil {
		return err
	}
	if err := est.Write(p.Output(estimatorFile)); err != nil {
		return err
	}
	p.Summary(fmt.Sprintf("%d rows for %s, from %s", table.Len(), table.Device, file))
	return writeJSON(p.Output(latencyJSON), lutRecord{Rows: table.Len()})
}
