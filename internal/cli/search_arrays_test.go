package cli

import (
	"context"
	"encoding/json"
	"testing"

	"hanas/internal/realdata"
	"hanas/onnx/ort"
	"hanas/search"
	"hanas/search/nsga2"
	"hanas/space"
	"hanas/surrogate"
)

// One run's front holds, under every limit, at least what Once-for-All's
// evolution (population 100, parents 25, 500 generations: some 50,000
// evaluations for each limit, seed 0) finds with the same predictor and tables:
// figures of a run of its algorithm in numpy.
func TestSearchReachesOnceForAll(t *testing.T) {
	ctx := context.Background()
	rt, err := ort.Open(ctx, ort.Options{})
	if err != nil {
		t.Skipf("no ONNX Runtime: %v", err)
	}
	defer rt.Close()
	want := map[float64]float64{15: .7840, 20: .8064, 25: .8176, 30: .8275, 35: .8304}
	f := searchFlags{predictor: realdata.Path(t, "ofa", "acc_predictor.pth"), device: "note10", tables: realdata.Path(t, "ofa", "lut")}
	for limit := range want {
		f.limits = append(f.limits, limit)
	}
	price, from, err := f.price()
	if err != nil {
		t.Fatal(err)
	}
	sp, err := space.Preset("ofa-mbv3-w1.2")
	if err != nil {
		t.Fatal(err)
	}
	c, err := surrogate.Compile(sp, price)
	if err != nil {
		t.Fatal(err)
	}
	p, err := loadPredictor(f.predictor, rt.Engine(ort.Settings{}), sp)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	f.population, f.evaluations = 100, 50_000
	problem := surrogate.NewJudge(c, p, surrogate.Limits{LatencyMS: 35}).Problem()
	var answer *searchAnswer
	for _, f.seed = range []uint64{1, 6, 7} { // without children for the limits, 6 and 7 miss one
		r, err := nsga2.Run(ctx, problem, f.nsga2(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if answer, err = f.arraysAnswer(c, r, map[string]string{"latency_ms": from}); err != nil {
			t.Fatal(err)
		}
		for _, b := range answer.Best {
			if b.Accuracy < want[b.Limit] || b.LatencyMS > b.Limit {
				t.Errorf("seed %d, %g ms: %.4f at %.3f ms, want %.4f", f.seed, b.Limit, b.Accuracy, b.LatencyMS, want[b.Limit])
			}
		}
		if found, random, err := hypervolumes(ctx, problem, r, f.seed); err != nil || !(random > 0 && found > random) {
			t.Errorf("seed %d: hypervolume %v, at random %v: %v", f.seed, found, random, err)
		}
	}
	var points []frontPoint
	if err := json.Unmarshal(answer.Front, &points); err != nil || len(points) < 50 {
		t.Fatalf("front of %d points: %v", len(points), err)
	}
	for i := 1; i < len(points); i++ {
		if points[i].LatencyMS <= points[i-1].LatencyMS || points[i].Accuracy <= points[i-1].Accuracy {
			t.Errorf("point %d of the front is no trade-off: %+v after %+v", i, points[i], points[i-1])
		}
	}
}

// A space of one bit width cannot be searched for a device that lacks it.
func TestBitsThatTheSpaceLacks(t *testing.T) {
	sp, err := space.Preset("ofa-mbv3-w1.2")
	if err != nil {
		t.Fatal(err)
	}
	a := sp.Random(search.NewRand(1))
	for _, c := range []struct {
		bits []int
		ok   bool
	}{{nil, true}, {[]int{8, 16}, true}, {[]int{8}, false}} {
		f := searchFlags{bits: c.bits}
		if err := f.checkBits(sp, a); (err == nil) != c.ok {
			t.Errorf("--bits %v: %v", c.bits, err)
		}
	}
}
