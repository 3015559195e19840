package pipeline

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// TestReadLive: while a stage runs its progress can be read from elsewhere; when
// nothing runs there is none, also if a killed run left some.
func TestReadLive(t *testing.T) {
	dir := t.TempDir()
	stage := Stage{Name: "count", Doc: "counts", Makes: []string{"out"}, Version: 1, Run: func(_ context.Context, p *Pass) error {
		p.Progress(3, 10, "sheep")
		p.Log("three") // events are taken one at a time: the progress before it is written
		p.Log("still three")
		live, err := ReadLive(dir)
		if err != nil {
			return err
		}
		if l := live["count"]; l.Started.IsZero() {
			t.Errorf("while it runs: %+v", live)
		}
		return os.WriteFile(p.Output("out"), nil, 0o666)
	}}
	r := Runner{Dir: dir, Stages: []Stage{stage}}
	if _, err := r.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if live, err := ReadLive(dir); len(live) != 0 || err != nil {
		t.Errorf("after the run: %v, %v", live, err)
	}
	if err := os.WriteFile(filepath.Join(dir, logFolder, liveFile), []byte(`{"count":{}}`), 0o666); err != nil {
		t.Fatal(err)
	}
	if live, err := ReadLive(dir); len(live) != 0 || err != nil {
		t.Errorf("of a killed run: %v, %v", live, err)
	}
}

// TestLooksDoNotLockOut: a run starts while others look whether it is busy.
func TestLooksDoNotLockOut(t *testing.T) {
	dir := t.TempDir()
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					Busy(dir)
					time.Sleep(time.Millisecond)
				}
			}
		})
	}
	defer wg.Wait()
	defer close(stop)
	for range 30 {
		release, err := lock(dir)
		if err != nil {
			t.Fatal(err)
		}
		release()
	}
}
