package samples

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/stat"
)

// Contradiction is how far two measurements of one network may be apart. The
// largest difference between repeats of the networks that DyNAS-T measured on
// ImageNet is 0.001 (153 networks, standard deviation 0.00015); five times
// that is no noise but another network, data set or unit.
const Contradiction = 0.005

// NumberRepeats gives every measurement of an Arch after its first a number,
// in Seed, so that a store keeps them apart: 0 for the first, then 1, 2, … A
// measurement that contradicts the first by more than Contradiction is left
// out and told of.
func NumberRepeats(rows []Sample) (kept []Sample, faults []error) {
	first, times := map[string]float64{}, map[string]uint64{}
	for i, s := range rows {
		was, again := first[s.Arch]
		if again && math.Abs(s.Accuracy-was) > Contradiction {
			faults = append(faults, fmt.Errorf("row %d: accuracy %.4f of %s contradicts %.4f before (the same network; more than %.3f apart)",
				i+1, s.Accuracy, s.Arch, was, Contradiction))
			continue
		}
		if !again {
			first[s.Arch] = s.Accuracy
		}
		s.Seed = times[s.Arch]
		times[s.Arch]++
		kept = append(kept, s)
	}
	return kept, faults
}

// Distinct merges the repeats of an Arch to one sample with their mean
// accuracy, at the place of the first.
func Distinct(rows []Sample) []Sample {
	at, times := make(map[string]int, len(rows)), make([]float64, 0, len(rows))
	out := make([]Sample, 0, len(rows))
	for _, s := range rows {
		i, again := at[s.Arch]
		if !again {
			at[s.Arch] = len(out)
			out, times = append(out, s), append(times, 1)
			continue
		}
		times[i]++
		out[i].Accuracy += (s.Accuracy - out[i].Accuracy) / times[i]
	}
	return out
}

// Noise is how far repeats of the same network are apart, percentage points.
type Noise struct {
	Repeated    int     `json:"repeated"`    // networks that were measured more than once
	StdPP       float64 `json:"std_pp"`      // of one measurement, pooled: root of all squares by all degrees of freedom
	MeanStdPP   float64 `json:"mean_std_pp"` // mean over networks; below StdPP where few networks differ much
	MedianRange float64 `json:"median_range_pp"`
	MaxRange    float64 `json:"max_range_pp"`
}

// NoiseOf is the noise in rows; zero where nothing was measured twice. The
// standard deviation of a network is that of its measurements with n-1 below.
// Equal rows of one imported file are one measurement that a search listed
// again, not two that agree: in DyNAS-T's files all repeats within a file are.
func NoiseOf(rows []Sample) Noise {
	type listed struct {
		arch, provenance string
		accuracy         float64
	}
	of, seen := map[string][]float64{}, map[listed]bool{}
	for _, s := range rows {
		key := listed{s.Arch, s.Provenance, s.Accuracy}
		if strings.HasPrefix(s.Provenance, importedFrom) && seen[key] {
			continue
		}
		seen[key] = true
		of[s.Arch] = append(of[s.Arch], 100*s.Accuracy)
	}
	var n Noise
	var ranges []float64
	squares, freedom := 0.0, 0
	for _, arch := range slices.Sorted(maps.Keys(of)) { // so that the sums do not depend on the map's order
		v := of[arch]
		if len(v) < 2 {
			continue
		}
		_, variance := stat.MeanVariance(v, nil)
		squares, freedom = squares+variance*float64(len(v)-1), freedom+len(v)-1
		n.MeanStdPP += math.Sqrt(variance)
		ranges = append(ranges, slices.Max(v)-slices.Min(v))
	}
	if n.Repeated = len(ranges); n.Repeated == 0 {
		return n
	}
	slices.Sort(ranges)
	n.StdPP, n.MeanStdPP = math.Sqrt(squares/float64(freedom)), n.MeanStdPP/float64(n.Repeated)
	n.MedianRange, n.MaxRange = ranges[len(ranges)/2], ranges[len(ranges)-1]
	return n
}
