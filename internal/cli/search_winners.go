package cli

import (
	"fmt"
	"strings"

	"hanas/search"
)

// winner is a point that was picked from the front.
type winner struct {
	Why string `json:"why"` // "knee", "diverse", or the preference
	// Misses lists the wishes that no point of the front meets together: the
	// winner is then the nearest.
	Misses []string `json:"misses,omitempty"`
	frontPoint
}

// objectives are the figures by which fronts are told, in the units of
// front.json.
var objectives = map[string]func(frontPoint) float64{
	"error":        func(p frontPoint) float64 { return 1 - p.Accuracy },
	"latency_ms":   func(p frontPoint) float64 { return p.LatencyMS },
	"memory_bytes": func(p frontPoint) float64 { return float64(p.MemoryBytes) },
	"energy_mj":    func(p frontPoint) float64 { return p.EnergyMJ },
	"size_bytes":   func(p frontPoint) float64 { return float64(p.SizeBytes) },
	"macs":         func(p frontPoint) float64 { return float64(p.MACs) },
}

// figures are what --prefer can name, with their units: percent, ms, 10^6
// bytes, mJ, 10^3 bytes and 10^6 multiplications. A figure that a search does not tell, such
// as the energy of a device without one, is 0.
var figures = []struct {
	name string
	of   func(frontPoint) float64
}{
	{"top1", func(p frontPoint) float64 { return 100 * p.Accuracy }},
	{"latency", func(p frontPoint) float64 { return p.LatencyMS }},
	{"memory", func(p frontPoint) float64 { return float64(p.MemoryBytes) / 1e6 }},
	{"energy", func(p frontPoint) float64 { return p.EnergyMJ }},
	{"size", func(p frontPoint) float64 { return float64(p.SizeBytes) / 1e3 }},
	{"macs", func(p frontPoint) float64 { return float64(p.MACs) / 1e6 }},
}

// figure is what a point has of a preference.
func figure(p frontPoint, name string) float64 {
	for _, f := range figures {
		if f.name == name {
			return f.of(p)
		}
	}
	panic("cli: no figure " + name) // ParsePreferences let none other through
}

// parsePreferences reads all of --prefer.
func (f *searchFlags) parsePreferences() (sets [][]search.Preference, err error) {
	var names []string
	for _, x := range figures {
		names = append(names, x.name)
	}
	for _, text := range f.prefer {
		set, err := search.ParsePreferences(text, names...)
		if err != nil {
			return nil, usage("--prefer: %w", err)
		}
		sets = append(sets, set)
	}
	if f.diverse < 0 {
		return nil, usage("--diverse %d: want 0 or more", f.diverse)
	}
	return sets, nil
}

// winners are the knee, the diverse points and the best of each preference.
func (f *searchFlags) winners(points []frontPoint, minimised []string) ([]winner, error) {
	sets, err := f.parsePreferences()
	if err != nil || len(points) == 0 {
		return nil, err
	}
	front := search.Front[int]{Objectives: minimised, Feasible: true}
	for i, p := range points {
		pt := search.Point{}
		for _, name := range minimised {
			pt.Objectives = append(pt.Objectives, objectives[name](p))
		}
		front.Points = append(front.Points, search.Candidate[int]{Genome: i, Point: pt})
	}
	var out []winner
	if knee, ok := front.Knee(); ok {
		out = append(out, winner{Why: "knee", frontPoint: points[knee.Genome]})
	}
	for _, c := range front.Diverse(f.diverse) {
		out = append(out, winner{Why: "diverse", frontPoint: points[c.Genome]})
	}
	for _, set := range sets {
		out = append(out, prefer(points, set))
	}
	return out, nil
}

// prefer is the point that meets all wishes: the fastest where only a least
// accuracy is asked for, else the most accurate. Where none meets them it is the
// one that misses them least.
func prefer(points []frontPoint, wishes []search.Preference) winner {
	fastest := search.FastestFirst(wishes, "top1")
	best, misses := search.Prefer(len(points), wishes, func(i int, name string) float64 { return figure(points[i], name) }, func(i, j int) bool {
		a, b := points[i], points[j]
		if fastest || a.Accuracy == b.Accuracy {
			return a.LatencyMS < b.LatencyMS
		}
		return a.Accuracy > b.Accuracy
	})
	w := winner{frontPoint: points[best]}
	var words []string
	for _, wish := range wishes {
		words = append(words, wish.String())
	}
	for _, wish := range misses {
		w.Misses = append(w.Misses, fmt.Sprintf("%v: the nearest has %.4g", wish, figure(points[best], wish.Figure)))
	}
	w.Why = strings.Join(words, ", ")
	return w
}
