package pipeline

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Stage is one step: a function from artifacts to artifacts.
type Stage struct {
	// Name is one lower-case word, unique in the table.
	Name string
	// Doc is one sentence on what the stage does; Validate refuses none.
	Doc string
	// Version is raised when the code's answer changes for the same inputs and
	// settings. It is part of the ActionID.
	Version int
	// Needs names the artifacts that the stage reads. Each is made by another stage.
	Needs []string
	// Makes names the artifacts that the stage writes, all of them, each time.
	// "a/b.txt" is a file, "models/" a folder.
	Makes []string
	// Settings is everything else that the answer depends on, as a value that
	// JSON can hold. What must not count (worker counts, verbosity) stays out.
	Settings any
	// Exclusive says that the stage measures the machine: nothing runs beside it.
	Exclusive bool
	// Cores is how many processors the stage keeps busy; 0 means 1.
	Cores int
	// Run does the work. It returns soon after ctx ends, and may then leave
	// working files (Pass.Work) from which the next call goes on.
	Run func(ctx context.Context, p *Pass) error

	graft *graft // how it lies in a Union; nil = it is as its table says
}

// Pass is what a running stage may touch. Its methods may be called from
// several goroutines. Asking for an artifact that the stage did not declare is
// a bug of the stage and panics; the runner reports it as an error.
type Pass struct {
	stage  *Stage
	dir    string // run folder
	work   string // private folder of this stage and action
	inputs map[string]string
	events chan<- Event

	open   sync.RWMutex // held while an event is on its way
	closed bool         // Run has returned: later events are dropped

	mu      sync.Mutex
	summary string
	last    time.Time // of the last progress event
}

// progressEvery bounds the rate of progress events: terminals need no more.
const progressEvery = 100 * time.Millisecond

// outputs is the part of the working folder that Output points into. It is
// emptied before each attempt: half-written artifacts never count.
const outputs = "out"

// Input returns the path of a needed artifact. It is read-only.
func (p *Pass) Input(name string) string {
	return filepath.Join(p.dir, filepath.FromSlash(p.need(name)))
}

// InputHash returns the content hash of a needed artifact, for records of what
// something was made from.
func (p *Pass) InputHash(name string) string {
	return p.inputs[p.need(name)]
}

// need is the graph's name of an artifact that the stage reads.
func (p *Pass) need(name string) string {
	s, _ := p.stage.own()
	p.mustList(s.Needs, name, "Needs")
	if p.stage.graft != nil {
		return p.stage.graft.needs[name]
	}
	return name
}

// Output returns the path to write an artifact to; for a folder it exists
// already. The runner moves it into place when Run has returned nil, so that a
// kill leaves the old artifact or the new one, never a part.
func (p *Pass) Output(name string) string {
	s, prefix := p.stage.own()
	p.mustList(s.Makes, name, "Makes")
	return filepath.Join(p.work, outputs, prefix, filepath.FromSlash(name))
}

// Work returns the path of a private working file or folder, which survives a
// kill: a stage with the same ActionID finds it again. Its parent folder
// exists. All of it is removed once the stage has finished.
func (p *Pass) Work(name string) string {
	if !filepath.IsLocal(filepath.FromSlash(name)) {
		panic(fmt.Sprintf("pipeline: stage %s: working file %q is outside its folder", p.stage.Name, name))
	}
	path := filepath.Join(p.work, "keep", filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		p.Log("working folder: %v", err) // the stage meets the same error when it opens the file
	}
	return path
}

// Log tells the user a line.
func (p *Pass) Log(format string, args ...any) {
	p.emit(Event{Kind: Log, Stage: p.stage.Name, Text: fmt.Sprintf(format, args...)})
}

// Progress tells how much of the work is done. total 0 means unknown; unit is a
// plural noun such as "images". It may be called often: most calls are dropped.
func (p *Pass) Progress(done, total int64, unit string) {
	now := time.Now()
	p.mu.Lock()
	drop := now.Sub(p.last) < progressEvery && done != total
	if !drop {
		p.last = now
	}
	p.mu.Unlock()
	if !drop {
		p.emit(Event{Kind: Progress, Stage: p.stage.Name, Done: done, Total: total, Unit: unit})
	}
}

// Summary sets the one line that stays on record when the stage has finished:
// its most telling figure.
func (p *Pass) Summary(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.summary = text
}

// emit passes an event on. A goroutine that outlives its stage is not heard.
func (p *Pass) emit(ev Event) {
	p.open.RLock()
	defer p.open.RUnlock()
	if !p.closed {
		p.events <- ev
	}
}

func (p *Pass) close() {
	p.open.Lock()
	defer p.open.Unlock()
	p.closed = true
}

func (p *Pass) mustList(list []string, name, field string) {
	if !slices.Contains(list, name) {
		panic(fmt.Sprintf("pipeline: stage %s: %q is not in its %s (%s)", p.stage.Name, name, field, strings.Join(list, ", ")))
	}
}
