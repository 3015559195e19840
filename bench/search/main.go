// Command search compares this project's searches with DEAP's NSGA-II and with
// Once-for-All's evolution, in turns.
//
//	go run ./bench/search -data ../shared/data     # Once-for-All's space: evaluations a second, and what they find
//	go run ./bench/search -known                   # ZDT and DTLZ2: hypervolume and IGD
//
// The peers run in peers.py, a Python with numpy and DEAP (Debian:
// python3-deap).
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// bench is what the flags say.
type bench struct {
	data, python, script string
	evaluations, seeds   int
}

func main() {
	log.SetFlags(0)
	var b bench
	known := flag.Bool("known", false, "run problems with known fronts instead")
	flag.StringVar(&b.data, "data", filepath.Join("..", "shared", "data"), "folder of the shared data")
	flag.StringVar(&b.python, "python", "python3", "a Python with numpy and DEAP")
	flag.StringVar(&b.script, "script", filepath.Join("bench", "search", "peers.py"), "the peers")
	flag.IntVar(&b.evaluations, "evaluations", 50_000, "of each search of networks (of known problems: 25,000)")
	flag.IntVar(&b.seeds, "seeds", 3, "rounds, each with its seed")
	flag.Parse()
	run := b.networks
	if *known {
		run = b.known
	}
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

// peer runs peers.py: a question as JSON in, an answer as JSON out.
func (b *bench) peer(ctx context.Context, question, answer any) error {
	f, err := os.CreateTemp("", "search*.json")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if err := json.NewEncoder(f).Encode(question); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, b.python, b.script, f.Name())
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("%s %s: %w", b.python, b.script, err)
	}
	return json.Unmarshal(out, answer)
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}
