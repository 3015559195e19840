package stages

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"hanas/configs"
	"hanas/latency"
	"hanas/onnx/ort"
	"hanas/pipeline"
	"hanas/report"
	"hanas/space"
)

// artifacts is what the report is drawn from.
type artifacts struct {
	data       dataRecord
	training   trainingRecord
	predictor  predictorRecord
	latency    lutRecord
	front      frontRecord
	search     searchRecord
	validation validationRecord
	gallery    report.Gallery
	table      *latency.Table
	estimator  *latency.Estimator
	refined    refineRecord       // zero without the stage
	scored     map[string]float64 // by Arch: what refining scored
	shapes     report.Shapes
	devices    []deviceFront
}

func (e *Env) readArtifacts(p *pipeline.Pass) (*artifacts, error) {
	var a artifacts
	for name, v := range map[string]any{
		dataFile: &a.data, trainingFile: &a.training, predictorJSON: &a.predictor, latencyJSON: &a.latency,
		frontFile: &a.front, searchFile: &a.search, validationFile: &a.validation, galleryFile: &a.gallery,
	} {
		if err := readJSON(p.Input(name), v); err != nil {
			return nil, err
		}
	}
	var err error
	if a.table, err = latency.ReadTable(p.Input(lutFile)); err != nil {
		return nil, err
	}
	if a.estimator, err = latency.ReadEstimator(p.Input(estimatorFile), a.table); err != nil {
		return nil, err
	}
	if len(e.Config.Search.Devices) > 0 {
		if a.devices, err = e.readFronts(p.Input(frontsFolder)); err != nil {
			return nil, err
		}
	}
	if e.Config.Refine.Rounds == 0 {
		return &a, nil
	}
	a.scored = map[string]float64{}
	err = readJSON(p.Input(refineJSON), &a.refined)
	for _, round := range a.refined.Rounds {
		for i, key := range round.Arch {
			a.scored[key] = round.Scored[i]
		}
	}
	return &a, err
}

// runReport draws the page and its tables.
func (e *Env) runReport(_ context.Context, p *pipeline.Pass) error {
	a, err := e.readArtifacts(p)
	if err != nil {
		return err
	}
	d := e.reportRun(a)
	for _, pt := range a.front.Points {
		d.Front = append(d.Front, e.reportPoint(pt, a))
	}
	for _, f := range a.devices {
		more := report.DeviceFront{Name: f.Name, Device: f.Device}
		for _, pt := range f.Points {
			more.Points = append(more.Points, e.reportPoint(pt, a))
		}
		d.Devices = append(d.Devices, more)
	}
	for _, pt := range a.search.RandomSet {
		d.Random = append(d.Random, e.reportPoint(pt, a))
	}
	if d.Scored, err = e.scoredPoints(p, a); err != nil {
		return err
	}
	d.Progress = hypervolumes(a.search)
	for i, m := range a.validation.Models {
		w, err := e.reportWinner(i, m, a)
		if err != nil {
			return err
		}
		d.Winners = append(d.Winners, w)
		if m.Baseline {
			d.Baselines = append(d.Baselines, report.Baseline{
				Name: m.Picks[0] + " at 8 bits", Arch: m.Arch, Accuracy: report.Fig(m.Top1Scored, report.Measured),
				Latency: report.Fig(m.LatencyMS.Predicted, report.Predicted), Memory: report.Fig(float64(baselineMemory(a.front, m.Arch)), report.Modelled),
			})
		}
	}
	pr := a.predictor
	d.Predictor = predictorFit(pr)
	for i := range pr.Got {
		d.Accuracy = append(d.Accuracy, report.Pair{Predicted: pr.Got[i], Measured: pr.Want[i], Label: pr.Arch[i]})
	}
	for _, n := range a.latency.Nets {
		d.Latency = append(d.Latency, report.Pair{Predicted: n.Predicted, Measured: n.Measured, Label: n.Arch})
	}
	for _, s := range a.training.Curve {
		d.Training = append(d.Training, report.Step{Step: s.Step, Largest: s.Largest, Others: s.Others, Accuracy: s.Accuracy})
	}
	if len(a.gallery.First) > 0 {
		d.Gallery = &a.gallery
	}
	d.Table = e.tableSummary(a)
	d.Notes = e.notes(a)
	d.Shapes = a.shapes.List()
	p.Summary(fmt.Sprintf("%d points, %d models", len(d.Front), len(d.Winners)))
	return report.Write(filepath.Dir(p.Output(reportHTML)), d)
}

func (e *Env) reportRun(a *artifacts) *report.Data {
	title := e.Config.Report.Title
	if title == "" {
		title = e.Config.Name
	}
	m := ort.ThisMachine()
	return &report.Data{Title: title, Run: report.Run{
		Preset: e.Config.Name, Command: "hanas run " + e.Config.Name, Seed: e.Config.Seed,
		Space: e.Space.Name, SpaceLog10: e.Space.Log10Size(), Dataset: dataName(e.Config.Data),
		Images: [3]int{a.data.Train, a.data.Val, a.data.Test}, Classes: len(a.data.Info.Classes), Metric: e.task().metric, ImageSize: a.data.Info.Size,
		Device: a.table.Device, Machine: fmt.Sprintf("%s, %d cores", m.CPU, m.Cores), Runtime: a.table.Runtime + " " + a.table.Version, Threads: a.table.Threads,
	}}
}

// reportPoint is a front point; where it was exported, with its scored accuracy.
func (e *Env) reportPoint(pt frontPoint, a *artifacts) report.Point {
	out := report.Point{
		Arch: pt.Arch, Accuracy: report.Figure{Value: pt.Accuracy, From: report.Predicted, Std: pt.Std},
		Latency: report.Fig(pt.LatencyMS, report.Predicted), Memory: report.Fig(float64(pt.MemoryBytes), report.Modelled),
	}
	if pt.EnergyMJ > 0 {
		out.Energy = report.Fig(pt.EnergyMJ, report.Modelled)
	}
	if v, ok := a.scored[pt.Arch]; ok {
		out.Measured = report.Fig(v, report.Measured)
	}
	if i := slices.IndexFunc(a.validation.Models, func(m checkedModel) bool { return m.Arch == pt.Arch }); i >= 0 {
		out.Measured = report.Fig(a.validation.Models[i].Top1Scored, report.Measured)
	}
	if arch, err := e.Space.Parse(pt.Arch); err == nil {
		e.tellLayers(&out, arch, a)
	}
	return out
}

// winnerName is the short name of exported file i.
func winnerName(i int) string { return string(rune('A' + i%26)) }

func (e *Env) reportWinner(i int, m checkedModel, a *artifacts) (report.Winner, error) {
	scored := m.Top1Scored
	w := report.Winner{
		Name: winnerName(i), File: modelsFolder + m.File, Arch: m.Arch, Baseline: m.Baseline,
		Top1Val: report.Fig(m.Top1Again, report.Measured), Top1Test: report.Fig(m.Top1, report.Measured), Top5Test: report.Fig(m.Top5, report.Measured),
		TestN: m.Images, Scored: &scored, TestBasic: m.Rewriting.figure(),
		LatencyPredicted: report.Fig(m.LatencyMS.Predicted, report.Predicted),
		LatencyMeasured:  report.Figure{Value: m.LatencyMS.Measured, From: report.Measured, Std: m.LatencyMS.Std},
		FileBytes:        m.FileBytes, WeightBytes: m.WeightBytes, PeakActivationBytes: m.PeakBytes, Params: m.Params, MACs: m.MACs,
	}
	arch, err := e.Space.Parse(m.Arch)
	if err != nil {
		return w, fmt.Errorf("stages: report: %w", err)
	}
	w.Layers = e.reportLayers(arch, a)
	return w, nil
}

// baselineMemory is the modelled memory of a baseline.
func baselineMemory(f frontRecord, arch string) int64 {
	for _, b := range f.Baselines {
		if b.Arch == arch {
			return b.MemoryBytes
		}
	}
	return 0
}

// hypervolumes puts both searches on one scale of evaluations.
func hypervolumes(s searchRecord) []report.Progress {
	var out []report.Progress
	k := 0
	for _, step := range s.Search {
		for k+1 < len(s.Random) && s.Random[k+1].Evaluations <= step.Evaluations {
			k++
		}
		pr := report.Progress{Evaluations: step.Evaluations, Search: step.Hypervolume}
		if len(s.Random) > 0 {
			pr.Random = s.Random[k].Hypervolume
		}
		out = append(out, pr)
	}
	return out
}

func (e *Env) tableSummary(a *artifacts) report.TableSummary {
	t := report.TableSummary{
		Device: a.table.Device, Source: tableSource(a.table), Rows: a.table.Len(),
		ErrorPC: 100 * a.latency.Report.Corrected.MAPE, Checked: a.latency.Report.N,
	}
	times := map[string][]float64{}
	for _, l := range e.Space.DistinctLayers() {
		if row, ok := a.table.Row(l.Key()); ok {
			times[string(l.Kind)] = append(times[string(l.Kind)], row.MeanMs)
		}
	}
	for _, kind := range []space.Kind{space.Conv, space.Pointwise, space.Depthwise, space.SE, space.Add, space.Pool, space.Linear} {
		v := times[string(kind)]
		if len(v) == 0 {
			continue
		}
		slices.Sort(v)
		row := report.RowKind{Kind: string(kind), MinMS: v[0], MedianMS: v[len(v)/2], MaxMS: v[len(v)-1]}
		switch a.table.Provenance {
		case latency.MeasuredHere:
			row.Measured = len(v)
		case latency.Imported:
			row.Imported = len(v)
		default:
			row.Modelled = len(v)
		}
		t.Kinds = append(t.Kinds, row)
	}
	return t
}

// tableSource says how the table came to be.
func tableSource(t *latency.Table) string {
	if t.Host == "" && t.Provenance != latency.MeasuredHere {
		return "a table of " + string(t.Provenance) + " figures"
	}
	return "profiled through " + t.Runtime
}

func (e *Env) notes(a *artifacts) []string {
	notes := []string{
		"Accuracy of points on the front is predicted; the exported files are scored on validation images and tested on others, which nothing was chosen by.",
		"Memory is modelled: weights at their bits, scales and biases, and the largest sum of live activations at their bits.",
	}
	if len(a.devices) > 0 {
		notes = append(notes, "Files whose names begin with a further device's are its winners: their predicted latency is that device's, the measured one this machine's.")
	}
	if !slices.Equal(a.front.Objectives, configs.DefaultObjectives) {
		notes = append(notes, "The search minimised "+strings.Join(a.front.Objectives, ", ")+": seen by latency alone, its front need not be one.")
	}
	if n := len(a.refined.Rounds); n > 0 {
		first, last := a.refined.Rounds[0].Metrics, a.refined.Rounds[n-1].Metrics
		notes = append(notes, fmt.Sprintf("Where the search went, predictions were off by %.1f points rms (%+.1f in the mean) on %d networks scored in the first round of refining, and by %.1f (%+.1f) in the last of %d.",
			first.RMSEpp, first.BiasPP, first.N, last.RMSEpp, last.BiasPP, n))
	}
	notes = append(notes, rewritingNotes(a.validation.Models)...)
	notes = append(notes, tuningNotes(a.validation.Models)...)
	if e.Config.Lut.Table != "" {
		notes = append(notes, fmt.Sprintf("Latencies are those of %s by a table that was given (%s); what validation measured is of this machine and does not compare.", a.table.Device, filepath.Base(e.Config.Lut.Table)))
	}
	if a.data.Info.Kind == "glyphs" {
		notes = append(notes, "The images are glyphs drawn by the program, a stand-in that needs no download.")
	}
	return notes
}

// dataName is how a reader knows the images: the kind, and the last of the path.
func dataName(d configs.Data) string {
	if d.Path == "" {
		return d.Kind
	}
	return filepath.Base(filepath.Clean(d.Path)) + " (" + d.Kind + ")"
}
