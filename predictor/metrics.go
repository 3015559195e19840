package predictor

import (
	"cmp"
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
	// Bands judges the quarters of the truth, worst accuracies first: tau over
	// a wide range says little of how the best are told apart. None below 40.
	Bands []Band `json:"bands,omitempty"`
}

// Band is the metrics of the rows whose true accuracy is in [From, To].
type Band struct {
	From   float64 `json:"from"` // fraction
	To     float64 `json:"to"`
	Tau    float64 `json:"tau"`
	RMSEpp float64 `json:"rmse_pp"`
	BiasPP float64 `json:"bias_pp"`
	N      int     `json:"n"`
}

// bands is in how many parts Compare cuts the truth, and bandRows what each
// needs at least.
const (
	bands    = 4
	bandRows = 10
)

// Compare computes the metrics of predicted against true accuracies, both
// fractions and of one length.
func Compare(predicted, truth []float64) Metrics {
	m := overall(predicted, truth)
	if len(truth) < bands*bandRows {
		return m
	}
	order := sorted(truth)
	for k := range bands {
		var p, t []float64
		for _, i := range order[k*len(order)/bands : (k+1)*len(order)/bands] {
			p, t = append(p, predicted[i]), append(t, truth[i])
		}
		o := overall(p, t)
		m.Bands = append(m.Bands, Band{From: t[0], To: t[len(t)-1], Tau: o.Tau, RMSEpp: o.RMSEpp, BiasPP: o.BiasPP, N: o.N})
	}
	return m
}

func overall(predicted, truth []float64) Metrics {
	m := Metrics{N: len(truth), Tau: Kendall(predicted, truth), Rho: Spearman(predicted, truth)}
	for i := range truth {
		d := 100 * (predicted[i] - truth[i])
		m.BiasPP += d / float64(m.N)
		m.RMSEpp += d * d / float64(m.N)
	}
	m.RMSEpp = math.Sqrt(m.RMSEpp)
	return m
}

// Spearman is the correlation of the ranks, ties having their mean rank. It is
// 0 where one side is constant.
func Spearman(x, y []float64) float64 { return pearson(ranks(x), ranks(y)) }

// sorted returns the indices of v, least value first, equals in their order.
func sorted(v []float64) []int {
	order := make([]int, len(v))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(v[a], v[b]) })
	return order
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
	order := sorted(v)
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
