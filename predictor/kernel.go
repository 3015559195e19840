package predictor

import (
	"context"
	"errors"
	"math"

	"gonum.org/v1/gonum/mat"

	"hanas/onnx"
)

// The grid that fitKernel chooses from: the width of the kernel in mean
// distances between rows, and the penalty. Smaller penalties would need more
// digits than the graph's float32 has.
var (
	kernelWidths    = []float64{1, 3, 10, 30}
	kernelPenalties = []float64{1e-3, 3e-3, 1e-2, 3e-2, 1e-1}
)

// tuningRows is on how many rows at most the grid is searched.
const tuningRows = 600

// fitKernel is kernel ridge regression with a Gaussian kernel, which is also
// the mean of a Gaussian process (C. Rasmussen, C. Williams, Gaussian Processes
// for Machine Learning, 2006, 2.2): k(a,b) = exp(-|a-b|^2 rate), weights
// (K + penalty I)^-1 y, prediction sum of weights k(row, x).
func fitKernel(ctx context.Context, _ onnx.Engine, d *data, set Settings) (*fitted, error) {
	distances := squaredDistances(d)
	rate, penalty, err := tuneKernel(ctx, d, distances)
	if err != nil {
		return nil, err
	}
	n := len(d.y)
	weights := make([][]float64, set.Members+1) // of every row; 0 for those that a member does not learn
	for k := range weights {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		rows := d.learns(k)
		solution, _, err := solveKernel(d, distances, rows, rate, penalty, false)
		if err != nil {
			return nil, err
		}
		weights[k] = make([]float64, n)
		for i, r := range rows {
			weights[k][r] = solution[i]
		}
	}
	members := make([][]float64, set.Members)
	for k := range members {
		members[k] = make([]float64, n)
	}
	for i := range n {
		for j := range n {
			v := math.Exp(-rate * distances.At(i, j))
			for k := range members {
				members[k][i] += weights[k][j] * v
			}
		}
	}
	f := &fitted{emit: func(b *onnx.Builder, x onnx.Value) (onnx.Value, onnx.Value) {
		return lastAndOthers(b, emitKernel(b, x, d, rate, weights), set.Members)
	}}
	f.unseen, f.spread = d.judge(members)
	return f, nil
}

// squaredDistances are those between all rows.
func squaredDistances(d *data) *mat.SymDense {
	x := mat.NewDense(len(d.y), d.width, wide(d.x))
	dots := mat.NewSymDense(len(d.y), nil)
	dots.SymOuterK(1, x)
	out := mat.NewSymDense(len(d.y), nil)
	for i := range d.y {
		for j := range i {
			out.SetSym(i, j, max(0, dots.At(i, i)+dots.At(j, j)-2*dots.At(i, j)))
		}
	}
	return out
}

// tuneKernel takes the width and penalty with the least error on rows left
// out one at a time.
func tuneKernel(ctx context.Context, d *data, distances *mat.SymDense) (rate, penalty float64, err error) {
	var rows []int // of whole folds in turn, so a sample of all
	for k := 0; len(rows) < min(tuningRows, len(d.y)); k++ {
		for i, f := range d.fold {
			if f == k && len(rows) < tuningRows {
				rows = append(rows, i)
			}
		}
	}
	typical := 0.0
	for _, i := range rows {
		for _, j := range rows {
			typical += distances.At(i, j) / float64(len(rows)*(len(rows)-1))
		}
	}
	least := math.Inf(1)
	for _, w := range kernelWidths {
		for _, p := range kernelPenalties {
			if err := ctx.Err(); err != nil {
				return 0, 0, err
			}
			_, left, err := solveKernel(d, distances, rows, 1/(w*max(typical, 1e-9)), p, true)
			if err != nil {
				return 0, 0, err
			}
			if e := rms(left); e < least {
				rate, penalty, least = 1/(w*max(typical, 1e-9)), p, e
			}
		}
	}
	return rate, penalty, nil
}

// solveKernel returns the weights of rows and, if asked for, the error of each
// row when the model learns all others: weight i / (inverse)ii (Rasmussen and
// Williams, 5.12).
func solveKernel(d *data, distances *mat.SymDense, rows []int, rate, penalty float64, leaveOut bool) (weights, left []float64, err error) {
	n := len(rows)
	k := mat.NewSymDense(n, nil)
	y := mat.NewVecDense(n, nil)
	for a, i := range rows {
		for b, j := range rows[:a+1] {
			k.SetSym(a, b, math.Exp(-rate*distances.At(i, j)))
		}
		k.SetSym(a, a, 1+penalty)
		y.SetVec(a, d.y[i])
	}
	var chol mat.Cholesky
	if !chol.Factorize(k) {
		return nil, nil, errors.New("the kernel matrix is singular")
	}
	w := mat.NewVecDense(n, nil)
	if err := chol.SolveVecTo(w, y); err != nil && !isCondition(err) {
		return nil, nil, err
	}
	weights = w.RawVector().Data
	if !leaveOut {
		return weights, nil, nil
	}
	inverse := mat.NewSymDense(n, nil)
	if err := chol.InverseTo(inverse); err != nil && !isCondition(err) {
		return nil, nil, err
	}
	left = make([]float64, n)
	for i := range left {
		left[i] = weights[i] / inverse.At(i, i)
	}
	return weights, left, nil
}

// emitKernel writes exp(2 rate x.s - rate|s|^2 - rate|x|^2) weights, with s the
// rows learned from: [N, K+1].
func emitKernel(b *onnx.Builder, x onnx.Value, d *data, rate float64, weights [][]float64) onnx.Value {
	n := len(d.y)
	support, offset := onnx.NewTensor(onnx.Float, d.width, n), onnx.NewTensor(onnx.Float, n)
	for i := range n {
		norm := 0.0
		for j, v := range d.row(i) {
			support.Floats()[j*n+i] = float32(2 * rate * float64(v))
			norm += float64(v) * float64(v)
		}
		offset.Floats()[i] = float32(-rate * norm)
	}
	dots := b.Op("Gemm", []onnx.Value{x, b.Init("support", support), b.Init("offset", offset)})
	norm := b.Op("ReduceSum", []onnx.Value{b.Op("Mul", []onnx.Value{x, x}), b.ConstInts("axis", 1)})
	scaled := b.Op("Mul", []onnx.Value{norm, b.ConstFloat("rate", float32(rate))})
	like := b.Op("Exp", []onnx.Value{b.Op("Sub", []onnx.Value{dots, scaled})})
	return b.Op("MatMul", []onnx.Value{like, b.Init("weights", columns(weights))})
}
