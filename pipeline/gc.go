package pipeline

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Garbage is something in a run folder that no later run uses.
type Garbage struct {
	Path  string `json:"path"` // inside the run folder
	Bytes int64  `json:"bytes"`
	Why   string `json:"why"`
}

// Collect removes what kills and changed tables left in a run folder: working
// folders that no stage would go on from, temporary files, and artifacts of
// stages that the table no longer has. With dry it only lists them. Files that
// no stage ever made are the user's, and stay. A folder in use is a LockedError.
func Collect(dir string, stages []Stage, dry bool) ([]Garbage, error) {
	if _, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("pipeline: gc: %w", err)
	}
	release, err := lock(dir)
	if err != nil {
		return nil, err
	}
	defer release()
	steps, err := Plan(dir, stages)
	if err != nil {
		return nil, err
	}
	m, err := ReadManifest(dir)
	if err != nil {
		return nil, err
	}
	found, err := leftovers(dir, steps)
	if err != nil {
		return nil, fmt.Errorf("pipeline: gc: %w", err)
	}
	found = append(found, orphans(dir, stages, m)...)
	slices.SortFunc(found, func(a, b Garbage) int { return strings.Compare(a.Path, b.Path) })
	if dry || len(found) == 0 {
		return found, nil
	}
	for _, g := range found {
		if err := os.RemoveAll(filepath.Join(dir, filepath.FromSlash(g.Path))); err != nil {
			return nil, fmt.Errorf("pipeline: gc: %w", err)
		}
	}
	sweepAll(dir)
	return found, m.write(dir)
}

// leftovers lists working folders and temporary files. A folder that a stage
// of the plan would go on from is no garbage; while a stage waits for another
// its action is unknown, and its folders stay.
func leftovers(dir string, steps []Step) ([]Garbage, error) {
	var found []Garbage
	entries, err := os.ReadDir(filepath.Join(dir, workFolder))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, entry := range entries {
		usable := slices.ContainsFunc(steps, func(st Step) bool {
			stage, action, _ := strings.Cut(entry.Name(), "-")
			return !st.Fresh && st.Stage.Name == stage && (st.ActionID == "" || st.ActionID.short() == action)
		})
		if !usable {
			name := workFolder + "/" + entry.Name()
			found = append(found, Garbage{name, size(filepath.Join(dir, name)), "working folder that no stage goes on from"})
		}
	}
	temps, err := filepath.Glob(filepath.Join(dir, ".*.tmp"))
	for _, file := range temps {
		found = append(found, Garbage{filepath.Base(file), size(file), "temporary file of a write that was cut off"})
	}
	return found, err
}

// orphans takes the records of stages that are gone out of the manifest, and
// lists those of their artifacts that no other stage makes.
func orphans(dir string, stages []Stage, m *Manifest) []Garbage {
	kept, made := map[string]bool{}, map[string]bool{}
	for _, s := range stages {
		kept[s.Name] = true
		for _, name := range s.Makes {
			made[strings.TrimSuffix(name, "/")] = true
		}
	}
	var found []Garbage
	for stage, r := range m.Stages {
		if kept[stage] {
			continue
		}
		delete(m.Stages, stage)
		for name := range r.Artifacts {
			file := filepath.Join(dir, filepath.FromSlash(name))
			// The manifest is a file that anybody may have edited: only names
			// that a stage could declare are touched.
			if _, err := os.Lstat(file); err != nil || badArtifact(name) != "" || overlaps(strings.TrimSuffix(name, "/"), made) {
				continue
			}
			found = append(found, Garbage{name, size(file), "artifact of stage " + stage + ", which is no longer in the table"})
		}
	}
	return found
}

// overlaps says whether an artifact is, holds or lies in one of the others.
func overlaps(name string, others map[string]bool) bool {
	for other := range others {
		if strings.HasPrefix(name+"/", other+"/") || strings.HasPrefix(other+"/", name+"/") {
			return true
		}
	}
	return false
}

// size is the bytes of a file or of all files in a folder; what cannot be read
// counts nothing.
func size(file string) int64 {
	var n int64
	_ = filepath.WalkDir(file, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			if info, err := d.Info(); err == nil {
				n += info.Size()
			}
		}
		return nil
	})
	return n
}
