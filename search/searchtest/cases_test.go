package searchtest

import (
	"math"
	"testing"

	"hanas/search"
)

// Nothing that can be evaluated dominates a true front, and points of it are
// reached to within the sampling: the fronts are neither too good nor too bad.
func TestFrontsAreTrue(t *testing.T) {
	for _, c := range All() {
		t.Run(c.Name, func(t *testing.T) {
			p := c.Problem()
			rng := search.NewRand(1)
			front := c.Front(3000)
			if len(front) < 100 {
				t.Fatalf("only %d points", len(front))
			}
			for range 3000 {
				x := p.Random(rng)
				if rng.IntN(2) == 0 { // on or near the edge, where the fronts of ZDT and DTLZ lie
					for i := 2; i < len(c.Lower); i++ {
						x[i] = optimum(c.Name) + 1e-3*x[i]*rng.Float64()
					}
					if c.Name[0] == 'Z' {
						x[1] = optimum(c.Name)
					}
				}
				got := c.Evaluate(x[:len(c.Lower)])
				if !got.Feasible() {
					continue
				}
				for _, f := range front {
					margin := make([]float64, len(f)) // the sample's own coarseness
					for k := range f {
						margin[k] = got.Objectives[k] + 1e-2
					}
					if search.Dominates(search.Point{Objectives: margin}, search.Point{Objectives: f}) {
						t.Fatalf("%v dominates %v of the front", got.Objectives, f)
					}
				}
			}
		})
	}
}

// optimum is the value of the variables that do not move along the front.
func optimum(name string) float64 {
	if name == "DTLZ2" {
		return 0.5
	}
	return 0
}

// The closed forms agree with the volume of a dense sample of the front.
func TestVolumes(t *testing.T) {
	for _, c := range All() {
		if c.Volume == 0 {
			continue
		}
		sampled := search.Hypervolume(c.Front(40_000), c.Reference)
		if sampled > c.Volume || sampled < c.Volume*0.99 {
			t.Errorf("%s: %v by formula, %v by sample", c.Name, c.Volume, sampled)
		}
	}
}

func TestDistancesByHand(t *testing.T) {
	a, b := [][]float64{{0, 0}, {3, 4}}, [][]float64{{0, 0}}
	if got := IGD(a, b); got != 2.5 {
		t.Errorf("IGD %v, want 2.5", got)
	}
	if got := Convergence(b, a); got != 0 {
		t.Errorf("convergence %v, want 0", got)
	}
}

// Operators stay within the bounds and keep the mean of two parents apart from
// the bounds, which defines simulated binary crossover.
func TestOperators(t *testing.T) {
	rng := search.NewRand(5)
	var low, high float64
	for range 20_000 {
		p, q := cross(rng, 0.5, 0.6, 0, 1)
		if p < 0 || q > 1 || p > q {
			t.Fatalf("children %v and %v", p, q)
		}
		low, high = low+p/20_000, high+q/20_000
		if x := mutate(rng, 0.02, 0, 1); x < 0 || x > 1 {
			t.Fatalf("mutant %v", x)
		}
	}
	if math.Abs(low+high-1.1) > 1e-3 {
		t.Errorf("the mean of the children is %v, of the parents 0.55", (low+high)/2)
	}
	if p, q := cross(rng, 0.9, 0.1, 0, 1); p < q {
		t.Error("the first child is not on the first parent's side")
	}
}
