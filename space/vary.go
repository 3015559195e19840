package space

import "math/rand/v2"

// Random draws every slot uniformly. (Uniform over choices, not over Archs:
// deep networks are as frequent as shallow ones.)
func (s *Space) Random(rng *rand.Rand) Arch {
	return s.filled(func(r slotRef) int { return rng.IntN(r.choices()) })
}

// Mutate gives each gene another choice with probability prob. Genes that
// come to life with it (a deeper stage) are drawn at random.
func (s *Space) Mutate(a Arch, prob float64, rng *rand.Rand) Arch {
	draft := s.draft(a)
	eachSlot(s, a.genes, func(i int, r slotRef) {
		n := r.choices()
		switch {
		case n == 1:
		case !r.live:
			draft[i] = byte(rng.IntN(n))
		case rng.Float64() < prob:
			draft[i] = byte((int(draft[i]) + 1 + rng.IntN(n-1)) % n)
		}
	})
	return s.canonical(draft)
}

// RandomBits draws the bits of a anew, its topology kept: for weights and for
// activations a random set of widths, then one of the set for each layer. Random
// draws every layer on its own; with four widths and a dozen layers nearly all
// of its networks have some 2-bit layer, and none has one width throughout. What
// is trained and learned from should hold such networks as well.
func (s *Space) RandomBits(a Arch, rng *rand.Rand) Arch {
	draft := s.draft(a)
	w, x := randomSet(len(s.WBits), rng), randomSet(len(s.ABits), rng)
	eachSlot(s, a.genes, func(i int, r slotRef) {
		switch {
		case r.kind == SlotWBits:
			draft[i] = byte(w[rng.IntN(len(w))])
		case r.kind == SlotABits:
			draft[i] = byte(x[rng.IntN(len(x))])
		}
	})
	return s.canonical(draft)
}

// randomSet is a set of 1 to n of the numbers below n; each size is as likely
// as another.
func randomSet(n int, rng *rand.Rand) []int { return rng.Perm(n)[:1+rng.IntN(n)] }

// Crossover takes each gene from a or b with equal chance. A gene that is live
// in one parent only comes from that parent.
func (s *Space) Crossover(a, b Arch, rng *rand.Rand) Arch {
	s.own(b)
	draft := s.draft(a)
	live := make([]bool, len(draft))
	eachSlot(s, a.genes, func(i int, r slotRef) { live[i] = r.live })
	eachSlot(s, b.genes, func(i int, r slotRef) {
		if r.live && (!live[i] || rng.IntN(2) == 0) {
			draft[i] = b.genes[i]
		}
	})
	return s.canonical(draft)
}
