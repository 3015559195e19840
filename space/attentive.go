package space

import (
	"math/rand/v2"
	"slices"
)

// Attention says what an Attentive sampler attends to.
type Attention struct {
	Of      func(Arch) float64 // what the buckets are of, e.g. log MACs or mean bits of the weights
	Buckets int                // equal parts of the range from Smallest to Largest; default 25
	Table   int                // random Archs that the choices of each bucket are learned from; default 10000
	Tries   int                // draws until the bucket is met; default 100

	// Score, if there is one, is what candidates of a bucket compete by, such as
	// a predicted accuracy: of Candidates (default 3) the best is taken, or with
	// Worst the worst.
	Score      func(Arch) float64
	Candidates int
	Worst      bool
}

func (a *Attention) defaults() {
	for _, d := range []struct{ field, value *int }{{&a.Buckets, new(25)}, {&a.Table, new(10000)}, {&a.Tries, new(100)}, {&a.Candidates, new(3)}} {
		if *d.field < 1 {
			*d.field = *d.value
		}
	}
	if a.Score == nil {
		a.Candidates = 1
	}
}

// Attentive draws Archs bucket by bucket, and in each bucket pays attention to
// the best or the worst (D. Wang et al., AttentiveNAS, CVPR 2021, section 4): a
// bucket comes up as often as in a table of random Archs, and each slot's choice
// as often as among those of the table that are in the bucket.
type Attentive struct {
	space     *Space
	set       Attention
	low, size float64      // of the buckets
	first     []int        // rows of the table in buckets before
	counts    [][][]uint32 // of [bucket][slot][choice], where live
}

// Attentive learns a sampler from s.
func (s *Space) Attentive(set Attention, rng *rand.Rand) *Attentive {
	set.defaults()
	t := &Attentive{space: s, set: set, low: set.Of(s.Smallest()), first: make([]int, set.Buckets+1), counts: make([][][]uint32, set.Buckets)}
	t.size = (set.Of(s.Largest()) - t.low) / float64(set.Buckets)
	for range set.Table {
		a := s.Random(rng)
		b := t.bucket(a)
		t.first[b+1]++
		if t.counts[b] == nil {
			eachSlot(s, "", func(_ int, r slotRef) { t.counts[b] = append(t.counts[b], make([]uint32, r.choices())) })
		}
		eachSlot(s, a.genes, func(i int, r slotRef) {
			if r.live {
				t.counts[b][i][a.genes[i]]++
			}
		})
	}
	for b := range set.Buckets {
		t.first[b+1] += t.first[b]
	}
	return t
}

// bucket is that of a; what lies beyond the ends is in the outer ones.
func (t *Attentive) bucket(a Arch) int {
	if t.size <= 0 {
		return 0
	}
	return min(max(int((t.set.Of(a)-t.low)/t.size), 0), t.set.Buckets-1)
}

// Draw gives an Arch; the same one may come again.
func (t *Attentive) Draw(rng *rand.Rand) Arch {
	row := rng.IntN(t.first[t.set.Buckets])
	want, _ := slices.BinarySearch(t.first, row+1) // the first end that is above row
	var best Arch
	score := 0.0
	for k := range t.set.Candidates {
		a := t.in(want-1, rng)
		if t.set.Score == nil {
			return a
		}
		if v := t.set.Score(a); k == 0 || v > score != t.set.Worst && v != score {
			best, score = a, v
		}
	}
	return best
}

// in draws from a bucket until it is met, or gives the last draw.
func (t *Attentive) in(bucket int, rng *rand.Rand) Arch {
	var a Arch
	for range t.set.Tries {
		i := -1
		a = t.space.filled(func(slotRef) int {
			i++
			return pick(t.counts[bucket][i], rng)
		})
		if t.bucket(a) == bucket {
			break
		}
	}
	return a
}

// pick draws an index as often as its count says, any where all are 0.
func pick(counts []uint32, rng *rand.Rand) int {
	total := uint32(0)
	for _, n := range counts {
		total += n
	}
	if total == 0 {
		return rng.IntN(len(counts))
	}
	at := rng.Uint32N(total)
	for i, n := range counts {
		if at < n {
			return i
		}
		at -= n
	}
	return 0
}
