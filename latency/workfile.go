package latency

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// workFile keeps the measurements of a profile that is not finished, one JSON
// line each, so that an interrupted profile goes on. The first line names the
// profile; a cut last line is dropped.
type workFile struct {
	file *os.File // nil = memory only
	done map[string]map[int][]timing
}

// workLine is one measurement.
type workLine struct {
	Round   int      `json:"round"`
	Key     string   `json:"key"`
	Timings []timing `json:"timings"`
}

// whole says whether a line is a measurement.
func (l workLine) whole() bool {
	for _, t := range l.Timings {
		if !(t.MeanMs > 0) || !(t.PaceMs > 0) {
			return false
		}
	}
	return len(l.Timings) > 0
}

// openWorkFile begins the file of p's settings or continues it. The file of
// another profile (other layers, device or settings) is refused.
func openWorkFile(p *profiler) (*workFile, error) {
	w := &workFile{done: map[string]map[int][]timing{}}
	path := p.set.WorkFile
	if path == "" {
		return w, nil
	}
	set := p.set
	set.WorkFile = ""
	hash := sha256.New()
	if err := json.NewEncoder(hash).Encode(set); err != nil {
		return nil, err
	}
	for _, s := range p.subjects {
		hash.Write(append([]byte(s.key), '\n'))
	}
	first := fmt.Sprintf("{\"profile\":%q}\n", hex.EncodeToString(hash.Sum(nil)))
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	good := w.load(data, first)
	if good == 0 && len(data) > len(first) {
		return nil, fmt.Errorf("working file %s belongs to another profile (remove it)", path)
	}
	if w.file, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o644); err != nil {
		return nil, err
	}
	if err = w.file.Truncate(int64(good)); err == nil {
		_, err = w.file.Seek(int64(good), 0)
	}
	if err == nil && good == 0 {
		_, err = w.file.WriteString(first)
	}
	if err != nil {
		w.file.Close()
		return nil, fmt.Errorf("working file %s: %w", path, err)
	}
	return w, nil
}

// load takes the whole lines of data and gives their length; 0 when the first
// line is another's.
func (w *workFile) load(data []byte, first string) int {
	rest, ok := bytes.CutPrefix(data, []byte(first))
	if !ok {
		return 0
	}
	good := len(first)
	for {
		line, after, ok := bytes.Cut(rest, []byte("\n"))
		var l workLine
		if !ok || json.Unmarshal(line, &l) != nil || !l.whole() {
			return good
		}
		w.keep(l)
		good, rest = good+len(line)+1, after
	}
}

func (w *workFile) keep(l workLine) {
	if w.done[l.Key] == nil {
		w.done[l.Key] = map[int][]timing{}
	}
	w.done[l.Key][l.Round] = l.Timings
}

func (w *workFile) has(round int, key string) bool {
	_, ok := w.done[key][round]
	return ok
}

func (w *workFile) add(round int, key string, t []timing) error {
	l := workLine{round, key, t}
	w.keep(l)
	if w.file == nil {
		return nil
	}
	text, err := json.Marshal(l)
	if err == nil {
		_, err = w.file.Write(append(text, '\n'))
	}
	return err
}

// remove deletes the file: the profile is finished.
func (w *workFile) remove() error {
	if w.file == nil {
		return nil
	}
	return os.Remove(w.file.Name())
}

// Close closes the file and leaves it for the next time.
func (w *workFile) Close() error {
	if w.file == nil {
		return nil
	}
	return w.file.Close()
}
