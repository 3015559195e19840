package progress

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestEvents: the story of two tasks, an event a line, progress once a second and
// at the end; of the kinds that FORMAT.md lists.
func TestEvents(t *testing.T) {
	var b bytes.Buffer
	k := &clockwork{time.Unix(0, 0)}
	c := Silent()
	c.now = k.now
	c.Tell(&b)
	c.Skip("data", "20,000 images")
	c.Start("train", "never ran <here>")
	for i := range 6 {
		c.Update("train", int64(i)*100, 500, "steps")
		k.pass(500 * time.Millisecond)
	}
	c.Log("train", "halfway")
	c.Finish("train", "loss 0.3", 3*time.Second)
	c.Start("other", "")
	c.Fail("other", "no memory", time.Second)
	var told []string
	for _, line := range strings.Split(strings.TrimSpace(b.String()), "\n") {
		var e Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if !slices.Contains(Kinds, e.What) || !strings.HasPrefix(e.Time, "1970-01-01T00:00:0") {
			t.Errorf("%s", line)
		}
		told = append(told, e.What)
		if e.What == "progress" && e.Done == 400 && (e.PerSecond < 199 || e.PerSecond > 201 || e.Left < .49 || e.Left > .51) {
			t.Errorf("%s", line)
		}
	}
	want := []string{"fresh", "started", "progress", "progress", "progress", "progress", "log", "finished", "started", "failed"}
	if !slices.Equal(told, want) {
		t.Errorf("%v, want %v\n%s", told, want, b.String())
	}
	if !strings.Contains(b.String(), "never ran <here>") {
		t.Error("text is escaped")
	}
	format, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range Kinds {
		if !bytes.Contains(format, []byte("`"+kind+"`")) {
			t.Errorf("FORMAT.md does not list %q", kind)
		}
	}
}

// torn is a pipe whose reader is gone.
type torn struct{ wrote int }

func (w *torn) Write([]byte) (int, error) { w.wrote++; return 0, errors.New("broken pipe") }

// TestEventsReaderGone: a reader that goes away does not stop the work.
func TestEventsReaderGone(t *testing.T) {
	w := &torn{}
	c := Silent()
	c.Tell(w)
	for range 3 {
		c.Log("", "line")
	}
	if w.wrote != 1 {
		t.Errorf("written to %d times", w.wrote)
	}
}
