package pipeline

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

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

// A look at whether a folder is busy holds its lock for microseconds. A run
// tries again for so long before it believes that another one is there.
const (
	probe  = 5 * time.Millisecond
	probes = 10
)

// lock takes the run folder for this process. The system frees it when the
// process ends, however that happens, so there are no stale locks.
func lock(dir string) (release func(), err error) {
	file := filepath.Join(dir, ".lock")
	l := flock.New(file)
	ok, err := l.TryLock()
	for try := 0; err == nil && !ok && try < probes; try++ { // someone may only be looking
		time.Sleep(probe)
		ok, err = l.TryLock()
	}
	if err != nil {
		return nil, fmt.Errorf("pipeline: run folder %s: lock: %w", dir, err)
	}
	if !ok {
		return nil, &LockedError{Dir: dir, PID: holder(dir)}
	}
	if err := os.WriteFile(file, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o666); err != nil {
		l.Unlock()
		return nil, fmt.Errorf("pipeline: run folder %s: lock: %w", dir, err)
	}
	return func() { l.Unlock() }, nil
}

// holder is who wrote itself into the lock, 0 = it may just be starting.
func holder(dir string) int {
	text, _ := os.ReadFile(filepath.Join(dir, ".lock"))
	pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return pid
}

// Busy says whether a process works in the run folder right now, and which;
// pid is 0 when it cannot be told. A folder that was never run in is not busy.
func Busy(dir string) (pid int, busy bool) {
	if _, err := os.Stat(filepath.Join(dir, ".lock")); err != nil {
		return 0, false
	}
	l := flock.New(filepath.Join(dir, ".lock"))
	ok, err := l.TryLock()
	if err != nil {
		return 0, false
	}
	if ok {
		l.Unlock()
		return 0, false
	}
	return holder(dir), true
}
