package latency

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// readORTProfile reads the Chrome trace that ONNX Runtime writes for a session:
//
//	[{"cat":"Node","dur":151,"ts":5,"ph":"X","name":"s0.b0.dw.conv_kernel_time","args":{"op_name":"Conv"}}, …]
//
// Durations are in microseconds, one event a node and run. Where a node ran
// at least three times its first run is left out as warm-up.
func readORTProfile(data []byte) ([]OpTime, error) {
	var events []struct {
		Cat  string   `json:"cat"`
		Name string   `json:"name"`
		Dur  *float64 `json:"dur"`
		Args struct {
			Op string `json:"op_name"`
		} `json:"args"`
	}
	if err := json.Unmarshal(data, &events); err != nil {
		return nil, fmt.Errorf("want a JSON array of trace events: %w", err)
	}
	var ops []OpTime
	at := map[string]int{}
	first := map[string]float64{}
	for _, e := range events {
		name, kernel := strings.CutSuffix(e.Name, "_kernel_time")
		if e.Cat != "Node" || !kernel {
			continue
		}
		if e.Dur == nil {
			return nil, fmt.Errorf("%.80q has no duration", e.Name)
		}
		ms := *e.Dur / 1000
		if err := checkOp(OpTime{Name: name, Ms: ms}); err != nil {
			return nil, err
		}
		i, seen := at[name]
		if !seen {
			i = len(ops)
			at[name], first[name] = i, ms
			ops = append(ops, OpTime{Name: name, Type: e.Args.Op})
		}
		ops[i].Ms += ms // the sum, until below
		ops[i].Count++
	}
	for i := range ops {
		if op := &ops[i]; op.Count >= 3 {
			op.Ms -= first[op.Name]
			op.Count--
		}
		ops[i].Ms = max(0, ops[i].Ms/float64(ops[i].Count))
	}
	if len(ops) == 0 {
		return nil, errors.New("no kernel times (was the session run with profiling on?)")
	}
	return ops, nil
}
