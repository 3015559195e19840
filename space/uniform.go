package space

import "math/rand/v2"

// distinctTries is how many draws in a row may be known before a space is taken
// to have no more.
const distinctTries = 1000

// Uniform draws n distinct Archs by Random; fewer where the space has no more to
// find.
func (s *Space) Uniform(n int, rng *rand.Rand) []Arch {
	return distinctly(n, func() Arch { return s.Random(rng) })
}

// Draws gives n distinct Archs; fewer where it meets only known ones.
func (t *Attentive) Draws(n int, rng *rand.Rand) []Arch {
	return distinctly(n, func() Arch { return t.Draw(rng) })
}

func distinctly(n int, draw func() Arch) []Arch {
	out, seen := make([]Arch, 0, n), make(map[Arch]struct{}, n)
	for known := 0; len(out) < n && known < distinctTries; {
		a := draw()
		if _, again := seen[a]; again {
			known++
			continue
		}
		known = 0
		seen[a] = struct{}{}
		out = append(out, a)
	}
	return out
}
