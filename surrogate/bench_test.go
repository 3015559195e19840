package surrogate

import (
	"context"
	"testing"

	"hanas/internal/realdata"
	"hanas/onnx/ort"
	"hanas/predictor"
	"hanas/search"
	"hanas/search/nsga2"
)

// BenchmarkSearch is 50,000 evaluations on Once-for-All's space with its
// predictor and the Note10's tables.
func BenchmarkSearch(b *testing.B) {
	rt, err := ort.Open(context.Background(), ort.Options{})
	if err != nil {
		b.Skip(err)
	}
	defer rt.Close()
	sp, _, c := note10(b)
	m, err := predictor.ImportOnceForAll(realdata.Path(b, "ofa/acc_predictor.pth"), sp)
	if err != nil {
		b.Fatal(err)
	}
	p, err := predictor.New(m.Graph, rt.Engine(ort.Settings{}), sp)
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	var targets []search.Limit
	for _, ms := range []float64{15, 20, 25, 30, 35} {
		targets = append(targets, search.Limit{Objective: 1, Max: ms})
	}
	for b.Loop() {
		j := NewJudge(c, p, Limits{LatencyMS: 35})
		if _, err := nsga2.Run(context.Background(), j.Problem(), nsga2.Settings{Evaluations: 50_000, Population: 100, Seed: 1, Targets: targets}, nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(50_000*float64(b.N)/b.Elapsed().Seconds(), "evaluations/s")
}
