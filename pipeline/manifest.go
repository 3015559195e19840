package pipeline

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

const (
	manifestFile   = "manifest.json"
	manifestFormat = 1
)

// Manifest is the record of a run folder: manifest.json.
type Manifest struct {
	Format int                `json:"format"`
	Stages map[string]*Record `json:"stages"` // by name; what has finished at least once
}

// Record is what the manifest says of a stage that finished.
type Record struct {
	Action     ActionID            `json:"action"`
	Version    int                 `json:"version"`
	Settings   json.RawMessage     `json:"settings,omitempty"`
	Inputs     map[string]string   `json:"inputs,omitempty"` // artifact -> content hash
	Artifacts  map[string]Artifact `json:"artifacts"`
	Summary    string              `json:"summary,omitempty"`
	Seconds    float64             `json:"seconds"`
	CPUSeconds float64             `json:"cpu_seconds,omitempty"` // of all threads of this process; an estimate when stages ran side by side
	Finished   time.Time           `json:"finished"`
}

// ReadManifest reads the record of a run folder. A folder without one is a run
// that has not begun: the result is empty. A damaged one is an error.
func ReadManifest(dir string) (*Manifest, error) {
	m := &Manifest{Format: manifestFormat, Stages: map[string]*Record{}}
	file := filepath.Join(dir, manifestFile)
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err != nil {
		return nil, fmt.Errorf("pipeline: manifest: %w", err)
	}
	if err := json.Unmarshal(data, m); err != nil {
		return nil, fmt.Errorf("pipeline: manifest: %s: %w (remove the file to make everything anew)", file, err)
	}
	if m.Format != manifestFormat {
		return nil, fmt.Errorf("pipeline: manifest: %s: format %d, this program writes %d (use another run folder)", file, m.Format, manifestFormat)
	}
	for name, r := range m.Stages {
		if r == nil {
			delete(m.Stages, name)
		}
	}
	if m.Stages == nil {
		m.Stages = map[string]*Record{}
	}
	return m, nil
}

// write replaces the record atomically.
func (m *Manifest) write(dir string) error {
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("pipeline: manifest: %w", err)
	}
	if err := writeFile(filepath.Join(dir, manifestFile), append(data, '\n')); err != nil {
		return fmt.Errorf("pipeline: manifest: %w", err)
	}
	return nil
}
