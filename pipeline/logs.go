package pipeline

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// logFolder holds a log file a stage, NAME.log: what its runs said, appended.
const logFolder = "logs"

// logBook appends events to the log files. It is best effort: a log that cannot
// be written (a full disk) must not end a run that may still succeed.
type logBook struct {
	dir  string
	open map[string]*os.File
}

// note writes an event's line. Progress and fresh stages leave none.
func (l *logBook) note(ev Event) {
	if ev.Kind == Progress || ev.Kind == Skipped {
		return
	}
	f := l.open[ev.Stage]
	if f == nil {
		if f = l.begin(ev.Stage); f == nil {
			return
		}
	}
	line := ev.Text
	if ev.Elapsed > 0 {
		line += fmt.Sprintf(" (after %s)", ev.Elapsed.Round(time.Millisecond))
	}
	fmt.Fprintf(f, "%s %s %s\n", ev.Time.UTC().Format("2006-01-02T15:04:05.000Z"), ev.Kind, line)
	switch ev.Kind {
	case Finished, Failed, Stopped:
		f.Close()
		delete(l.open, ev.Stage)
	}
}

func (l *logBook) begin(stage string) *os.File {
	folder := filepath.Join(l.dir, logFolder)
	if l.open == nil {
		if os.MkdirAll(folder, 0o777) != nil {
			return nil
		}
		l.open = map[string]*os.File{}
	}
	f, err := os.OpenFile(filepath.Join(folder, stage+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o666)
	if err != nil {
		return nil
	}
	l.open[stage] = f
	return f
}

func (l *logBook) close() {
	for _, f := range l.open {
		f.Close()
	}
}
