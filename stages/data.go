package stages

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"hanas/datasets"
	"hanas/pipeline"
)

// dataRecord is data.json.
type dataRecord struct {
	Info  datasets.Info `json:"info"`
	Train int           `json:"train"`
	Val   int           `json:"val"`
	Test  int           `json:"test"`
}

// runData makes data.json: a change of the images is a change of its digest.
func (e *Env) runData(ctx context.Context, p *pipeline.Pass) error {
	set, err := e.data(ctx)
	if err != nil {
		return err
	}
	for _, name := range []string{"train", "val", "test"} { // every image must decode
		if _, err := e.split(ctx, name); err != nil {
			return err
		}
	}
	r := dataRecord{set.Info, set.Train.Len(), set.Val.Len(), set.Test.Len()}
	p.Summary(fmt.Sprintf("%s: %d train, %d val, %d test images of %d classes", set.Info.Kind, r.Train, r.Val, r.Test, len(set.Info.Classes)))
	return writeJSON(p.Output(dataFile), r)
}

// writeJSON writes v with a line a field; the caller's folder is private until
// the stage has finished.
func writeJSON(path string, v any) error {
	js, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("stages: %s: %w", path, err)
	}
	if err := os.WriteFile(path, append(js, '\n'), 0o644); err != nil {
		return fmt.Errorf("stages: %w (is the disk full?)", err)
	}
	return nil
}

func readJSON(path string, v any) error {
	js, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("stages: %w", err)
	}
	if err := json.Unmarshal(js, v); err != nil {
		return fmt.Errorf("stages: %s: %w (delete the file, it is made anew)", path, err)
	}
	return nil
}
