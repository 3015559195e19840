package eval_test

import (
	"math"
	"testing"

	"hanas/eval"
)

// TestGuesses: the order is that of the logits, ties by index, probabilities are
// the exponentials' shares, and no more are given than there are.
func TestGuesses(t *testing.T) {
	got := eval.Guesses([]float32{0, 2, 2, -1}, 9)
	sum := 2*math.Exp(2) + 1 + math.Exp(-1)
	for i, want := range []eval.Guess{{1, math.Exp(2) / sum}, {2, math.Exp(2) / sum}, {0, 1 / sum}, {3, math.Exp(-1) / sum}} {
		if got[i].Class != want.Class || math.Abs(got[i].Probability-want.Probability) > 1e-12 {
			t.Errorf("guess %d is %v, want %v", i, got[i], want)
		}
	}
	if n := len(eval.Guesses([]float32{1, 2, 3}, 2)); n != 2 {
		t.Errorf("%d of 2 guesses", n)
	}
	if eval.Guesses(nil, 3) != nil {
		t.Error("guesses of nothing")
	}
}
