// Command sandwich measures whole training steps of the cifar10 supernet
// (largest, smallest and two random sub-networks on 128 images, quantised but
// for the largest, distillation, AdamW) against PyTorch training the very same
// sub-networks, step by step in turns.
//
//	go run ./bench/sandwich -steps 20
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"hanas/datasets"
	"hanas/onnx"
	"hanas/onnx/blocked"
	"hanas/onnx/ort"
	"hanas/space"
	"hanas/supernet"
)

const (
	batch  = 128
	random = 2
	warmup = 4 // steps that load sessions and fill caches
)

func main() {
	steps := flag.Int("steps", 20, "steps that are measured")
	threads := flag.Int("threads", 2, "workers here, threads there")
	python := flag.String("python", "/usr/bin/python3", "Python with PyTorch")
	float := flag.Bool("float", false, "no quantisation, as at the start of training")
	flag.Parse()
	if err := run(context.Background(), *python, *steps, setup{*threads, *float}); err != nil {
		fmt.Fprintln(os.Stderr, "sandwich:", err)
		os.Exit(1)
	}
}

// setup is what both sides do alike.
type setup struct {
	threads int
	float   bool
}

var errEnough = errors.New("measured enough")

func run(ctx context.Context, python string, steps int, set setup) error {
	rt, err := ort.Open(ctx, ort.Options{Fetch: true})
	if err != nil {
		return err
	}
	defer rt.Close()
	sp, err := space.Preset("cifar10")
	if err != nil {
		return err
	}
	torch, err := startPeer(python, sp, set)
	if err != nil {
		return err
	}
	defer torch.stop()
	t, err := trainer(rt, sp, set)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var ours, theirs []float64
	var fault error
	t.OnStep = func(p supernet.Point) {
		seconds, err := torch.step()
		if err != nil {
			fault = err
			stop(err)
			return
		}
		if p.Step > warmup {
			ours = append(ours, p.PerSec)
			theirs = append(theirs, batch*(2+random)/seconds)
		}
		if len(ours) == steps {
			stop(errEnough)
		}
	}
	if err := t.Run(ctx); fault != nil || !errors.Is(context.Cause(ctx), errEnough) {
		return errors.Join(fault, err)
	}
	ratio := make([]float64, len(ours))
	for i := range ratio {
		ratio[i] = ours[i] / theirs[i]
	}
	fmt.Printf("%s, %d threads: images x sub-networks a second, medians of %d steps: hanas %.0f, PyTorch channels-last %.0f, ratio within steps %.2f\n",
		rt, set.threads, len(ours), median(ours), median(theirs), median(ratio))
	return nil
}

// trainer is the preset's, with one pair of random topologies and quantisation
// from the first step.
func trainer(rt *ort.Runtime, sp *space.Space, set setup) (*supernet.Trainer, error) {
	net, err := supernet.New(sp, 1)
	if err != nil {
		return nil, err
	}
	engine := rt.Engine(ort.Settings{Threads: 1, Level: ort.Basic, DisableQDQFusion: true, SharedArena: true})
	size, err := blocked.SelfTest(engine)
	if err != nil || size == 0 {
		return nil, fmt.Errorf("the blocked layout is not usable here: %w", err)
	}
	b := supernet.Backend{Engine: engine, Differentiate: func(m *onnx.Model, loss string, wrt []string) (*onnx.Model, error) {
		return blocked.Build(m, loss, wrt, size)
	}}
	rng := rand.New(rand.NewPCG(1, 1))
	im := &datasets.Images{Size: 32, Classes: make([]string, 10), Mean: [3]float32{.5, .5, .5}, Std: [3]float32{.25, .25, .25}, Pixels: make([]uint8, 1024*3072), Labels: make([]int32, 1024)}
	for i := range im.Pixels {
		im.Pixels[i] = uint8(rng.Uint32())
	}
	for i := range im.Labels {
		im.Labels[i] = int32(i % 10)
	}
	floatSteps := -1.0
	if set.float {
		floatSteps = 1
	}
	return &supernet.Trainer{
		Net: net, Backend: b, Images: im, Info: supernet.Preprocessing{Mean: im.Mean[:], Std: im.Std[:]},
		Set: supernet.TrainSettings{
			Epochs: 1000, Batch: batch, Random: random, Pool: 1, PoolSteps: 1 << 30, FloatSteps: floatSteps, Distil: .5, Workers: set.threads,
			Augment: datasets.Augment{Pad: 4, Flip: true},
		},
	}, nil
}

// peer is the PyTorch program.
type peer struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
}

// startPeer gives the sub-networks that the Trainer draws, layer by layer.
func startPeer(python string, sp *space.Space, set setup) (*peer, error) {
	nets := [][]space.Layer{sp.Layers(sp.Largest()), sp.Layers(sp.Smallest())}
	for i := range uint64(random) {
		nets = append(nets, sp.Layers(sp.Random(rand.New(rand.NewPCG(i<<24, 0xa2c4)))))
	}
	text, err := json.Marshal(nets)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(python, "bench/sandwich/sandwich.py", strconv.Itoa(batch), strconv.Itoa(set.threads), strconv.FormatBool(set.float))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	_, err = fmt.Fprintf(in, "%s\n", text)
	return &peer{cmd, in, bufio.NewScanner(out)}, err
}

func (p *peer) step() (float64, error) {
	if _, err := fmt.Fprintln(p.in); err != nil {
		return 0, err
	}
	if !p.out.Scan() {
		return 0, errors.New("PyTorch ended")
	}
	return strconv.ParseFloat(strings.TrimSpace(p.out.Text()), 64)
}

func (p *peer) stop() {
	p.in.Close()
	p.cmd.Wait()
}

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	return s[len(s)/2]
}
