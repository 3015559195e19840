package space

import "math/rand/v2"

// Cover draws n Archs for small budgets: for every slot each choice comes up
// equally often, up to one (Latin hypercube sampling: M. McKay et al., 1979, on
// discrete choices). Slots that are dead in an Arch still use up their turn.
// Archs may repeat in a space that is hardly larger than n.
func (s *Space) Cover(n int, rng *rand.Rand) []Arch {
	drafts := make([][]byte, n)
	for i := range drafts {
		drafts[i] = make([]byte, s.GeneCount())
	}
	eachSlot(s, "", func(slot int, r slotRef) {
		from := rng.IntN(r.choices()) // which choices come up once more is chance
		for turn, i := range rng.Perm(n) {
			drafts[i][slot] = byte((from + turn) % r.choices())
		}
	})
	out := make([]Arch, n)
	for i, d := range drafts {
		out[i] = s.canonical(d)
	}
	return out
}

// Balance says what Balanced spreads evenly.
type Balance struct {
	Of      func(Arch) float64 // e.g. log MACs, or mean bits of the weights
	Buckets int                // equal parts of the range from Smallest to Largest; default 10
	Tries   int                // draws for an Arch until its bucket is met; default 200
}

// Balanced draws n distinct Archs whose figures lie evenly over the range that
// the space has. Uniform choices pile up in the middle of the range, and a
// predictor that learns from them knows little of its ends. Draws begin at
// random and walk by mutation from the Arch that is nearest to the wanted
// bucket. Where no Arch of a bucket is met within b.Tries the nearest is taken;
// fewer than n are returned where the space has no more to find.
func (s *Space) Balanced(n int, b Balance, rng *rand.Rand) []Arch {
	if b.Buckets == 0 {
		b.Buckets = 10
	}
	if b.Tries == 0 {
		b.Tries = 200
	}
	low, high := b.Of(s.Smallest()), b.Of(s.Largest())
	seen := make(map[Arch]struct{}, n)
	var out []Arch
	for i := range n {
		from := low + (high-low)*float64(i%b.Buckets)/float64(b.Buckets)
		want := span{from, from + (high-low)/float64(b.Buckets)}
		a, ok := s.towards(want, b, seen, rng)
		if !ok {
			continue
		}
		seen[a] = struct{}{}
		out = append(out, a)
	}
	return out
}

// span is an interval of a figure.
type span struct{ from, to float64 }

// off is how far v is from the span, 0 inside.
func (p span) off(v float64) float64 { return max(p.from-v, v-p.to, 0) }

// towards walks to an Arch that is not in seen and whose figure lies in want;
// false if it met only known ones.
func (s *Space) towards(want span, b Balance, seen map[Arch]struct{}, rng *rand.Rand) (best Arch, ok bool) {
	at := s.Random(rng)
	off := want.off(b.Of(at))
	for range b.Tries {
		if _, known := seen[at]; !known && (!ok || off < want.off(b.Of(best))) {
			best, ok = at, true
		}
		if ok && want.off(b.Of(best)) == 0 {
			break
		}
		next := s.Mutate(at, .15, rng)
		if o := want.off(b.Of(next)); o <= off {
			at, off = next, o
		}
	}
	return best, ok
}
