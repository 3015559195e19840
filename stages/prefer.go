package stages

import (
	"fmt"
	"strings"

	"hanas/configs"
	"hanas/search"
)

// wishes are the figures of configs.Figures: what a point has, in their units.
var wishes = map[string]func(*frontPoint) float64{
	"top1":    func(p *frontPoint) float64 { return 100 * p.Accuracy },
	"latency": func(p *frontPoint) float64 { return p.LatencyMS },
	"memory":  func(p *frontPoint) float64 { return float64(p.MemoryBytes) / 1e6 },
	"energy":  func(p *frontPoint) float64 { return p.EnergyMJ },
	"size":    func(p *frontPoint) float64 { return float64(p.SizeBytes) / 1e3 },
	"macs":    func(p *frontPoint) float64 { return float64(p.MACs) / 1e6 },
}

func figureOf(p *frontPoint, name string) float64 { return wishes[name](p) }

// preferred is the point that is wished for: of those that meet a least accuracy
// the fastest, of others the most accurate.
func preferred(points []frontPoint, set []search.Preference) (at int, misses []search.Preference) {
	fastest := search.FastestFirst(set, configs.Figures[0])
	return search.Prefer(len(points), set, func(i int, name string) float64 { return figureOf(&points[i], name) }, func(i, j int) bool {
		a, b := &points[i], &points[j]
		if fastest || a.Accuracy == b.Accuracy {
			return a.LatencyMS < b.LatencyMS
		}
		return a.Accuracy > b.Accuracy
	})
}

// wishName names a file: "top1-76-latency-22".
func wishName(set []search.Preference) string {
	var parts []string
	for _, w := range set {
		parts = append(parts, fmt.Sprintf("%s-%g", w.Figure, w.Bound))
	}
	return strings.Join(parts, "-")
}
