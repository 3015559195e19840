package searchtest

import (
	"math"

	"hanas/search"
)

const debSource = "K. Deb et al., A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II, IEEE TEC 6(2), 2002, table V"

// exceeds adds up by how much limits are exceeded: values above 0.
func exceeds(over ...float64) float64 {
	sum := 0.0
	for _, v := range over {
		sum += max(0, v)
	}
	return sum
}

// constr: the front has a part on the limit (f2 = 7/f1 - 9) and a free part (f2 = 1/f1).
func constr() Case {
	return Case{
		Name: "CONSTR", Source: debSource,
		Lower: []float64{0.1, 0}, Upper: []float64{1, 5},
		Objectives: []string{"f1", "f2"},
		Evaluate: func(x []float64) search.Point {
			return search.Point{
				Objectives: []float64{x[0], (1 + x[1]) / x[0]},
				Violation:  exceeds(6-x[1]-9*x[0], 1+x[1]-9*x[0]),
			}
		},
		Front:     curve(7./18, 1, func(f float64) float64 { return max(7/f-9, 1/f) }),
		Reference: []float64{1.1, 10},
		Volume: 19*(2./3-7./18) - 7*math.Log(12./7) + // on the limit
			10./3 - math.Log(1.5) + // free
			0.1*9, // right of the front
	}
}

// srn (N. Srinivas, K. Deb, 1994): f1+f2 = x1^2+5x1+6 is least at x1 = -2.5,
// which gives the straight middle of the front; its two ends lie on the limits.
func srn() Case {
	evaluate := func(x []float64) search.Point {
		rise := (x[1] - 1) * (x[1] - 1)
		return search.Point{
			Objectives: []float64{(x[0]-2)*(x[0]-2) + rise + 2, 9*x[0] - rise},
			Violation:  exceeds(x[0]*x[0]+x[1]*x[1]-225, x[0]-3*x[1]+10),
		}
	}
	return Case{
		Name: "SRN", Source: debSource,
		Lower: []float64{-20, -20}, Upper: []float64{20, 20},
		Objectives: []string{"f1", "f2"},
		Evaluate:   evaluate,
		Front: func(n int) [][]float64 {
			top := math.Sqrt(225 - 2.5*2.5)
			var points [][]float64
			for i := range n {
				t := float64(i) / float64(n-1)
				limit := []float64{1.1 - 3.6*t, 3.7 - 1.2*t} // least f1, along the second limit
				middle := []float64{-2.5, 2.5 + t*(top-2.5)}
				s, c := math.Sincos(math.Atan2(top, -2.5) + t*math.Pi/4) // on to the least f2, along the circle
				for _, x := range [][]float64{limit, middle, {15 * c, 15 * s}} {
					points = append(points, evaluate(x).Objectives)
				}
			}
			return nondominated(points)
		},
		Reference: []float64{250, 50},
	}
}

// tnk (M. Tanaka et al., 1995): the front is the wavy limit itself, in pieces.
func tnk() Case {
	evaluate := func(x []float64) search.Point {
		wave := 0.1 * math.Cos(16*math.Atan2(x[0], x[1]))
		a, b := x[0]-0.5, x[1]-0.5
		return search.Point{
			Objectives: []float64{x[0], x[1]},
			Violation:  exceeds(1+wave-x[0]*x[0]-x[1]*x[1], a*a+b*b-0.5),
		}
	}
	return Case{
		Name: "TNK", Source: debSource,
		Lower: []float64{0, 0}, Upper: []float64{math.Pi, math.Pi},
		Objectives: []string{"f1", "f2"},
		Evaluate:   evaluate,
		Front: func(n int) [][]float64 {
			var points [][]float64
			for i := range n {
				angle := math.Pi / 2 * float64(i) / float64(n-1) // atan(x1/x2)
				r := math.Sqrt(1+0.1*math.Cos(16*angle)) + 1e-12
				s, c := math.Sincos(angle)
				if p := evaluate([]float64{r * s, r * c}); p.Violation < 1e-9 {
					points = append(points, p.Objectives)
				}
			}
			return nondominated(points)
		},
		Reference: []float64{1.1, 1.1},
	}
}
