package predictor

import (
	"fmt"
	"math"

	"hanas/samples"
	"hanas/space"
)

// data is what the kinds of model learn from: scaled features and standardised
// accuracies.
type data struct {
	x      []float32 // [len(y), width]
	y      []float64
	width  int
	lift   *lift
	offset []float64 // of the rows' accuracies; nil = 0
	fold   []int     // of each row; member k learns all rows but those of fold k

	mean, inverse     []float32 // scaled = (raw - mean) * inverse; a constant column has inverse 0
	target, targetStd float64   // accuracy = standardised * targetStd + target
}

// table turns rows into features, [n*F], and accuracies.
func table(sp *space.Space, rows []samples.Sample) (x []float32, y []float64, err error) {
	for i, r := range rows {
		a, err := sp.Parse(r.Arch)
		if err != nil {
			return nil, nil, fmt.Errorf("predictor: row %d: %w", i, err)
		}
		if math.IsNaN(r.Accuracy) || math.IsInf(r.Accuracy, 0) {
			return nil, nil, fmt.Errorf("predictor: row %d (%s): accuracy is %v (evaluate it again)", i, r.Arch, r.Accuracy)
		}
		x = sp.AppendFeatures(x, a)
		y = append(y, r.Accuracy)
	}
	return x, y, nil
}

// standardise centres all columns and the accuracies, and brings numbers and
// accuracies to unit variance. One-hot columns keep their size, so that a rare
// choice weighs no more than a common one: on the measured rows of DyNAS-T that
// halves the error of a kernel machine that learns from few rows.
func standardise(x []float32, y []float64, width int) *data {
	n := len(y)
	d := &data{x: x, y: y, width: width, mean: make([]float32, width), inverse: make([]float32, width), target: mean(y)}
	for j := range width {
		var sum, squares float64
		oneHot := true
		for i := range n {
			v := float64(x[i*width+j])
			sum += v
			squares += v * v
			oneHot = oneHot && (v == 0 || v == 1)
		}
		m := sum / float64(n)
		d.mean[j] = float32(m)
		if std := math.Sqrt(max(0, squares/float64(n)-m*m)); std > 1e-6 {
			d.inverse[j] = float32(1 / std)
			if oneHot {
				d.inverse[j] = 1
			}
		}
		for i := range n {
			x[i*width+j] = (x[i*width+j] - d.mean[j]) * d.inverse[j]
		}
	}
	for _, v := range y {
		d.targetStd += (v - d.target) * (v - d.target) / float64(n)
	}
	d.targetStd = max(math.Sqrt(d.targetStd), 1e-6)
	for i := range y {
		y[i] = (y[i] - d.target) / d.targetStd
	}
	return d
}

// row is the scaled features of row i.
func (d *data) row(i int) []float32 { return d.x[i*d.width : (i+1)*d.width] }

// learns are the rows that member k learns; all of them for k = -1.
func (d *data) learns(k int) []int {
	var rows []int
	for i, f := range d.fold {
		if f != k {
			rows = append(rows, i)
		}
	}
	return rows
}

// accuracies brings standardised values back to fractions.
func (d *data) accuracies(standard []float64) []float64 {
	out := make([]float64, len(standard))
	for i, v := range standard {
		if out[i] = v*d.targetStd + d.target; d.offset != nil {
			out[i] += d.offset[i]
		}
	}
	return out
}

// blind makes rows that all have the same bits say nothing of bits: what then
// tells them apart in the columns of bits is which blocks are dead, and in the
// bytes of the weights their number. At other bits both would be far from all
// that was learned from.
func (d *data) blind(sp *space.Space) {
	at := 0
	var bits []int
	for _, sl := range sp.Slots() {
		if sl.Choices == 1 {
			continue
		}
		used := 0
		for range sl.Choices {
			if sl.Kind == space.SlotWBits || sl.Kind == space.SlotABits {
				if bits = append(bits, at); d.mean[at] > 0 {
					used++
				}
			}
			at++
		}
		if used > 1 {
			return
		}
	}
	if len(bits) == 0 {
		return
	}
	for _, j := range append(bits, d.width-1) { // the last is the bytes of the weights
		d.inverse[j] = 0
		for i := range d.y {
			d.row(i)[j] = 0
		}
	}
}

// judge turns the members' predictions of every row, [member][row], into what
// a fitted model says of them.
func (d *data) judge(members [][]float64) (unseen, spread []float64) {
	unseen, spread = make([]float64, len(d.y)), make([]float64, len(d.y))
	for i := range d.y {
		unseen[i] = members[d.fold[i]][i]
		var sum, squares float64
		for _, m := range members {
			sum += m[i]
		}
		centre := sum / float64(len(members))
		for _, m := range members {
			squares += (m[i] - centre) * (m[i] - centre)
		}
		spread[i] = math.Sqrt(squares / float64(len(members)))
	}
	return unseen, spread
}
