package supernet

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
)

// recipes are settings beyond the defaults, each with what it must keep.
var recipes = map[string]func(*TrainSettings){
	"sgd":       func(s *TrainSettings) { s.Optimizer, s.Rate = "sgd", 0.05 },
	"average":   func(s *TrainSettings) { s.Average = 0.8 },
	"sgd mean":  func(s *TrainSettings) { s.Optimizer, s.Rate, s.Average = "sgd", 0.05, 0.5 },
	"alone":     func(s *TrainSettings) { s.Alone = 0.4 },
	"plain":     func(s *TrainSettings) { s.Plain = 0.5 },
	"worst":     func(s *TrainSettings) { s.Attentive = "worst" },
	"best":      func(s *TrainSettings) { s.Attentive, s.Random = "best", 2 },
	"mixup":     func(s *TrainSettings) { s.Mixup = 0.3 },
	"distorted": func(s *TrainSettings) { s.Augment.Distort, s.Augment.Cutout = 0.5, 4 },
}

// TestRecipes: each of them learns, is another training than the plain one, and
// a killed one ends with the same bytes.
func TestRecipes(t *testing.T) {
	engine := testEngine(t)
	plain := tinyTrainer(t, engine, 2, "")
	if err := plain.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	for name, change := range recipes {
		t.Run(name, func(t *testing.T) {
			whole := tinyTrainer(t, engine, 2, "")
			change(&whole.Set)
			var first, last Point
			whole.OnStep = func(p Point) {
				if p.Step == 1 {
					first = p
				}
				last = p
			}
			if err := whole.Run(context.Background()); err != nil {
				t.Fatal(err)
			}
			if !(last.Largest < first.Largest) {
				t.Errorf("loss went from %.3f to %.3f", first.Largest, last.Largest)
			}
			if sameWeights(whole.Net, plain.Net) {
				t.Error("the setting changes nothing")
			}
			path := filepath.Join(t.TempDir(), "c.safetensors")
			cut := tinyTrainer(t, engine, 1, path)
			change(&cut.Set)
			ctx, cancel := context.WithCancel(context.Background())
			cut.OnStep = func(p Point) {
				if p.Step == 8 { // amid a pool
					cancel()
				}
			}
			if err := cut.Run(ctx); !errors.Is(err, context.Canceled) {
				t.Fatalf("want a cancelled run, got %v", err)
			}
			again := tinyTrainer(t, engine, 2, path)
			change(&again.Set)
			if err := again.Run(context.Background()); err != nil {
				t.Fatal(err)
			}
			if !sameWeights(whole.Net, again.Net) {
				t.Error("a killed training ends with other weights")
			}
		})
	}
}

// TestUnknownRecipes names what is known.
func TestUnknownRecipes(t *testing.T) {
	engine := testEngine(t)
	for want, change := range map[string]func(*TrainSettings){
		`no optimizer "lion" (known: [adamw sgd])`: func(s *TrainSettings) { s.Optimizer = "lion" },
		`no attentive sampling "middle"`:           func(s *TrainSettings) { s.Attentive = "middle" },
	} {
		tr := tinyTrainer(t, engine, 1, "")
		change(&tr.Set)
		if err := tr.Run(context.Background()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// TestAverageIsOfTheSteps: the weights that are given are the exponential mean
// of those after each step, followed here beside the trainer.
func TestAverageIsOfTheSteps(t *testing.T) {
	engine := testEngine(t)
	tr := tinyTrainer(t, engine, 2, "")
	tr.Set.Average = 0.7
	p := tr.Net.Params()[0]
	mean := make([]float64, len(p.Data))
	for i, v := range p.Data {
		mean[i] = float64(v)
	}
	tr.OnStep = func(Point) {
		for i, v := range p.Data {
			mean[i] = 0.7*mean[i] + 0.3*float64(v)
		}
	}
	if err := tr.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	for i, v := range p.Data {
		if math.Abs(mean[i]-float64(v)) > 1e-5 {
			t.Fatalf("value %d is %g, the mean %g", i, v, mean[i])
		}
	}
}

// TestBeta: mean and variance of Beta(a, a) are 1/2 and 1/(4(2a+1)).
func TestBeta(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, alpha := range []float64{0.2, 0.5, 1} {
		const n = 20000
		sum, squares := 0.0, 0.0
		for range n {
			v := beta(rng, alpha)
			sum, squares = sum+v, squares+(v-0.5)*(v-0.5)
		}
		if want := 1 / (4 * (2*alpha + 1)); math.Abs(sum/n-0.5) > 0.01 || math.Abs(squares/n-want) > 0.05*want {
			t.Errorf("alpha %g: mean %.4f, variance %.4f, want 0.5 and %.4f", alpha, sum/n, squares/n, want)
		}
	}
}

// TestAttend: with a loss that lies above the line over log MACs, "worst" takes
// a topology wherever it is a candidate, "best" never does where there is another.
func TestAttend(t *testing.T) {
	for name, want := range map[string][2]float64{"": {0.2, 0.3}, "worst": {0.4, 0.5}, "best": {0.04, 0.1}} {
		tr := &Trainer{Set: TrainSettings{Pool: 4, Attentive: name}, pool: []attention{{2, 1, 5}, {1.5, 2, 5}, {1.6, 3, 5}, {0.5, 4, 5}}}
		rng, picked := rand.New(rand.NewPCG(1, 1)), 0
		for range 4000 {
			if tr.attend(rng, 0) == 2 { // 1.6 where the line has 1.0
				picked++
			}
		}
		if share := float64(picked) / 4000; share < want[0] || share > want[1] {
			t.Errorf("%q takes it %.3f of the time, want %v", name, share, want)
		}
	}
}
