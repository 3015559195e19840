// Command predictor compares this project's predictor with scikit-learn's on
// the sub-networks that DyNAS-T measured: it draws the same held-out networks
// for both, fits, prints its own figures, and writes the splits that peers.py
// reads.
//
//	go run ./bench/predictor -data ../shared/data -out splits
//	python3 bench/predictor/peers.py splits     # scikit-learn's SVR and MLP
//	go run ./bench/predictor -data ../shared/data -out splits -large
//	python3 bench/predictor/peers_large.py splits   # PyTorch's and scikit-learn's MLP
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"hanas/onnx"
	"hanas/onnx/ort"
	"hanas/predictor"
	"hanas/samples"
	"hanas/space"
)

// split is one file for the peer: features and accuracies, test rows first.
type split struct {
	Test int         `json:"test"`
	X    [][]float32 `json:"x"`
	Y    []float64   `json:"y"`
}

const held = 400

func main() {
	log.SetFlags(0)
	data := flag.String("data", filepath.Join("..", "shared", "data"), "folder of the shared data")
	out := flag.String("out", "splits", "folder for the peer's input")
	seeds := flag.Int("seeds", 5, "number of splits")
	large := flag.Bool("large", false, "fit 50,000 labelled networks instead, for peers_large.py")
	set := predictor.Settings{Kinds: []string{"mlp"}, Hidden: []int{largeHidden, largeHidden, largeHidden}}
	flag.IntVar(&set.Members, "members", 2, "networks of the large fit, each on all parts of the rows but one")
	flag.IntVar(&set.Epochs, "epochs", 0, "passes over the rows of the large fit")
	flag.IntVar(&set.Batch, "batch", 0, "rows a step of the large fit")
	flag.Float64Var(&set.Rate, "rate", 0, "learning rate of the large fit")
	flag.Float64Var(&set.Decay, "decay", 0, "weight decay of the large fit")
	flag.Parse()
	if *large {
		if err := runLarge(context.Background(), *data, *out, set); err != nil {
			log.Fatal(err)
		}
		return
	}
	if err := run(context.Background(), *data, *out, *seeds); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, data, out string, seeds int) error {
	sp, err := space.Preset("ofa-mbv3-w1.0")
	if err != nil {
		return err
	}
	all, err := measured(filepath.Join(data, "dynast", "*.csv"), sp)
	if err != nil {
		return err
	}
	rt, err := ort.Open(ctx, ort.Options{})
	if err != nil {
		return err
	}
	defer rt.Close()
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	sums := map[int]*predictor.Judgement{}
	for seed := range seeds {
		rand.New(rand.NewPCG(uint64(seed), 0)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		if err := write(filepath.Join(out, fmt.Sprintf("split%d.json", seed)), sp, all); err != nil {
			return err
		}
		for _, n := range []int{200, len(all) - held} {
			j, err := judge(ctx, rt.Engine(ort.Settings{}), sp, all, n)
			if err != nil {
				return err
			}
			if sums[n] == nil {
				sums[n] = &predictor.Judgement{}
			}
			sums[n].Tau += j.Tau / float64(seeds)
			sums[n].RMSEpp += j.RMSEpp / float64(seeds)
			sums[n].Coverage68 += j.Coverage68 / float64(seeds)
			sums[n].Coverage95 += j.Coverage95 / float64(seeds)
		}
	}
	for n, j := range sums {
		fmt.Printf("hanas, %d rows, mean of %d: tau %.4f, RMSE %.4f points; within 1 and 1.96 deviations %.2f, %.2f\n", n, seeds, j.Tau, j.RMSEpp, j.Coverage68, j.Coverage95)
	}
	return nil
}

// measured are the distinct sub-networks of all files.
func measured(pattern string, sp *space.Space) ([]samples.Sample, error) {
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("no %s: %w", pattern, err)
	}
	var all []samples.Sample
	for _, f := range files {
		rows, _, err := samples.ImportDynasT(f, sp)
		if err != nil {
			return nil, err
		}
		all = append(all, rows...)
	}
	return samples.Distinct(all), nil
}

// judge fits on n rows behind the held-out ones.
func judge(ctx context.Context, engine onnx.Engine, sp *space.Space, all []samples.Sample, n int) (predictor.Judgement, error) {
	start := time.Now()
	m, err := predictor.Fit(ctx, engine, sp, all[held:held+n], predictor.Settings{Kinds: []string{"ridge", "kernel"}})
	if err != nil {
		return predictor.Judgement{}, err
	}
	took := time.Since(start)
	j, err := predictor.JudgeModel(ctx, engine, m, sp, all[:held])
	fmt.Printf("  %d rows: %s tau %.4f, RMSE %.4f, MACs alone %.3f, %.1f s\n", n, m.Report.Kind, j.Tau, j.RMSEpp, j.TauMACs, took.Seconds())
	return j, err
}

func write(path string, sp *space.Space, all []samples.Sample) error {
	s := split{Test: held}
	for _, r := range all {
		a, err := sp.Parse(r.Arch)
		if err != nil {
			return err
		}
		s.X, s.Y = append(s.X, sp.Features(a)), append(s.Y, 100*r.Accuracy)
	}
	js, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return os.WriteFile(path, js, 0o644)
}
