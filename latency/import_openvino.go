package latency

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// readOpenVINO reads what OpenVINO's benchmark_app writes for `-report_type
// detailed_counters`, with semicolons or commas:
//
//	layerName;execStatus;layerType;execType;realTime (ms);cpuTime (ms)
//	conv1;EXECUTED;Convolution;jit_avx2;0.084;0.084
//	Total;;;;1.2;1.2
//
// The unit in the column's name counts: ms, or us in older versions; without
// one the file is refused. Layers that were not executed cost nothing.
func readOpenVINO(data []byte) ([]OpTime, error) {
	first, _, _ := bytes.Cut(data, []byte("\n"))
	r := csv.NewReader(bytes.NewReader(data))
	r.FieldsPerRecord = -1
	r.TrimLeadingSpace = true
	if bytes.ContainsRune(first, ';') {
		r.Comma = ';'
	}
	head, err := r.Read()
	if err != nil {
		return nil, fmt.Errorf("line 1: %w", err)
	}
	name, status, kind := column(head, "layerName"), column(head, "execStatus"), column(head, "layerType")
	timeAt, unit := -1, 0.0
	for i, h := range head {
		switch strings.TrimSpace(h) {
		case "realTime (ms)":
			timeAt, unit = i, 1
		case "realTime (us)", "realTime (mcs)":
			timeAt, unit = i, 1e-3
		case "realTime":
			return nil, errors.New("line 1: column realTime names no unit (want realTime (ms) or realTime (us))")
		}
	}
	if name < 0 || status < 0 || timeAt < 0 {
		return nil, fmt.Errorf("line 1: columns are %.200q, want layerName, execStatus and realTime (ms)", head)
	}
	var ops []OpTime
	for {
		f, err := r.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		line, _ := r.FieldPos(0)
		if len(f) <= max(name, status, timeAt) {
			return nil, fmt.Errorf("line %d: %d columns, want %d", line, len(f), len(head))
		}
		if f[status] != "EXECUTED" && f[status] != "Status.EXECUTED" || strings.EqualFold(f[name], "total") {
			continue
		}
		ms, err := strconv.ParseFloat(strings.TrimSpace(f[timeAt]), 64)
		op := OpTime{Name: f[name], Ms: ms * unit}
		if err == nil {
			err = checkOp(op)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		if kind >= 0 && kind < len(f) {
			op.Type = f[kind]
		}
		ops = append(ops, op)
	}
	if len(ops) == 0 {
		return nil, errors.New("no layer was executed")
	}
	return ops, nil
}

// column finds a column by its name, in any case and spacing.
func column(head []string, names ...string) int {
	for i, h := range head {
		for _, name := range names {
			if strings.EqualFold(strings.Trim(strings.TrimSpace(h), "[]"), name) {
				return i
			}
		}
	}
	return -1
}
