package report

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"path/filepath"
	"strings"

	"hanas/internal/atomicfile"
)

//go:embed page/*
var files embed.FS

// Write makes report.html, report.md and report.json in dir, each whole or
// not at all.
func Write(dir string, d *Data) error {
	for _, f := range []struct {
		name  string
		write func(io.Writer, *Data) error
	}{{"report.html", HTML}, {"report.md", Markdown}, {"report.json", JSON}} {
		var b bytes.Buffer
		if err := f.write(&b, d); err != nil {
			return err
		}
		if err := atomicfile.Write(filepath.Join(dir, f.name), b.Bytes()); err != nil {
			return fmt.Errorf("report: %w", err)
		}
	}
	return nil
}

// JSON writes the data as they are, indented.
func JSON(w io.Writer, d *Data) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	if err := e.Encode(d); err != nil {
		return fmt.Errorf("report: json: %w", err)
	}
	return nil
}

// mark is a line of the legend of provenances.
type mark struct {
	Sign string
	From Provenance
	Text string
}

var legend = []mark{
	{marks[Measured], Measured, "by this run"},
	{marks[Imported], Imported, "by others, read from a file"},
	{marks[Predicted], Predicted, "by a model trained on measurements"},
	{marks[Modelled], Modelled, "by a formula"},
}

// picture is a winner with its layers drawn.
type picture struct {
	Winner
	SVG template.HTML
	Sum string
}

// view is what the page's template sees: only finished pieces.
type view struct {
	Title, Intro           string
	Style                  template.CSS
	Script                 template.JS
	Legend                 []mark
	Headlines              []headline
	Front, Progress        template.HTML
	FrontRows, RandomRows  table
	FrontSize              int
	Winners, Published     table
	Pictures               []picture
	Bits                   []int
	Accuracy, Latency      template.HTML
	AccuracyN, LatencyN    int
	Predictor, FitBands    *table
	FitNote                string
	CurveError, CurveTau   template.HTML
	Loss, Learning         template.HTML
	Times, Memory, BitBars template.HTML
	Bars                   template.HTML
	Kinds                  table
	TableNote              string
	Facts, Settings        []Setting
	Stages                 table
	Notes                  []string
	Device                 string
	Explore                *explorer
	Runs, Reached          table // of a comparison
	Patterns               table
	Devices                table // further ones
	Gallery                []galleryPart
	GalleryOf              string
}

// HTML writes the page: one file, nothing loaded from elsewhere.
func HTML(w io.Writer, d *Data) error {
	t, err := template.ParseFS(files, "page/page.html")
	if err != nil {
		return fmt.Errorf("report: html: %w", err)
	}
	v := newView(d)
	if v.Style, v.Script, err = dress(); err != nil {
		return err
	}
	if err := t.Execute(w, v); err != nil {
		return fmt.Errorf("report: html: %w", err)
	}
	return nil
}

// dress is the page's style and script, each one piece.
func dress() (template.CSS, template.JS, error) {
	var style, script strings.Builder
	for _, part := range []struct {
		to    *strings.Builder
		names []string
	}{
		{&style, []string{"style.css", "explore.css", "gallery.css"}},
		{&script, []string{"script.js", "format.js", "model.js", "plot.js", "layers.js", "explore.js"}},
	} {
		for _, name := range part.names {
			data, err := files.ReadFile("page/" + name)
			if err != nil {
				return "", "", fmt.Errorf("report: html: %w", err)
			}
			part.to.Write(data)
		}
	}
	return template.CSS(style.String()), template.JS(script.String()), nil
}

func newView(d *Data) *view {
	metric, _ := d.metric()
	v := &view{
		Title: d.Title, Intro: intro(d), Legend: legend, Headlines: headlines(d), Front: frontPlot(d), Progress: progressPlot(d.Progress),
		FrontRows: frontTable(d.Front, metric).first(mostTips), FrontSize: len(d.Front), RandomRows: frontTable(d.Random, metric).first(mostTips), Winners: winnersTable(d), Published: publishedTable(d),
		Bits: bitWidths(d.Winners), Kinds: kindsTable(d.Table), Bars: tableBars(d.Table), Times: stageBars(d.Stages), Memory: memoryPlot(d), BitBars: bitBars(d), Patterns: patternsTable(d), Devices: devicesTable(d),
		TableNote: tableNote(d.Table),
		Facts:     runFacts(d.Run), Settings: d.Run.Settings, Stages: stagesTable(d.Stages), Notes: d.Notes, Device: d.Run.Device,
		AccuracyN: len(d.Accuracy), LatencyN: len(d.Latency), Explore: exploreRun(d),
	}
	if v.Title == "" {
		v.Title = "Search report"
	}
	if v.Gallery = galleryParts(d.Gallery); v.Gallery != nil {
		v.GalleryOf = d.Gallery.Winner
	}
	v.Accuracy = pairPlot(d.Accuracy, metric, ratio, false)
	v.Latency = pairPlot(d.Latency, "latency in ms", plain, true)
	v.Loss, v.Learning = trainingPlots(d.Training)
	if d.Predictor.NTest > 0 {
		t, bands := predictorTable(d.Predictor), bandsTable(d.Predictor)
		v.Predictor, v.FitNote = &t, fitNote(d.Predictor)
		if len(bands.Rows) > 0 {
			v.FitBands = &bands
		}
		v.CurveError, v.CurveTau = curvePlots(d.Predictor)
	}
	for _, w := range d.Winners {
		if svg := layerPicture(w, widestOf(d.Winners)); svg != "" {
			v.Pictures = append(v.Pictures, picture{w, svg, pictureSum(w)})
		}
	}
	return v
}

// intro says in one sentence what the page is about.
func intro(d *Data) string {
	r := d.Run
	s := fmt.Sprintf("%s networks on the front", whole(len(d.Front)))
	if n := len(d.Progress); n > 0 {
		s += fmt.Sprintf(" after %s evaluated", whole(d.Progress[n-1].Evaluations))
	}
	if r.SpaceLog10 > 0 {
		s += " of about " + power(r.SpaceLog10) + " possible"
	}
	if r.Device != "" {
		s += ", for " + r.Device
	}
	if r.Dataset != "" {
		s += ", on " + r.Dataset
	}
	return s + "."
}

// pictureSum is the line above a winner's picture.
func pictureSum(w Winner) string {
	top1, lat := w.Top1Test, w.LatencyMeasured
	if !top1.Has() {
		top1 = w.Top1Val
	}
	if !lat.Has() {
		lat = w.LatencyPredicted
	}
	s := ""
	if top1.Has() {
		s += figure(top1, percent) + " · "
	}
	if lat.Has() {
		s += figure(lat, ms) + " · "
	}
	return s + bytesOf(w.WeightBytes) + " · " + count(w.MACs) + " MACs"
}

func tableNote(t TableSummary) string {
	if t.Rows == 0 && len(t.Kinds) == 0 {
		return ""
	}
	s := fmt.Sprintf("%s rows", whole(t.Rows))
	if t.Device != "" {
		s += " for " + t.Device
	}
	if t.Source != "" {
		s += ", from " + t.Source
	}
	if t.Checked > 0 {
		s += fmt.Sprintf("; off by %.1f %% on average on %s whole networks", t.ErrorPC, whole(t.Checked))
	}
	return s + "."
}
