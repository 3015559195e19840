package cli

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"

	"github.com/spf13/cobra"

	"hanas/export"
	"hanas/latency"
	"hanas/onnx"
	"hanas/onnx/ort"
	"hanas/space"
)

// fusionFlags say whose pairs are timed.
type fusionFlags struct {
	space, provider string
	nets, threads   int
	seed            uint64
}

// fusionAnswer is what `hanas latency fusion --json` prints.
type fusionAnswer struct {
	Device string               `json:"device"`
	Drift  float64              `json:"drift"`
	Rules  []latency.FusionRule `json:"rules"`
	Pairs  []latency.Fusion     `json:"pairs"`
}

func (a *app) latencyFusionCommand() *cobra.Command {
	var f fusionFlags
	cmd := &cobra.Command{
		Use:   "fusion --space NAME",
		Short: "Find which neighbouring operators the runtime runs as one",
		Long: `Times pairs of operators that follow each other in networks of the space, together
and each alone, and applies nn-Meter's rule: a pair is fused if together it saves
more than half of the cheaper operator. What two models pay for being two, the call
and the copy of the tensor between them, is timed too and does not count as saved.
Of every kind of pair up to three sizes are timed. Where much is saved, a sum of
rows is too high: the correction that profile fits on whole networks learns it.`,
		Example: "  hanas latency fusion --space quick --json",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.fusion(cmd.Context(), f) },
	}
	fl := cmd.Flags()
	fl.StringVar(&f.provider, "provider", "cpu", "execution provider of ONNX Runtime")
	fl.IntVar(&f.nets, "nets", 200, "random networks that the pairs are taken from")
	fl.IntVar(&f.threads, "threads", 1, "threads inside an operator")
	fl.Uint64Var(&f.seed, "seed", 1, "of the networks and the inputs")
	spaceFlag(cmd, &f.space)
	return cmd
}

func (a *app) fusion(ctx context.Context, f fusionFlags) error {
	if f.space == "" || f.nets < 1 || f.threads < 1 {
		return usage("say --space NAME, and --nets and --threads of at least 1")
	}
	sp, err := findSpace(f.space, "")
	if err != nil {
		return err
	}
	c := a.console()
	defer c.Close()
	rt, err := openORT(ctx, c)
	if err != nil {
		return err
	}
	defer rt.Close()
	provider, err := usableProvider(rt, f.provider)
	if err != nil {
		return err
	}
	rng := rand.New(rand.NewPCG(f.seed, 0))
	var nets [][]space.Layer
	for _, arch := range sp.Uniform(f.nets, rng) {
		nets = append(nets, sp.Layers(arch))
	}
	build := func(layers ...space.Layer) (*onnx.Model, error) { return export.BuildChain(layers, f.seed) }
	engine := rt.Engine(ort.Settings{Threads: f.threads, Provider: provider})
	fusions, t, err := latency.Fusions(ctx, engine, latency.Pairs(nets), build, latency.Settings{Seed: f.seed}, func(done, total int) {
		c.Update("fusion", int64(done), int64(total), "timings")
	})
	if err != nil {
		return err
	}
	answer := fusionAnswer{ort.ThisMachine().CPU, t.Drift, latency.FusionRules(fusions), fusions}
	return a.print(answer, answer.text)
}

func (f *fusionAnswer) text(w io.Writer) {
	rows := [][]string{{"first, second", "fused", "saved"}}
	for _, r := range f.Rules {
		rows = append(rows, []string{r.Rule, fmt.Sprintf("%d of %d", r.Fused, r.Pairs), fmt.Sprintf("%.0f %%", 100*r.Saved)})
	}
	columns(w, rows)
	fmt.Fprintf(w, "saved: share of the cheaper operator, in the middle. On %s, drift %.1f %%\n", f.Device, 100*f.Drift)
}
