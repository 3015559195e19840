package pipeline

import (
	"errors"
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

// Busy says whether a process works in the run folder right now, and which;
// pid is 0 when it cannot be told. A folder that was never run in is not busy.
func Busy(dir string) (pid int, busy bool) {
	if _, err := os.Stat(filepath.Join(dir, ".lock")); err != nil {
		return 0, false
	}
	release, err := lock(dir)
	if err == nil {
		release()
		return 0, false
	}
	var locked *LockedError
	if errors.As(err, &locked) {
		return locked.PID, true
	}
	return 0, false
}
