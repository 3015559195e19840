package eval

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mathext"
	"gonum.org/v1/gonum/stat/distuv"
)

// level is the share of repetitions in which an interval holds the truth.
const level = 0.95

// Wilson is the score interval of a proportion (Wilson 1927): the accuracies
// that k correct of n do not rule out at the 95 % level. It is close to that
// level at any k, which the textbook normal interval is not.
func Wilson(k, n int) (lo, hi float64) {
	checkCounts(k, n)
	if n == 0 {
		return 0, 1
	}
	z := distuv.UnitNormal.Quantile(0.5 + level/2)
	m, p := float64(n), float64(k)/float64(n)
	centre := (p + z*z/(2*m)) / (1 + z*z/m)
	half := z / (1 + z*z/m) * math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	return max(0, centre-half), min(1, centre+half)
}

// ClopperPearson is the exact interval of a proportion (Clopper and Pearson
// 1934) at the 95 % level: never narrower than that says.
func ClopperPearson(k, n int) (lo, hi float64) {
	checkCounts(k, n)
	tail := (1 - level) / 2
	lo, hi = 0, 1
	if k > 0 {
		lo = mathext.InvRegIncBeta(float64(k), float64(n-k+1), tail)
	}
	if k < n {
		hi = mathext.InvRegIncBeta(float64(k+1), float64(n-k), 1-tail)
	}
	return lo, hi
}

func checkCounts(k, n int) {
	if k < 0 || k > n {
		panic(fmt.Sprintf("eval: interval of %d of %d", k, n))
	}
}
