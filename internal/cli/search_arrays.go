package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"hanas/configs"
	"hanas/latency"
	"hanas/onnx"
	"hanas/onnx/ort"
	"hanas/predictor"
	"hanas/search"
	"hanas/search/nsga2"
	"hanas/space"
	"hanas/surrogate"
)

// foreign says whether the search is of imported tables or predictors, which
// price whole blocks.
func (f *searchFlags) foreign() bool {
	return f.device != "" || strings.HasSuffix(f.predictor, ".pth") || strings.HasSuffix(f.lut, ".yaml")
}

// checkForeign refuses wrong use before anything is read.
func (f *searchFlags) checkForeign() error {
	switch {
	case f.predictor == "" || (f.lut == "") == (f.device == ""):
		return usage("say --predictor FILE and one of --lut FILE and --device NAME")
	case f.space == "":
		return usage("say --space NAME (built in: %v)", space.Presets())
	case f.estimator != "":
		return usage("%w", errCorrected)
	case f.population < 2:
		return usage("--population %d: want at least 2, one cannot breed", f.population)
	case f.evaluations < f.population:
		return usage("--evaluations %d: want at least the population, %d", f.evaluations, f.population)
	case len(f.objectives) > 0:
		return usage("--objectives: with such tables error and latency are minimised, nothing else")
	case f.hard.EnergyMJ != 0 || f.hard.Accuracy != 0 || f.watts != 0:
		return usage("--energy-mj, --accuracy and --power-w: there are none with such tables")
	}
	for _, limit := range []struct {
		flag  string
		value float64
	}{{"memory-mb", f.hard.MemoryMB}, {"size-kb", f.hard.SizeKB}, {"mmacs", f.hard.MMACs}} {
		if !(limit.value >= 0) {
			return usage("--%s %v: want 0 or more", limit.flag, limit.value)
		}
	}
	for _, limit := range f.limits {
		if !(limit > 0) {
			return usage("--latency-ms %v: want a time above 0", limit)
		}
	}
	return mustExist(f.predictor)
}

// searchArrays searches with a predictor and tables as arrays.
func (a *app) searchArrays(ctx context.Context, f searchFlags) error {
	if err := f.checkForeign(); err != nil {
		return err
	}
	sp, err := findSpace(f.space, f.predictor)
	if err != nil {
		return err
	}
	price, from, err := f.price()
	if err != nil {
		return err
	}
	compiled, err := surrogate.Compile(sp, price)
	if err != nil {
		return badInput(err)
	}
	if err := f.checkBits(sp, compiled.Arch(surrogate.Genome{})); err != nil {
		return err
	}
	c := a.console()
	defer c.Close()
	rt, err := openORT(ctx, c)
	if err != nil {
		return err
	}
	defer rt.Close()
	p, err := loadPredictor(f.predictor, rt.Engine(ort.Settings{}), sp)
	if err != nil {
		return badInput(err)
	}
	defer p.Close()
	limits := surrogate.Limits{MemoryBytes: f.hard.MemoryMB * 1e6, WeightBytes: f.hard.SizeKB * 1e3, MACs: f.hard.MMACs * 1e6}
	if len(f.limits) > 0 {
		limits.LatencyMS = slices.Max(f.limits)
	}
	problem := surrogate.NewJudge(compiled, p, limits).Problem()
	begin := time.Now()
	found, err := nsga2.Run(ctx, problem, f.nsga2(), nil)
	if err != nil {
		return err
	}
	seconds := time.Since(begin).Seconds()
	answer, err := f.arraysAnswer(compiled, found, map[string]string{"accuracy": "predicted", "latency_ms": from, "memory_bytes": "modelled: weights at their bits and peak activations"})
	if err != nil {
		return err
	}
	answer.Seconds = seconds
	if answer.Hypervolume, answer.RandomHypervolume, err = hypervolumes(ctx, problem, found, f.seed); err != nil {
		return err
	}
	c.Close()
	return a.print(answer, answer.text)
}

// loadPredictor reads our own file or Once-for-All's.
func loadPredictor(file string, engine onnx.Engine, sp *space.Space) (*predictor.Predictor, error) {
	if !strings.HasSuffix(file, ".pth") {
		return predictor.Load(file, engine, sp)
	}
	m, err := predictor.ImportOnceForAll(file, sp)
	if err != nil {
		return nil, err
	}
	return predictor.New(m.Graph, engine, sp)
}

// price is what a network costs by the tables, and where that comes from.
func (f *searchFlags) price() (surrogate.Price, string, error) {
	set := new(latency.TableSet)
	name := f.lut
	if f.device != "" {
		d, err := latency.FindDevice(f.device)
		if err != nil {
			return nil, "", usage("--device: %w", err)
		}
		if len(d.Tables) == 0 {
			return nil, "", usage("--device %s has no tables of blocks to search with: say --lut FILE", d.Name)
		}
		if set, err = d.Open(tableFolders(d.Name, f.tables, "")); err != nil {
			return nil, "", badInput(err)
		}
		name = d.Name
	} else {
		for _, file := range strings.Split(f.lut, ",") {
			t, err := latency.Import(file, "ofa-mbv3", filepath.Base(file))
			if err != nil {
				return nil, "", badInput(err)
			}
			set.Add(t, tableSize(t))
		}
	}
	price := func(layers []space.Layer) (float64, error) {
		p, err := set.Price(layers)
		if err == nil && p.Interpolated > 0 {
			err = errors.New("cli: its rows would be interpolated between tables")
		}
		return p.Ms, err
	}
	return price, "modelled: sum of imported rows of " + name, nil
}

// tableSize is the image size of a table, from its row of the stem.
func tableSize(t *latency.Table) int {
	size := 0
	for _, key := range t.RowKeys() {
		if n, err := fmt.Sscanf(key, "Conv-input:%dx", &size); n == 1 && err == nil {
			break
		}
	}
	return size
}

// arraysAnswer spells the front; limits that nothing meets name the nearest.
func (f *searchFlags) arraysAnswer(c *surrogate.Compiled, r *search.Result[surrogate.Genome], from map[string]string) (*searchAnswer, error) {
	if err := r.Front.Err(); err != nil {
		return nil, err
	}
	type point struct {
		frontPoint
		Provenance map[string]string `json:"provenance"`
	}
	points := make([]point, 0, len(r.Front.Points))
	plain := make([]frontPoint, 0, len(r.Front.Points))
	sp := c.Space()
	for _, x := range r.Front.Points {
		cost := c.Takes(&x.Genome)
		p := frontPoint{
			Arch: sp.Key(c.Arch(x.Genome)), Accuracy: 1 - x.Objectives[0], LatencyMS: cost.LatencyMS,
			MemoryBytes: int64(cost.MemoryBytes), SizeBytes: int64(cost.WeightBytes), MACs: int64(cost.MACs),
		}
		plain, points = append(plain, p), append(points, point{p, from})
	}
	slices.Reverse(plain) // fastest first: the front is in the order of the error
	slices.Reverse(points)
	data, err := json.Marshal(points)
	if err != nil {
		return nil, fmt.Errorf("cli: search: %w", err)
	}
	answer := &searchAnswer{Evaluations: r.Archive.Len(), Front: data, Best: []bestPoint{}}
	for _, limit := range f.limits {
		b := best(plain, limit)
		if b.Arch == "" {
			b.NearestMS = plain[0].LatencyMS
		}
		answer.Best = append(answer.Best, b)
	}
	if answer.Winners, err = f.winners(plain, configs.DefaultObjectives); err != nil {
		return nil, err
	}
	if f.out != "" {
		err = os.WriteFile(f.out, append(data, '\n'), 0o666)
	}
	return answer, err
}
