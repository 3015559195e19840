package predictor

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"hanas/onnx"
	"hanas/onnx/ort"
	"hanas/samples"
	"hanas/space"
)

// measured returns the sub-networks of Once-for-All that DyNAS-T measured on
// ImageNet, each once, in an order shuffled by seed; it skips without the data.
func measured(t testing.TB, sp *space.Space, seed uint64) []samples.Sample {
	t.Helper()
	root := os.Getenv("HANAS_TESTDATA")
	if root == "" {
		root = filepath.Join("..", "..", "shared", "data")
	}
	files, _ := filepath.Glob(filepath.Join(root, "dynast", "*.csv"))
	if len(files) == 0 {
		t.Skip("no dynast/*.csv (set HANAS_TESTDATA)")
	}
	at, times := map[string]int{}, map[string]float64{}
	var all []samples.Sample
	for _, file := range files {
		rows, _, err := samples.ImportDynasT(file, sp)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range rows {
			i, ok := at[s.Arch]
			if !ok {
				i = len(all)
				at[s.Arch] = i
				all = append(all, s)
			}
			times[s.Arch]++
			all[i].Accuracy += (s.Accuracy - all[i].Accuracy) / times[s.Arch]
		}
	}
	rand.New(rand.NewPCG(seed, 0)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// runtime is the real engine, or skips.
func runtime(t testing.TB) onnx.Engine {
	t.Helper()
	rt, err := ort.Open(context.Background(), ort.Options{})
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { rt.Close() })
	return rt.Engine(ort.Settings{})
}

func TestExperiment(t *testing.T) {
	sp, err := space.Preset("ofa-mbv3-w1.0")
	if err != nil {
		t.Fatal(err)
	}
	engine := runtime(t)
	all := measured(t, sp, 1)
	fmt.Println(len(all), sp.FeatureCount())
	test := all[:400]
	for _, n := range []int{100, 400, len(all) - 400} {
		start := time.Now()
		m, err := Fit(context.Background(), engine, sp, all[400:400+n], Settings{})
		if err != nil {
			t.Fatal(err)
		}
		took := time.Since(start)
		p, _ := New(m.Graph, engine, sp)
		defer p.Close()
		var archs []space.Arch
		var truth, macs []float64
		for _, s := range test {
			a, _ := sp.Parse(s.Arch)
			archs = append(archs, a)
			truth = append(truth, s.Accuracy)
			macs = append(macs, math.Log(float64(s.MACs)))
		}
		got, _, err := p.Predict(context.Background(), archs)
		fmt.Printf("%d %+v macs %.3f %v %v\n", n, Compare(got, truth), Kendall(macs, truth), took, err)
	}
}
