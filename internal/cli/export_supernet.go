package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"hanas/export"
	"hanas/internal/progress"
	"hanas/onnx"
	"hanas/onnx/ort"
	"hanas/pretrained"
	"hanas/space"
	"hanas/supernet"
)

// supernetExport says which sub-network of which shared weights is written how.
type supernetExport struct {
	supernet, arch, net, calibrate, out string
	size, resize, images, wbits, abits  int
	mean, std                           []float32
	seed                                uint64
	float32                             bool
	profile, baseline                   string
	finetune                            float64 // of a run's sub-network, epochs
}

// supernetExported is what `hanas export --supernet --json` prints.
type supernetExported struct {
	File       string `json:"file"`
	Arch       string `json:"arch"`
	Space      string `json:"space"`
	Resolution int    `json:"resolution"`
	Statistics string `json:"statistics"` // of batch norm: "measured" on the images, or "imported" with the weights
	Images     int    `json:"images"`     // that were calibrated on
	WBits      int    `json:"wbits"`
	ABits      int    `json:"abits"`
	Params     int64  `json:"params"`
	MACs       int64  `json:"macs"`
	FileBytes  int64  `json:"file_bytes"`
}

// profileHelp says what --profile chooses.
const profileHelp = "form of the file: quantised, compat (the same numbers, opset 13), float (activations as they are) or fp16"

func (f *supernetExport) flags(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&f.supernet, "supernet", "", "shared weights (.safetensors) in place of a run folder")
	fl.StringVar(&f.net, "net", "", "with --supernet: net.config of Once-for-All in place of --arch")
	fl.IntVar(&f.size, "size", 0, "with --supernet: side of the images in pixels (default: what the sub-network says)")
	fl.IntVar(&f.resize, "resize", 0, "length of the short side before the central cut (default size/0.875)")
	fl.StringVar(&f.calibrate, "calibrate", "", "with --supernet: folder of training images to calibrate on, a folder a class")
	fl.IntVar(&f.images, "images", 500, "calibration images")
	fl.IntVar(&f.wbits, "wbits", 16, "bits of the weights: 2, 4, 8 or 16; the stem and the classifier keep 8")
	fl.IntVar(&f.abits, "abits", 16, "bits of the activations; 16 is float")
	fl.StringVar(&f.profile, "profile", "", profileHelp+" (default: the run's, or quantised)")
	fl.BoolVar(&f.float32, "float32", false, "write 16-bit weights as float32, for the very logits of the shared weights")
	fl.Float32SliceVar(&f.mean, "mean", []float32{.485, .456, .406}, "normalisation that the weights were trained with, of RGB in [0,1]")
	fl.Float32SliceVar(&f.std, "std", []float32{.229, .224, .225}, "normalisation that the weights were trained with")
	fl.Uint64Var(&f.seed, "seed", 1, "of the choice of calibration images")
}

// find resolves the sub-network and the resolution.
func (f *supernetExport) find(sp *space.Space) (space.Arch, error) {
	var arch space.Arch
	var err error
	switch {
	case (f.net == "") == (f.arch == ""):
		return arch, usage("say --arch KEY (or largest, smallest) or --net net.config")
	case f.net != "":
		arch, err = f.fromConfig(sp)
	default:
		arch, err = parseArch(sp, f.arch)
	}
	if err == nil && f.size == 0 {
		f.size = sp.Layers(arch)[0].InSize
	}
	return arch, err
}

func (f *supernetExport) fromConfig(sp *space.Space) (space.Arch, error) {
	data, err := os.ReadFile(f.net)
	if err != nil {
		return space.Arch{}, badInput(fmt.Errorf("cli: %w", err))
	}
	size := f.size
	if size == 0 {
		size = sp.Resolutions[len(sp.Resolutions)-1]
	}
	layers, err := space.NetConfigLayers(data, size)
	if err != nil {
		return space.Arch{}, badInput(fmt.Errorf("%w: %s", err, f.net))
	}
	arch, err := sp.ArchOf(layers)
	if err != nil {
		return arch, badInput(fmt.Errorf("%w: %s", err, f.net))
	}
	return arch, nil
}

// quantise says which images calibration reads.
func (f *supernetExport) quantise() quantiseFlags {
	return quantiseFlags{
		weights: f.supernet, net: "-", calibrate: f.calibrate, out: f.out, size: f.size, resize: f.resize, images: f.images,
		wbits: f.wbits, abits: f.abits, limit: 1, profile: f.profile, mean: f.mean, std: f.std, seed: f.seed,
	}
}

func (a *app) exportSupernet(ctx context.Context, f supernetExport) error {
	net, err := supernet.Read(f.supernet, nil)
	if err != nil {
		return badInput(err)
	}
	arch, err := f.find(net.Space)
	if err != nil {
		return err
	}
	low := f.wbits < 16 || f.abits < 16
	if f.calibrate == "" {
		if low {
			return usage("say --calibrate DIR: %d-bit weights and %d-bit activations are calibrated on images", f.wbits, f.abits)
		}
		if !net.HasStatistics() {
			return usage("say --calibrate DIR: these weights came without batch-norm statistics")
		}
	}
	images := f.quantise()
	if f.calibrate != "" {
		if err := images.check(); err != nil {
			return err
		}
	}
	c := a.console()
	defer c.Close()
	rt, err := openORT(ctx, c)
	if err != nil {
		return err
	}
	defer rt.Close()
	begin := time.Now()
	c.Start("export", "")
	x := subnetWriter{f: f, net: net, engine: rt.Engine(ort.Settings{Threads: runtime.GOMAXPROCS(0), DisableQDQFusion: true}), console: c}
	answer, err := x.write(ctx, arch, images)
	if err != nil {
		return err
	}
	c.Finish("export", f.out, time.Since(begin))
	c.Close()
	return a.print(answer, answer.text)
}

// subnetWriter calibrates, quantises and writes one sub-network.
type subnetWriter struct {
	f       supernetExport
	net     *supernet.Supernet
	engine  onnx.Engine
	console *progress.Console
}

func (x *subnetWriter) write(ctx context.Context, arch space.Arch, images quantiseFlags) (*supernetExported, error) {
	f := x.f
	answer := &supernetExported{
		File: f.out, Arch: x.net.Space.Key(arch), Space: x.net.Space.Name, Resolution: f.size, Statistics: "imported", WBits: f.wbits, ABits: f.abits,
	}
	cal := &supernet.Calibrator{Net: x.net, Engine: x.engine, Info: supernet.Preprocessing{Mean: f.mean, Std: f.std}}
	var batches []*onnx.Tensor
	if f.calibrate != "" {
		var err error
		if batches, err = whole(images.batches(ctx)); err != nil {
			return nil, badInput(err)
		}
		cal.Images, cal.More = batches[0], batches[1:]
		answer.Statistics, answer.Images = "measured", len(batches)*batches[0].Shape[0]
		x.console.Log("export", fmt.Sprintf("calibrating on %d images", answer.Images))
	}
	network, err := cal.NetworkAt(ctx, arch, f.size)
	if err != nil {
		return nil, err
	}
	if f.wbits < 16 || f.abits < 16 {
		if network, err = x.quantised(ctx, network, batches); err != nil {
			return nil, err
		}
	}
	if f.resize > 0 || f.calibrate != "" {
		network.Metadata = map[string]string{"hanas.resize": fmt.Sprint(images.resize)}
	}
	m, err := f.build(network)
	if err != nil {
		return nil, err
	}
	if err := onnx.WriteFile(f.out, m); err != nil {
		return nil, err
	}
	info, err := os.Stat(f.out)
	if err != nil {
		return nil, fmt.Errorf("cli: %w", err)
	}
	var layers []space.Layer
	for _, u := range network.Units {
		layers = append(layers, u.Layer)
	}
	cost := space.Cost(layers)
	answer.FileBytes, answer.Params, answer.MACs = info.Size(), cost.Params, cost.MACs
	return answer, nil
}

// build writes network in the profile asked for.
func (f *supernetExport) build(network *export.Network) (*onnx.Model, error) {
	profile, err := export.ParseProfile(f.profile)
	if err != nil {
		return nil, err
	}
	return export.Build(network, export.Settings{Profile: profile, Float32: f.float32})
}

// quantised is network at the bits asked for, as hanas quantise makes it.
func (x *subnetWriter) quantised(ctx context.Context, network *export.Network, batches []*onnx.Tensor) (*export.Network, error) {
	p := &pretrained.Net{Name: network.Space, Units: network.Units}
	stats, err := p.Calibrate(ctx, x.engine, batches)
	if err != nil {
		return nil, err
	}
	q, err := p.Quantise(stats, p.Uniform(x.f.wbits, x.f.abits))
	if err != nil {
		return nil, err
	}
	q.Arch, q.Space, q.Mean, q.Std = network.Arch, network.Space, network.Mean, network.Std
	return q, nil
}

// whole drops a last batch that is smaller than the others.
func whole(batches []*onnx.Tensor, _ int, err error) ([]*onnx.Tensor, error) {
	if n := len(batches); err == nil && n > 1 && batches[n-1].Shape[0] < batches[0].Shape[0] {
		batches = slices.Delete(batches, n-1, n)
	}
	if err == nil && len(batches) == 0 {
		err = errors.New("cli: export: no calibration images")
	}
	return batches, err
}

func (e *supernetExported) text(w io.Writer) {
	fmt.Fprintf(w, "%s: %.1f MMACs, %.2f M parameters at %d pixels, %d-bit weights, %d-bit activations, %.1f MB; batch-norm statistics %s",
		e.File, float64(e.MACs)/1e6, float64(e.Params)/1e6, e.Resolution, e.WBits, e.ABits, float64(e.FileBytes)/1e6, e.Statistics)
	if e.Images > 0 {
		fmt.Fprintf(w, " on %d images", e.Images)
	}
	fmt.Fprintln(w)
}
