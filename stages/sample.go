package stages

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"

	"hanas/pipeline"
	"hanas/space"
)

// drawTries bounds the draws in a row that give nothing new.
const drawTries = 10_000

// runSample draws distinct Archs: the largest and smallest at every uniform
// choice of bits, then topologies with random bits until there are enough. A
// share of the topologies is even over the logarithm of the MACs, because
// random choices pile up in the middle, and a front ends at the ends.
func (e *Env) runSample(ctx context.Context, p *pipeline.Pass) error {
	sp, rng := e.Space, rand.New(rand.NewPCG(e.Config.Seed, 0x5a3))
	seen := map[space.Arch]bool{}
	var lines []string
	add := func(a space.Arch) bool {
		if seen[a] || len(lines) >= e.Config.Sample.Count {
			return false
		}
		seen[a] = true
		lines = append(lines, sp.Key(a))
		return true
	}
	for _, b := range sp.WBits {
		for _, end := range []space.Arch{sp.Largest(), sp.Smallest()} {
			add(sp.WithBits(end, b, max(b, sp.ABits[0])))
		}
	}
	for _, a := range sp.Balanced(int(e.Config.Sample.Balanced*float64(e.Config.Sample.Count)), space.Balance{Of: sp.LogMACs}, rng) {
		add(sp.RandomBits(a, rng))
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	for tries := 0; len(lines) < e.Config.Sample.Count && tries < drawTries; tries++ {
		if add(sp.RandomBits(sp.Random(rng), rng)) {
			tries = 0
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	p.Summary(fmt.Sprintf("%d distinct sub-networks of 10^%.1f", len(lines), sp.Log10Size()))
	return os.WriteFile(p.Output(archsFile), []byte(strings.Join(lines, "\n")+"\n"), 0o644)
}

// readArchs reads archs.txt.
func readArchs(path string, sp *space.Space) ([]space.Arch, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("stages: %w", err)
	}
	defer f.Close()
	var out []space.Arch
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		a, err := sp.Parse(lines.Text())
		if err != nil {
			return nil, fmt.Errorf("stages: %s: line %d: %w", path, len(out)+1, err)
		}
		out = append(out, a)
	}
	return out, lines.Err()
}
