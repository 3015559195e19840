package cli

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hanas/datasets"
	"hanas/export"
	"hanas/internal/progress"
	"hanas/onnx"
	"hanas/onnx/ort"
	"hanas/pretrained"
)

// quantiseFlags say what is quantised and how.
type quantiseFlags struct {
	weights, net, calibrate, out string
	profile                      string
	size, resize, images         int
	wbits, abits                 int
	search                       []int
	limit                        float64
	mean, std                    []float32
	seed                         uint64
}

// quantiseAnswer is what `hanas quantise --json` prints.
type quantiseAnswer struct {
	File        string         `json:"file"`
	FileBytes   int64          `json:"file_bytes"`
	WeightBytes int64          `json:"weight_bytes"` // packed, with scales and biases
	EightBytes  int64          `json:"weight_bytes_at_8"`
	Loss        float64        `json:"loss"` // divergence from the float network on the calibration images, nats
	Images      int            `json:"images"`
	Layers      map[int]int    `json:"layers"` // how many layers have weights of so many bits
	Bits        map[string]int `json:"weight_bits"`
}

func (a *app) quantiseCommand() *cobra.Command {
	var f quantiseFlags
	cmd := &cobra.Command{
		Use:   "quantise --weights FILE.pth --net net.config --out FILE.onnx",
		Short: "Quantise a trained network of PyTorch by calibration, to bits chosen by layer",
		Long: `Reads weights of PyTorch and the net.config of Once-for-All that names their layers
(ProxylessNASNets, MobileNetV3), and writes them as ONNX at the bits asked for, without
training: ranges and steps of the least error on calibration images, and biases that
keep the mean of each output. Nothing in the weights' file is executed.

--search 2,4,8 chooses the bits of each layer's weights by what they cost: how far the
answers move on the calibration images, under --limit, the share of the 8-bit weights'
bytes that may be used. At --wbits 16 --abits 16 the network stays in float.

Calibration images come from a folder with a folder a class; never use the images
that the file is judged by.`,
		Example: `  hanas quantise --weights proxyless.pth --net net.config --size 176 --resize 201 --calibrate train --out int8.onnx
  hanas quantise --weights proxyless.pth --net net.config --size 176 --resize 201 --calibrate train --search 4,8 --limit 0.6 --out mixed.onnx
  hanas validate int8.onnx --data list:imagenet/val_map.txt`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if len(f.search) > 0 && cmd.Flags().Changed("wbits") {
				return usage("say --wbits or --search, not both")
			}
			return a.quantise(cmd.Context(), f)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&f.weights, "weights", "", "state dict of PyTorch (.pth, legacy or zip)")
	fl.StringVar(&f.net, "net", "", "net.config of Once-for-All")
	fl.StringVar(&f.calibrate, "calibrate", "", "folder of calibration images, a folder a class")
	fl.StringVarP(&f.out, "out", "o", "", "file to write")
	fl.IntVar(&f.size, "size", 224, "side of the images in pixels")
	fl.IntVar(&f.resize, "resize", 0, "length of the short side before the central cut (default size/0.875)")
	fl.IntVar(&f.images, "images", 200, "calibration images")
	fl.IntVar(&f.wbits, "wbits", 8, "bits of the weights: 2, 4, 8 or 16; the stem and the classifier keep 8")
	fl.IntVar(&f.abits, "abits", 8, "bits of the activations")
	fl.IntSliceVar(&f.search, "search", nil, "choose each layer's weight bits among these")
	fl.Float64Var(&f.limit, "limit", .6, "with --search: the weights' bytes at most, as a share of those at 8 bits")
	fl.Float32SliceVar(&f.mean, "mean", []float32{.5, .5, .5}, "normalisation that the network was trained with, of RGB in [0,1]")
	fl.Float32SliceVar(&f.std, "std", []float32{.5, .5, .5}, "normalisation that the network was trained with")
	fl.StringVar(&f.profile, "profile", "quantised", profileHelp)
	fl.Uint64Var(&f.seed, "seed", 1, "of the choice of calibration images")
	return cmd
}

func (f *quantiseFlags) check() error {
	switch {
	case f.weights == "" || f.net == "" || f.out == "" || f.calibrate == "":
		return usage("say --weights FILE, --net FILE, --calibrate DIR and --out FILE")
	case len(f.mean) != 3 || len(f.std) != 3:
		return usage("--mean and --std are three numbers each")
	case !(f.std[0] > 0 && f.std[1] > 0 && f.std[2] > 0):
		return usage("--std is above 0")
	case f.size < 1 || f.images < 1 || !(f.limit > 0):
		return usage("--size, --images and --limit are positive")
	}
	if _, err := export.ParseProfile(f.profile); err != nil {
		return usage("--profile is one of %s", strings.Join(export.ProfileNames(), ", "))
	}
	for _, b := range append([]int{f.wbits, f.abits}, f.search...) {
		if b != 2 && b != 4 && b != 8 && b != 16 {
			return usage("bits are 2, 4, 8 or 16, not %d", b)
		}
	}
	if f.resize == 0 {
		f.resize = int(float64(f.size)/.875 + .5)
	}
	return nil
}

func (a *app) quantise(ctx context.Context, f quantiseFlags) error {
	if err := f.check(); err != nil {
		return err
	}
	net, err := pretrained.Read(f.weights, f.net, f.size)
	if err != nil {
		return badInput(err)
	}
	c := a.console()
	defer c.Close()
	rt, err := openORT(ctx, c)
	if err != nil {
		return err
	}
	defer rt.Close()
	begin := time.Now()
	c.Start("quantise", "")
	network, answer, err := f.run(ctx, net, rt.Engine(ort.Settings{Threads: runtime.GOMAXPROCS(0)}), c)
	if err != nil {
		return err
	}
	network.Mean, network.Std = f.mean, f.std
	network.Metadata = map[string]string{"hanas.resize": fmt.Sprint(f.resize)}
	profile, err := export.ParseProfile(f.profile)
	if err != nil {
		return err
	}
	m, err := export.Build(network, export.Settings{Profile: profile})
	if err != nil {
		return err
	}
	if err := onnx.WriteFile(f.out, m); err != nil {
		return err
	}
	info, err := os.Stat(f.out)
	if err != nil {
		return fmt.Errorf("cli: %w", err)
	}
	answer.FileBytes = info.Size()
	c.Finish("quantise", f.out, time.Since(begin))
	c.Close()
	return a.print(answer, answer.text)
}

// run calibrates, chooses the bits and quantises.
func (f *quantiseFlags) run(ctx context.Context, net *pretrained.Net, engine onnx.Engine, c *progress.Console) (*export.Network, *quantiseAnswer, error) {
	batches, n, err := f.batches(ctx)
	if err != nil {
		return nil, nil, badInput(err)
	}
	c.Log("quantise", fmt.Sprintf("calibrating on %d images", n))
	stats, err := net.Calibrate(ctx, engine, batches)
	if err != nil {
		return nil, nil, err
	}
	bits := net.Uniform(f.wbits, f.abits)
	eight := net.Bytes(net.Uniform(8, 8))
	if len(f.search) > 0 {
		bits, err = net.Search(ctx, engine, stats, net.Uniform(8, f.abits), f.search, int64(f.limit*float64(eight)), func(done, total int) {
			c.Update("quantise", int64(done), int64(total), "choices")
		})
		if err != nil {
			return nil, nil, err
		}
	}
	network := net.Float()
	quantised := len(f.search) > 0 || f.wbits < 16 || f.abits < 16
	if quantised {
		if network, err = net.Quantise(stats, bits); err != nil {
			return nil, nil, err
		}
	}
	answer := &quantiseAnswer{File: f.out, WeightBytes: net.Bytes(bits), EightBytes: eight, Images: n, Layers: map[int]int{}, Bits: map[string]int{}}
	for _, u := range network.Units {
		if u.Layer.WBits > 0 {
			answer.Layers[u.Layer.WBits]++
			answer.Bits[u.Layer.Name] = u.Layer.WBits
		}
	}
	if answer.Loss, err = stats.Loss(ctx, engine, network); err == nil && quantised {
		network, err = net.Quantise(stats.Joined(), bits) // the loss was judged without
	}
	return network, answer, err
}

// batches are the calibration images, drawn by the seed.
func (f *quantiseFlags) batches(ctx context.Context) ([]*onnx.Tensor, int, error) {
	set, err := datasets.Open(ctx, datasets.Settings{
		Kind: "folder", Path: f.calibrate, Size: f.size, Resize: f.resize, Train: f.images, Val: 1, Seed: f.seed,
		Mean: [3]float32(f.mean), Std: [3]float32(f.std),
	})
	if err != nil {
		return nil, 0, err
	}
	images, err := set.Load(ctx, set.Train, runtime.GOMAXPROCS(0))
	if err != nil {
		return nil, 0, err
	}
	const batch = 20
	order := rand.New(rand.NewPCG(f.seed, 0xca1)).Perm(images.Len())
	order = order[:min(len(order), f.images)]
	var out []*onnx.Tensor
	for i := 0; i < len(order); i += batch {
		idx := order[i:min(i+batch, len(order))]
		t := onnx.NewTensor(onnx.Float, len(idx), 3, f.size, f.size)
		if err := images.Batch(t.Floats(), nil, idx); err != nil {
			return nil, 0, err
		}
		out = append(out, t)
	}
	return out, len(order), nil
}

func (q *quantiseAnswer) text(w io.Writer) {
	var layers []string
	for _, b := range []int{2, 4, 8, 16} {
		if n := q.Layers[b]; n > 0 {
			layers = append(layers, fmt.Sprintf("%d at %d bits", n, b))
		}
	}
	fmt.Fprintf(w, "%s: %d kB, weights %d kB (%.0f %% of 8 bits), layers: %s; divergence from float %.4f nats on %d calibration images\n",
		q.File, q.FileBytes/1000, q.WeightBytes/1000, 100*float64(q.WeightBytes)/float64(q.EightBytes), strings.Join(layers, ", "), q.Loss, q.Images)
}
