// Command bitfusion makes a latency table for a space of ours out of APQ's
// BitFusion table (Wang et al. 2020: simulated, 4, 6 and 8 bits), so that joint
// search can be held against architecture-only search on an accelerator whose
// time falls with the bits.
//
//	go run ./bench/bitfusion -table bitfusion_b1.json -space quick -out bitfusion.csv
//	hanas run quick --set 'space.wbits=[4,8]' --set 'space.abits=[4,8]' --set lut.table=bitfusion.csv --out runs/bitfusion
//	hanas reproduce joint runs/bitfusion
//
// Its rows of single convolutions are taken over; what the space needs besides
// is modelled by package latency's rooflines on them and marked so. Of stem and
// classifier, which the table has only together with others, the rows are those
// of a pointwise convolution of the same MACs and bytes; sums and pooling are free, as
// the table has no rows for them.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"regexp"
	"strconv"

	"hanas/latency"
	"hanas/space"
)

func main() {
	file := flag.String("table", "", "bitfusion_b1.json")
	name := flag.String("space", "quick", "space")
	out := flag.String("out", "bitfusion.csv", "table to write")
	flag.Parse()
	if err := run(*file, *name, *out); err != nil {
		fmt.Fprintln(os.Stderr, "bitfusion:", err)
		os.Exit(1)
	}
}

var rowName = regexp.MustCompile(`^\((\d+), (\d+), (\d+), (\d+), (\d+), (\d+), (\d+)\)-W([48])A([48])$`)

func run(file, name, out string) error {
	sp, err := space.Preset(name)
	if err != nil {
		return err
	}
	sp.WBits, sp.ABits = []int{4, 8}, []int{4, 8}
	table, err := read(file)
	if err != nil {
		return err
	}
	own := table.Len()
	var plain []space.Layer
	for _, l := range sp.DistinctLayers() {
		switch l.Kind {
		case space.Add, space.Pool:
			if err := table.Set(l.Key(), latency.Row{Modelled: true}); err != nil {
				return err
			}
		case space.Conv, space.Linear:
			plain = append(plain, asPointwise(l))
		default:
			plain = append(plain, l)
		}
	}
	filling, err := table.Fill(plain)
	if err != nil {
		return err
	}
	for _, l := range sp.DistinctLayers() {
		if l.Kind != space.Conv && l.Kind != space.Linear {
			continue
		}
		as := asPointwise(l)
		row, ok := table.Row(as.Key())
		if !ok {
			return fmt.Errorf("no row of %s", as.Key())
		}
		row.Modelled = true
		if err := table.Set(l.Key(), row); err != nil {
			return err
		}
	}
	fmt.Printf("%d rows of BitFusion, %d modelled on %d of them: rows left out are %.1f %% off in the mean, %.0f %% within 10 %%\n",
		own, len(filling.Keys), filling.Rows, 100*filling.MAPE, 100*filling.Within10)
	return table.Write(out)
}

// asPointwise is the pointwise convolution with the layer's arithmetic: a
// kernel's taps become input channels.
func asPointwise(l space.Layer) space.Layer {
	size := max(l.OutSize, 1)
	return space.Layer{Kind: space.Pointwise, In: l.In * max(l.Kernel, 1) * max(l.Kernel, 1), Out: l.Out, InSize: size, OutSize: size, Kernel: 1, Stride: 1, Groups: 1, WBits: l.WBits, ABits: l.ABits}
}

// read takes the rows of pointwise and depthwise convolutions at 4 and 8 bits.
func read(file string) (*latency.Table, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var rows map[string]struct{ Latency float64 }
	if err := json.Unmarshal(data, &rows); err != nil {
		return nil, err
	}
	t := &latency.Table{Header: latency.Header{Device: "bitfusion", Provenance: latency.Imported, Source: "APQ, bitfusion_b1.json, through bench/bitfusion"}}
	for key, row := range rows {
		m := rowName.FindStringSubmatch(key)
		if m == nil {
			continue
		}
		var v [9]int
		for i := range v {
			v[i], _ = strconv.Atoi(m[i+1])
		}
		l := space.Layer{Kind: space.Pointwise, In: v[0], Out: v[1], InSize: v[2], OutSize: v[2] / v[4], Kernel: v[3], Stride: v[4], Groups: v[6], WBits: v[7], ABits: v[8]}
		switch {
		case v[6] == v[0] && v[3] > 1:
			l.Kind = space.Depthwise
		case v[6] != 1 || v[3] != 1:
			continue
		}
		if _, err := space.ParseLayerKey(l.Key()); err != nil {
			continue
		}
		if err := t.Set(l.Key(), latency.Row{MeanMs: row.Latency}); err != nil {
			return nil, err
		}
	}
	if t.Len() < 100 {
		return nil, fmt.Errorf("%s has %d rows of convolutions at 4 and 8 bits", file, t.Len())
	}
	return t, nil
}
