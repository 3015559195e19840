package nsga2

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"hanas/search"
)

// niche is a population under one target: the candidates within it that have
// the least first objective, best first.
//
// Crowding spreads NSGA-II's population evenly over the whole front, so a limit
// that a user asks about gets only the few members that happen to be near it. A
// share of the children is therefore bred within the niches, by truncation
// selection as Once-for-All's evolution does under its one limit (H. Cai et
// al., ICLR 2020).
type niche[G comparable] struct {
	limit   search.Limit
	members []search.Candidate[G]
}

// niches are those of Settings.Targets.
type niches[G comparable] []niche[G]

func newNiches[G comparable](s Settings) niches[G] {
	out := make(niches[G], len(s.Targets))
	for i, t := range s.Targets {
		out[i] = niche[G]{t, make([]search.Candidate[G], 0, s.TargetParents+1)}
	}
	return out
}

// take lets every niche keep of candidates what is good enough for it.
func (n niches[G]) take(candidates []search.Candidate[G]) {
	for i := range n {
		for _, c := range candidates {
			n[i].take(c)
		}
	}
}

func (n *niche[G]) take(c search.Candidate[G]) {
	if !c.Feasible() || c.Objectives[n.limit.Objective] > n.limit.Max {
		return
	}
	full := len(n.members) == cap(n.members)-1
	if full && n.members[len(n.members)-1].Objectives[0] <= c.Objectives[0] {
		return
	}
	at, _ := slices.BinarySearchFunc(n.members, c, func(a, b search.Candidate[G]) int {
		return cmp.Or(cmp.Compare(a.Objectives[0], b.Objectives[0]), -1) // after its equals
	})
	n.members = slices.Insert(n.members, at, c)
	if full {
		n.members = n.members[:len(n.members)-1]
	}
}

// child breeds within a niche drawn at random; ok is false where nothing meets
// its target yet.
func (n niches[G]) child(rng *rand.Rand, p *search.Problem[G], s Settings) (g G, ok bool) {
	near := n[rng.IntN(len(n))].members
	if len(near) == 0 {
		return g, false
	}
	g = near[rng.IntN(len(near))].Genome
	if rng.Uint32()&1 == 0 {
		g = p.Crossover(rng, g, near[rng.IntN(len(near))].Genome)
	}
	return p.Mutate(rng, g, s.MutationProb), true
}

// checkTargets refuses targets that no objective has.
func checkTargets(objectives []string, s Settings) error {
	if !(s.TargetShare >= 0 && s.TargetShare <= 1) || s.TargetParents < 1 {
		return fmt.Errorf("nsga2: settings: a share %v of the children for targets, of %d parents (want 0 to 1, and 1 or more)", s.TargetShare, s.TargetParents)
	}
	for _, t := range s.Targets {
		if t.Objective < 0 || t.Objective >= len(objectives) || math.IsNaN(t.Max) {
			return fmt.Errorf("nsga2: settings: target %+v is not of the objectives %q", t, objectives)
		}
	}
	return nil
}
