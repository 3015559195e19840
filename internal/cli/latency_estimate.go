package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"hanas/latency"
	"hanas/space"
)

// estimateAnswer is what `hanas latency estimate --json` prints.
type estimateAnswer struct {
	Arch         string   `json:"arch,omitempty"`
	Net          string   `json:"net,omitempty"`
	Device       string   `json:"device"`
	LatencyMS    float64  `json:"latency_ms"` // 0 when rows are missing
	EnergyMJ     float64  `json:"energy_mj,omitempty"`
	PowerW       float64  `json:"power_w,omitempty"`           // energy over time
	Interpolated int      `json:"interpolated_rows,omitempty"` // that lie between two tables
	MemoryBytes  int64    `json:"memory_bytes"`                // packed weights and peak of the activations
	Missing      []string `json:"missing"`                     // rows that the table lacks
	Provenance   string   `json:"provenance"`
}

// estimateFlags say which network on what.
type estimateFlags struct {
	lut, estimator, device, tables, runtime string
	space, key, net                         string
	resolution, wbits, abits                int
}

func (a *app) latencyEstimateCommand() *cobra.Command {
	var f estimateFlags
	cmd := &cobra.Command{
		Use:   "estimate --lut FILE|--device NAME --arch KEY|--net FILE",
		Short: "Estimate the latency of a network from a table or for a device",
		Long: `Sums a table's rows for the layers of a network: a sub-network of a space
(--space, --arch) or a specialised network of Once-for-All (--net net.config).
With --lut, a correction fitted on whole networks (estimator.json beside the
table) is applied if there is one.

With --device, the tables of a device are looked for in --tables, in
$HANAS_TABLES, among the installed ones ("hanas latency import --device"), and in
the folders "lut" around --net, as in the collection that publishes both.
Between the image sizes of two tables, rows are interpolated and the answer is
marked so. Devices without tables have a fitted roofline model.`,
		Example: `  hanas latency estimate --lut runs/quick/lut.csv --arch largest
  hanas latency estimate --device note10 --net nets/note10_lat-41ms/net.config
  hanas latency estimate --device cortex-a78 --net net.config --wbits 8 --abits 8
  hanas latency estimate --lut lut.csv --space quick --arch KEY --json`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return a.estimate(f) },
	}
	fl := cmd.Flags()
	fl.StringVar(&f.lut, "lut", "", "latency table")
	fl.StringVar(&f.estimator, "estimator", "", "correction (default: estimator.json beside the table, if there)")
	fl.StringVar(&f.device, "device", "", "device or device file (see hanas latency devices)")
	fl.StringVar(&f.tables, "tables", "", "folder with the device's tables")
	fl.StringVar(&f.runtime, "runtime", "", "which of the device's models (default: the first of the precision)")
	fl.StringVar(&f.key, "arch", "", "key of the sub-network, or largest or smallest")
	fl.StringVar(&f.net, "net", "", "net.config of Once-for-All, or baseline:NAME")
	fl.IntVar(&f.resolution, "resolution", 0, "image size of --net (default: run.config beside it)")
	fl.IntVar(&f.wbits, "wbits", 0, "bits of the weights of --net (default: float)")
	fl.IntVar(&f.abits, "abits", 0, "bits of the activations of --net (default: float)")
	spaceFlag(cmd, &f.space)
	return cmd
}

func (a *app) estimate(f estimateFlags) error {
	if (f.lut == "") == (f.device == "") {
		return usage("say --lut FILE or --device NAME")
	}
	answer := estimateAnswer{Missing: []string{}}
	layers, err := f.layers(&answer)
	if err != nil {
		return err
	}
	price, err := f.price(layers, &answer)
	var missing *latency.MissingError
	if errors.As(err, &missing) && a.json {
		answer.Missing = missing.Keys
		return errors.Join(a.printJSON(answer), &codedError{codeFailed, errSaid})
	}
	if err != nil {
		return err
	}
	answer.LatencyMS, answer.EnergyMJ, answer.Provenance, answer.Interpolated = price.Ms, price.EnergyMJ, price.Provenance, price.Interpolated
	answer.PowerW = price.Power()
	return a.print(answer, func(w io.Writer) {
		fmt.Fprintf(w, "%.4g ms on %s (%s)\n", answer.LatencyMS, answer.Device, answer.Provenance)
		if answer.EnergyMJ > 0 {
			fmt.Fprintf(w, "%.4g mJ, %.3g W\n", answer.EnergyMJ, answer.PowerW)
		}
	})
}

// layers are those of the network that is asked for.
func (f *estimateFlags) layers(answer *estimateAnswer) ([]space.Layer, error) {
	var layers []space.Layer
	var err error
	switch {
	case f.net != "" && f.key != "":
		return nil, usage("say --arch KEY or --net FILE, not both")
	case f.net != "":
		answer.Net = f.net
		layers, err = netLayers(f.net, f.resolution)
	default:
		layers, err = f.archLayers(answer)
	}
	if err != nil {
		return nil, err
	}
	if f.wbits != 0 || f.abits != 0 {
		layers = space.WithUniformBits(layers, f.wbits, f.abits)
	}
	return layers, nil
}

func (f *estimateFlags) archLayers(answer *estimateAnswer) ([]space.Layer, error) {
	sp, err := findSpace(f.space, f.lut)
	if err != nil {
		return nil, err
	}
	arch, err := parseArch(sp, f.key)
	if err != nil {
		return nil, err
	}
	answer.Arch = sp.Key(arch)
	return sp.Layers(arch), nil
}

// netLayers reads a net.config, or a baseline by its name.
func netLayers(file string, resolution int) ([]space.Layer, error) {
	if len(file) > 9 && file[:9] == "baseline:" {
		b, err := space.FindBaseline(file[9:])
		if err != nil {
			return nil, usage("--net: %w", err)
		}
		layers := b.Layers()
		if resolution != 0 {
			return space.Resize(layers, resolution)
		}
		return layers, nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, badInput(err)
	}
	if resolution == 0 {
		var run struct {
			Size int `json:"image_size"`
		}
		text, err := os.ReadFile(filepath.Join(filepath.Dir(file), "run.config"))
		if err != nil || json.Unmarshal(text, &run) != nil || run.Size == 0 {
			return nil, usage("no run.config with an image_size beside %s: say --resolution N", file)
		}
		resolution = run.Size
	}
	layers, err := space.NetConfigLayers(data, resolution)
	if err != nil {
		return nil, badInput(fmt.Errorf("%s: %w", file, err))
	}
	return layers, nil
}

// price asks the table or the device.
func (f *estimateFlags) price(layers []space.Layer, answer *estimateAnswer) (latency.Price, error) {
	if f.lut != "" {
		answer.MemoryBytes = latency.MemoryOf(layers, latency.MemorySettings{}).Total()
		return f.fromTable(f.lut, layers, answer)
	}
	d, err := latency.FindDevice(f.device)
	if err != nil {
		return latency.Price{}, usage("--device: %w", err)
	}
	answer.Device = d.Name
	answer.MemoryBytes = latency.MemoryOf(layers, d.Memory()).Total()
	if err := d.Check(layers); err != nil {
		return latency.Price{}, err
	}
	if len(d.Tables) == 0 {
		return d.Model(layers, f.runtime)
	}
	dirs := tableFolders(d.Name, f.tables, f.net)
	if own := nativeTable(d, dirs); own != "" {
		return f.fromTable(own, layers, answer)
	}
	set, err := d.Open(dirs)
	if err != nil {
		return latency.Price{}, badInput(err)
	}
	return set.Price(layers)
}

// fromTable sums one table and applies its correction.
func (f *estimateFlags) fromTable(file string, layers []space.Layer, answer *estimateAnswer) (latency.Price, error) {
	est, err := readEstimator(file, f.estimator)
	if err != nil {
		return latency.Price{}, err
	}
	answer.Device = est.Table().Device
	ms, provenance, err := est.Estimate(layers)
	if err != nil {
		return latency.Price{}, err
	}
	mj, err := est.Energy(layers)
	return latency.Price{Ms: ms, EnergyMJ: mj, Provenance: provenance}, err
}

// readEstimator reads a table, and the correction that belongs to it if there
// is one.
func readEstimator(lut, correction string) (*latency.Estimator, error) {
	if lut == "" {
		return nil, usage("say --lut FILE")
	}
	t, err := latency.ReadTable(lut)
	if err != nil {
		return nil, badInput(err)
	}
	if correction == "" {
		beside := filepath.Join(filepath.Dir(lut), "estimator.json")
		if _, err := os.Stat(beside); err != nil {
			return latency.NewEstimator(t, latency.Plain), nil
		}
		correction = beside
	}
	est, err := latency.ReadEstimator(correction, t)
	return est, badInput(err)
}
