package samples

import (
	"errors"
	"fmt"
	"os"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"hanas/internal/arrowframe"
	"hanas/space"
)

// ErrUnfinished marks a store that was not closed: it is being written, or a
// crash cut it. Resume continues it.
var ErrUnfinished = errors.New("the store was not closed")

// Read reads a whole store. With an error that wraps ErrUnfinished the samples
// of all whole batches are returned beside it.
func Read(path string) ([]Sample, Info, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, Info{}, fmt.Errorf("samples: read: %w", err)
	}
	d, err := decode(data, memory.DefaultAllocator)
	switch {
	case errors.Is(err, arrowframe.ErrCut):
		err = fmt.Errorf("samples: read %s: %w after %d whole rows: %w (Resume continues it)", path, ErrUnfinished, len(d.samples), err)
	case err != nil:
		return nil, Info{}, fmt.Errorf("samples: read %s: %w", path, err)
	}
	return d.samples, d.info, err
}

// Verify reads a store and holds every row against the space: the key is
// canonical and occurs once with a seed, costs and split are what the space says, scores
// are possible. It reports all faults of up to 20 rows.
func Verify(path string, sp *space.Space) (Info, error) {
	rows, info, err := Read(path)
	if err != nil {
		return info, err
	}
	if err := info.Compatible(Info{}.forSpace(sp)); err != nil {
		return info, fmt.Errorf("samples: verify %s: %w", path, err)
	}
	var faults []error
	seen := make(map[measurement]int, len(rows))
	for i := range rows {
		err := rows[i].check(sp)
		if first, dup := seen[rows[i].measurement()]; dup && err == nil {
			err = fmt.Errorf("the same Arch and seed as row %d", first)
		}
		seen[rows[i].measurement()] = i
		if err != nil && len(faults) < 20 {
			faults = append(faults, fmt.Errorf("samples: verify %s: row %d: %w", path, i, err))
		}
	}
	return info, errors.Join(faults...)
}
