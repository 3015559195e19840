// Command rooflines fits the roofline models of the devices without published
// tables and writes them into their device files. Half of the networks of each
// source are held out.
//
//	go run ./bench/rooflines -data DIR [-write latency/devices]
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"hanas/latency"
)

func main() {
	data := flag.String("data", filepath.Join("..", "shared", "data"), "folder with mlperf/, ncnn/ and lut/")
	write := flag.String("write", "", "folder of the device files; empty = print only")
	flag.Parse()
	if err := run(*data, *write); err != nil {
		fmt.Fprintln(os.Stderr, "rooflines:", err)
		os.Exit(1)
	}
}

// net is a whole network with its time.
type net struct {
	name string
	latency.Measured
}

func run(data, write string) error {
	a78, err := cortexA78(data)
	if err != nil {
		return err
	}
	orin, err := jetsonOrin(data)
	if err != nil {
		return err
	}
	vpu, err := movidius(data)
	if err != nil {
		return err
	}
	for device, models := range map[string][]latency.Roofline{"cortex-a78": a78, "jetson-orin": orin, "movidius-vpu": vpu} {
		if write == "" {
			continue
		}
		if err := rewrite(filepath.Join(write, device+".json"), models); err != nil {
			return err
		}
	}
	return nil
}

// rewrite replaces the models of a device file.
func rewrite(path string, models []latency.Roofline) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var d latency.Device
	if err := json.Unmarshal(text, &d); err != nil {
		return err
	}
	d.Models = models
	if err := d.Validate(); err != nil {
		return err
	}
	text, err = json.MarshalIndent(d, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o666)
}

// halves splits networks by name, every second one to fit on, so that neither
// half is all small or all large.
func halves(nets []net) (fit, held []net) {
	nets = slices.Clone(nets)
	slices.SortStableFunc(nets, func(a, b net) int { return strings.Compare(a.name, b.name) })
	for i, n := range nets {
		if i%2 == 0 {
			fit = append(fit, n)
		} else {
			held = append(held, n)
		}
	}
	return fit, held
}

func measured(nets []net) (out []latency.Measured) {
	for _, n := range nets {
		out = append(out, n.Measured)
	}
	return out
}

// leaveOneOut chooses how much a model of few networks leans on its prior: by
// pricing each network of the fit by the others.
func leaveOneOut(m latency.Roofline, fit []net, prior *latency.Roofline) (float64, error) {
	best, least := 0., math.Inf(1)
	for _, pull := range []float64{1e-3, 1e-2, 1e-1, 1, 10} {
		off := 0.0
		for i := range fit {
			if err := m.Fit(measured(slices.Delete(slices.Clone(fit), i, i+1)), prior, pull); err != nil {
				return 0, err
			}
			off += math.Abs(m.Price(fit[i].Layers)/fit[i].Ms - 1)
		}
		if off < least {
			best, least = pull, off
		}
	}
	return best, nil
}

// judged fits a model on one half of the networks and judges it by the other;
// pull 0 is chosen inside the first half.
func judged(m latency.Roofline, nets []net, prior *latency.Roofline, pull float64) (latency.Roofline, error) {
	fit, held := halves(nets)
	if pull == 0 {
		var err error
		if pull, err = leaveOneOut(m, fit, prior); err != nil {
			return m, err
		}
		fmt.Printf("pull %g: ", pull)
	}
	if err := m.Fit(measured(fit), prior, pull); err != nil {
		return m, err
	}
	q := m.Judge(measured(held))
	in := m.Judge(measured(fit))
	m.Fitted.HeldOut, m.Fitted.MAPE, m.Fitted.Tau = len(held), q.MAPE, q.Tau
	fmt.Printf("%-24s %-6s fitted on %d (%.1f %%), held out %d: MAPE %.1f %%, within 10 %% %.0f %%, tau %.3f\n",
		m.Runtime, m.Precision, len(fit), 100*in.MAPE, len(held), 100*q.MAPE, 100*q.Within10, q.Tau)
	return m, nil
}
