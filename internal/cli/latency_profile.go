package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"hanas/export"
	"hanas/internal/progress"
	"hanas/latency"
	"hanas/onnx"
	"hanas/onnx/ort"
	"hanas/space"
)

// profileFlags say what is profiled and how.
type profileFlags struct {
	space, out, provider, device string
	threads, rounds, fitNets     int
	pairs                        bool
	seed                         uint64
	maxDrift                     float64
}

// profileAnswer is what `hanas latency profile --json` prints.
type profileAnswer struct {
	latency.Header
	File string `json:"file"`
	Rows int    `json:"rows"`
}

func (a *app) latencyProfileCommand() *cobra.Command {
	var f profileFlags
	cmd := &cobra.Command{
		Use:   "profile --space NAME",
		Short: "Measure a table on this machine",
		Long: `Times every distinct layer of a space through ONNX Runtime on the machine it
runs on, in several rounds of different order, and writes the table. Without
--out the table becomes that of the device "host". Layers that are done are kept
beside the table (FILE.work): the same command goes on after an interruption.

Then whole random networks are timed, and pairs of neighbouring layers together
(hanas latency fusion): the correction is fitted to them.

Each timing lies between two looks at the machine's pace (three small probes) and is
scaled to the usual one. If repeated timings still differ by more than --max-drift, the
machine is too busy or throttled: the table is written, marked, and the exit code is 1.`,
		Example: `  hanas latency profile --space quick --out lut.csv
  hanas latency profile --space quick --provider xnnpack --threads 2`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.profile(cmd.Context(), f) },
	}
	fl := cmd.Flags()
	fl.StringVar(&f.out, "out", "", "table to write (default: the table of the device host)")
	fl.StringVar(&f.provider, "provider", "cpu", "execution provider of ONNX Runtime (hanas doctor lists them)")
	fl.StringVar(&f.device, "device", "", "name of this machine in the table (default: its processor)")
	fl.IntVar(&f.threads, "threads", 1, "threads inside an operator")
	fl.IntVar(&f.rounds, "rounds", 6, "passes over all layers; those that met the usual pace count")
	fl.IntVar(&f.fitNets, "fit-nets", -1, "random networks to fit the correction on, into estimator.json beside the table; 0 = none, -1 = 120 to 500, as two minutes allow")
	fl.BoolVar(&f.pairs, "pairs", true, "time neighbouring layers of these networks together too, for the correction")
	fl.Uint64Var(&f.seed, "seed", 1, "of the order and of the inputs")
	fl.Float64Var(&f.maxDrift, "max-drift", .05, "by how much repeated timings of a layer may differ, in the middle, as a fraction")
	spaceFlag(cmd, &f.space)
	return cmd
}

func (a *app) profile(ctx context.Context, f profileFlags) error {
	if f.space == "" {
		return usage("say --space NAME")
	}
	if f.threads < 1 || f.rounds < 1 || !(f.maxDrift > 0) {
		return usage("--threads, --rounds and --max-drift are positive")
	}
	sp, err := findSpace(f.space, "")
	if err != nil {
		return err
	}
	if f.out == "" {
		dir, err := deviceFolder("host")
		if err != nil {
			return err
		}
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return fmt.Errorf("cli: %w", err)
		}
		f.out = filepath.Join(dir, "lut.csv")
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
	t, err := f.measure(ctx, rt, provider, sp, c)
	if err != nil {
		return err
	}
	if err := t.Write(f.out); err != nil {
		return err
	}
	if f.fitNets < 0 {
		if f.fitNets, err = networksToFit(sp, t); err != nil {
			return err
		}
	}
	if f.fitNets > 0 {
		if err := f.fit(ctx, rt.Engine(ort.Settings{Threads: f.threads, Provider: provider}), sp, t, c); err != nil {
			return err
		}
	}
	answer := profileAnswer{t.Header, f.out, t.Len()}
	err = a.print(answer, func(w io.Writer) {
		fmt.Fprintf(w, "%d rows of %s in %s, drift %.1f %%\n", t.Len(), t.Device, f.out, 100*t.Drift)
	})
	if err == nil && t.Drift > f.maxDrift {
		fmt.Fprintf(a.stderr, "hanas: latency: profile: repeated timings differ by %.1f %%, more than --max-drift %.0f %%: the machine was noisy or throttled (the table is written; repeat it on a quiet machine)\n", 100*t.Drift, 100*f.maxDrift)
		return &codedError{codeFailed, errSaid}
	}
	return err
}

// networksToFit is how many networks can be measured in about two minutes, from
// 120 to 500: in quick, corrections of 500 are off by about 3 %, of 120 by 4 %.
func networksToFit(sp *space.Space, t *latency.Table) (int, error) {
	const budget, each, load = 120_000., 5 * 25, 40. // ms; runs of a network in all rounds; ms around them
	largest, _, err := t.Sum(sp.Layers(sp.Largest()))
	return int(min(500, max(120, budget/(load+each*largest)))), err
}

// fit measures whole networks and writes the correction beside the table.
func (f *profileFlags) fit(ctx context.Context, engine onnx.Engine, sp *space.Space, t *latency.Table, c *progress.Console) error {
	drawn := verifyFlags{nets: f.fitNets, seed: f.seed + 1<<32} // not the networks that verify draws
	nets, _, err := drawn.measure(ctx, engine, sp, t.PaceMs, c)
	if err != nil {
		return err
	}
	var pairs []latency.Fusion
	if f.pairs {
		build := func(layers ...space.Layer) (*onnx.Model, error) { return export.BuildChain(layers, f.seed) }
		var layers [][]space.Layer
		for _, n := range nets {
			layers = append(layers, n.Layers)
		}
		set := latency.Settings{Rounds: f.rounds, Seed: f.seed, Usual: t.PaceMs}
		if pairs, _, err = latency.Fusions(ctx, engine, latency.Pairs(layers), build, set, func(done, total int) {
			c.Update("pairs", int64(done), int64(total), "timings")
		}); err != nil {
			return err
		}
	}
	correction, err := t.FitFused(pairs, nets)
	if err != nil {
		return err
	}
	return latency.NewEstimator(t, correction).Write(filepath.Join(filepath.Dir(f.out), "estimator.json"))
}

// measure times the layers of sp.
func (f *profileFlags) measure(ctx context.Context, rt *ort.Runtime, provider string, sp *space.Space, c *progress.Console) (*latency.Table, error) {
	machine := ort.ThisMachine()
	device := f.device
	if device == "" {
		device = machine.CPU
	}
	header := latency.Header{Device: device, Runtime: "ONNX Runtime", Version: rt.Version(), Threads: f.threads, Governor: machine.Governor, Host: machine.CPU}
	if provider != "" {
		header.Runtime += " " + provider
	}
	build := func(l space.Layer) (*onnx.Model, error) { return export.BuildLayer(l, f.seed) }
	set := latency.Settings{Header: header, Rounds: f.rounds, Seed: f.seed, WorkFile: f.out + ".work"}
	return latency.Profile(ctx, rt.Engine(ort.Settings{Threads: f.threads, Provider: provider}), sp.DistinctLayers(), build, set, func(done, total int) {
		c.Update("profile", int64(done), int64(total), "timings")
	})
}

// usableProvider finds an execution provider by its name, in any case; "" is
// the CPU's.
func usableProvider(rt *ort.Runtime, name string) (string, error) {
	if name == "" || strings.EqualFold(name, "cpu") {
		return "", nil
	}
	var known []string
	for _, p := range rt.Providers() {
		if strings.EqualFold(p.Name, name) {
			if !p.Usable {
				return "", fmt.Errorf("latency: profile: execution provider %s is not usable here: %s (take a library that has it: ONNXRUNTIME_LIB)", p.Name, p.Why)
			}
			return p.Name, nil
		}
		known = append(known, strings.ToLower(p.Name))
	}
	return "", usage("--provider: no execution provider %q (known: %s)", name, strings.Join(known, ", "))
}
