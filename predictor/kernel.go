package predictor

import (
	"context"
	"errors"
	"math"

	"gonum.org/v1/gonum/mat"

	"hanas/onnx"
)

// tuningRows is on how many rows at most the covariance is chosen: each step of
// the choice costs the cube of them.
const tuningRows = 800

// fitKernel is the mean of a Gaussian process (C. Rasmussen, C. Williams,
// Gaussian Processes for Machine Learning, 2006, 2.2) whose covariance compares
// networks by families of choices (lift) and has the most evidence on the rows.
func fitKernel(ctx context.Context, _ onnx.Engine, d *data, set Settings) (*fitted, error) {
	if d.lift == nil {
		return nil, errors.New("no lift")
	}
	c, err := tuneKernel(ctx, d)
	if err != nil {
		return nil, err
	}
	metric := d.lift.metric(c.weights)
	x := mat.NewDense(len(d.y), d.width, wide(d.x))
	var support mat.Dense // [rows, features]: the inner product of a row with x is its product with x
	support.Mul(x, metric)
	n := len(d.y)
	k := mat.NewDense(n, n, nil)
	k.Mul(&support, x.T())
	k.Apply(func(_, _ int, g float64) float64 { return c.linear*g + c.smooth*math.Exp(g) }, k)
	weights := make([][]float64, set.Members+1) // of every row; 0 for those that a member does not learn
	for m := range weights {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		fold := m
		if m == set.Members {
			fold = -1 // the last learns all
		}
		if weights[m], err = solveKernel(d, k, d.learns(fold), c.noise); err != nil {
			return nil, err
		}
	}
	members := make([][]float64, set.Members)
	for m := range members {
		out := mat.NewVecDense(n, nil)
		out.MulVec(k, mat.NewVecDense(n, weights[m]))
		members[m] = out.RawVector().Data
	}
	f := &fitted{emit: func(b *onnx.Builder, x onnx.Value) (onnx.Value, onnx.Value) {
		return lastAndOthers(b, emitKernel(b, x, &support, c, weights), set.Members)
	}}
	f.unseen, f.spread = d.judge(members)
	return f, nil
}

// tuneKernel takes the covariance of most evidence on a part of the rows.
func tuneKernel(ctx context.Context, d *data) (covariance, error) {
	rows := d.spread(tuningRows)
	all := d.lift.products(d, rows)
	used := useful(all)
	if len(used) == 0 {
		return covariance{}, errors.New("all rows are the same network")
	}
	var grams []*mat.SymDense
	for _, f := range used {
		grams = append(grams, all[f])
	}
	y := make([]float64, len(rows))
	for i, r := range rows {
		y[i] = d.y[r]
	}
	c, err := newEvidence(grams, y).climb(ctx.Err)
	if err != nil {
		return c, err
	}
	weights := make([]float64, len(all))
	for i, f := range used {
		weights[f] = c.weights[i]
	}
	c.weights = weights
	return c, nil
}

// solveKernel returns the weights (K + noise I)^-1 y of rows, 0 for all others.
func solveKernel(d *data, all *mat.Dense, rows []int, noise float64) ([]float64, error) {
	n := len(rows)
	k := mat.NewSymDense(n, nil)
	y := mat.NewVecDense(n, nil)
	for a, i := range rows {
		for b := a; b < n; b++ {
			k.SetSym(a, b, all.At(i, rows[b]))
		}
		k.SetSym(a, a, k.At(a, a)+noise)
		y.SetVec(a, d.y[i])
	}
	var chol mat.Cholesky
	if !chol.Factorize(k) {
		return nil, errors.New("the kernel matrix is singular")
	}
	w := mat.NewVecDense(n, nil)
	if err := chol.SolveVecTo(w, y); err != nil && !isCondition(err) {
		return nil, err
	}
	out := make([]float64, len(d.y))
	for i, r := range rows {
		out[r] = w.AtVec(i)
	}
	return out, nil
}

// emitKernel writes smooth * exp(x S') W + linear * x S'W, with S the rows
// learned from: [N, K+1]. The linear part needs no rows.
func emitKernel(b *onnx.Builder, x onnx.Value, support *mat.Dense, c covariance, weights [][]float64) onnx.Value {
	n, features := support.Dims()
	s := onnx.NewTensor(onnx.Float, features, n)
	for i := range n {
		for j, v := range support.RawRowView(i) {
			s.Floats()[j*n+i] = float32(v)
		}
	}
	smooth, linear := make([][]float64, len(weights)), make([][]float64, len(weights))
	for m, w := range weights {
		smooth[m] = make([]float64, n)
		for i, v := range w {
			smooth[m][i] = c.smooth * v
		}
		out := mat.NewVecDense(features, nil)
		out.MulVec(support.T(), mat.NewVecDense(n, w))
		out.ScaleVec(c.linear, out)
		linear[m] = out.RawVector().Data
	}
	like := b.Op("Exp", []onnx.Value{b.Op("MatMul", []onnx.Value{x, b.Init("support", s)})})
	bent := b.Op("MatMul", []onnx.Value{like, b.Init("weights", columns(smooth))})
	straight := b.Op("MatMul", []onnx.Value{x, b.Init("linear", columns(linear))})
	return b.Op("Add", []onnx.Value{bent, straight})
}
