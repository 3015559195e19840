package pipeline

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// workFolder holds what is not finished: working files and outputs being written.
const workFolder = ".work"

// writeFile writes a file so that a kill leaves the old one or the new one:
// temporary file, fsync, rename. The caller holds the folder's lock, so that
// the temporary name can be fixed and leaves at most one orphan.
func writeFile(file string, data []byte) error {
	temp := filepath.Join(filepath.Dir(file), "."+filepath.Base(file)+".tmp")
	if err := os.WriteFile(temp, data, 0o666); err != nil {
		return err
	}
	if err := settle(temp, 0o644); err != nil {
		return err
	}
	if err := os.Rename(temp, file); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(file))
}

// prepare empties the place for outputs and makes the folders in it.
func prepare(work string, makes []string) error {
	out := filepath.Join(work, outputs)
	if err := os.RemoveAll(out); err != nil {
		return err
	}
	for _, name := range makes {
		file := filepath.Join(out, filepath.FromSlash(name))
		if !strings.HasSuffix(name, "/") {
			file = filepath.Dir(file)
		}
		if err := os.MkdirAll(file, 0o777); err != nil {
			return err
		}
	}
	return nil
}

// commit makes what a stage wrote durable, takes its content hash, and moves it
// into place. A kill in between leaves artifacts that differ from the manifest,
// so the stage runs again.
func commit(dir, work string, makes []string) (map[string]Artifact, error) {
	artifacts := map[string]Artifact{}
	folder, err := os.Stat(dir)
	if err != nil {
		return nil, err
	}
	mode := folder.Mode().Perm() & 0o666 // temporary files are often private; artifacts are as open as their folder
	for _, name := range makes {
		file := filepath.Join(work, outputs, filepath.FromSlash(name))
		info, err := os.Stat(file)
		if err != nil {
			return nil, fmt.Errorf("artifact %q was not written: %w", name, err)
		}
		if err := kindFault(name, info); err != nil {
			return nil, fmt.Errorf("artifact %w", err)
		}
		if err := settle(file, mode); err != nil {
			return nil, fmt.Errorf("artifact %q: %w", name, err)
		}
		if artifacts[name], err = describe(file); err != nil {
			return nil, fmt.Errorf("artifact %q: %w", name, err)
		}
	}
	for _, name := range makes {
		from, to := filepath.Join(work, outputs, filepath.FromSlash(name)), filepath.Join(dir, filepath.FromSlash(name))
		if err := replace(from, to, filepath.Join(work, "old")); err != nil {
			return nil, fmt.Errorf("artifact %q: %w", name, err)
		}
	}
	return artifacts, nil
}

// replace moves a file or folder over another. What was there goes through the
// path trash, because a folder that is not empty cannot be renamed over.
func replace(from, to, trash string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
		return err
	}
	if err := os.RemoveAll(trash); err != nil {
		return err
	}
	source, err := os.Lstat(from)
	if err != nil {
		return err
	}
	if target, err := os.Lstat(to); err == nil && (target.IsDir() || source.IsDir()) {
		if err := os.Rename(to, trash); err != nil {
			return err
		}
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	if err := syncFolder(filepath.Dir(to)); err != nil {
		return err
	}
	return os.RemoveAll(trash)
}

// settle brings a file, or a folder with all in it, onto the disk, and gives
// the files their mode.
func settle(file string, mode fs.FileMode) error {
	return filepath.WalkDir(file, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return syncFolder(file)
		}
		f, err := os.OpenFile(file, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		err = f.Chmod(mode)
		if err == nil {
			err = f.Sync()
		}
		if closed := f.Close(); err == nil {
			err = closed
		}
		return err
	})
}

// syncFolder makes renames inside a folder durable, where the system can.
func syncFolder(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// sweep removes the working folders of a stage, of whatever action.
func sweep(dir, stage string) error {
	entries, err := os.ReadDir(filepath.Join(dir, workFolder))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), stage+"-") {
			if err := os.RemoveAll(filepath.Join(dir, workFolder, entry.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// sweepAll removes the folder of all working folders if it is empty. Only for
// when no stage runs: one that starts makes its folder inside this one.
func sweepAll(dir string) {
	_ = os.Remove(filepath.Join(dir, workFolder)) // not empty: a stage failed, and goes on from there next time
}
