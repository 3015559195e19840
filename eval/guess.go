package eval

import (
	"cmp"
	"math"
	"slices"
)

// Guess is a class and its softmax probability.
type Guess struct {
	Class       int
	Probability float64
}

// Guesses are the k likeliest classes, the likeliest first; of equal logits the
// lowest index is first.
func Guesses(logits []float32, k int) []Guess {
	order := make([]int, len(logits))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(logits[b], logits[a]) })
	sum := 0.0
	for _, v := range logits {
		sum += math.Exp(float64(v - logits[order[0]]))
	}
	var out []Guess
	for _, c := range order[:min(k, len(order))] {
		out = append(out, Guess{c, math.Exp(float64(logits[c]-logits[order[0]])) / sum})
	}
	return out
}
