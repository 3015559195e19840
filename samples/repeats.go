package samples

import (
	"cmp"
	"fmt"
	"math"
	"slices"
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
	Repeated    int     `json:"repeated"` // networks that were measured more than once
	MeanStdPP   float64 `json:"mean_std_pp"`
	MedianRange float64 `json:"median_range_pp"`
	MaxRange    float64 `json:"max_range_pp"`
}

// NoiseOf is the noise in rows; zero where nothing was measured twice. The
// standard deviation of a network is that of its measurements with n-1 below.
func NoiseOf(rows []Sample) Noise {
	of := map[string][]float64{}
	for _, s := range rows {
		of[s.Arch] = append(of[s.Arch], 100*s.Accuracy)
	}
	var ranges, stds []float64
	for _, v := range of {
		if len(v) < 2 {
			continue
		}
		mean, squares := 0.0, 0.0
		for _, x := range v {
			mean += x / float64(len(v))
		}
		for _, x := range v {
			squares += (x - mean) * (x - mean)
		}
		stds = append(stds, math.Sqrt(squares/float64(len(v)-1)))
		ranges = append(ranges, slices.Max(v)-slices.Min(v))
	}
	n := Noise{Repeated: len(ranges)}
	if n.Repeated == 0 {
		return n
	}
	slices.SortFunc(stds, cmp.Compare[float64]) // so that the sum does not depend on the map's order
	slices.Sort(ranges)
	for _, s := range stds {
		n.MeanStdPP += s / float64(len(stds))
	}
	n.MedianRange, n.MaxRange = ranges[len(ranges)/2], ranges[len(ranges)-1]
	return n
}
