package onnx

import (
	"fmt"
	"os"
	"path/filepath"
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
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("onnx: write %s: %w", path, err)
	}
	defer os.Remove(f.Name())
	if _, err = f.Write(data); err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("onnx: write %s: %w (is the disk full?)", path, err)
	}
	return nil
}
