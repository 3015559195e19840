package pipeline

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gofrs/flock"
)

// LockedError says that another process works in the run folder.
type LockedError struct {
	Dir string
	PID int // 0 = unknown
}

func (e *LockedError) Error() string {
	who := "another process"
	if e.PID > 0 {
		who = fmt.Sprintf("process %d", e.PID)
	}
	return fmt.Sprintf("pipeline: run folder %s: %s is already running in it (wait for it, stop it, or choose another folder)", e.Dir, who)
}

// lock takes the run folder for this process. The system frees it when the
// process ends, however that happens, so there are no stale locks.
func lock(dir string) (release func(), err error) {
	file := filepath.Join(dir, ".lock")
	l := flock.New(file)
	ok, err := l.TryLock()
	if err != nil {
		return nil, fmt.Errorf("pipeline: run folder %s: lock: %w", dir, err)
	}
	if !ok {
		text, _ := os.ReadFile(file) // only to name the other; it may just be starting
		pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
		return nil, &LockedError{Dir: dir, PID: pid}
	}
	if err := os.WriteFile(file, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o666); err != nil {
		l.Unlock()
		return nil, fmt.Errorf("pipeline: run folder %s: lock: %w", dir, err)
	}
	return func() { l.Unlock() }, nil
}
