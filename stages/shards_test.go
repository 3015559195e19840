package stages

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"

	"hanas/configs"
)

// TestShards: every Arch from the first on is in one shard, and the cuts do not
// depend on where a job goes on.
func TestShards(t *testing.T) {
	for _, n := range []int{0, 1, 7, 8, 9, 100} {
		job := Job{Archs: make([]string, n)}
		for size := 1; size <= 9; size++ {
			ends := map[int]bool{n: true}
			for _, s := range job.Shards(0, size) {
				ends[s.To] = true
			}
			for from := 0; from <= n; from++ {
				next := from
				for _, s := range job.Shards(from, size) {
					if s.From != next || s.To <= s.From || s.To-s.From > size || !ends[s.To] {
						t.Fatalf("%d Archs from %d in %ds: %v", n, from, size, job.Shards(from, size))
					}
					next = s.To
				}
				if next != n {
					t.Fatalf("%d Archs from %d in %ds: %v", n, from, size, job.Shards(from, size))
				}
			}
		}
	}
}

// TestJobInJSON: a worker gets the config that the run has, of every preset and
// with all that a file can hold.
func TestJobInJSON(t *testing.T) {
	written := [][]string{nil, {"space.resolutions=[32]", "space.wbits=[4,8]", "data.path=/x", "seed=18446744073709551615"}}
	for _, preset := range configs.Presets() {
		for _, set := range written {
			cfg, err := configs.Load(preset, set)
			if err != nil {
				continue // a preset that wants other settings: run refuses it too
			}
			data, err := json.Marshal(Job{Config: cfg})
			if err != nil {
				t.Fatal(err)
			}
			var job Job
			if err := json.Unmarshal(data, &job); err != nil {
				t.Fatal(err)
			}
			if got, want := fmt.Sprintf("%#v", *job.Config), fmt.Sprintf("%#v", *cfg); got != want {
				t.Errorf("%s %v: %s\nwant %s", preset, set, got, want)
			}
			e, err := NewEnv(job.Config, nil)
			if err != nil {
				t.Fatalf("%s %v: %v", preset, set, err)
			}
			if sp, _ := cfg.Space.Resolve(); e.Space.Hash() != sp.Hash() {
				t.Errorf("%s: another space", preset)
			}
		}
	}
}

// TestScoreIsExactInJSON: what a worker sends is to the bit what it scored.
func TestScoreIsExactInJSON(t *testing.T) {
	want := Score{"a", 1.0 / 3, 0.1 + 0.2, 2.302585092994045684, 512}
	data, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got Score
	if err := json.Unmarshal(data, &got); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v", got, err)
	}
}
