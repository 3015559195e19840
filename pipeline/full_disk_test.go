//go:build linux

package pipeline

import (
	"os"
	"os/exec"
	"os/signal"
	"reflect"
	"strings"
	"syscall"
	"testing"
)

// TestFullDisk: on a full disk (here: a limit on the size of files, which makes
// writes fail half-way) a run ends with an error, be it a stage's output or the
// manifest that did not fit; what was there stays whole, and once there is room
// the same run ends as if nothing had been.
func TestFullDisk(t *testing.T) {
	if os.Getenv("HANAS_FULL_DISK") == "" { // in a process of its own: this one's log of files must not hit the limit
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFullDisk$")
		cmd.Env = append(os.Environ(), "HANAS_FULL_DISK=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	clean, later := t.TempDir(), &toy{seed: "a much longer seed than the one before", left: "l"}
	(&toy{seed: "s", left: "l"}).run(t, clean)
	before := contents(t, clean)
	want := func() map[string]string {
		dir := t.TempDir()
		later.run(t, dir)
		return contents(t, dir)
	}()
	for _, limit := range []uint64{0, 8, 200, 1000} { // bytes: nothing, a part of the output, of the manifest
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(clean)); err != nil {
			t.Fatal(err)
		}
		err := limited(t, limit, func() error {
			_, err := (&Runner{Dir: dir, Stages: later.stages()}).Run(t.Context())
			return err
		})
		if err == nil {
			t.Errorf("%d bytes: no error", limit)
		}
		if m, err := ReadManifest(dir); err != nil || len(m.Stages) != len(all) {
			t.Errorf("%d bytes: the manifest is not whole: %v", limit, err)
		}
		if limit == 0 && !reflect.DeepEqual(onlyFiles(contents(t, dir)), onlyFiles(before)) {
			t.Errorf("artifacts changed though nothing could be written")
		}
		later.run(t, dir)
		if got := contents(t, dir); !reflect.DeepEqual(got, want) {
			t.Errorf("%d bytes: with room again\n%v\nwant\n%v", limit, got, want)
		}
	}
}

// onlyFiles leaves out working files, which a stage that failed may keep.
func onlyFiles(c map[string]string) map[string]string {
	out := map[string]string{}
	for name, text := range c {
		if !strings.HasPrefix(name, workFolder+"/") {
			out[name] = text
		}
	}
	return out
}

// limited calls f while no file may be longer than so many bytes.
func limited(t *testing.T, bytes uint64, f func() error) error {
	t.Helper()
	var was syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &was); err != nil {
		t.Skip(err)
	}
	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)
	small := was
	small.Cur = bytes
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &small); err != nil {
		t.Skip(err)
	}
	err := f()
	if back := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &was); back != nil {
		t.Fatal(back)
	}
	return err
}
