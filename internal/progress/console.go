package progress

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

const (
	redrawEvery = 100 * time.Millisecond // fast enough for the eye
	lineEvery   = 10 * time.Second       // between plain lines of one task
)

// Console shows tasks. Its methods may be called from several goroutines.
type Console struct {
	mu    sync.Mutex
	w     io.Writer
	width func() int // columns; nil = not a terminal
	now   func() time.Time
	tasks []*task
	drawn int // lines of bars on the screen
	last  time.Time
	sink  *json.Encoder // of events, see Tell; nil = none
}

type task struct {
	name        string
	meter       meter
	unit        string
	done, total int64
	spoke       time.Time // plain lines: when the last was written
	told        time.Time // when its progress was last told as an event
}

// New writes to f, with bars if it is a terminal that can draw them.
func New(f *os.File) *Console {
	c := &Console{w: f, now: time.Now}
	if fd := int(f.Fd()); term.IsTerminal(fd) && os.Getenv("TERM") != "dumb" {
		c.width = func() int {
			width, _, err := term.GetSize(fd)
			if err != nil || width <= 0 {
				return 80
			}
			return width
		}
	}
	return c
}

// Silent shows nothing.
func Silent() *Console { return &Console{w: io.Discard, now: time.Now} }

// Start begins a task. reason may be empty.
func (c *Console) Start(name, reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	c.tasks = append(c.tasks, &task{name: name, meter: newMeter(now), spoke: now})
	line := "▶ " + name
	if reason != "" {
		line += ": " + reason
	}
	c.print(line)
	c.tell(Event{What: "started", Task: name, Text: reason})
}

// Update says how far a task is. total 0 = unknown; unit is a plural noun.
func (c *Console) Update(name string, done, total int64, unit string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.find(name)
	if t == nil {
		return
	}
	now := c.now()
	t.done, t.total, t.unit = done, total, unit
	t.meter.see(now, done)
	c.tellProgress(t, now)
	if c.width != nil {
		if now.Sub(c.last) >= redrawEvery {
			c.draw(now)
		}
		return
	}
	if now.Sub(t.spoke) >= lineEvery {
		t.spoke = now
		fmt.Fprintln(c.w, "  "+t.text(now))
	}
}

// Log shows a line.
func (c *Console) Log(name, line string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tell(Event{What: "log", Task: name, Text: line})
	if name != "" {
		line = name + ": " + line
	}
	c.print("  " + line)
}

// Finish ends a task that went well, with its outcome.
func (c *Console) Finish(name, outcome string, elapsed time.Duration) {
	c.end(Event{What: "finished", Task: name, Text: outcome, Seconds: elapsed.Seconds()}, "✓ "+join(name, outcome)+" ("+Clock(elapsed)+")")
}

// Fail ends a task that did not.
func (c *Console) Fail(name, why string, elapsed time.Duration) {
	c.end(Event{What: "failed", Task: name, Text: why, Seconds: elapsed.Seconds()}, "✗ "+join(name, why)+" ("+Clock(elapsed)+")")
}

// Skip shows a task that has nothing to do.
func (c *Console) Skip(name, outcome string) {
	c.end(Event{What: "fresh", Task: name, Text: outcome}, "· "+join(name+" is fresh", outcome))
}

// Close takes the bars off the screen.
func (c *Console) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.erase()
	c.tasks = nil
}

func (c *Console) end(e Event, line string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tell(e)
	for i, t := range c.tasks {
		if t.name == e.Task {
			c.tasks = append(c.tasks[:i:i], c.tasks[i+1:]...)
			break
		}
	}
	c.print(line)
}

func (c *Console) find(name string) *task {
	for _, t := range c.tasks {
		if t.name == name {
			return t
		}
	}
	return nil
}

// print writes a line above the bars.
func (c *Console) print(line string) {
	c.erase()
	fmt.Fprintln(c.w, line)
	if c.width != nil {
		c.draw(c.now())
	}
}

// erase takes the bars off the screen: cursor up, clear to the end.
func (c *Console) erase() {
	if c.drawn > 0 {
		fmt.Fprintf(c.w, "\x1b[%dA\r\x1b[J", c.drawn)
		c.drawn = 0
	}
}

// draw puts the bars of all tasks that have said how far they are.
func (c *Console) draw(now time.Time) {
	c.erase()
	c.last = now
	width := c.width()
	var b strings.Builder
	for _, t := range c.tasks {
		if t.unit == "" {
			continue
		}
		line := []rune("  " + t.bar(now))
		b.WriteString(string(line[:min(len(line), width-1)]) + "\n")
		c.drawn++
	}
	io.WriteString(c.w, b.String())
}

func join(name, text string) string {
	if text == "" {
		return name
	}
	return name + ": " + text
}
