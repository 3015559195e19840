package search

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Preference is one wish of whoever picks from a front: a bound on a figure.
type Preference struct {
	Figure  string // as written, for example "top1" or "latency"
	AtLeast bool   // Bound is a lower one
	Bound   float64
}

// ParsePreferences reads wishes such as "top1>=76, latency<=22", joined by
// commas. Figures must be among known, each at most once a side.
func ParsePreferences(text string, known ...string) ([]Preference, error) {
	var out []Preference
	for part := range strings.SplitSeq(text, ",") {
		p, err := parsePreference(strings.TrimSpace(part), known)
		if err != nil {
			return nil, fmt.Errorf("search: preference %.60q: %w", part, err)
		}
		for _, q := range out {
			if q.Figure == p.Figure && q.AtLeast == p.AtLeast {
				return nil, fmt.Errorf("search: preference %.60q: %s has that bound already (say it once)", part, p.Figure)
			}
		}
		out = append(out, p)
	}
	return out, nil
}

func parsePreference(text string, known []string) (Preference, error) {
	name, bound, ok := strings.Cut(text, ">=")
	p := Preference{AtLeast: ok}
	if !ok {
		if name, bound, ok = strings.Cut(text, "<="); !ok {
			return p, fmt.Errorf("no >= or <= in it (write for example %s<=22)", known[0])
		}
	}
	p.Figure = strings.TrimSpace(name)
	found := false
	for _, k := range known {
		found = found || k == p.Figure
	}
	if !found {
		return p, fmt.Errorf("no figure %q (there are %s)", p.Figure, strings.Join(known, ", "))
	}
	var err error
	p.Bound, err = strconv.ParseFloat(strings.TrimSpace(bound), 64)
	if err != nil || math.IsNaN(p.Bound) || math.IsInf(p.Bound, 0) {
		return p, fmt.Errorf("the bound %q is no number", strings.TrimSpace(bound))
	}
	return p, nil
}

// Shortfall is by how much a value misses the bound, as a share of the bound
// (of 1 where the bound is 0); 0 = it meets it.
func (p Preference) Shortfall(value float64) float64 {
	miss := value - p.Bound
	if p.AtLeast {
		miss = -miss
	}
	scale := math.Abs(p.Bound)
	if scale == 0 {
		scale = 1
	}
	return max(0, miss) / scale
}

// String is the preference as ParsePreferences reads it.
func (p Preference) String() string {
	sign := "<="
	if p.AtLeast {
		sign = ">="
	}
	return p.Figure + sign + strconv.FormatFloat(p.Bound, 'g', -1, 64)
}

// Prefer picks from n points the best of those that meet all wishes; where none
// does, of those that miss them least in total. figure is what a point has of a
// wish's figure, better whether a point is to be preferred to another. misses
// are the wishes that the pick does not meet. n must not be 0.
func Prefer(n int, wishes []Preference, figure func(i int, name string) float64, better func(i, j int) bool) (best int, misses []Preference) {
	short := func(i int) (sum float64) {
		for _, w := range wishes {
			sum += w.Shortfall(figure(i, w.Figure))
		}
		return sum
	}
	least := short(0)
	for i := 1; i < n; i++ {
		if s := short(i); s < least || s == least && better(i, best) {
			best, least = i, s
		}
	}
	for _, w := range wishes {
		if w.Shortfall(figure(best, w.Figure)) > 0 {
			misses = append(misses, w)
		}
	}
	return best, misses
}

// FastestFirst says whether wishes ask for a least accuracy alone: the fastest
// point that has it is then the best, else the most accurate.
func FastestFirst(wishes []Preference, accuracy string) bool {
	return len(wishes) == 1 && wishes[0].Figure == accuracy && wishes[0].AtLeast
}
