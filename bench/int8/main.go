// Int8 times one network in ONNX Runtime as float32, as the INT8 file that
// hanas ships, and in the layout that onnxruntime's static quantiser writes
// (see static.go), all in turn and on one thread.
//
//	go run ./bench/int8 -weights proxyless.pth -net net.config -size 176
//	go run ./bench/int8 -preset ofa-mbv3-w1.0 -size 224 [-act relu6]
//	go run ./bench/int8 -baseline mobilenet-v2
//	go run ./bench/int8 -net net.config      # random weights
//	go run ./bench/int8 -profile PREFIX …    # ONNX Runtime's own times of every kernel
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"hanas/export"
	"hanas/onnx"
	"hanas/onnx/ort"
	"hanas/onnx/quant"
	"hanas/pretrained"
	"hanas/space"
)

type flags struct {
	weights, net, preset, baseline, act, profile, save, also string
	size, rounds, batch                                      int
}

func main() {
	var f flags
	flag.StringVar(&f.weights, "weights", "", "trained weights of PyTorch")
	flag.StringVar(&f.net, "net", "", "their net.config")
	flag.StringVar(&f.preset, "preset", "", "the largest network of a space, with random weights")
	flag.StringVar(&f.baseline, "baseline", "", "a published network, with random weights")
	flag.StringVar(&f.act, "act", "", "replace every activation by this one")
	flag.StringVar(&f.profile, "profile", "", "write ONNX Runtime's traces here")
	flag.StringVar(&f.save, "save", "", "write the files here")
	flag.StringVar(&f.also, "also", "", "further ONNX files to time, comma-separated")
	flag.IntVar(&f.size, "size", 224, "side of the images")
	flag.IntVar(&f.rounds, "rounds", 200, "rounds; every contender runs once in each")
	flag.IntVar(&f.batch, "batch", 1, "images a run")
	flag.Parse()
	if err := f.run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "int8:", err)
		os.Exit(1)
	}
}

// network is the float network that was asked for.
func (f *flags) network() (*export.Network, error) {
	var layers []space.Layer
	switch {
	case f.weights != "":
		n, err := pretrained.Read(f.weights, f.net, f.size)
		if err != nil {
			return nil, err
		}
		return n.Float(), nil
	case f.net != "":
		text, err := os.ReadFile(f.net)
		if err != nil {
			return nil, err
		}
		if layers, err = space.NetConfigLayers(text, f.size); err != nil {
			return nil, err
		}
	case f.preset != "":
		sp, err := space.Preset(f.preset)
		if err != nil {
			return nil, err
		}
		sp.Resolutions = []int{f.size}
		layers = sp.Layers(sp.Largest())
	default:
		b, err := space.FindBaseline(f.baseline)
		if err != nil {
			return nil, err
		}
		layers = b.Layers()
	}
	for i := range layers {
		if layers[i].Act != "" && f.act != "" {
			layers[i].Act = f.act
		}
	}
	f.size = layers[0].InSize
	return export.Random("random", layers, 1), nil
}

// at gives every layer the same bits. Trained layers get the ranges of random
// ones: a kernel's time does not depend on the codes.
func at(n *export.Network, bits int) *export.Network {
	c := *n
	c.Units = slices.Clone(n.Units)
	for i := range c.Units {
		u := &c.Units[i]
		u.Layer.ABits = bits
		if u.Layer.WBits > 0 {
			u.Layer.WBits = bits
		}
		if u.In.Hi == 0 {
			u.In, u.Out = quant.Range{Lo: -4, Hi: 4}, quant.Range{Lo: -4, Hi: 4}
			if i > 0 && (n.Units[i-1].Layer.Act == "relu6" || n.Units[i-1].Layer.Act == "relu") {
				u.In = quant.Range{Lo: 0, Hi: 6}
			}
		}
	}
	return &c
}

// form is one way to write the network.
type form struct {
	name  string
	build func() (*onnx.Model, error)
}

func others(files string) []form {
	var all []form
	for _, file := range strings.FieldsFunc(files, func(r rune) bool { return r == ',' }) {
		all = append(all, form{filepath.Base(file), func() (*onnx.Model, error) { return onnx.ReadFile(file) }})
	}
	return all
}

type contender struct {
	name   string
	runner onnx.Runner
	in     []*onnx.Tensor
	times  []float64 // ms
}

func (f *flags) run(ctx context.Context) error {
	n, err := f.network()
	if err != nil {
		return err
	}
	rt, err := ort.Open(ctx, ort.Options{Fetch: true})
	if err != nil {
		return err
	}
	defer rt.Close()
	var all []*contender
	for _, c := range append([]form{
		{"float32", func() (*onnx.Model, error) { return export.Build(at(n, 16), export.Settings{Float32: true}) }},
		{"static", func() (*onnx.Model, error) { return static(at(n, 8)) }},
		{"hanas", func() (*onnx.Model, error) { return export.Build(at(n, 8), export.Settings{}) }},
	}, others(f.also)...) {
		m, err := c.build()
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		if f.save != "" {
			if err := onnx.WriteFile(f.save+c.name+".onnx", m); err != nil {
				return err
			}
		}
		set := ort.Settings{Threads: 1}
		if f.profile != "" {
			set.ProfilePrefix = f.profile + c.name
		}
		r, err := rt.Engine(set)(m)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		defer r.Close()
		x := onnx.NewTensor(onnx.Float, f.batch, 3, f.size, f.size)
		for i := range x.Floats() {
			x.Floats()[i] = float32(i%255)/127 - 1
		}
		all = append(all, &contender{name: c.name, runner: r, in: []*onnx.Tensor{x}})
	}
	return f.compare(ctx, all)
}

// compare lets the contenders take turns, so that other load on the machine
// hits all of them.
func (f *flags) compare(ctx context.Context, all []*contender) error {
	for i := range f.rounds + 10 {
		for _, c := range all {
			begin := time.Now()
			if err := c.runner.Run(ctx, c.in, make([]*onnx.Tensor, 1)); err != nil {
				return err
			}
			if i >= 10 {
				c.times = append(c.times, time.Since(begin).Seconds()*1e3)
			}
		}
	}
	for _, c := range all {
		ratios := make([]float64, len(c.times))
		for i := range ratios {
			ratios[i] = all[0].times[i] / c.times[i]
		}
		fmt.Printf("%-8s %7.3f ms, float32 / %s = %.2f (quartiles %.2f to %.2f)\n", c.name, quantile(c.times, .5), c.name,
			quantile(ratios, .5), quantile(ratios, .25), quantile(ratios, .75))
	}
	return nil
}

func quantile(v []float64, q float64) float64 {
	s := slices.Sorted(slices.Values(v))
	return s[int(q*float64(len(s)-1))]
}
