package pipeline

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// A shared store is a folder that runs put finished artifacts into and take them
// from, by what their stage's answer depends on (ActionID): two presets that
// differ in the search alone train one supernet.
//
//	DIR/actions/ACTION.json   the Record of a stage that ran
//	DIR/objects/HASH          its artifacts, files or folders, by content
//	DIR/tmp/                  what is being written
//
// Everything appears by a rename, the record last, so that a kill leaves nothing
// half-made behind that is taken for whole; what was edited by hand is found by
// its hash, and the stage runs.
type sharedStore string

func (s sharedStore) action(id ActionID) string {
	return filepath.Join(string(s), "actions", string(id)+".json")
}

func (s sharedStore) object(hash string) string { return filepath.Join(string(s), "objects", hash) }

// record is what the store knows of an action; nil = nothing usable.
func (s sharedStore) record(id ActionID, makes []string) *Record {
	text, err := os.ReadFile(s.action(id))
	if err != nil {
		return nil
	}
	var r Record
	if json.Unmarshal(text, &r) != nil || r.Action != id || len(r.Artifacts) != len(makes) {
		return nil
	}
	for _, name := range makes {
		a, ok := r.Artifacts[name]
		if !ok || len(a.Hash) != 64 || strings.Trim(a.Hash, "0123456789abcdef") != "" {
			return nil
		}
	}
	return &r
}

// fetch copies an action's artifacts to where its stage would write them; false
// if the store does not have them as they were.
func (s sharedStore) fetch(id ActionID, out string, makes []string) (*Record, bool, error) {
	r := s.record(id, makes)
	if r == nil {
		return nil, false, nil
	}
	for _, name := range makes {
		to := filepath.Join(out, filepath.FromSlash(name))
		if err := os.RemoveAll(to); err != nil {
			return nil, false, err
		}
		err := copyTree(s.object(r.Artifacts[name].Hash), to)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, false, nil
		}
		if err != nil {
			return nil, false, err
		}
		got, err := describe(to)
		if err != nil {
			return nil, false, err
		}
		if got.Hash != r.Artifacts[name].Hash { // edited, or a disk that forgets
			os.RemoveAll(s.object(r.Artifacts[name].Hash))
			return nil, false, nil
		}
	}
	use(s.action(id))
	return r, true, nil
}

// put adds the artifacts of a record, which lie in dir.
func (s sharedStore) put(r *Record, dir string) error {
	for _, sub := range []string{"actions", "objects", "tmp"} {
		if err := os.MkdirAll(filepath.Join(string(s), sub), 0o777); err != nil {
			return err
		}
	}
	temp, err := os.MkdirTemp(filepath.Join(string(s), "tmp"), "put-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	for name, a := range r.Artifacts {
		if _, err := os.Lstat(s.object(a.Hash)); err == nil {
			use(s.object(a.Hash))
			continue
		}
		one := filepath.Join(temp, "object")
		if err := copyTree(filepath.Join(dir, filepath.FromSlash(name)), one); err != nil {
			return err
		}
		if err := settle(one, 0o644); err != nil {
			return err
		}
		if err := os.Rename(one, s.object(a.Hash)); err != nil {
			if _, there := os.Lstat(s.object(a.Hash)); there != nil { // another run was not faster
				return err
			}
			os.RemoveAll(one)
		}
	}
	if err := syncFolder(filepath.Join(string(s), "objects")); err != nil {
		return err
	}
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	file := filepath.Join(temp, "record")
	if err := os.WriteFile(file, text, 0o666); err != nil {
		return err
	}
	if err := settle(file, 0o644); err != nil {
		return err
	}
	return os.Rename(file, s.action(r.Action))
}

// copyTree copies a file, or a folder with the files in it.
func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, file)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		switch {
		case d.IsDir():
			return os.MkdirAll(target, 0o777)
		case !d.Type().IsRegular():
			return fmt.Errorf("%s is neither file nor folder", file)
		}
		in, err := os.Open(file)
		if err != nil {
			return err
		}
		defer in.Close()
		out, err := os.Create(target)
		if err != nil {
			return err
		}
		_, err = io.Copy(out, in)
		return errors.Join(err, out.Close())
	})
}

// shareable says whether a stage takes part: not one that wants the machine for
// itself, because it measures the machine.
func shareable(share string, s *Stage) bool { return share != "" && !s.Exclusive }

// Shared says whether the store at share has what a step would make. A step
// whose inputs are not made yet has no ActionID and is not known.
func Shared(share string, st Step) bool {
	return shareable(share, &st.Stage) && !st.Fresh && st.ActionID != "" && sharedStore(share).record(st.ActionID, ownMakes(&st.Stage)) != nil
}

func ownMakes(s *Stage) []string {
	s, _ = s.own()
	return s.Makes
}
