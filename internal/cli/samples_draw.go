package cli

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hanas/onnx/ort"
	"hanas/predictor"
	"hanas/samples"
	"hanas/space"
)

// samplers is the table of ways to draw sub-networks.
var samplers = []struct {
	name, about string
	draw        func(*space.Space, int, *rand.Rand) []space.Arch
}{
	{"uniform", "every choice of every slot alike", func(sp *space.Space, n int, rng *rand.Rand) []space.Arch { return sp.Uniform(n, rng) }},
	{"cover", "for small counts: each choice equally often (Latin hypercube); may repeat", func(sp *space.Space, n int, rng *rand.Rand) []space.Arch { return sp.Cover(n, rng) }},
	{"macs", "even over the range of MACs", func(sp *space.Space, n int, rng *rand.Rand) []space.Arch {
		return sp.Balanced(n, space.Balance{Of: sp.LogMACs}, rng)
	}},
	{"bits", "even over the range of mean weight bits", func(sp *space.Space, n int, rng *rand.Rand) []space.Arch {
		return sp.Balanced(n, space.Balance{Of: sp.MeanBits}, rng)
	}},
	{"attentive", "in each range of MACs the one with the most parameters of three (AttentiveNAS)", func(sp *space.Space, n int, rng *rand.Rand) []space.Arch {
		set := space.Attention{Of: sp.LogMACs, Score: func(a space.Arch) float64 { return float64(sp.CostOf(a).Params) }}
		return sp.Attentive(set, rng).Draws(n, rng)
	}},
}

// drawFlags are the flags of samples draw.
type drawFlags struct {
	name, sampler, label, out string
	count                     int
	seed                      uint64
	noise                     float64
}

// drawAnswer is what `hanas samples draw --json` prints.
type drawAnswer struct {
	File    string  `json:"file"`
	Rows    int     `json:"rows"`
	Sampler string  `json:"sampler"`
	Seconds float64 `json:"seconds"`
}

func (a *app) samplesDrawCommand() *cobra.Command {
	var f drawFlags
	var about strings.Builder
	for _, s := range samplers {
		fmt.Fprintf(&about, "\n  %-10s %s", s.name, s.about)
	}
	cmd := &cobra.Command{
		Use:   "draw --space NAME --label PREDICTOR.onnx",
		Short: "Draw sub-networks and label them with a predictor's accuracies",
		Long: `Draws sub-networks of a space, predicts the accuracy of each and writes a sample
file whose provenance says that they are predicted: data to try predictors and
searches on, not measurements. Samplers:` + about.String(),
		Example: "  hanas samples draw --space ofa-mbv3-w1.2 --label predictor.onnx --count 50000 --noise-pp 0.015 --out drawn.arrow",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.drawSamples(cmd.Context(), f) },
	}
	cmd.Flags().StringVar(&f.sampler, "sampler", "uniform", "a sampler")
	cmd.Flags().StringVar(&f.label, "label", "", "predictor of the space")
	cmd.Flags().IntVar(&f.count, "count", 1000, "number of sub-networks")
	cmd.Flags().Float64Var(&f.noise, "noise-pp", 0, "standard deviation of the noise added to accuracies, percentage points")
	cmd.Flags().Uint64Var(&f.seed, "seed", 1, "seed")
	cmd.Flags().StringVar(&f.out, "out", "drawn.arrow", "the file to write")
	spaceFlag(cmd, &f.name)
	return cmd
}

func (a *app) drawSamples(ctx context.Context, f drawFlags) error {
	if f.name == "" || f.label == "" || f.count < 1 || !(f.noise >= 0 && f.noise < 100) {
		return usage("say --space NAME, --label PREDICTOR.onnx, and a --count and --noise-pp that can be")
	}
	var draw func(*space.Space, int, *rand.Rand) []space.Arch
	for _, s := range samplers {
		if s.name == f.sampler {
			draw = s.draw
		}
	}
	if draw == nil {
		return usage("--sampler %s is not known", f.sampler)
	}
	sp, err := findSpace(f.name, "")
	if err != nil {
		return err
	}
	if err := mustExist(f.label); err != nil {
		return err
	}
	c := a.console()
	defer c.Close()
	rt, err := openORT(ctx, c)
	if err != nil {
		return err
	}
	defer rt.Close()
	p, err := predictor.Load(f.label, rt.Engine(ort.Settings{}), sp)
	if err != nil {
		return badInput(err)
	}
	defer p.Close()
	start := time.Now()
	rng := rand.New(rand.NewPCG(f.seed, 0))
	rows, err := label(ctx, p, sp, draw(sp, f.count, rng), f, rng)
	if err != nil {
		return err
	}
	if err := writeStore(f.out, sp, rows); err != nil {
		return err
	}
	return a.print(drawAnswer{f.out, len(rows), f.sampler, time.Since(start).Seconds()}, func(w io.Writer) {
		fmt.Fprintf(w, "%s: %d sub-networks, %s, labelled by %s\n", f.out, len(rows), f.sampler, f.label)
	})
}

// label makes samples of archs, each once, with predicted accuracies.
func label(ctx context.Context, p *predictor.Predictor, sp *space.Space, archs []space.Arch, f drawFlags, rng *rand.Rand) ([]samples.Sample, error) {
	mean, _, err := p.Predict(ctx, archs)
	if err != nil {
		return nil, err
	}
	rows := samples.NewAll(sp, archs)
	for i := range rows {
		rows[i].Accuracy = min(max(mean[i]+f.noise/100*rng.NormFloat64(), 0), 1)
		rows[i].Provenance = "predicted: " + filepath.Base(f.label)
	}
	return samples.Distinct(rows), nil
}
