package latency

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
)

// readTensorRT reads what `trtexec --exportProfile` writes:
//
//	[{"count": 1000}, {"name": "conv1 + relu1", "timeMs": 84.1, "averageMs": 0.0841, "percentage": 2.8}, …]
//
// timeMs is the sum over all counted runs, averageMs its mean; a file in which
// the two disagree is refused, because then one of them is not in ms.
func readTensorRT(data []byte) ([]OpTime, error) {
	var rows []struct {
		Count   *int     `json:"count"`
		Name    string   `json:"name"`
		Total   *float64 `json:"timeMs"`
		Average *float64 `json:"averageMs"`
	}
	if err := json.Unmarshal(data, &rows); err != nil {
		return nil, fmt.Errorf("want a JSON array: %w", err)
	}
	if len(rows) == 0 || rows[0].Count == nil || *rows[0].Count < 1 {
		return nil, errors.New(`the first element is not {"count": RUNS}`)
	}
	count := *rows[0].Count
	var ops []OpTime
	for _, r := range rows[1:] {
		if r.Name == "" || r.Total == nil || r.Average == nil {
			return nil, fmt.Errorf("%.80q has no name, timeMs or averageMs", r.Name)
		}
		op := OpTime{Name: r.Name, Ms: *r.Average, Count: count}
		if err := checkOp(op); err != nil {
			return nil, err
		}
		if sum := *r.Average * float64(count); math.Abs(sum-*r.Total) > .02*math.Abs(*r.Total)+.001*float64(count) {
			return nil, fmt.Errorf("%.80q: averageMs %g times count %d is not timeMs %g: mixed units", r.Name, *r.Average, count, *r.Total)
		}
		ops = append(ops, op)
	}
	if len(ops) == 0 {
		return nil, errors.New("no layers")
	}
	return ops, nil
}
