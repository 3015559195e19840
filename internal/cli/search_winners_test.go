package cli

import (
	"math"
	"testing"

	"hanas/configs"
)

func TestWinners(t *testing.T) {
	points := []frontPoint{
		{Arch: "a", Accuracy: 0.70, LatencyMS: 10, MemoryBytes: 1_000_000}, {Arch: "b", Accuracy: 0.76, LatencyMS: 14, MemoryBytes: 2_000_000}, {Arch: "c", Accuracy: 0.78, LatencyMS: 22, MemoryBytes: 3_000_000}, {Arch: "d", Accuracy: 0.785, LatencyMS: 40, MemoryBytes: 9_000_000},
	}
	for _, c := range []struct {
		prefer, want string
		misses       int
	}{
		{"top1>=75", "b", 0}, // the fastest
		{"latency<=22", "c", 0},
		{"memory<=2.5", "b", 0},
		{"top1>=75,latency<=30", "c", 0}, // the most accurate of b and c
		{"top1>=78.2,latency<=22", "c", 1},
		{"latency<=5", "a", 1}, // nothing is: the nearest
		{"top1>=90", "d", 1},
	} {
		f := searchFlags{prefer: []string{c.prefer}}
		got, err := f.winners(points, configs.DefaultObjectives)
		if err != nil || len(got) != 2 {
			t.Fatalf("%s: %v %v", c.prefer, got, err)
		}
		if got[1].Arch != c.want || len(got[1].Misses) != c.misses {
			t.Errorf("%s: %+v, want %s with %d misses", c.prefer, got[1], c.want, c.misses)
		}
	}
	for _, name := range configs.Objectives {
		if objectives[name] == nil {
			t.Errorf("no figure for the objective %s", name)
		}
	}
	f := searchFlags{diverse: 3}
	got, err := f.winners(points, configs.DefaultObjectives)
	if err != nil || len(got) != 4 || got[0].Why != "knee" {
		t.Fatalf("%v %v", got, err)
	}
	// The knee by hand: the least sum of shares of the ranges.
	least, knee := math.Inf(1), ""
	for _, p := range points {
		if s := (0.785-p.Accuracy)/0.085 + (p.LatencyMS-10)/30 + float64(p.MemoryBytes-1_000_000)/8e6; s < least {
			least, knee = s, p.Arch
		}
	}
	if got[0].Arch != knee {
		t.Errorf("knee %s, want %s", got[0].Arch, knee)
	}
	if got, err := f.winners(nil, configs.DefaultObjectives); err != nil || len(got) != 0 {
		t.Errorf("of an empty front: %v %v", got, err)
	}
}
