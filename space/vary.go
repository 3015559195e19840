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
