//go:build linux

package supernet

import (
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// On a full disk (here: a limit on the size of files, which makes writes fail
// half-way) the checkpoint that was there stays whole, and nothing else is left.
func TestFullDiskKeepsTheCheckpoint(t *testing.T) {
	net, err := New(tinySpace(t), 1)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "c.safetensors")
	if err := WriteTensors(path, net.Tensors()); err != nil {
		t.Fatal(err)
	}
	var was syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &was); err != nil {
		t.Skip(err)
	}
	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)
	small := was
	small.Cur = 4096
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &small); err != nil {
		t.Skip(err)
	}
	other, _ := New(tinySpace(t), 2)
	err = WriteTensors(path, other.Tensors())
	if back := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &was); back != nil {
		t.Fatal(back)
	}
	if err == nil || !strings.Contains(err.Error(), "is the disk full?") || !strings.Contains(err.Error(), path) {
		t.Errorf("%v", err)
	}
	kept, err := Read(path, nil)
	if err != nil || !sameWeights(kept, net) {
		t.Errorf("the checkpoint is not what it was: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
