package pipeline

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Live is how far a running stage is.
type Live struct {
	Started time.Time `json:"started"`
	Done    int64     `json:"done"`
	Total   int64     `json:"total"` // 0 = unknown
	Unit    string    `json:"unit,omitempty"`
}

// liveFile, in logFolder, holds the Live of every running stage, by name. It is
// written about once a second for who watches a run from elsewhere; nothing
// depends on it.
const liveFile = "progress.json"

// livePause is the least time between two writings of progress.
const livePause = time.Second

// liveBook keeps liveFile, best effort as the logs are.
type liveBook struct {
	dir    string
	stages map[string]*Live
	wrote  time.Time
}

func (b *liveBook) note(ev Event) {
	now := ev.Time
	switch ev.Kind {
	case Started:
		b.stages[ev.Stage] = &Live{Started: now}
	case Progress:
		l := b.stages[ev.Stage]
		if l == nil {
			return
		}
		l.Done, l.Total, l.Unit = ev.Done, ev.Total, ev.Unit
		if since := now.Sub(b.wrote); since >= 0 && since < livePause {
			return
		}
	case Finished, Failed, Stopped:
		delete(b.stages, ev.Stage)
	default:
		return
	}
	b.wrote = now
	text, err := json.Marshal(b.stages)
	if err != nil {
		return
	}
	path := filepath.Join(b.dir, logFolder, liveFile)
	if os.WriteFile(path+".new", text, 0o666) == nil {
		os.Rename(path+".new", path)
	}
}

func (b *liveBook) close() { os.Remove(filepath.Join(b.dir, logFolder, liveFile)) }

// ReadLive tells how far the running stages of a folder are, by name; empty
// when nothing runs.
func ReadLive(dir string) (map[string]Live, error) {
	if _, busy := Busy(dir); !busy {
		return nil, nil // what a killed run left says nothing
	}
	text, err := os.ReadFile(filepath.Join(dir, logFolder, liveFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("pipeline: %w", err)
	}
	var out map[string]Live
	if err := json.Unmarshal(text, &out); err != nil {
		return nil, fmt.Errorf("pipeline: %s: %w (it is written anew with the next event)", liveFile, err)
	}
	return out, nil
}
