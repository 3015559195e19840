package schedule

import (
	"errors"
	"io"
	"os"
	"path/filepath"
)

// copyTo copies a file so that a kill leaves all of it or nothing under its name.
func copyTo(to, from string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to + ".tmp")
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err == nil {
		err = out.Sync()
	}
	if err := errors.Join(err, out.Close()); err != nil {
		return errors.Join(err, os.Remove(to+".tmp"))
	}
	return os.Rename(to+".tmp", to)
}
