package pretrained

import (
	"cmp"
	"math"
	"slices"

	"hanas/export"
	"hanas/onnx/quant"
	"hanas/space"
)

// spread is the covariance of a tensor's channels over images and places.
type spread struct {
	channels int
	sum      []float64 // of each channel
	products []float64 // [channels, channels], upper triangle
	n        float64
}

// places are how many positions of an image a spread looks at.
const places = 16

// add takes batch t, [n, channels, …], at evenly spaced places that move from
// image to image.
func (s *spread) add(values []float32, images, channels int) {
	if s.products == nil {
		s.channels, s.sum, s.products = channels, make([]float64, channels), make([]float64, channels*channels)
	}
	area := len(values) / (images * channels)
	x := make([]float64, channels)
	for i := range images {
		for p := range min(area, places) {
			at := (p*area/min(area, places) + int(s.n)) % area
			for c := range x {
				x[c] = float64(values[(i*channels+c)*area+at])
				s.sum[c] += x[c]
			}
			for c, v := range x {
				if v != 0 {
					row := s.products[c*channels : (c+1)*channels]
					for d := c; d < channels; d++ {
						row[d] += v * x[d]
					}
				}
			}
			s.n++
		}
	}
}

// with is the spread over the inputs of both.
func (s *spread) with(t *spread) *spread {
	sum := spread{s.channels, slices.Clone(s.sum), slices.Clone(s.products), s.n + t.n}
	for i, v := range t.sum {
		sum.sum[i] += v
	}
	for i, v := range t.products {
		sum.products[i] += v
	}
	return &sum
}

// shrink is how far a covariance leans towards its diagonal: the images are few
// beside the channels of the classifier. Of 0 to 0.8, values from 0.1 to 0.3 left
// the answers of the real network at 4 and 8 bits nearest to the float network's
// on training images that the calibration had not seen (bench/README.md).
const shrink = 0.2

// covariance is the full matrix, shrunk; channels that never vary get a
// hundredth of the mean variance.
func (s *spread) covariance() []float64 {
	n := s.channels
	c, mean := make([]float64, n*n), 0.0
	for i := range n {
		for j := i; j < n; j++ {
			v := s.products[i*n+j]/s.n - s.sum[i]/s.n*s.sum[j]/s.n
			c[i*n+j], c[j*n+i] = v*(1-shrink), v*(1-shrink)
		}
		c[i*n+i] /= 1 - shrink
		mean += c[i*n+i] / float64(n)
	}
	for i := range n {
		c[i*n+i] += 0.01*mean + 1e-12
	}
	return c
}

// compensated rounds u's weights column by column, and moves what each rounding
// is off by into the columns that are still to come, so that the output moves
// least on inputs of this covariance (Frantar et al. 2022, GPTQ,
// arXiv:2210.17323; Hassibi & Stork 1993). Columns of large variance go first.
// Means are left to the bias. The result is made of whole steps.
func compensated(u *export.Unit, s *spread) []float32 {
	n, limit := s.channels, float64(quant.WeightLevels(u.Layer.WBits))
	cov := s.covariance()
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(cov[b*n+b], cov[a*n+a]) })
	sorted := make([]float64, n*n)
	for i, a := range order {
		for j, b := range order {
			sorted[i*n+j] = cov[a*n+b]
		}
	}
	factor := inverseFactor(sorted, n)
	out, row := make([]float32, len(u.Weight)), make([]float64, n)
	for o, step := range u.Step {
		for i, c := range order {
			row[i] = float64(u.Weight[o*n+c])
		}
		sweep(row, factor, float64(step), limit)
		for i, c := range order {
			out[o*n+c] = float32(row[i])
		}
	}
	return out
}

// sweep rounds a row in place, one column after another.
func sweep(row, factor []float64, step, limit float64) {
	n := len(row)
	for i, w := range row {
		row[i] = step * math.Max(-limit, math.Min(limit, math.RoundToEven(w/step)))
		off := (w - row[i]) / factor[i*n+i]
		to := row[i+1:]
		for j, f := range factor[i*n+i+1 : (i+1)*n] {
			to[j] -= off * f
		}
	}
}

// inverseFactor is the upper triangular U with UᵀU the inverse of a, which is
// symmetric and positive definite.
func inverseFactor(a []float64, n int) []float64 {
	// Of the matrix with rows and columns in reverse, a = LLᵀ; then U is the
	// inverse of L, in reverse again.
	l := make([]float64, n*n)
	for i := range n {
		for j := range i + 1 {
			v := a[(n-1-i)*n+n-1-j]
			for k := range j {
				v -= l[i*n+k] * l[j*n+k]
			}
			if i == j {
				l[i*n+i] = math.Sqrt(math.Max(v, 1e-30))
			} else {
				l[i*n+j] = v / l[j*n+j]
			}
		}
	}
	u := make([]float64, n*n)
	inv := make([]float64, n)
	for j := range n { // column j of L's inverse
		clear(inv)
		inv[j] = 1 / l[j*n+j]
		for i := j + 1; i < n; i++ {
			v := 0.0
			for k := j; k < i; k++ {
				v -= l[i*n+k] * inv[k]
			}
			inv[i] = v / l[i*n+i]
		}
		for i := j; i < n; i++ {
			u[(n-1-i)*n+n-1-j] = inv[i]
		}
	}
	return u
}

// mixes says whether a layer sums over the channels of one place: those whose
// rounding errors can make up for one another by a spread.
func mixes(l space.Layer) bool {
	return l.Kind == space.Linear || l.Kind == space.Pointwise
}
