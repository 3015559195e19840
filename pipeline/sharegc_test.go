package pipeline

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestCollectShared: what is old goes with its artifacts, what a run that is
// kept has stays, and so does what is just being written or is no file of ours.
func TestCollectShared(t *testing.T) {
	share := filepath.Join(t.TempDir(), "store")
	var ran []string
	run := func(word string) string {
		dir := t.TempDir()
		if _, err := (&Runner{Dir: dir, Stages: twoStages(word, &ran), Share: share}).Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	kept := run("hello")
	run("bye")
	files := map[string]string{"tmp/put-1/object": "half", "objects/mine.txt": "a user's", "actions/README": "a user's", "actions/0.json": "{"}
	for name, text := range files {
		file := filepath.Join(share, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	count := func(pattern string) int {
		list, err := filepath.Glob(filepath.Join(share, pattern))
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	now := time.Now()
	sweep := func(set StoreSweep) int {
		t.Helper()
		found, err := CollectShared(share, set)
		if err != nil {
			t.Fatal(err)
		}
		return len(found)
	}
	day := 24 * time.Hour
	if n := sweep(StoreSweep{Unused: 30 * day, Now: now}); n != 1 || count("actions/0.json") != 0 { // no record at all
		t.Errorf("%d things of a young store", n)
	}
	late := now.Add(40 * day)
	// dry: bye's record, its file and the half-written folder; hello's two records stay
	if n := sweep(StoreSweep{Unused: 30 * day, Runs: []string{kept}, Dry: true, Now: late}); n != 3 || count("actions/*.json") != 3 {
		t.Errorf("dry: %d things, %d records left", n, count("actions/*.json"))
	}
	if n := sweep(StoreSweep{Unused: 30 * day, Runs: []string{kept}, Now: late}); n != 3 || count("actions/*.json") != 2 || count("tmp/*") != 0 {
		t.Errorf("%d things, %d records left", n, count("actions/*.json"))
	}
	ran = nil
	run("hello")
	if len(ran) != 0 {
		t.Errorf("%v ran, which was kept", ran)
	}
	if n := sweep(StoreSweep{Unused: -1, Now: late}); n != 0 {
		t.Errorf("%d things go for their age, which none should", n)
	}
	if n := sweep(StoreSweep{Unused: 30 * day, Now: now.Add(80 * day)}); n != 4 || count("actions/*.json") != 0 || count("objects/*") != 1 || count("actions/README") != 1 {
		t.Errorf("%d things, %d artifacts left", n, count("objects/*"))
	}
	run("hello") // an empty store is filled again
}

// TestUseKeepsYoung: an answer that is taken is as young as one that was put.
func TestUseKeepsYoung(t *testing.T) {
	share := filepath.Join(t.TempDir(), "store")
	var ran []string
	for _, old := range []bool{true, false} {
		if _, err := (&Runner{Dir: t.TempDir(), Stages: twoStages("hello", &ran), Share: share}).Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		list, err := filepath.Glob(filepath.Join(share, "actions", "*"))
		if err != nil || len(list) != 2 {
			t.Fatal(list, err)
		}
		for _, file := range list {
			if old {
				past := time.Now().Add(-100 * 24 * time.Hour)
				if err := os.Chtimes(file, past, past); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if found, err := CollectShared(share, StoreSweep{Unused: 30 * 24 * time.Hour}); err != nil || len(found) != 0 {
		t.Errorf("%v, %v", found, err)
	}
}

// TestCollectSharedBeside: runs that use the store while it is swept end well.
func TestCollectSharedBeside(t *testing.T) {
	share := filepath.Join(t.TempDir(), "store")
	ctx, stop := context.WithCancel(t.Context())
	swept := make(chan error, 1)
	go func() {
		for ctx.Err() == nil {
			if _, err := CollectShared(share, StoreSweep{Now: time.Now().Add(9999 * time.Hour)}); err != nil && !strings.Contains(err.Error(), "no folder actions") {
				swept <- err
				return
			}
		}
		swept <- nil
	}()
	for range 30 {
		var ran []string
		dir := t.TempDir()
		if _, err := (&Runner{Dir: dir, Stages: twoStages("hello", &ran), Share: share}).Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		said, err := os.ReadFile(filepath.Join(dir, "said"))
		if string(said) != "hello leaf a" || err != nil {
			t.Fatalf("%q, %v", said, err)
		}
	}
	stop()
	if err := <-swept; err != nil {
		t.Error(err)
	}
}

func TestCollectSharedElsewhere(t *testing.T) {
	if _, err := CollectShared(t.TempDir(), StoreSweep{}); err == nil || !strings.Contains(err.Error(), "it is no shared store") {
		t.Errorf("%v", err)
	}
	share := t.TempDir()
	if err := os.Mkdir(filepath.Join(share, "actions"), 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := CollectShared(share, StoreSweep{Runs: []string{t.TempDir()}}); err == nil || !strings.Contains(err.Error(), "is it a run folder") {
		t.Errorf("%v", err)
	}
}
