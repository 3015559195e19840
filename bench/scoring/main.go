// Command scoring measures how many sub-networks a minute are scored as the
// stage evaluate scores them (statistics of 256 images, the exported integer
// graph, 1,000 images), against PyTorch building, recalibrating and running the
// very same sub-networks, in float or with fake quantisation, in turns.
//
//	go run ./bench/scoring -nets 24
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
	"time"

	"golang.org/x/sync/errgroup"

	"hanas/datasets"
	"hanas/eval"
	"hanas/export"
	"hanas/onnx"
	"hanas/onnx/ort"
	"hanas/space"
	"hanas/supernet"
)

const images = 1000

func main() {
	nets := flag.Int("nets", 24, "sub-networks")
	name := flag.String("space", "cifar10-large", "space")
	threads := flag.Int("threads", 2, "workers here, threads there")
	python := flag.String("python", "/usr/bin/python3", "Python with PyTorch; empty = no peer")
	batch := flag.Int("batch", 8, "images a run here")
	calibration := flag.Int("calibration", 256, "images that statistics are taken from")
	runs := flag.Int("runs", 16, "runs that those images are split into")
	fake := flag.Bool("fake", false, "PyTorch rounds weights and inputs of layers to 8 bits, as files do")
	flag.Parse()
	if err := run(context.Background(), *name, setup{*nets, *threads, *batch, *calibration, *runs, *python, *fake}); err != nil {
		fmt.Fprintln(os.Stderr, "scoring:", err)
		os.Exit(1)
	}
}

type setup struct {
	nets, threads, batch, calibration, runs int
	python                                  string
	fake                                    bool
}

// scorer scores with random weights: the time does not depend on them.
type scorer struct {
	cal    *supernet.Calibrator
	engine onnx.Engine
	eval   *eval.Evaluator
}

func run(ctx context.Context, name string, set setup) error {
	rt, err := ort.Open(ctx, ort.Options{Fetch: true})
	if err != nil {
		return err
	}
	defer rt.Close()
	sp, err := space.Preset(name)
	if err != nil {
		return err
	}
	s, err := newScorer(rt, sp, set)
	if err != nil {
		return err
	}
	rng := rand.New(rand.NewPCG(1, 1))
	var archs []space.Arch
	for range set.nets {
		archs = append(archs, sp.Random(rng))
	}
	peer, err := startPeer(set)
	if err != nil {
		return err
	}
	defer peer.stop()
	var ours, theirs []float64
	var parts [4]time.Duration
	for i := 0; i < len(archs); i += set.threads { // as many here at once as workers
		part := archs[i:min(i+set.threads, len(archs))]
		began := time.Now()
		g := new(errgroup.Group)
		spent := make([][4]time.Duration, len(part))
		for k, a := range part {
			g.Go(func() (err error) {
				spent[k], err = s.score(ctx, a)
				return err
			})
		}
		if err := g.Wait(); err != nil {
			return err
		}
		mine := time.Since(began).Seconds()
		for _, p := range spent {
			for j := range parts {
				parts[j] += p[j]
			}
		}
		seconds, err := peer.score(sp, part)
		if err != nil {
			return err
		}
		ours, theirs = append(ours, mine/float64(len(part))), append(theirs, seconds/float64(len(part)))
	}
	fmt.Printf("%s, space %s, %d threads: sub-networks a minute: hanas %.0f", rt, name, set.threads, 60/mean(ours))
	if set.python != "" {
		fmt.Printf(", PyTorch %.0f, ratio %.2f", 60/mean(theirs), mean(theirs)/mean(ours))
	}
	n := time.Duration(len(archs))
	fmt.Printf("\nof a worker: statistics %v, writing %v, loading %v, running %v\n", parts[0]/n, parts[1]/n, parts[2]/n, parts[3]/n)
	return nil
}

func newScorer(rt *ort.Runtime, sp *space.Space, set setup) (*scorer, error) {
	net, err := supernet.New(sp, 1)
	if err != nil {
		return nil, err
	}
	size := sp.Resolutions[0]
	rng := rand.New(rand.NewPCG(1, 2))
	im := &datasets.Images{
		Size: size, Classes: make([]string, sp.Classes), Mean: [3]float32{.5, .5, .5}, Std: [3]float32{.25, .25, .25},
		Pixels: make([]uint8, images*3*size*size), Labels: make([]int32, images),
	}
	for i := range im.Pixels {
		im.Pixels[i] = uint8(rng.Uint32())
	}
	ev, err := eval.New(im, eval.Settings{Batch: set.batch})
	if err != nil {
		return nil, err
	}
	first := onnx.NewTensor(onnx.Float, set.calibration, 3, size, size)
	idx := rng.Perm(images)[:set.calibration]
	if err := im.Batch(first.Floats(), nil, idx); err != nil {
		return nil, err
	}
	cal := &supernet.Calibrator{
		Net: net, Images: first, Batch: set.calibration / set.runs, Info: supernet.Preprocessing{Mean: im.Mean[:], Std: im.Std[:], Labels: im.Classes},
		Engine: rt.Engine(ort.Settings{Threads: 1, DisableQDQFusion: true, SharedArena: true}),
	}
	return &scorer{cal, rt.Engine(ort.Settings{Threads: 1}), ev}, nil
}

// score gives the time of statistics, writing, loading and running.
func (s *scorer) score(ctx context.Context, a space.Arch) (spent [4]time.Duration, err error) {
	at := time.Now()
	lap := func(i int) {
		now := time.Now()
		spent[i], at = now.Sub(at), now
	}
	network, err := s.cal.Network(ctx, a)
	if err != nil {
		return spent, err
	}
	lap(0)
	m, err := export.Build(network, export.Settings{})
	if err != nil {
		return spent, err
	}
	lap(1)
	r, err := s.engine(m)
	if err != nil {
		return spent, err
	}
	defer r.Close()
	lap(2)
	_, err = s.eval.Run(ctx, r)
	lap(3)
	return spent, err
}

// peer is the PyTorch program; nil answers nothing.
type peer struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
}

func startPeer(set setup) (*peer, error) {
	if set.python == "" {
		return nil, nil
	}
	cmd := exec.Command(set.python, "bench/scoring/scoring.py", strconv.Itoa(set.threads), strconv.Itoa(set.calibration), strconv.Itoa(images), strconv.FormatBool(set.fake))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	return &peer{cmd, in, bufio.NewScanner(out)}, cmd.Start()
}

func (p *peer) score(sp *space.Space, archs []space.Arch) (float64, error) {
	if p == nil {
		return 0, nil
	}
	var nets [][]space.Layer
	for _, a := range archs {
		nets = append(nets, sp.Layers(a))
	}
	text, err := json.Marshal(nets)
	if err != nil {
		return 0, err
	}
	if _, err := fmt.Fprintf(p.in, "%s\n", text); err != nil {
		return 0, err
	}
	if !p.out.Scan() {
		return 0, errors.New("PyTorch ended")
	}
	return strconv.ParseFloat(strings.TrimSpace(p.out.Text()), 64)
}

func (p *peer) stop() {
	if p != nil {
		p.in.Close()
		p.cmd.Wait()
	}
}

func mean(v []float64) float64 {
	sum := 0.0
	for _, x := range slices.All(v) {
		sum += x
	}
	return sum / float64(len(v))
}
