package predictor

import (
	"fmt"
	"math"
	"testing"
	"time"

	"gonum.org/v1/gonum/mat"
	"hanas/space"
)

func TestKernelExp(t *testing.T) {
	sp, _ := space.Preset("ofa-mbv3-w1.0")
	all := measured(t, sp, 1)
	x, y, _ := table(sp, all)
	f := sp.FeatureCount()
	n := len(y)
	for _, mode := range []string{"raw", "std"} {
		xx := append([]float32(nil), x...)
		yy := append([]float64(nil), y...)
		sc := scale(xx, yy, f)
		_ = sc
		if mode == "raw" {
			copy(xx, x)
			for i := range n {
				for j := f - 3; j < f; j++ {
					xx[i*f+j] = (x[i*f+j] - sc.mean[j]) * sc.inverse[j]
				}
			}
		}
		for _, nt := range []int{100, 400, n - 400} {
			for _, kind := range []string{"rbf", "laplace", "matern52"} {
				best := 9.
				var desc string
				start := time.Now()
				for _, g := range []float64{0.3, 1, 3, 10, 30} {
					for _, lam := range []float64{1e-4, 1e-3, 1e-2, 1e-1} {
						if nt > 1000 && (lam > 1e-2) {
							continue
						}
						// median scale ~ f
						var d2m float64
						k := mat.NewSymDense(nt, nil)
						dist := func(i, j int) float64 {
							s := 0.
							for c := range f {
								d := float64(xx[i*f+c] - xx[j*f+c])
								s += d * d
							}
							return s
						}
						for i := 400; i < 500; i++ {
							d2m += dist(i, i-1) / 100
						}
						kf := func(d2 float64) float64 {
							switch kind {
							case "rbf":
								return math.Exp(-d2 / (d2m * g))
							case "laplace":
								return math.Exp(-math.Sqrt(d2/d2m) / g)
							}
							r := math.Sqrt(5*d2/d2m) / g
							return (1 + r + r*r/3) * math.Exp(-r)
						}
						for i := range nt {
							for j := 0; j <= i; j++ {
								v := kf(dist(400+i, 400+j))
								if i == j {
									v += lam
								}
								k.SetSym(i, j, v)
							}
						}
						var ch mat.Cholesky
						if !ch.Factorize(k) {
							continue
						}
						a := mat.NewVecDense(nt, nil)
						ch.SolveVecTo(a, mat.NewVecDense(nt, yy[400:400+nt]))
						got := make([]float64, 400)
						for i := range 400 {
							for j := range nt {
								got[i] += a.AtVec(j) * kf(dist(i, 400+j))
							}
							got[i] = got[i]*sc.targetStd + sc.target
						}
						m := Compare(got, y[:400])
						if m.RMSEpp < best {
							best = m.RMSEpp
							desc = fmt.Sprintf("g %v lam %v tau %.4f rmse %.4f", g, lam, m.Tau, m.RMSEpp)
						}
					}
				}
				fmt.Println(mode, nt, kind, desc, time.Since(start))
			}
		}
	}
}
