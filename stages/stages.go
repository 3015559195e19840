// Package stages is where the two worlds meet: one adapter a stage, between the
// pipeline's artifacts and the packages that do the work. The table in Stages
// is the only place that states which stages there are and what travels
// between them.
//
//	list, err := stages.Stages(cfg, log)
//	summary, err := (&pipeline.Runner{Dir: dir, Stages: list}).Run(ctx)
package stages

import (
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
	frontFile      = "front.json"
	searchFile     = "search.json"
	modelsFolder   = "models/"
	validationFile = "validation.json"
	reportHTML     = "report.html"
	reportMarkdown = "report.md"
	reportJSON     = "report.json"
)

// Stages is the pipeline of a configuration, in the order data flows.
func Stages(cfg *configs.Config, log func(string)) ([]pipeline.Stage, error) {
	e, err := NewEnv(cfg, log)
	if err != nil {
		return nil, err
	}
	sp, data := []any{cfg.Space, cfg.Seed}, []any{cfg.Data, cfg.Seed}
	return []pipeline.Stage{
		{
			Name: "data", Doc: "opens the images, checks them and records their digest", Version: 1,
			Makes: []string{dataFile}, Settings: data, Cores: 1, Run: e.runData,
		},
		{
			Name: "supernet", Doc: "trains the weights that all sub-networks share", Version: 1, Needs: []string{dataFile},
			Makes: []string{supernetFile, trainingFile}, Settings: []any{sp, cfg.Supernet, data}, Cores: e.workers(), Run: e.runSupernet,
		},
		{
			Name: "sample", Doc: "draws distinct sub-networks to evaluate", Version: 1,
			Makes: []string{archsFile}, Settings: []any{sp, cfg.Sample}, Cores: 1, Run: e.runSample,
		},
		{
			Name: "evaluate", Doc: "scores each sampled sub-network on held-out images as the file that would ship", Version: 1,
			Needs: []string{dataFile, supernetFile, archsFile}, Makes: []string{samplesFile}, Settings: []any{sp, cfg.Evaluate, data}, Cores: e.workers(), Run: e.runEvaluate,
		},
		{
			Name: "predictor", Doc: "fits accuracy over architecture and bits", Version: 3, Needs: []string{samplesFile},
			Makes: []string{predictorFile, predictorJSON}, Settings: []any{sp, cfg.Predictor}, Cores: 1, Run: e.runPredictor,
		},
		{
			Name: "lut", Doc: "times every distinct layer and some whole networks on this machine", Version: 1,
			Makes: []string{lutFile, estimatorFile, latencyJSON}, Settings: []any{sp, cfg.Lut}, Exclusive: true, Cores: 1, Run: e.runLut,
		},
		{
			Name: "search", Doc: "finds the accuracy, latency and memory front under the limits", Version: 1,
			Needs: []string{predictorFile, lutFile, estimatorFile}, Makes: []string{frontFile, searchFile}, Settings: []any{sp, cfg.Search}, Cores: 1, Run: e.runSearch,
		},
		{
			Name: "export", Doc: "writes the winners as quantised ONNX files and scores them", Version: 1,
			Needs: []string{dataFile, supernetFile, frontFile}, Makes: []string{modelsFolder}, Settings: []any{sp, cfg.Export, cfg.Evaluate, data}, Cores: e.workers(), Run: e.runExport,
		},
		{
			Name: "validate", Doc: "runs each file: accuracy on test images, latency, memory", Version: 1,
			Needs: []string{dataFile, modelsFolder}, Makes: []string{validationFile}, Settings: []any{sp, cfg.Validation, cfg.Evaluate, data}, Exclusive: true, Cores: 1, Run: e.runValidate,
		},
		{
			Name: "report", Doc: "draws the tables and plots", Version: 1,
			Needs: []string{dataFile, trainingFile, samplesFile, predictorFile, predictorJSON, lutFile, estimatorFile, latencyJSON, frontFile, searchFile, validationFile},
			Makes: []string{reportHTML, reportMarkdown, reportJSON}, Settings: []any{sp, cfg.Name, cfg.Report}, Cores: 1, Run: e.runReport,
		},
	}, nil
}
