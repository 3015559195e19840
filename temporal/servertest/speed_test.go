package servertest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// TestSpeed measures how much faster two workers of one core score than one, in
// as many pairs of runs as HANAS_PAIRS says. It checks bytes, and only tells times:
//
//	HANAS_PAIRS=3 HANAS_COUNT=1500 go test -run TestSpeed -v .
func TestSpeed(t *testing.T) {
	pairs, err := strconv.Atoi(os.Getenv("HANAS_PAIRS"))
	if err != nil || pairs < 1 {
		t.Skip("HANAS_PAIRS is not set")
	}
	t.Setenv("GOMAXPROCS", "1")
	w := newWorld(t)
	for pair := range pairs {
		one := w.scene(t, 25+2*pair).seconds(1)
		two := w.scene(t, 26+2*pair).seconds(2)
		t.Logf("evaluate: %.2f s with one worker, %.2f s with two: %.2fx", one, two, one/two)
	}
}

// seconds is what the stage evaluate takes with so many workers, their
// start (images, supernet) with it.
func (s *scene) seconds(workers int) float64 {
	for range workers {
		s.worker()
	}
	p, dir := s.run()
	s.same(p, dir)
	var manifest struct {
		Stages map[string]struct {
			Seconds float64 `json:"seconds"`
		} `json:"stages"`
	}
	if err := json.Unmarshal(read(s.t, filepath.Join(dir, "manifest.json")), &manifest); err != nil {
		s.t.Fatal(err)
	}
	for _, p := range s.workers {
		p.kill()
	}
	return manifest.Stages["evaluate"].Seconds
}
