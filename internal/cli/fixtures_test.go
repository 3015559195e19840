package cli

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/rogpeppe/go-internal/testscript"

	"hanas/latency"
	"hanas/onnx"
	"hanas/onnx/ort"
	"hanas/predictor"
	"hanas/samples"
	"hanas/space"
	"hanas/supernet"
)

// fixtures writes small files of every kind into a folder: fixtures DIR.
func fixtures(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: fixtures DIR")
	}
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o777))
	sp, err := space.Preset("quick")
	ts.Check(err)
	ts.Check(writeSamples(filepath.Join(dir, "samples.arrow"), sp))
	ts.Check(writeTables(dir, sp))
	ts.Check(writeModel(filepath.Join(dir, "model.onnx")))
	net, err := supernet.New(sp, 1)
	ts.Check(err)
	ts.Check(supernet.WriteTensors(filepath.Join(dir, "supernet.safetensors"), net.Tensors()))
}

// writeSamples stores the ends of the space, at 25 and 75 %.
func writeSamples(file string, sp *space.Space) error {
	w, err := samples.Create(file, sp, samples.Info{})
	if err != nil {
		return err
	}
	for i, arch := range []space.Arch{sp.Smallest(), sp.Largest()} {
		s := samples.New(sp, arch)
		s.Accuracy = 0.25 + 0.5*float64(i)
		if err := w.Append([]samples.Sample{s}); err != nil {
			return errors.Join(err, w.Close())
		}
	}
	return w.Close()
}

// fit stores 60 samples whose accuracy grows with the MACs, and a predictor that
// saw them for a moment: fit DIR.
func fit(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: fit DIR")
	}
	dir := ts.MkAbs(args[0])
	sp, err := space.Preset("quick")
	ts.Check(err)
	w, err := samples.Create(filepath.Join(dir, "many.arrow"), sp, samples.Info{})
	ts.Check(err)
	rng := rand.New(rand.NewPCG(1, 2))
	var rows []samples.Sample
	for range 60 {
		s := samples.New(sp, sp.Random(rng))
		s.Accuracy = float64(s.MACs) / 10e6
		rows = append(rows, s)
	}
	ts.Check(w.Append(rows))
	ts.Check(w.Close())
	ctx := context.Background()
	rt, err := ort.Open(ctx, ort.Options{})
	ts.Check(err)
	defer rt.Close()
	m, err := predictor.Fit(ctx, rt.Engine(ort.Settings{}), sp, rows, predictor.Settings{Hidden: []int{8}, Members: 1, Epochs: 3})
	ts.Check(err)
	ts.Check(onnx.WriteFile(filepath.Join(dir, "predictor.onnx"), m.Graph))
}

// writeTables stores a table in which every row takes 1/8 ms, and one that
// lacks all rows but one.
func writeTables(dir string, sp *space.Space) error {
	whole := latency.Table{Header: latency.Header{Device: "stopwatch", Provenance: latency.Imported, Source: "fixtures"}}
	part := latency.Table{Header: whole.Header}
	for i, l := range sp.DistinctLayers() {
		row := latency.Row{MeanMs: 0.125}
		if err := whole.Set(l.Key(), row); err != nil {
			return err
		}
		if i == 0 {
			if err := part.Set(l.Key(), row); err != nil {
				return err
			}
		}
	}
	return errors.Join(whole.Write(filepath.Join(dir, "lut.csv")), part.Write(filepath.Join(dir, "part.csv")))
}

// writeModel stores a classifier of 36 classes that always says 0.
func writeModel(file string) error {
	b := onnx.NewBuilder("zero")
	b.Opset("", 13)
	x := b.Input("image", onnx.Float, -1, 3, 16, 16)
	x = b.Op("Flatten", []onnx.Value{b.Op("GlobalAveragePool", []onnx.Value{x})})
	bias := make([]float32, 36)
	bias[0] = 1
	x = b.Op("Gemm", []onnx.Value{x, b.Init("w", onnx.From(make([]float32, 3*36), 3, 36)), b.Init("b", onnx.From(bias, 36))})
	b.Output(b.Name(x, "logits"))
	b.Meta("hanas.mean", "0.5 0.5 0.5")
	b.Meta("hanas.std", "0.25 0.25 0.25")
	m, err := b.Build()
	if err != nil {
		return fmt.Errorf("model: %w", err)
	}
	return onnx.WriteFile(file, m)
}
