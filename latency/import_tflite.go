package latency

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// readTFLite reads the CSV of TensorFlow Lite's benchmark_model
// (--enable_op_profiling --profiling_output_csv_file): sections of which "Run
// Order" has one line an operator:
//
//	Operator-wise Profiling Info for Regular Benchmark Runs:
//	============================== Run Order ==============================
//	node type, first, avg_ms, %, cdf%, mem KB, times called, name
//	CONV_2D, 0.31, 0.30, 12.5%, 12.5%, 0, 1, [stem/Relu]:0
//
// avg_ms is the mean of one call. Profiles of the initialisation are skipped.
func readTFLite(data []byte) ([]OpTime, error) {
	var ops []OpTime
	var cols tfliteColumns
	inside, setup := false, false
	line := 0
	for text := range bytes.Lines(data) {
		line++
		s := strings.TrimSpace(string(text))
		switch {
		case strings.HasPrefix(s, "Profiling Info for Benchmark Initialization"):
			setup = true
		case strings.HasPrefix(s, "Operator-wise Profiling Info"):
			setup = false
		case strings.HasPrefix(s, "==="):
			inside, cols = strings.Contains(s, "Run Order") && !setup, tfliteColumns{}
		case !inside || s == "":
			inside = inside && s != ""
		default:
			f, err := splitLine(s)
			var op OpTime
			if err == nil && cols.avg == 0 {
				err = cols.find(f)
				if err == nil {
					continue
				}
			} else if err == nil {
				op, err = cols.op(f)
			}
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", line, err)
			}
			ops = append(ops, op)
		}
	}
	if len(ops) == 0 {
		return nil, errors.New(`no section "Run Order" with operators`)
	}
	return ops, nil
}

func splitLine(s string) ([]string, error) {
	r := csv.NewReader(strings.NewReader(s))
	r.TrimLeadingSpace, r.LazyQuotes, r.FieldsPerRecord = true, true, -1
	return r.Read()
}

// tfliteColumns are the places of the columns; avg is never 0.
type tfliteColumns struct{ kind, avg, times, name int }

func (c *tfliteColumns) find(head []string) error {
	*c = tfliteColumns{column(head, "node type"), column(head, "avg_ms", "avg ms"), column(head, "times called"), column(head, "name")}
	if c.kind < 0 || c.avg < 1 || c.name < 0 {
		*c = tfliteColumns{}
		return fmt.Errorf("columns are %.200q, want node type, avg_ms and name", head)
	}
	return nil
}

func (c *tfliteColumns) op(f []string) (OpTime, error) {
	if len(f) <= max(c.kind, c.avg, c.times, c.name) {
		return OpTime{}, fmt.Errorf("%d columns", len(f))
	}
	op := OpTime{Name: strings.Join(f[c.name:], ","), Type: f[c.kind]} // names may hold commas; theirs is the last column
	var err error
	if op.Ms, err = strconv.ParseFloat(strings.TrimSpace(f[c.avg]), 64); err != nil {
		return op, fmt.Errorf("avg_ms: %w", err)
	}
	return op, checkOp(op)
}
