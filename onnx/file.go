package onnx

import (
	"fmt"
	"os"
	"path/filepath"

	"hanas/internal/atomicfile"
)

// ReadFile reads a model file, and from its folder what the model keeps in
// other files.
func ReadFile(path string) (*Model, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("onnx: %w", err)
	}
	m, err := UnmarshalIn(filepath.Dir(path), data)
	if err != nil {
		return nil, fmt.Errorf("onnx: %s: %w", path, err)
	}
	return m, nil
}

// WriteFile writes a model through a temporary file in the same folder, so
// that a killed process leaves no half-written model.
func WriteFile(path string, m *Model) error {
	data, err := Marshal(m)
	if err != nil {
		return err
	}
	if err := atomicfile.Write(path, data); err != nil {
		return fmt.Errorf("onnx: write %s: %w (is the disk full?)", path, err)
	}
	return nil
}
