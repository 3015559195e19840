package predictor

import (
	"math"
	"slices"
	"sort"
)

// Metrics compares predictions with the truth.
type Metrics struct {
	Tau    float64 `json:"tau"`     // Kendall's tau-b
	Rho    float64 `json:"rho"`     // Spearman
	RMSEpp float64 `json:"rmse_pp"` // percentage points
	BiasPP float64 `json:"bias_pp"` // mean of predicted minus true
	N      int     `json:"n"`
}

// Compare computes the metrics of predicted against true accuracies, both
// fractions.
func Compare(predicted, truth []float64) Metrics {
	m := Metrics{N: len(truth), Tau: Kendall(predicted, truth), Rho: pearson(ranks(predicted), ranks(truth))}
	for i := range truth {
		d := 100 * (predicted[i] - truth[i])
		m.BiasPP += d / float64(m.N)
		m.RMSEpp += d * d / float64(m.N)
	}
	m.RMSEpp = math.Sqrt(m.RMSEpp)
	return m
}

// Kendall is tau-b (Kendall 1945), in O(n log n) by merge sort (Knight 1966).
// It is 0 where one side is constant.
func Kendall(x, y []float64) float64 {
	n := len(x)
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	sort.Slice(order, func(a, b int) bool {
		i, j := order[a], order[b]
		return x[i] < x[j] || x[i] == x[j] && y[i] < y[j]
	})
	sorted := make([]float64, n)
	for k, i := range order {
		sorted[k] = y[i]
	}
	both := ties(order, func(i, j int) bool { return x[i] == x[j] && y[i] == y[j] })
	inX := ties(order, func(i, j int) bool { return x[i] == x[j] })
	swaps := mergeSwaps(sorted, make([]float64, n))
	inY := 0
	for i, run := 1, 1; i <= n; i++ {
		if i < n && sorted[i] == sorted[i-1] {
			run++
			continue
		}
		inY += run * (run - 1) / 2
		run = 1
	}
	total := n * (n - 1) / 2
	den := math.Sqrt(float64(total-inX)) * math.Sqrt(float64(total-inY))
	if den == 0 {
		return 0
	}
	return float64(total-inX-inY+both-2*swaps) / den
}

// ties counts the pairs of equal neighbours' runs in a sorted order.
func ties(order []int, same func(i, j int) bool) int {
	count := 0
	for i, run := 1, 1; i <= len(order); i++ {
		if i < len(order) && same(order[i-1], order[i]) {
			run++
			continue
		}
		count += run * (run - 1) / 2
		run = 1
	}
	return count
}

// mergeSwaps sorts v and counts the inversions.
func mergeSwaps(v, tmp []float64) int {
	if len(v) < 2 {
		return 0
	}
	mid := len(v) / 2
	swaps := mergeSwaps(v[:mid], tmp[:mid]) + mergeSwaps(v[mid:], tmp[mid:])
	copy(tmp, v)
	i, j := 0, mid
	for k := range v {
		if i < mid && (j == len(v) || tmp[i] <= tmp[j]) {
			v[k] = tmp[i]
			i++
		} else {
			v[k] = tmp[j]
			swaps += mid - i
			j++
		}
	}
	return swaps
}

// ranks gives each value its rank, ties their mean.
func ranks(v []float64) []float64 {
	order := make([]int, len(v))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		switch {
		case v[a] < v[b]:
			return -1
		case v[a] > v[b]:
			return 1
		}
		return 0
	})
	out := make([]float64, len(v))
	for i := 0; i < len(order); {
		j := i
		for j < len(order) && v[order[j]] == v[order[i]] {
			j++
		}
		for k := i; k < j; k++ {
			out[order[k]] = float64(i+j-1) / 2
		}
		i = j
	}
	return out
}

func pearson(x, y []float64) float64 {
	mx, my := mean(x), mean(y)
	var xy, xx, yy float64
	for i := range x {
		xy += (x[i] - mx) * (y[i] - my)
		xx += (x[i] - mx) * (x[i] - mx)
		yy += (y[i] - my) * (y[i] - my)
	}
	if xx == 0 || yy == 0 {
		return 0
	}
	return xy / math.Sqrt(xx*yy)
}

func mean(v []float64) float64 {
	s := 0.0
	for _, x := range v {
		s += x
	}
	return s / float64(len(v))
}
