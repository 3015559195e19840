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
