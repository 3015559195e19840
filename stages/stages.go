// Package stages is where the two worlds meet: one adapter a stage, between the
// pipeline's artifacts and the packages that do the work. The table in Stages
// is the only place that states which stages there are and what travels
// between them.
//
//	list, err := stages.Stages(cfg, log)
//	summary, err := (&pipeline.Runner{Dir: dir, Stages: list}).Run(ctx)
package stages

import (
	"path/filepath"
	"slices"

	"hanas/configs"
	"hanas/pipeline"
)

// Names of the artifacts in a run folder.
const (
	dataFile       = "data.json"
	supernetFile   = "supernet.safetensors"
	trainingFile   = "training.json"
	archsFile      = "archs.txt"
	samplesFile    = "samples.arrow"
	predictorFile  = "predictor.onnx"
	predictorJSON  = "predictor.json"
	lutFile        = "lut.csv"
	estimatorFile  = "estimator.json"
	latencyJSON    = "latency.json"
	refinedFile    = "refined.onnx"
	refinedSamples = "refined.arrow"
	refineJSON     = "refine.json"
	frontFile      = "front.json"
	searchFile     = "search.json"
	modelsFolder   = "models/"
	validationFile = "validation.json"
	galleryFile    = "gallery.json"
	reportHTML     = "report.html"
	reportMarkdown = "report.md"
	reportJSON     = "report.json"
)

// Stages is the pipeline of a configuration, in the order data flows.
func Stages(cfg *configs.Config, log func(string)) ([]pipeline.Stage, error) {
	return With(nil, cfg, log)
}

// With is Stages with a crew that scores sub-networks; nil = this process. Who
// scores is in no action's key: the answer is the same.
func With(crew Crew, cfg *configs.Config, log func(string)) ([]pipeline.Stage, error) {
	e, err := NewEnv(cfg, log)
	if err != nil {
		return nil, err
	}
	e.Crew = crew
	scorers := e.workers()
	if crew != nil {
		scorers = 1 // this machine only waits
	}
	data := cfg.Data
	// with adds to what the answer of a stage depends on besides its space.
	with := func(more settings) settings {
		more["space"], more["seed"] = cfg.Space, cfg.Seed
		return more
	}
	exporting := settings{"export": cfg.Export, "evaluate": cfg.Evaluate, "data": data}
	if cfg.Export.FineTune > 0 {
		exporting["supernet"] = cfg.Supernet
	}
	timing := settings{"lut": cfg.Lut}
	if cfg.Lut.Table != "" {
		timing["files"] = []string{stamp(cfg.Lut.Table), stamp(filepath.Join(filepath.Dir(cfg.Lut.Table), estimatorFile))}
	}
	training := settings{"supernet": cfg.Supernet, "data": data}
	if cfg.Supernet.Weights != "" {
		training = settings{"weights": cfg.Supernet.Weights, "files": stamp(cfg.Supernet.Weights)}
	}
	searching := cfg.Search
	searching.Devices = nil // of a stage of their own
	stages := []pipeline.Stage{
		{
			Name: "data", Doc: "opens the images, checks them and records their digest", Version: 1,
			Makes: []string{dataFile}, Settings: with(settings{"data": data, "files": stamp(data.Path)}), Cores: 1, Run: e.runData,
		},
		{
			Name: "supernet", Doc: "trains the weights that all sub-networks share, or takes them from a file", Version: 2, Needs: []string{dataFile},
			Makes: []string{supernetFile, trainingFile}, Settings: with(training), Cores: e.workers(), Run: e.runSupernet,
		},
		{
			Name: "sample", Doc: "draws distinct sub-networks to evaluate", Version: 1,
			Makes: []string{archsFile}, Settings: with(settings{"sample": cfg.Sample}), Cores: 1, Run: e.runSample,
		},
		{
			Name: "evaluate", Doc: "scores each sampled sub-network on held-out images as the file that would ship", Version: 3,
			Needs: []string{dataFile, supernetFile, archsFile}, Makes: []string{samplesFile}, Settings: with(settings{"evaluate": cfg.Evaluate, "data": data}), Cores: scorers, Run: e.runEvaluate,
		},
		{
			Name: "predictor", Doc: "fits accuracy over architecture and bits", Version: 5, Needs: []string{samplesFile},
			Makes: []string{predictorFile, predictorJSON}, Settings: with(settings{"predictor": cfg.Predictor}), Cores: 1, Run: e.runPredictor,
		},
		{
			Name: "lut", Doc: "times every distinct layer and some whole networks on this machine, or takes a table", Version: 3,
			Makes: []string{lutFile, estimatorFile, latencyJSON}, Settings: with(timing), Exclusive: true, Cores: 1, Run: e.runLut,
		},
		{
			Name: "search", Doc: "finds the front of accuracy, latency and memory, or what else is asked for, under the limits", Version: 3,
			Needs: []string{e.searched(), lutFile, estimatorFile, latencyJSON}, Makes: []string{frontFile, searchFile}, Settings: with(settings{"search": searching}), Cores: 1, Run: e.runSearch,
		},
		{
			Name: "export", Doc: "writes the winners as quantised ONNX files, fine-tuned if asked to, and scores them", Version: 6,
			Needs: []string{dataFile, supernetFile, frontFile}, Makes: []string{modelsFolder}, Settings: with(exporting), Cores: e.workers(), Run: e.runExport,
		},
		{
			Name: "validate", Doc: "runs each file: accuracy on test images, latency, memory", Version: 4,
			Needs: []string{dataFile, lutFile, modelsFolder}, Makes: []string{validationFile, galleryFile}, Settings: with(settings{"validate": cfg.Validation, "evaluate": cfg.Evaluate, "data": data}), Exclusive: true, Cores: 1, Run: e.runValidate,
		},
		{
			Name: "report", Doc: "draws the tables and plots", Version: 8,
			Needs: []string{dataFile, trainingFile, samplesFile, predictorFile, predictorJSON, lutFile, estimatorFile, latencyJSON, frontFile, searchFile, validationFile, galleryFile},
			Makes: []string{reportHTML, reportMarkdown, reportJSON}, Settings: with(settings{"name": cfg.Name, "report": cfg.Report}), Cores: 1, Run: e.runReport,
		},
	}
	if cfg.Refine.Rounds > 0 {
		refine := pipeline.Stage{
			Name: "refine", Doc: "scores what the search proposes, and fits the predictor again", Version: 4,
			Needs:    []string{dataFile, supernetFile, samplesFile, predictorFile, predictorJSON, lutFile, estimatorFile},
			Makes:    []string{refinedFile, refinedSamples, refineJSON},
			Settings: with(settings{"refine": cfg.Refine, "search": searching, "predictor": cfg.Predictor, "evaluate": cfg.Evaluate, "data": data}), Cores: e.workers(), Run: e.runRefine,
		}
		last := &stages[len(stages)-1] // the report tells of it
		last.Needs = append(last.Needs, refineJSON)
		at := slices.IndexFunc(stages, func(s pipeline.Stage) bool { return s.Name == "search" })
		stages = slices.Insert(stages, at, refine)
	}
	if len(cfg.Search.Devices) > 0 {
		stages = e.withDevices(stages, with)
	}
	return stages, nil
}

// withDevices adds the search for further devices, and has export and report
// read what it finds.
func (e *Env) withDevices(stages []pipeline.Stage, with func(settings) settings) []pipeline.Stage {
	var files []string
	for _, t := range e.Config.Search.Devices {
		if t.Table != "" {
			files = append(files, stamp(t.Table), stamp(filepath.Join(filepath.Dir(t.Table), estimatorFile)))
		}
	}
	devices := pipeline.Stage{
		Name: "devices", Doc: "finds a front for each further device, with the same predictor", Version: 1,
		Needs: []string{e.searched()}, Makes: []string{frontsFolder}, Settings: with(settings{"search": e.Config.Search, "files": files}), Cores: 1, Run: e.runDevices,
	}
	for i := range stages {
		if name := stages[i].Name; name == "export" || name == "report" {
			stages[i].Needs = append(stages[i].Needs, frontsFolder)
		}
	}
	at := slices.IndexFunc(stages, func(s pipeline.Stage) bool { return s.Name == "export" })
	return slices.Insert(stages, at, devices)
}

// settings are what the answer of a stage depends on, by the names of the
// configuration: plan tells a user which of them changed.
type settings map[string]any

// stamp is that of the images on disk, so that changed ones are looked at again.
// Images that are gone have a stamp of their own: it is the stage that says so.
func stamp(path string) string {
	if path == "" {
		return ""
	}
	s, err := pipeline.Stamp(path)
	if err != nil {
		return "missing"
	}
	return s
}
