package schedule

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Model is a file with the figures that decide on it.
type Model struct {
	File      string  `json:"file"` // path; in the history the path inside the registry
	SHA256    string  `json:"sha256"`
	Data      string  `json:"data"`       // names the test images: figures on other images do not compare
	Top1      float64 `json:"top1"`       // fraction, on test images
	Images    int     `json:"n"`          // test images
	LatencyMS float64 `json:"latency_ms"` // measured
	Memory    int64   `json:"memory_bytes"`
}

// Limits are what a promoted model must keep; 0 = none.
type Limits struct {
	LatencyMS float64
	Memory    int64 // bytes
}

// Action is what was decided.
type Action string

// The decisions.
const (
	Promoted   Action = "promoted"
	Kept       Action = "kept" // the current model stays
	Idle       Action = "idle" // nothing was due
	Failed     Action = "failed"
	RolledBack Action = "rolled_back"
)

// Entry is a line of the history.
type Entry struct {
	Time    time.Time `json:"time"`
	Due     time.Time `json:"due,omitzero"` // the time of the timetable that it served
	Action  Action    `json:"action"`
	Version int       `json:"version,omitempty"` // Promoted, RolledBack: which is current from here on
	Reason  string    `json:"reason"`
	Model   *Model    `json:"model,omitempty"`
}

// Registry is a folder: history.jsonl, one decision a line, only ever appended
// to; and NNNN.onnx, the promoted models. The last line that promotes or rolls
// back says which is current, so there is no second record to disagree.
type Registry struct {
	Dir string
}

const historyFile = "history.jsonl"

// History reads all decisions, oldest first. A last line that a kill cut off
// does not count; any other damage is an error.
func (r Registry) History() ([]Entry, error) {
	file := filepath.Join(r.Dir, historyFile)
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("schedule: history: %w", err)
	}
	var out []Entry
	for n := 1; len(data) > 0; n++ {
		line, rest, whole := bytes.Cut(data, []byte("\n"))
		if !whole {
			break
		}
		var e Entry
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("schedule: history: %s:%d: %w (mend or remove the line)", file, n, err)
		}
		out, data = append(out, e), rest
	}
	return out, nil
}

// Append adds a decision, on the disk when it returns.
func (r Registry) Append(e Entry) error {
	if err := os.MkdirAll(r.Dir, 0o777); err != nil {
		return fmt.Errorf("schedule: registry: %w", err)
	}
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("schedule: history: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(r.Dir, historyFile), os.O_CREATE|os.O_RDWR, 0o666)
	if err != nil {
		return fmt.Errorf("schedule: history: %w", err)
	}
	end, err := wholeLines(f)
	if err == nil {
		_, err = f.WriteAt(append(line, '\n'), end)
	}
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("schedule: history: %w", err)
	}
	return nil
}

// wholeLines drops a line that a kill cut off and returns where the next goes.
func wholeLines(f *os.File) (int64, error) {
	data, err := io.ReadAll(f)
	if err != nil {
		return 0, err
	}
	end := int64(bytes.LastIndexByte(data, '\n') + 1)
	return end, f.Truncate(end)
}

// Current is the decision that made the current model current; nil if there is none.
func (r Registry) Current() (*Entry, error) {
	history, err := r.History()
	for i := len(history) - 1; i >= 0; i-- {
		if e := history[i]; e.Action == Promoted || e.Action == RolledBack {
			return &e, err
		}
	}
	return nil, err
}

// Propose promotes a model if it keeps the limits and scores more than the
// current one on the same test images. Either way the decision is recorded.
func (r Registry) Propose(m Model, limits Limits, e Entry) (Entry, error) {
	current, err := r.Current()
	if err != nil {
		return e, err
	}
	if m.SHA256, err = fileHash(m.File); err != nil {
		return e, fmt.Errorf("schedule: registry: %w", err)
	}
	e.Model = &m
	why, better := compare(m, current, limits)
	e.Reason += why
	if !better {
		e.Action = Kept
		return e, r.Append(e)
	}
	history, err := r.History()
	if err != nil {
		return e, err
	}
	e.Action, e.Version = Promoted, 1
	for _, old := range history {
		e.Version = max(e.Version, old.Version+1)
	}
	name := fmt.Sprintf("%04d.onnx", e.Version)
	if err := copyTo(filepath.Join(r.Dir, name), m.File); err != nil {
		return e, fmt.Errorf("schedule: registry: %w", err)
	}
	m.File = name
	return e, r.Append(e)
}

// compare says why a model is promoted or not.
func compare(m Model, current *Entry, limits Limits) (why string, better bool) {
	switch {
	case limits.LatencyMS > 0 && m.LatencyMS > limits.LatencyMS:
		return fmt.Sprintf("%.3f ms is over the limit of %.3f ms", m.LatencyMS, limits.LatencyMS), false
	case limits.Memory > 0 && m.Memory > limits.Memory:
		return fmt.Sprintf("%d bytes are over the limit of %d", m.Memory, limits.Memory), false
	case current == nil || current.Model == nil:
		return "the first model", true
	case m.SHA256 == current.Model.SHA256:
		return "the same file as the current model", false
	case m.Data != current.Model.Data || m.Images != current.Model.Images:
		return "the current model was scored on other test images, so the two do not compare", false
	case m.Top1 <= current.Model.Top1:
		return fmt.Sprintf("top-1 %.2f %% is no more than the current %.2f %%", 100*m.Top1, 100*current.Model.Top1), false
	}
	return fmt.Sprintf("top-1 %.2f %% beats %.2f %% on the same %d test images", 100*m.Top1, 100*current.Model.Top1, m.Images), true
}

// Rollback makes an earlier version current; 0 = the one that the current
// version was promoted over, not one that was itself rolled back since. The
// file must still be the one that was promoted.
func (r Registry) Rollback(version int, now time.Time) (Entry, error) {
	current, err := r.Current()
	if err != nil {
		return Entry{}, err
	}
	if current == nil {
		return Entry{}, fmt.Errorf("schedule: rollback: %s: no model was promoted", r.Dir)
	}
	history, err := r.History()
	if err != nil {
		return Entry{}, err
	}
	if version == 0 {
		if version = before(history, current.Version); version == 0 {
			return Entry{}, fmt.Errorf("schedule: rollback: %s: version %d is the first, there is none before it", r.Dir, current.Version)
		}
	}
	for _, e := range history {
		if e.Action != Promoted || e.Version != version || e.Model == nil {
			continue
		}
		got, err := fileHash(filepath.Join(r.Dir, filepath.Base(e.Model.File)))
		if err != nil || got != e.Model.SHA256 {
			return Entry{}, fmt.Errorf("schedule: rollback: version %d: its file is missing or was changed since it was promoted", version)
		}
		back := Entry{Time: now, Action: RolledBack, Version: version, Model: e.Model, Reason: fmt.Sprintf("from version %d", current.Version)}
		return back, r.Append(back)
	}
	return Entry{}, fmt.Errorf("schedule: rollback: there is no version %d", version)
}

// before is the version that was current when another was promoted; 0 = none.
func before(history []Entry, version int) int {
	current := 0
	for _, e := range history {
		if e.Action == Promoted && e.Version == version {
			return current
		}
		if e.Action == Promoted || e.Action == RolledBack {
			current = e.Version
		}
	}
	return 0
}

func fileHash(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), err
}
