package searchtest

import (
	"math"
	"slices"

	"hanas/search"
)

const (
	zdtSource  = "E. Zitzler, K. Deb, L. Thiele, Comparison of Multiobjective Evolutionary Algorithms, Evolutionary Computation 8(2), 2000"
	dtlzSource = "K. Deb, L. Thiele, M. Laumanns, E. Zitzler, Scalable Multi-Objective Optimization Test Problems, CEC 2002"
)

// zdt6Least is the least f1 of ZDT6: the minimum of 1 - exp(-4x) sin(6 pi x)^6,
// at tan(6 pi x) = 9 pi.
var zdt6Least = func() float64 {
	x := math.Atan(9*math.Pi) / (6 * math.Pi)
	return 1 - math.Exp(-4*x)*math.Pow(math.Sin(6*math.Pi*x), 6)
}()

// All returns the test problems: without limits first.
func All() []Case {
	unit := box(30, 0, 1)
	ten := box(10, 0, 1)
	zdt4 := box(10, -5, 5)
	zdt4[0][0], zdt4[1][0] = 0, 1
	square := func(f float64) float64 { return 1 - f*f }
	root := func(f float64) float64 { return 1 - math.Sqrt(f) }
	wave := func(f float64) float64 { return 1 - math.Sqrt(f) - f*math.Sin(10*math.Pi*f) }
	sixth := math.Pow(zdt6Least, 3)
	return []Case{
		// The volumes are integrals of (1.1 - front) over f1, plus the strip right of the front.
		zdt("ZDT1", unit, zdt1, curve(0, 1, root), 0.1+2./3+0.11),
		zdt("ZDT2", unit, zdt2, curve(0, 1, square), 0.1+1./3+0.11),
		zdt("ZDT3", unit, zdt3, curve(0, 1, wave), 0),
		zdt("ZDT4", zdt4, zdt4Evaluate, curve(0, 1, root), 0.1+2./3+0.11),
		zdt("ZDT6", ten, zdt6, curve(zdt6Least, 1, square), 0.1*(1-zdt6Least)+(1-sixth)/3+0.11),
		dtlz2(),
		constr(), srn(), tnk(),
	}
}

// box is the same bounds for n variables.
func box(n int, lower, upper float64) [2][]float64 {
	return [2][]float64{slices.Repeat([]float64{lower}, n), slices.Repeat([]float64{upper}, n)}
}

func zdt(name string, bounds [2][]float64, f func(x []float64) (f1, f2 float64), front func(int) [][]float64, volume float64) Case {
	return Case{
		Name: name, Source: zdtSource, Lower: bounds[0], Upper: bounds[1],
		Objectives: []string{"f1", "f2"},
		Evaluate: func(x []float64) search.Point {
			f1, f2 := f(x)
			return search.Point{Objectives: []float64{f1, f2}}
		},
		Front: front, Reference: []float64{1.1, 1.1}, Volume: volume,
	}
}

// curve samples f2 = f(f1) and keeps what nothing dominates.
func curve(from, to float64, f func(float64) float64) func(n int) [][]float64 {
	return func(n int) [][]float64 {
		points := make([][]float64, n)
		for i := range points {
			f1 := from + (to-from)*float64(i)/float64(n-1)
			points[i] = []float64{f1, f(f1)}
		}
		return nondominated(points)
	}
}

func nondominated(points [][]float64) [][]float64 {
	all := make([]search.Point, len(points))
	for i, p := range points {
		all[i].Objectives = p
	}
	var front [][]float64
	for _, i := range search.Nondominated(all) {
		front = append(front, points[i])
	}
	return front
}

func mean(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}

func zdt1(x []float64) (f1, f2 float64) {
	g := 1 + 9*mean(x[1:])
	return x[0], g * (1 - math.Sqrt(x[0]/g))
}

func zdt2(x []float64) (f1, f2 float64) {
	g := 1 + 9*mean(x[1:])
	return x[0], g * (1 - x[0]/g*x[0]/g)
}

func zdt3(x []float64) (f1, f2 float64) {
	g := 1 + 9*mean(x[1:])
	return x[0], g * (1 - math.Sqrt(x[0]/g) - x[0]/g*math.Sin(10*math.Pi*x[0]))
}

// zdt4Evaluate has 21^9 local fronts.
func zdt4Evaluate(x []float64) (f1, f2 float64) {
	g := 1 + 10*float64(len(x)-1)
	for _, v := range x[1:] {
		g += v*v - 10*math.Cos(4*math.Pi*v)
	}
	return x[0], g * (1 - math.Sqrt(x[0]/g))
}

// zdt6 has a front that is dense at one end and hard to reach.
func zdt6(x []float64) (f1, f2 float64) {
	f1 = 1 - math.Exp(-4*x[0])*math.Pow(math.Sin(6*math.Pi*x[0]), 6)
	g := 1 + 9*math.Pow(mean(x[1:]), 0.25)
	return f1, g * (1 - f1/g*f1/g)
}

// dtlz2 with three objectives: the front is an eighth of the unit sphere, so
// what it dominates within the reference cube is the cube less an eighth of
// the ball.
func dtlz2() Case {
	bounds := box(12, 0, 1)
	return Case{
		Name: "DTLZ2", Source: dtlzSource, Lower: bounds[0], Upper: bounds[1],
		Objectives: []string{"f1", "f2", "f3"},
		Evaluate: func(x []float64) search.Point {
			g := 0.0
			for _, v := range x[2:] {
				g += (v - 0.5) * (v - 0.5)
			}
			return search.Point{Objectives: sphere(1+g, x[0], x[1])}
		},
		Front: func(n int) [][]float64 {
			side := max(2, int(math.Sqrt(float64(n))))
			var points [][]float64
			for i := range side {
				for j := range side {
					points = append(points, sphere(1, float64(i)/float64(side-1), float64(j)/float64(side-1)))
				}
			}
			return points
		},
		Reference: []float64{1.1, 1.1, 1.1},
		Volume:    1.1*1.1*1.1 - math.Pi/6,
	}
}

func sphere(radius, a, b float64) []float64 {
	sa, ca := math.Sincos(a * math.Pi / 2)
	sb, cb := math.Sincos(b * math.Pi / 2)
	return []float64{radius * ca * cb, radius * ca * sb, radius * sa}
}
