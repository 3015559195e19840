// Package atomicfile writes files that are there whole or not at all.
//
//	err := atomicfile.Write("model.onnx", data)
//
// Libraries that do the same either leave new files unreadable for other users
// (natefinch/atomic) or do not support Windows (google/renameio).
package atomicfile

import (
	"errors"
	"os"
	"path/filepath"
)

// Write replaces the file at path, readable by all, so that a kill or a power
// cut leaves the old content or the new: temporary file in the same folder,
// fsync, rename. The error names the file.
func Write(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(0o644)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
