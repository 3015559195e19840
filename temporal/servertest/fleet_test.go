package servertest

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestFleet is one server and one local run, and many ways to get its bytes.
func TestFleet(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		name  string
		shard int // of each another: a job of its own
		play  func(s *scene)
	}{
		{"two workers", 16, twoWorkers},
		{"workers killed", 30, workersKilled},
		{"run killed", 11, runKilled},
		{"server gone", 12, serverGone},
		{"duplicates", 9, duplicates},
		{"input edited", 13, inputEdited},
		{"result edited", 14, resultEdited},
	} {
		t.Run(c.name, func(t *testing.T) { c.play(w.scene(t, c.shard)) })
	}
}

func twoWorkers(s *scene) {
	s.worker()
	s.worker()
	p, dir := s.run()
	s.same(p, dir)
}

// workersKilled kills each worker in turn with kill -9 while it is in a shard.
// Shards of 30 take longer than the heartbeats are apart.
func workersKilled(s *scene) {
	workers := []*process{s.worker(), s.worker()}
	p, dir := s.run()
	for kills := range 4 {
		s.until("results", func() bool { return len(s.results()) > kills })
		time.Sleep(time.Duration(100+150*kills) * time.Millisecond) // into the next shard
		workers[kills%2].kill()
		workers[kills%2] = s.worker()
	}
	s.same(p, dir)
}

// runKilled: the work goes on without the run, and the same command has it.
func runKilled(s *scene) {
	worker := s.worker()
	p, dir := s.run()
	s.until("results", func() bool { return len(s.results()) > 2 })
	p.kill()
	s.until("all results, with nobody waiting for them", func() bool { return len(s.results()) == (300+s.shard-1)/s.shard })
	time.Sleep(time.Second) // the last of them gets to the server
	worker.kill()
	s.worker() // and another worker, that has nothing left to do, is there to be asked
	s.same(s.again(dir), dir)
}

// serverGone: for longer than three heartbeats neither the run nor the workers
// reach the server.
func serverGone(s *scene) {
	s.worker()
	s.worker()
	p, dir := s.run()
	s.until("results", func() bool { return len(s.results()) > 2 })
	s.door.close(true)
	time.Sleep(7 * time.Second)
	s.door.close(false)
	s.same(p, dir)
	if text := p.log.String(); !strings.Contains(text, "does not answer") {
		s.t.Errorf("the run says nothing of it:\n%s", text)
	}
}

// duplicates: five workers with one cache, of which one is the same twice over,
// and two runs that ask for the same.
func duplicates(s *scene) {
	cache := s.t.TempDir()
	for range 5 {
		s.worker("--cache", cache, "--jobs", "2")
	}
	first, one := s.run()
	second, two := s.run()
	s.same(first, one)
	s.same(second, two)
}

// inputEdited: the supernet in the bucket is edited before a worker comes; it
// finds that by the hash, and the run puts the right one there again.
func inputEdited(s *scene) {
	p, dir := s.run()
	supernet := read(s.t, filepath.Join(s.local, "supernet.safetensors"))
	var file string
	s.until("the supernet in the bucket", func() bool {
		all, _ := filepath.Glob(filepath.Join(s.bucket, "sha256", "*", "*"))
		for _, file = range all {
			if data, err := os.ReadFile(file); err == nil && bytes.Equal(data, supernet) {
				return true
			}
		}
		return false
	})
	s.until("the order", func() bool { // the ticket is put last
		all, _ := filepath.Glob(filepath.Join(s.bucket, "sha256", "*", "*"))
		return len(all) == 3
	})
	edited := bytes.Clone(supernet)
	edited[len(edited)-1] ^= 1
	if err := os.WriteFile(file, edited, 0o666); err != nil {
		s.t.Fatal(err)
	}
	s.worker()
	s.same(p, dir)
	if !bytes.Equal(read(s.t, file), supernet) {
		s.t.Error("the bucket still has the edited supernet")
	}
}

// resultEdited: a score is made better by hand, and another is removed, after
// the work is done. Both shards are done again.
func resultEdited(s *scene) {
	s.worker()
	p, dir := s.run()
	s.same(p, dir)
	files := s.results()
	var scores []map[string]any
	if err := json.Unmarshal(read(s.t, files[0]), &scores); err != nil {
		s.t.Fatal(err)
	}
	scores[0]["top1"] = 0.99
	data, err := json.Marshal(scores)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(files[0], data, 0o666); err != nil {
		s.t.Fatal(err)
	}
	if err := os.Remove(files[1]); err != nil {
		s.t.Fatal(err)
	}
	p = s.again(dir)
	s.same(p, dir)
	if n := strings.Count(p.log.String(), "it is done again"); n != 2 {
		s.t.Errorf("%d shards were done again, want 2:\n%s", n, &p.log)
	}
}
