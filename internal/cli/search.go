package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hanas/configs"
)

// frontPoint is a point of front.json, as far as the answer needs it.
type frontPoint struct {
	Arch        string  `json:"arch"`
	Accuracy    float64 `json:"accuracy"` // predicted top-1, fraction
	LatencyMS   float64 `json:"latency_ms"`
	MemoryBytes int64   `json:"memory_bytes"`
	EnergyMJ    float64 `json:"energy_mj,omitempty"`
	SizeBytes   int64   `json:"size_bytes,omitempty"`
	MACs        int64   `json:"macs,omitempty"`
}

// bestPoint is the most accurate point under a limit; no Arch = there is none.
type bestPoint struct {
	Limit float64 `json:"latency_ms_limit"`
	// NearestMS is the least latency found, where nothing meets the limit.
	NearestMS float64 `json:"nearest_ms,omitempty"`
	frontPoint
}

// searchAnswer is what `hanas search --json` prints.
type searchAnswer struct {
	Evaluations       int             `json:"evaluations"`
	Seconds           float64         `json:"seconds"`
	Hypervolume       float64         `json:"hypervolume"`
	RandomHypervolume float64         `json:"random_hypervolume"` // of as many random sub-networks
	Best              []bestPoint     `json:"best"`
	Front             json.RawMessage `json:"front"` // points of front.json
	Winners           []winner        `json:"winners,omitempty"`
}

type searchFlags struct {
	space, predictor, lut, estimator, out string
	device, tables                        string
	limits                                []float64
	objectives                            []string
	hard                                  configs.Limits // but for the latency
	watts                                 float64
	evaluations, population, gradient     int
	bits                                  []int
	seed                                  uint64
	unverified                            bool
	prefer                                []string
	diverse                               int
}

func (a *app) searchCommand() *cobra.Command {
	var f searchFlags
	cmd := &cobra.Command{
		Use:   "search --predictor FILE --lut FILE",
		Short: "Search for the front of accuracy, latency and memory",
		Long: `Searches with a predictor and a latency table, as the stage of a run does, and
tells the most accurate sub-network under each latency limit. These do not
constrain the search: the front holds what is best under any. All other limits
are hard, any number at once; where nothing meets them the nearest is told.
--objectives says what is minimised instead of error, latency and memory.

With --device, with tables of Once-for-All (--lut FILE.yaml, several joined by
commas) or with its accuracy predictor (a .pth file), the space must choose
image size, depth, kernel and expand ratio only, as ofa-mbv3-w1.2 does. The
largest --latency-ms is then a hard limit, half of the search goes to what is
best under each, image sizes that no table prices are left out, and "seconds" is
the search alone, without loading and without the random search beside it.`,
		Example: `  hanas search --predictor runs/quick/refined.onnx --lut runs/quick/lut.csv --latency-ms 0.1 --latency-ms 0.2
  hanas search --space ofa-mbv3-w1.2 --predictor acc_predictor.pth --device note10 --tables lut --latency-ms 25 --evaluations 50000
  hanas search --space quick --predictor p.onnx --lut lut.csv --memory-mb 0.2 --evaluations 20000 --json
  hanas search --predictor p.onnx --lut lut.csv --space quick --objectives error,energy_mj --power-w 4 --size-kb 60 --mmacs 3`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := f.parsePreferences(); err != nil {
				return err
			}
			if f.foreign() {
				return a.searchArrays(cmd.Context(), f)
			}
			cfg, err := f.config()
			if err != nil {
				return err
			}
			given, remove, err := f.given()
			if err != nil {
				return err
			}
			defer remove()
			c := a.console()
			defer c.Close()
			begin := time.Now()
			dir, clean, err := alone{app: a, config: cfg, console: c, stages: []string{"search"}, given: given}.run(cmd.Context())
			if err != nil {
				return err
			}
			defer clean()
			c.Close()
			answer, err := f.answer(filepath.Join(dir, "front.json"))
			if err != nil {
				return err
			}
			answer.Seconds = time.Since(begin).Seconds()
			return a.print(answer, answer.text)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&f.predictor, "predictor", "", "predictor")
	fl.StringVar(&f.lut, "lut", "", "latency table")
	fl.StringVar(&f.estimator, "estimator", "", "correction (default: estimator.json beside the table, if there)")
	fl.StringVar(&f.device, "device", "", "device or device file instead of --lut (see hanas latency devices)")
	fl.StringVar(&f.tables, "tables", "", "folder with the device's tables")
	fl.Float64SliceVar(&f.limits, "latency-ms", nil, "tell the best under this latency; may be repeated")
	fl.StringSliceVar(&f.objectives, "objectives", nil, "what is minimised, of "+strings.Join(configs.Objectives, ", ")+" (default the first three)")
	fl.Float64Var(&f.hard.MemoryMB, "memory-mb", 0, "limit on weights and peak activations, in 10^6 bytes (default none)")
	fl.Float64Var(&f.hard.EnergyMJ, "energy-mj", 0, "limit on the energy of an inference (default none)")
	fl.Float64Var(&f.hard.SizeKB, "size-kb", 0, "limit on the packed weights, in 10^3 bytes (default none)")
	fl.Float64Var(&f.hard.MMACs, "mmacs", 0, "limit on multiplications, in 10^6 (default none)")
	fl.Float64Var(&f.hard.Accuracy, "accuracy", 0, "least predicted accuracy, in percent (default none)")
	fl.Float64Var(&f.watts, "power-w", 0, "power of the device while it computes: energy where its table has none (default unknown)")
	fl.IntVar(&f.evaluations, "evaluations", 10000, "sub-networks to look at")
	fl.IntVar(&f.population, "population", 100, "of NSGA-II")
	fl.IntVar(&f.gradient, "gradient", 0, "descents along the gradients of predictor and table whose ends NSGA-II begins with")
	fl.IntSliceVar(&f.bits, "bits", nil, "bit widths that the device runs (default all of the space)")
	fl.Uint64Var(&f.seed, "seed", 1, "of the random draws")
	fl.BoolVar(&f.unverified, "unverified", false, "use a table although its check failed (hanas latency verify)")
	fl.StringVar(&f.out, "out", "", "also write the front to this file")
	fl.StringArrayVar(&f.prefer, "prefer", nil, "`WISHES` such as top1>=76,latency<=22,memory<=3,energy<=40,size<=900,macs<=300 (percent, ms, 10^6 bytes, mJ, 10^3 bytes, 10^6): tell the best point, or the nearest; may be repeated")
	fl.IntVar(&f.diverse, "diverse", 0, "tell so many points that lie far apart")
	spaceFlag(cmd, &f.space)
	return cmd
}

// config is the preset that searches fastest, with the flags in it.
func (f *searchFlags) config() (*configs.Config, error) {
	if f.predictor == "" || f.lut == "" {
		return nil, usage("say --predictor FILE and --lut FILE")
	}
	for _, limit := range f.limits {
		if !(limit > 0) {
			return nil, usage("--latency-ms %v: want a time above 0", limit)
		}
	}
	for _, file := range []string{f.predictor, f.lut} {
		if err := mustExist(file); err != nil {
			return nil, err
		}
	}
	if !f.unverified {
		if err := refuseUnverified(f.lut); err != nil {
			return nil, err
		}
	}
	sp, err := findSpace(f.space, f.predictor)
	if err != nil {
		return nil, err
	}
	cfg, err := configs.Load("quick", nil)
	if err != nil {
		return nil, err
	}
	cfg.Name, cfg.Seed, cfg.Space = "search", f.seed, configs.Space{Define: sp}
	cfg.Search.Evaluations, cfg.Search.Population = f.evaluations, f.population
	cfg.Search.Gradient = f.gradient
	cfg.Search.Objectives, cfg.Search.PowerW, cfg.Search.Bits = f.objectives, f.watts, f.bits
	cfg.Search.MemoryMB, cfg.Search.EnergyMJ, cfg.Search.SizeKB = f.hard.MemoryMB, f.hard.EnergyMJ, f.hard.SizeKB
	cfg.Search.MMACs, cfg.Search.Accuracy = f.hard.MMACs, f.hard.Accuracy
	cfg.Refine.Rounds = 0 // there is no supernet to score with
	if faults := cfg.Validate(); len(faults) > 0 {
		return nil, &configs.Error{Source: "flags", Faults: faults}
	}
	return cfg, nil
}

// given are the inputs of the stage; a table without correction gets a plain one.
func (f *searchFlags) given() (files map[string]string, remove func(), err error) {
	est, err := readEstimator(f.lut, f.estimator)
	if err != nil {
		return nil, nil, err
	}
	dir, err := scratch(map[string][]byte{"latency.json": []byte("{}\n")}) // refuseUnverified has looked at the table's check
	if err != nil {
		return nil, nil, err
	}
	remove = func() { os.RemoveAll(dir) }
	correction := filepath.Join(dir, "estimator.json")
	if err := est.Write(correction); err != nil {
		remove()
		return nil, nil, err
	}
	return map[string]string{"predictor.onnx": f.predictor, "lut.csv": f.lut, "estimator.json": correction, "latency.json": filepath.Join(dir, "latency.json")}, remove, nil
}

// answer reads front.json, and copies it if that was asked for.
func (f *searchFlags) answer(file string) (*searchAnswer, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("cli: search: %w", err)
	}
	var front struct {
		Hypervolume       float64         `json:"hypervolume"`
		RandomHypervolume float64         `json:"random_hypervolume"`
		Evaluations       int             `json:"evaluations"`
		Points            json.RawMessage `json:"points"`
		Objectives        []string        `json:"objectives"`
	}
	var points []frontPoint
	if err := json.Unmarshal(data, &front); err != nil {
		return nil, fmt.Errorf("cli: search: %w", err)
	}
	if err := json.Unmarshal(front.Points, &points); err != nil {
		return nil, fmt.Errorf("cli: search: %w", err)
	}
	answer := &searchAnswer{
		Evaluations: front.Evaluations, Hypervolume: front.Hypervolume, RandomHypervolume: front.RandomHypervolume,
		Front: front.Points, Best: []bestPoint{},
	}
	for _, limit := range f.limits {
		answer.Best = append(answer.Best, best(points, limit))
	}
	if answer.Winners, err = f.winners(points, front.Objectives); err != nil {
		return nil, err
	}
	if f.out != "" {
		return answer, copyFile(f.out, file)
	}
	return answer, nil
}

// best is the most accurate point within a limit; of equals the fastest.
func best(points []frontPoint, limit float64) bestPoint {
	b := bestPoint{Limit: limit}
	for _, p := range points {
		if p.LatencyMS <= limit && (b.Arch == "" || p.Accuracy > b.Accuracy || p.Accuracy == b.Accuracy && p.LatencyMS < b.LatencyMS) {
			b.frontPoint = p
		}
	}
	return b
}

func (s *searchAnswer) text(w io.Writer) {
	var points []frontPoint
	_ = json.Unmarshal(s.Front, &points) // it was read before
	row := func(limit string, p frontPoint) []string {
		if p.Arch == "" {
			return []string{limit, "-", "-", "-", "none that fast"}
		}
		return []string{limit, fmt.Sprintf("%.2f %%", 100*p.Accuracy), fmt.Sprintf("%.4g ms", p.LatencyMS), megabytes(p.MemoryBytes), p.Arch}
	}
	rows := [][]string{{"LIMIT", "ACCURACY", "LATENCY", "MEMORY", "ARCH"}}
	for _, b := range s.Best {
		rows = append(rows, row(fmt.Sprintf("%g ms", b.Limit), b.frontPoint))
	}
	if len(s.Best) == 0 {
		for _, p := range points {
			rows = append(rows, row("-", p))
		}
	}
	for _, x := range s.Winners {
		rows = append(rows, row(x.Why, x.frontPoint))
	}
	columns(w, rows)
	for _, x := range s.Winners {
		for _, miss := range x.Misses {
			fmt.Fprintf(w, "no point is within %s\n", miss)
		}
	}
	fmt.Fprintf(w, "%d points after %d evaluations in %.1f s; hypervolume %.4g, of random search %.4g\n",
		len(points), s.Evaluations, s.Seconds, s.Hypervolume, s.RandomHypervolume)
}
