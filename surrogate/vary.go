package surrogate

import (
	"math/rand/v2"
)

// newRand is the generator of Compile's check.
func newRand() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

// Random draws every gene uniformly.
func (c *Compiled) Random(rng *rand.Rand) Genome {
	var g Genome
	g[0] = byte(rng.IntN(len(c.resolutions)))
	for n := range c.stages {
		s := &c.stages[n]
		g[c.depth(n)] = byte(rng.IntN(len(s.depths)))
		for b := range s.depths[g[c.depth(n)]] {
			g[c.block(s.first+b)] = byte(rng.IntN(s.kernels * s.expands))
		}
	}
	return g
}

// Crossover takes each gene from a or b with equal chance; a block that only
// one of them has comes from that one.
func (c *Compiled) Crossover(rng *rand.Rand, a, b Genome) Genome {
	mask := rng.Uint32()
	g := a
	if mask&1 != 0 {
		g[0] = b[0]
	}
	for n := range c.stages {
		s := &c.stages[n]
		at := c.depth(n)
		if mask>>at&1 != 0 {
			g[at] = b[at]
		}
		deepA, deepB, deep := s.depths[a[at]], s.depths[b[at]], s.depths[g[at]]
		for i := range s.blocks {
			at := c.block(s.first + i)
			switch {
			case i >= deep:
				g[at] = 0
			case i >= deepA, i < deepB && mask>>at&1 != 0:
				g[at] = b[at]
			}
		}
	}
	return g
}

// Mutate gives each live gene another choice with probability prob (0 = 1/genes
// that have a choice). Of a block it changes the kernel or the expand ratio.
// Blocks that come to life are drawn at random.
func (c *Compiled) Mutate(rng *rand.Rand, g Genome, prob float64) Genome {
	if prob == 0 {
		prob = c.rate()
	}
	limit := uint32(prob * (1 << 32))
	if prob >= 1 {
		limit = 1<<32 - 1
	}
	hit := func() bool { return rng.Uint32() < limit }
	if hit() {
		g[0] = another(rng, g[0], len(c.resolutions))
	}
	for n := range c.stages {
		s := &c.stages[n]
		at := c.depth(n)
		before := s.depths[g[at]]
		if len(s.depths) > 1 && hit() {
			g[at] = another(rng, g[at], len(s.depths))
		}
		deep := s.depths[g[at]]
		for i := range s.blocks {
			at := c.block(s.first + i)
			switch {
			case i >= deep:
				g[at] = 0
			case i >= before:
				g[at] = byte(rng.IntN(s.kernels * s.expands))
			case s.kernels*s.expands > 1 && hit():
				g[at] = s.mutate(rng, g[at])
			}
		}
	}
	return g
}

// rate is one over the number of genes that have a choice.
func (c *Compiled) rate() float64 {
	genes := 1
	for n := range c.stages {
		if s := &c.stages[n]; s.kernels*s.expands > 1 {
			genes += 1 + s.blocks
		}
	}
	return 1 / float64(genes)
}

func (s *stage) mutate(rng *rand.Rand, gene byte) byte {
	k, e := gene/byte(s.expands), gene%byte(s.expands)
	if s.expands == 1 || s.kernels > 1 && rng.Uint32()&1 == 0 {
		k = another(rng, k, s.kernels)
	} else {
		e = another(rng, e, s.expands)
	}
	return k*byte(s.expands) + e
}

// another is a choice of n that is not v.
func another(rng *rand.Rand, v byte, n int) byte {
	if n < 2 {
		return v
	}
	return byte((int(v) + 1 + rng.IntN(n-1)) % n)
}
