package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"

	"github.com/spf13/cobra"

	"hanas/export"
	"hanas/internal/progress"
	"hanas/latency"
	"hanas/onnx"
	"hanas/onnx/ort"
	"hanas/space"
	"hanas/stages"
)

// fusionFlags say which pairs are measured and how.
type fusionFlags struct {
	space, out, provider  string
	threads, rounds, each int
	seed                  uint64
	usual                 float64 // the pace that times are scaled to; 0 = that of the pairs
}

func (a *app) latencyFusionCommand() *cobra.Command {
	var f fusionFlags
	cmd := &cobra.Command{
		Use:   "fusion --space NAME",
		Short: "Find the operators that the runtime computes together, by measuring pairs",
		Long: `Times neighbouring layers of a space alone and one behind the other. A pair is
fused if it saves more than half of the cheaper layer (nn-Meter's rule), beside
the runtime's call that it pays once. Negative savings are borders: what it costs
to hand a tensor from one form to another. The correction of a table finds both on
whole networks; this tells where they come from.`,
		Example: `  hanas latency fusion --space quick
  hanas latency fusion --space cifar10 --each 5 --out fusion.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.fusion(cmd.Context(), f) },
	}
	fl := cmd.Flags()
	fl.StringVar(&f.out, "out", "", "file for the answer in JSON, with every pair")
	fl.StringVar(&f.provider, "provider", "cpu", "execution provider of ONNX Runtime (hanas doctor lists them)")
	fl.IntVar(&f.threads, "threads", 1, "threads inside an operator")
	fl.IntVar(&f.rounds, "rounds", 4, "passes over all pairs")
	fl.IntVar(&f.each, "each", 3, "pairs of each two kinds of layer")
	fl.Uint64Var(&f.seed, "seed", 1, "of the networks that pairs are taken from, of the order and of the inputs")
	spaceFlag(cmd, &f.space)
	return cmd
}

func (a *app) fusion(ctx context.Context, f fusionFlags) error {
	if f.space == "" {
		return usage("say --space NAME")
	}
	if f.threads < 1 || f.rounds < 1 || f.each < 1 {
		return usage("--threads, --rounds and --each are positive")
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
	answer, err := f.find(ctx, rt.Engine(ort.Settings{Threads: f.threads, Provider: provider}), sp, c)
	if err != nil {
		return err
	}
	if f.out != "" {
		text, err := json.MarshalIndent(answer, "", "  ")
		if err == nil {
			err = os.WriteFile(f.out, append(text, '\n'), 0o666)
		}
		if err != nil {
			return fmt.Errorf("cli: %w", err)
		}
	}
	return a.print(answer, func(w io.Writer) { printFusion(w, answer) })
}

// find times pairs from random networks of sp.
func (f *fusionFlags) find(ctx context.Context, engine onnx.Engine, sp *space.Space, c *progress.Console) (*latency.Fusion, error) {
	const networks = 200 // to take pairs from
	var layers [][]space.Layer
	for _, arch := range stages.RandomNetworks(sp, networks, rand.New(rand.NewPCG(f.seed, 0xf05e))) {
		layers = append(layers, sp.Layers(arch))
	}
	build := func(chain ...space.Layer) (*onnx.Model, error) { return export.BuildChain(chain, f.seed) }
	set := latency.Settings{Rounds: f.rounds, Seed: f.seed, Usual: f.usual}
	return latency.FindFusion(ctx, engine, latency.PairsOf(layers, f.each), build, set, func(done, total int) {
		c.Update("fusion", int64(done), int64(total), "timings")
	})
}

func printFusion(w io.Writer, f *latency.Fusion) {
	rows := [][]string{{"first", "second", "pairs", "saved us", "+-", ""}}
	for _, r := range f.Rules {
		fused := ""
		if r.Fused {
			fused = "fused"
		}
		rows = append(rows, []string{r.First, r.Second, fmt.Sprint(r.Pairs), fmt.Sprintf("%.1f", 1e3*r.SavedMs), fmt.Sprintf("%.1f", 1e3*r.SavedOff), fused})
	}
	columns(w, rows)
	fmt.Fprintf(w, "a call of the runtime costs %.1f us\n", 1e3*f.CallMs)
}
