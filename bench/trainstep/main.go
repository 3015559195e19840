// Command trainstep measures whole training steps (forward, backward, SGD with
// momentum) of a MobileNet-like net in the blocked layout, against PyTorch on
// the same machine, in interleaved rounds.
//
//	go run ./bench/trainstep -batch 64 -expansion 6 -rounds 7
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"hanas/onnx"
	"hanas/onnx/blocked"
	"hanas/onnx/grad"
	"hanas/onnx/ort"
)

type flags struct {
	batch, expansion, rounds, steps int
	python, script, profile         string
	plain, quant, arena             bool
}

func main() {
	var f flags
	flag.IntVar(&f.batch, "batch", 64, "images a step")
	flag.IntVar(&f.expansion, "expansion", 6, "expansion of the blocks")
	flag.IntVar(&f.rounds, "rounds", 7, "rounds; each runs every contender once")
	flag.IntVar(&f.steps, "steps", 8, "steps of a contender in a round")
	flag.StringVar(&f.python, "python", "/usr/bin/python3", "Python with PyTorch; empty = measure only this program")
	flag.StringVar(&f.script, "script", filepath.Join("bench", "trainstep.py"), "the PyTorch peer")
	flag.StringVar(&f.profile, "profile", "", "prefix of an ORT profile of the one-thread contender")
	flag.BoolVar(&f.plain, "plain", false, "measure the plain graph as well")
	flag.BoolVar(&f.quant, "quant", false, "fake-quantise every convolution's input to 8 bits (PyTorch too)")
	flag.BoolVar(&f.arena, "arena", false, "let all sessions take working memory from one arena")
	flag.Parse()
	if err := run(context.Background(), f, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// contender runs steps and says how long they took.
type contender struct {
	name string
	run  func(steps int) (time.Duration, error)
	rate []float64 // images a second, one a round
}

func run(ctx context.Context, f flags, w io.Writer) error {
	rt, err := ort.Open(ctx, ort.Options{})
	if err != nil {
		return err
	}
	defer rt.Close()
	settings := ort.Settings{Level: ort.Disable, DisableQDQFusion: true, SharedArena: f.arena}
	engine := rt.Engine(settings)
	block, err := blocked.SelfTest(engine)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%s, block %d, batch %d, expansion %d\n", rt, block, f.batch, f.expansion)
	var all []*contender
	for _, shards := range []int{1, 2} {
		e := engine
		if shards == 1 && f.profile != "" {
			profiled := settings
			profiled.ProfilePrefix = f.profile
			e = rt.Engine(profiled)
		}
		t, err := newTrainer(e, f, shards, block)
		if err != nil {
			return err
		}
		defer t.close()
		all = append(all, &contender{name: fmt.Sprintf("hanas, %d x 1 thread", shards), run: func(n int) (time.Duration, error) { return t.time(ctx, n) }})
	}
	if f.plain {
		t, err := newTrainer(engine, f, 1, 0)
		if err != nil {
			return err
		}
		defer t.close()
		all = append(all, &contender{name: "hanas, plain graph, 1 thread", run: func(n int) (time.Duration, error) { return t.time(ctx, n) }})
	}
	if f.python != "" {
		peers, stop, err := startPeers(f)
		if err != nil {
			return err
		}
		defer stop()
		all = append(all, peers...)
	}
	if err := rounds(all, f); err != nil {
		return err
	}
	report(w, all)
	return nil
}

// rounds lets every contender run in turn; a first, short round warms up.
func rounds(all []*contender, f flags) error {
	for round := -1; round < f.rounds; round++ {
		for _, c := range all {
			steps := f.steps
			if round < 0 {
				steps = 3
			}
			d, err := c.run(steps)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			if round >= 0 {
				c.rate = append(c.rate, float64(f.batch*steps)/d.Seconds())
			}
		}
	}
	return nil
}

func report(w io.Writer, all []*contender) {
	for _, c := range all {
		fmt.Fprintf(w, "%-32s %7.0f images/s (median of %d rounds, best %.0f)\n", c.name, median(c.rate), len(c.rate), slices.Max(c.rate))
	}
	for _, pair := range [][2]string{
		{"hanas, 2 x 1 thread", "PyTorch nhwc, 2 threads"},
		{"hanas, 1 x 1 thread", "PyTorch nhwc, 1 thread"},
		{"hanas, 2 x 1 thread", "PyTorch nchw, 2 threads"},
	} {
		a := slices.IndexFunc(all, func(c *contender) bool { return c.name == pair[0] })
		b := slices.IndexFunc(all, func(c *contender) bool { return c.name == pair[1] })
		if a < 0 || b < 0 {
			continue
		}
		var ratio []float64
		for i := range all[a].rate {
			ratio = append(ratio, all[a].rate[i]/all[b].rate[i])
		}
		fmt.Fprintf(w, "%s / %s: %.2f of the best rounds, %.2f median of the rounds' ratios (%.2f to %.2f)\n", pair[0], pair[1],
			slices.Max(all[a].rate)/slices.Max(all[b].rate), median(ratio), slices.Min(ratio), slices.Max(ratio))
	}
}

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	if n := len(s); n%2 == 0 {
		return (s[n/2-1] + s[n/2]) / 2
	}
	return s[len(s)/2]
}

// trainer trains one set of parameters with the batch split over shards that
// run side by side, one thread each.
type trainer struct {
	shards []*shard
	params []*onnx.Tensor
	speed  [][]float32 // momentum
}

type shard struct {
	run     onnx.Runner
	in, out []*onnx.Tensor
}

// newTrainer builds the step; block 0 = the plain graph.
func newTrainer(engine onnx.Engine, f flags, shards, block int) (*trainer, error) {
	m, infos, err := buildNet(f, f.batch/shards)
	if err != nil {
		return nil, err
	}
	var wrt []string
	for _, p := range infos {
		wrt = append(wrt, p.Name)
	}
	var g *onnx.Model
	if block == 0 {
		g, err = grad.Build(m, "loss", wrt)
	} else {
		g, err = blocked.Build(m, "loss", wrt, block)
	}
	if err != nil {
		return nil, err
	}
	rng := rand.New(rand.NewPCG(1, 1))
	t := &trainer{params: initial(infos, rng)}
	for _, p := range t.params {
		t.speed = append(t.speed, make([]float32, p.Len()))
	}
	for range shards {
		s, err := newShard(engine, g, wrt, t.params, rng)
		if err != nil {
			t.close()
			return nil, err
		}
		t.shards = append(t.shards, s)
	}
	return t, nil
}

// newShard loads the step g on images of its own; it shares params, which are
// called names, with the others.
func newShard(engine onnx.Engine, g *onnx.Model, names []string, params []*onnx.Tensor, rng *rand.Rand) (*shard, error) {
	r, err := engine(g)
	if err != nil {
		return nil, err
	}
	n := g.Graph.Inputs[0].Shape[0]
	x := onnx.NewTensor(onnx.Float, n, 3, size, size)
	for i := range x.Floats() {
		x.Floats()[i] = float32(rng.NormFloat64())
	}
	y := onnx.NewTensor(onnx.Float, n, classes)
	for i := range n {
		y.Floats()[i*classes+rng.IntN(classes)] = 1
	}
	s := &shard{run: r, out: make([]*onnx.Tensor, len(g.Graph.Outputs))}
	given := map[string]*onnx.Tensor{"images": x, "labels": y}
	for i, name := range names {
		given[name] = params[i]
	}
	for _, in := range g.Graph.Inputs {
		v := given[in.Name]
		if v == nil {
			v = quantiser(in.Name)
		}
		s.in = append(s.in, v)
	}
	return s, nil
}

func (t *trainer) close() {
	for _, s := range t.shards {
		s.run.Close()
	}
}

// time runs n steps.
func (t *trainer) time(ctx context.Context, n int) (time.Duration, error) {
	start := time.Now()
	for range n {
		if err := t.step(ctx); err != nil {
			return 0, err
		}
	}
	return time.Since(start), nil
}

// step runs the shards, averages their gradients and moves the parameters.
func (t *trainer) step(ctx context.Context) error {
	var g errgroup.Group
	for _, s := range t.shards {
		g.Go(func() error { return s.run.Run(ctx, s.in, s.out) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	const rate, momentum = 0.01, 0.9
	share := float32(1) / float32(len(t.shards))
	for i, p := range t.params {
		v, w := t.speed[i], p.Floats()
		for k := range v {
			v[k] *= momentum
		}
		for _, s := range t.shards {
			d := s.out[len(s.out)-len(t.params)+i].Floats()
			for k := range v {
				v[k] += share * d[k]
			}
		}
		for k := range w {
			w[k] -= rate * v[k]
		}
	}
	return nil
}

// startPeers starts a PyTorch process for each layout.
func startPeers(f flags) (peers []*contender, stop func(), err error) {
	var running []*exec.Cmd
	stop = func() {
		for _, c := range running {
			c.Process.Kill()
			c.Wait()
		}
	}
	for _, layout := range []string{"nhwc", "nchw"} {
		cmd := exec.Command(f.python, f.script, strconv.Itoa(f.batch), strconv.Itoa(f.expansion), layout, strconv.FormatBool(f.quant))
		cmd.Stderr = os.Stderr
		in, err1 := cmd.StdinPipe()
		out, err2 := cmd.StdoutPipe()
		if err1 != nil || err2 != nil {
			stop()
			return nil, nil, fmt.Errorf("%w%w", err1, err2)
		}
		if err := cmd.Start(); err != nil {
			stop()
			return nil, nil, fmt.Errorf("start PyTorch: %w (install python3-torch, or -python \"\")", err)
		}
		running = append(running, cmd)
		lines := bufio.NewScanner(out)
		if !lines.Scan() {
			stop()
			return nil, nil, fmt.Errorf("PyTorch said nothing (install python3-torch, or -python \"\")")
		}
		for threads, name := range map[int]string{1: "1 thread", 2: "2 threads"} {
			peers = append(peers, &contender{name: "PyTorch " + layout + ", " + name, run: func(steps int) (time.Duration, error) {
				return ask(in, lines, threads, steps)
			}})
		}
	}
	slices.SortFunc(peers, func(a, b *contender) int { return strings.Compare(a.name, b.name) })
	return peers, stop, nil
}

// ask lets a peer run steps and reads the seconds it answers.
func ask(in io.Writer, lines *bufio.Scanner, threads, steps int) (time.Duration, error) {
	if _, err := fmt.Fprintln(in, threads, steps); err != nil {
		return 0, err
	}
	if !lines.Scan() {
		return 0, fmt.Errorf("no answer: %w", lines.Err())
	}
	s, err := strconv.ParseFloat(lines.Text(), 64)
	return time.Duration(s * float64(time.Second)), err
}
