package pipeline

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// StoreSweep says what of a shared store is no longer wanted.
type StoreSweep struct {
	Unused time.Duration // an answer that no run put or took for so long goes; negative = none does for its age
	Runs   []string      // run folders whose answers stay, however old
	Dry    bool          // only list
	Now    time.Time     // zero = the clock's
}

// sharedGrace is for how long what is being written is left alone: an object is
// there before the record that names it.
const sharedGrace = time.Hour

// CollectShared removes from the shared store at dir the answers that are past
// their time, artifacts that no answer names, and what kills left half-written.
// Runs may use the store meanwhile: an answer that is gone is made anew. Paths
// are relative to dir; what is none of the store's is not touched.
func CollectShared(dir string, set StoreSweep) ([]Garbage, error) {
	if set.Now.IsZero() {
		set.Now = time.Now()
	}
	fail := func(err error) error { return fmt.Errorf("pipeline: gc: store %s: %w", dir, err) }
	if info, err := os.Stat(filepath.Join(dir, "actions")); err != nil || !info.IsDir() {
		return nil, fail(errors.New("it has no folder actions: it is no shared store (give the DIR of --share)"))
	}
	keep, err := actionsOf(set.Runs)
	if err != nil {
		return nil, fail(err)
	}
	sweep := storeSweep{sharedStore(dir), set, keep, map[string]bool{}, nil}
	for _, step := range []func() error{sweep.actions, sweep.objects, sweep.halves} { // records first: none names what is gone
		if err := step(); err != nil {
			return nil, fail(err)
		}
	}
	return sweep.found, nil
}

// actionsOf are the answers that runs have.
func actionsOf(runs []string) (map[ActionID]bool, error) {
	keep := map[ActionID]bool{}
	for _, run := range runs {
		if _, err := os.Stat(filepath.Join(run, manifestFile)); err != nil {
			return nil, fmt.Errorf("run to keep: %w (is it a run folder?)", err)
		}
		m, err := ReadManifest(run)
		if err != nil {
			return nil, err
		}
		for _, r := range m.Stages {
			keep[r.Action] = true
		}
	}
	return keep, nil
}

// storeSweep is a CollectShared on its way.
type storeSweep struct {
	sharedStore
	set   StoreSweep
	keep  map[ActionID]bool
	named map[string]bool // artifacts of the answers that stay
	found []Garbage
}

// remove notes a path, and removes it unless only a list is wanted.
func (s *storeSweep) remove(rel, why string) error {
	full := filepath.Join(string(s.sharedStore), rel)
	s.found = append(s.found, Garbage{filepath.ToSlash(rel), size(full), why})
	if s.set.Dry {
		return nil
	}
	err := os.RemoveAll(full)
	if errors.Is(err, syscall.ENOTEMPTY) { // a run is writing there
		s.found = s.found[:len(s.found)-1]
		return nil
	}
	return err
}

// each calls do with the entries of a folder and their age, by name.
func (s *storeSweep) each(folder string, do func(name string, age time.Duration) error) error {
	entries, err := os.ReadDir(filepath.Join(string(s.sharedStore), folder))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	for _, e := range entries {
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) { // another was faster
			continue
		}
		if err != nil {
			return err
		}
		if err := do(e.Name(), s.set.Now.Sub(info.ModTime())); err != nil {
			return err
		}
	}
	return nil
}

func (s *storeSweep) actions() error {
	return s.each("actions", func(name string, age time.Duration) error {
		id, ours := strings.CutSuffix(name, ".json")
		if !ours {
			return nil
		}
		text, err := os.ReadFile(filepath.Join(string(s.sharedStore), "actions", name))
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		var r Record
		if json.Unmarshal(text, &r) != nil || string(r.Action) != id {
			return s.remove(filepath.Join("actions", name), "is no record")
		}
		if !s.keep[r.Action] && s.set.Unused >= 0 && age > s.set.Unused {
			return s.remove(filepath.Join("actions", name), fmt.Sprintf("was not used for %s", days(age)))
		}
		for _, a := range r.Artifacts {
			s.named[a.Hash] = true
		}
		return nil
	})
}

func (s *storeSweep) objects() error {
	return s.each("objects", func(name string, age time.Duration) error {
		if len(name) != 64 || s.named[name] || age <= sharedGrace {
			return nil
		}
		return s.remove(filepath.Join("objects", name), "no answer names it")
	})
}

// halves are what a kill left while it was written.
func (s *storeSweep) halves() error {
	return s.each("tmp", func(name string, age time.Duration) error {
		if !strings.HasPrefix(name, "put-") || age <= 24*sharedGrace {
			return nil
		}
		return s.remove(filepath.Join("tmp", name), "was never finished")
	})
}

func days(d time.Duration) string {
	if d < 48*time.Hour {
		return d.Round(time.Minute).String()
	}
	return fmt.Sprintf("%.0f days", d.Hours()/24)
}

// use notes that a file of the store is wanted now.
func use(path string) {
	now := time.Now()
	_ = os.Chtimes(path, now, now) // a store that cannot be written to only ages
}
