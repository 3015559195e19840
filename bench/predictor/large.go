package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"hanas/onnx"
	"hanas/onnx/ort"
	"hanas/predictor"
	"hanas/samples"
	"hanas/space"
)

// The fit at the paper's scale: 50,000 networks of Once-for-All's w1.2 space,
// labelled by its published predictor with the noise of a measurement added.
const (
	largeRows   = 50000
	largeHeld   = 5000
	largeNoise  = .00015 // of a measured accuracy, a fraction: 0.015 points
	largeHidden = 400    // of each of three layers, like the published predictor
)

// largeAnswer is what the peer reads of this run.
type largeAnswer struct {
	Rows    int     `json:"rows"`
	Held    int     `json:"held"`
	Width   int     `json:"width"`
	Seconds float64 `json:"seconds"`
	RMSEpp  float64 `json:"rmse_pp"`
	Rate    float64 `json:"archs_per_second"` // of forward passes on ready features
}

// runLarge labels, fits, judges and times, and writes features and labels for
// the peer: x.f32 and y.f64, held-out rows first.
func runLarge(ctx context.Context, data, out string, set predictor.Settings) error {
	sp, err := space.Preset("ofa-mbv3-w1.2")
	if err != nil {
		return err
	}
	rt, err := ort.Open(ctx, ort.Options{})
	if err != nil {
		return err
	}
	defer rt.Close()
	engine := rt.Engine(ort.Settings{})
	rows, err := labelled(ctx, engine, sp, filepath.Join(data, "ofa", "acc_predictor.pth"))
	if err != nil {
		return err
	}
	if err := writeLarge(out, sp, rows); err != nil {
		return err
	}
	start := time.Now()
	m, err := predictor.Fit(ctx, engine, sp, rows[largeHeld:], set)
	if err != nil {
		return err
	}
	a := largeAnswer{Rows: largeRows, Held: largeHeld, Width: sp.FeatureCount(), Seconds: time.Since(start).Seconds()}
	j, err := predictor.JudgeModel(ctx, engine, m, sp, rows[:largeHeld])
	if err != nil {
		return err
	}
	a.RMSEpp = j.RMSEpp
	if a.Rate, err = forward(ctx, engine, sp, filepath.Join(data, "ofa", "acc_predictor.pth")); err != nil {
		return err
	}
	fmt.Printf("hanas, %d rows: fitted in %.1f s, RMSE %.4f points, tau %.4f, within 1 and 1.96 deviations %.2f, %.2f; one network of that size predicts %.0f archs/s\n",
		largeRows, a.Seconds, a.RMSEpp, j.Tau, j.Coverage68, j.Coverage95, a.Rate)
	js, err := json.Marshal(a)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(out, "large.json"), js, 0o644)
}

// labelled draws networks and labels them.
func labelled(ctx context.Context, engine onnx.Engine, sp *space.Space, teacher string) ([]samples.Sample, error) {
	m, err := predictor.ImportOnceForAll(teacher, sp)
	if err != nil {
		return nil, err
	}
	p, err := predictor.New(m.Graph, engine, sp)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	rng := rand.New(rand.NewPCG(1, 0))
	archs := sp.Uniform(largeRows+largeHeld, rng)
	truth, _, err := p.Predict(ctx, archs)
	if err != nil {
		return nil, err
	}
	rows := samples.NewAll(sp, archs)
	for i := range rows {
		rows[i].Accuracy = truth[i] + largeNoise*rng.NormFloat64()
	}
	return rows, nil
}

func writeLarge(out string, sp *space.Space, rows []samples.Sample) error {
	var x, y bytes.Buffer
	for _, r := range rows {
		a, err := sp.Parse(r.Arch)
		if err != nil {
			return err
		}
		if err := binary.Write(&x, binary.LittleEndian, sp.Features(a)); err != nil {
			return err
		}
		if err := binary.Write(&y, binary.LittleEndian, r.Accuracy); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(out, "x.f32"), x.Bytes(), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(out, "y.f64"), y.Bytes(), 0o644)
}

// forward is the rate of forward passes of the published predictor, 3 layers of
// 400, on features that are made already: the median of seven rounds on two
// goroutines.
func forward(ctx context.Context, engine onnx.Engine, sp *space.Space, file string) (float64, error) {
	const workers, batch, runs = 2, 256, 60
	m, err := predictor.ImportOnceForAll(file, sp)
	if err != nil {
		return 0, err
	}
	p, err := predictor.New(m.Graph, engine, sp)
	if err != nil {
		return 0, err
	}
	defer p.Close()
	archs := sp.Uniform(batch, rand.New(rand.NewPCG(2, 0)))
	var rates []float64
	for range 7 {
		start := time.Now()
		errs := make(chan error, workers)
		for range workers {
			go func() {
				rows := p.NewRows(batch)
				to := rows.Features()[:0]
				for _, a := range archs {
					to = sp.AppendFeatures(to, a)
				}
				var err error
				for range runs {
					if _, _, e := rows.Run(ctx); e != nil {
						err = e
					}
				}
				errs <- err
			}()
		}
		for range workers {
			if err := <-errs; err != nil {
				return 0, err
			}
		}
		rates = append(rates, workers*batch*runs/time.Since(start).Seconds())
	}
	slices.Sort(rates)
	return rates[len(rates)/2], nil
}
