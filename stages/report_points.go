package stages

import (
	"fmt"

	"hanas/pipeline"
	"hanas/report"
	"hanas/samples"
	"hanas/space"
)

// mostScored bounds the scored samples on the page, so that it stays small: the
// first ones, which are drawn like all others.
const mostScored = 3000

// reportLayers are the layers of a sub-network with their times.
func (e *Env) reportLayers(arch space.Arch, a *artifacts) []report.Layer {
	var out []report.Layer
	for _, l := range e.Space.Layers(arch) {
		row, _ := a.table.Row(l.Key())
		block := ""
		if l.Stage >= 0 {
			block = fmt.Sprintf("s%d.b%d", l.Stage, l.Block)
		}
		out = append(out, report.Layer{
			Name: l.Name, Kind: string(l.Kind), Block: block, In: l.In, Out: l.Out, Size: l.OutSize,
			Kernel: l.Kernel, Stride: l.Stride, WBits: l.WBits, ABits: l.ABits, LatencyMS: row.MeanMs,
		})
	}
	return out
}

// tellLayers gives a point its bits and its layers, which are numbered in shapes.
func (e *Env) tellLayers(pt *report.Point, arch space.Arch, a *artifacts) {
	for _, l := range e.reportLayers(arch, a) {
		pt.Layers = append(pt.Layers, a.shapes.Add(l))
		if l.WBits > 0 {
			pt.WBits, pt.ABits = append(pt.WBits, l.WBits), append(pt.ABits, l.ABits)
		}
	}
}

// scoredPoints are the samples that the predictor learned from and was judged
// by, with the latency that the table gives them.
func (e *Env) scoredPoints(p *pipeline.Pass, a *artifacts) ([]report.Point, error) {
	rows, _, err := samples.Read(p.Input(samplesFile))
	if err != nil {
		return nil, err
	}
	ms, err := a.estimator.Index(e.Space)
	if err != nil {
		return nil, err
	}
	var out []report.Point
	for _, row := range rows[:min(len(rows), mostScored)] {
		arch, err := e.Space.Parse(row.Arch)
		if err != nil {
			return nil, fmt.Errorf("stages: report: %w", err)
		}
		layers := e.Space.Layers(arch)
		cost := space.Cost(layers)
		pt := report.Point{
			Arch: row.Arch, Measured: report.Fig(row.Accuracy, report.Measured),
			Latency: report.Fig(ms(layers), report.Predicted), Memory: report.Fig(float64(cost.WeightBytes+cost.PeakActivationBytes), report.Modelled),
		}
		e.tellLayers(&pt, arch, a)
		out = append(out, pt)
	}
	return out, nil
}
