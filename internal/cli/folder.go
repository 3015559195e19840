package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"hanas/configs"
	"hanas/internal/progress"
	"hanas/pipeline"
)

// configFile is what a run folder was run with, all keys written out. It is
// JSON, which is YAML, so `hanas run DIR/config.json` works.
const configFile = "config.json"

// defaultFolder is where a run goes that was not told.
func defaultFolder(cfg *configs.Config) string { return filepath.Join("runs", cfg.Name) }

// keepConfig writes the config into the run folder. It refuses a folder that
// holds another run, whose artifacts would be overwritten.
func keepConfig(dir string, cfg *configs.Config) error {
	file := filepath.Join(dir, configFile)
	if old, err := os.ReadFile(file); err == nil {
		var before struct {
			Name string `json:"name"`
		}
		if json.Unmarshal(old, &before) == nil && before.Name != "" && before.Name != cfg.Name {
			return usage("%s holds the run %q, this one is called %q (choose another folder with --out, or give both one name)", dir, before.Name, cfg.Name)
		}
	}
	data, err := json.MarshalIndent(cfg, "", "  ")
	if err != nil {
		return fmt.Errorf("cli: config: %w", err)
	}
	if err := os.WriteFile(file, append(data, '\n'), 0o666); err != nil {
		return fmt.Errorf("cli: config: %w", err)
	}
	return nil
}

// open reads what a run folder was run with, and makes its stages.
func (a *app) open(dir string, c *progress.Console) (*configs.Config, []pipeline.Stage, error) {
	file := filepath.Join(dir, configFile)
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		return nil, nil, badInput(fmt.Errorf("%s is not a run folder: it has no %s (hanas run makes one)", dir, configFile))
	}
	cfg, err := configs.Load(file, nil)
	if err != nil {
		return nil, nil, err
	}
	table, err := a.stages(cfg, func(line string) { c.Log("", line) })
	return cfg, table, err
}

// complete refuses a run folder in which a stage is left to run; the report does
// not count.
func complete(dir string, table []pipeline.Stage) error {
	steps, err := pipeline.Plan(dir, table)
	if err != nil {
		return badInput(err)
	}
	for _, st := range steps {
		if !st.Fresh && st.Stage.Name != reportStage {
			return fmt.Errorf("%s is not complete: %s: %s (hanas run goes on from here)", dir, st.Stage.Name, st.Reason)
		}
	}
	return nil
}

// result embeds a JSON artifact of a run folder in an answer; nil if it is not
// there or not JSON.
func result(dir, name string) json.RawMessage {
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil || !json.Valid(data) {
		return nil
	}
	return data
}
