// Command images measures what a folder of ImageNet's validation images costs,
// from files to answers: reading, decoding, scaling, cutting to 224, normalising
// and classifying, against the usual Python loop of Pillow and PyTorch on the same
// images and network, in turns.
//
//	go run ./bench/images -data ../shared/data/imagenet/val_map.txt -weights proxyless.pth -net net.config
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"hanas/datasets"
	"hanas/eval"
	"hanas/onnx"
	"hanas/onnx/ort"
)

func main() {
	var b bench
	flag.StringVar(&b.data, "data", "", "list of images")
	flag.StringVar(&b.model, "model", "", "classifier as an ONNX file, 224x224")
	flag.StringVar(&b.weights, "weights", "", "the same network for PyTorch: weights")
	flag.StringVar(&b.net, "net", "", "and its net.config")
	flag.StringVar(&b.python, "python", "/usr/bin/python3", "Python with Pillow and PyTorch")
	flag.IntVar(&b.rounds, "rounds", 3, "rounds")
	flag.Parse()
	if err := b.run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "images:", err)
		os.Exit(1)
	}
}

const size, resize = 224, 256

// bench is what the flags say.
type bench struct {
	data, model, weights, net, python string
	rounds                            int
}

func (b *bench) run(ctx context.Context) error {
	rt, err := ort.Open(ctx, ort.Options{Fetch: true})
	if err != nil {
		return err
	}
	defer rt.Close()
	m, err := onnx.ReadFile(b.model)
	if err != nil {
		return err
	}
	r, err := rt.Engine(ort.Settings{Threads: 2})(m)
	if err != nil {
		return err
	}
	defer r.Close()
	peer := exec.Command(b.python, "bench/images/images.py", b.weights, b.net, b.data, strconv.Itoa(size), strconv.Itoa(resize))
	peer.Stderr = os.Stderr
	in, err := peer.StdinPipe()
	if err != nil {
		return err
	}
	out, err := peer.StdoutPipe()
	if err != nil {
		return err
	}
	if err := peer.Start(); err != nil {
		return err
	}
	answers := bufio.NewScanner(out)
	var whole, decoding []float64
	for range b.rounds {
		n, read, all, err := b.ours(ctx, r)
		if err != nil {
			return err
		}
		theirs, theirRead, err := ask(in, answers)
		if err != nil {
			return err
		}
		fmt.Printf("images a second: hanas %.0f (reading alone %.0f), Python %.0f (%.0f)\n", float64(n)/all, float64(n)/read, float64(n)/theirs, float64(n)/theirRead)
		whole, decoding = append(whole, theirs/all), append(decoding, theirRead/read)
	}
	slices.Sort(whole)
	slices.Sort(decoding)
	fmt.Printf("medians of the rounds' ratios: %.2f, of reading alone %.2f\n", whole[len(whole)/2], decoding[len(decoding)/2])
	in.Close()
	return peer.Wait()
}

// ours loads the images on all cores and classifies them.
func (b *bench) ours(ctx context.Context, r onnx.Runner) (n int, read, all float64, err error) {
	set, err := datasets.Open(ctx, datasets.Settings{Kind: "list", Path: b.data, Size: size, Resize: resize, Mean: [3]float32{.5, .5, .5}, Std: [3]float32{.5, .5, .5}})
	if err != nil {
		return 0, 0, 0, err
	}
	began := time.Now()
	im, err := set.Load(ctx, set.Test, 2)
	if err != nil {
		return 0, 0, 0, err
	}
	read = time.Since(began).Seconds()
	if _, err := eval.Classify(ctx, r, im, eval.Settings{Batch: 8}); err != nil {
		return 0, 0, 0, err
	}
	return im.Len(), read, time.Since(began).Seconds(), nil
}

// ask has the peer do all images once: seconds of all, and of reading alone.
func ask(in io.Writer, out *bufio.Scanner) (all, read float64, err error) {
	if _, err := fmt.Fprintln(in); err != nil {
		return 0, 0, err
	}
	if !out.Scan() {
		return 0, 0, errors.New("the peer ended")
	}
	if _, err := fmt.Sscan(strings.TrimSpace(out.Text()), &all, &read); err != nil {
		return 0, 0, err
	}
	return all, read, nil
}
