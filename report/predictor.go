package report

import (
	"cmp"
	"fmt"
	"html/template"
)

func predictorTable(p PredictorFit) table {
	t := table{Head: []string{"model", "Kendall's τ-b", "τ-b of MACs alone", "Spearman's ρ", "RMSE", "bias", "within 1 σ", "within 1.96 σ", "trained on", "tested on"}}
	optional := func(v float64, print func(float64) string) string {
		if v == 0 {
			return "–"
		}
		return print(v)
	}
	third := func(v float64) string { return fmt.Sprintf("%.3f", v) }
	t.Rows = [][]string{{
		cmp.Or(p.Kind, "–"), third(p.Tau), optional(p.TauMACs, third), third(p.Rho), fmt.Sprintf("%.2f pp", p.RMSEpp), fmt.Sprintf("%+.2f pp", p.BiasPP),
		optional(p.Coverage68, percent), optional(p.Coverage95, percent), whole(p.NTrain), whole(p.NTest),
	}}
	return t.trim()
}

// bandsTable is how well networks of like accuracy are told apart.
func bandsTable(p PredictorFit) table {
	t := table{Head: []string{"true accuracy", "τ-b", "RMSE", "bias", "sub-networks"}, Left: 1}
	for _, b := range p.Bands {
		t.Rows = append(t.Rows, []string{
			percent2(b.From) + " to " + percent2(b.To), fmt.Sprintf("%.3f", b.Tau), fmt.Sprintf("%.2f pp", b.RMSEpp), fmt.Sprintf("%+.2f pp", b.BiasPP), whole(b.N),
		})
	}
	return t
}

// fitNote says what the figures may be held against.
func fitNote(p PredictorFit) string {
	s := ""
	if p.NTest > 0 && p.Tau <= max(0, p.TauMACs) {
		s = "The predictor ranks no better than MACs alone, or than chance: what was searched by it is not to be trusted. "
	}
	if p.TauCeiling > 0 {
		s += fmt.Sprintf("By the noise of repeated measurements no predictor has a τ-b above %.3f.", p.TauCeiling)
	}
	return s
}

// curvePlots draws the learning curve: the error and the rank correlation on
// the same held-out samples as more rows are learned from.
func curvePlots(p PredictorFit) (err, tau template.HTML) {
	if len(p.Curve) < 2 {
		return "", ""
	}
	e, t := series{name: "predictor", class: "search"}, series{name: "predictor", class: "search"}
	for _, c := range p.Curve {
		e.points = append(e.points, [2]float64{float64(c.Rows), c.RMSEpp})
		t.points = append(t.points, [2]float64{float64(c.Rows), c.Tau})
	}
	first, last := float64(p.Curve[0].Rows), float64(p.Curve[len(p.Curve)-1].Rows)
	taus := []series{t}
	for _, flat := range []series{{name: "MACs alone", class: "random"}, {name: "ceiling", class: "warm"}} {
		v := p.TauMACs
		if flat.name == "ceiling" {
			v = p.TauCeiling
		}
		if v > 0 {
			flat.points = [][2]float64{{first, v}, {last, v}}
			taus = append(taus, flat)
		}
	}
	x := axis{label: "sub-networks learned from (log scale)", log: true, print: plain}
	return linePlot(x, axis{label: "error, percentage points rms", print: plain}, []series{e}), linePlot(x, axis{label: "Kendall's τ-b", print: ratio}, taus)
}

// predictor is the same as tables.
func (m *markdown) predictor(p PredictorFit) {
	m.table("Accuracy predictor", predictorTable(p))
	if note := fitNote(p); note != "" {
		m.linef("\n%s", escape(note))
	}
	if len(p.Bands) > 0 {
		m.table("Accuracy predictor by accuracy", bandsTable(p))
	}
	if len(p.Curve) < 2 {
		return
	}
	t := table{Head: []string{"learned from", "τ-b", "RMSE"}}
	for _, c := range p.Curve {
		t.Rows = append(t.Rows, []string{whole(c.Rows), fmt.Sprintf("%.3f", c.Tau), fmt.Sprintf("%.3f pp", c.RMSEpp)})
	}
	m.table("Learning curve", t)
}
