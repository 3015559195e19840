package predictor

import (
	"context"
	"errors"
	"math"

	"gonum.org/v1/gonum/mat"

	"hanas/onnx"
)

// ridgePenalties are tried in turn: the penalty a row, on standardised targets.
var ridgePenalties = []float64{1e-4, 1e-3, 1e-2, 1e-1, 1}

// fitRidge is linear regression with a penalty on the squared weights, in
// closed form (A. Hoerl, R. Kennard, Ridge Regression, Technometrics 12(1),
// 1970): w = (X'X + penalty I)^-1 X'y. There is no intercept: features and
// targets are centred.
func fitRidge(ctx context.Context, _ onnx.Engine, d *data, set Settings) (*fitted, error) {
	var best *fitted
	least := math.Inf(1)
	sums := ridgeSums(d, set.Members)
	for _, penalty := range ridgePenalties {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		f, err := ridgeAt(d, sums, penalty)
		if err != nil {
			return nil, err
		}
		if e := rms(residuals(f.unseen, d.y)); e < least {
			best, least = f, e
		}
	}
	return best, nil
}

// sums is X'X, X'y and the number of rows of a fold.
type sums struct {
	xx   *mat.SymDense
	xy   *mat.VecDense
	rows int
}

// ridgeSums are those of each fold: the sums that a member learns from are
// those of all other folds.
func ridgeSums(d *data, folds int) []sums {
	out := make([]sums, folds)
	for k := range out {
		out[k] = sums{mat.NewSymDense(d.width, nil), mat.NewVecDense(d.width, nil), 0}
	}
	for i, y := range d.y {
		row := mat.NewVecDense(d.width, wide(d.row(i)))
		s := &out[d.fold[i]]
		s.xx.SymRankOne(s.xx, 1, row)
		s.xy.AddScaledVec(s.xy, y, row)
		s.rows++
	}
	return out
}

func wide(v []float32) []float64 {
	out := make([]float64, len(v))
	for i, x := range v {
		out[i] = float64(x)
	}
	return out
}

// ridgeAt solves for every member and, last, for all rows.
func ridgeAt(d *data, folds []sums, penalty float64) (*fitted, error) {
	weights := make([][]float64, len(folds)+1)
	members := make([][]float64, len(folds))
	for k := range weights {
		xx, xy, rows := mat.NewSymDense(d.width, nil), mat.NewVecDense(d.width, nil), 0
		for f, s := range folds {
			if f != k {
				xx.AddSym(xx, s.xx)
				xy.AddVec(xy, s.xy)
				rows += s.rows
			}
		}
		for j := range d.width {
			xx.SetSym(j, j, xx.At(j, j)+penalty*float64(rows))
		}
		var chol mat.Cholesky
		w := mat.NewVecDense(d.width, nil)
		if !chol.Factorize(xx) {
			return nil, errors.New("the normal equations are singular")
		}
		if err := chol.SolveVecTo(w, xy); err != nil && !isCondition(err) {
			return nil, err
		}
		weights[k] = w.RawVector().Data
		if k < len(folds) {
			members[k] = make([]float64, len(d.y))
			for i := range d.y {
				for j, v := range d.row(i) {
					members[k][i] += float64(v) * weights[k][j]
				}
			}
		}
	}
	f := &fitted{emit: func(b *onnx.Builder, x onnx.Value) (onnx.Value, onnx.Value) {
		return lastAndOthers(b, b.Op("MatMul", []onnx.Value{x, b.Init("weights", columns(weights))}), len(folds))
	}}
	f.unseen, f.spread = d.judge(members)
	return f, nil
}

// isCondition says that a solution is only inexact.
func isCondition(err error) bool { var c mat.Condition; return errors.As(err, &c) }

// columns makes vectors the columns of a tensor.
func columns(vectors [][]float64) *onnx.Tensor {
	t := onnx.NewTensor(onnx.Float, len(vectors[0]), len(vectors))
	for k, v := range vectors {
		for i, x := range v {
			t.Floats()[i*len(vectors)+k] = float32(x)
		}
	}
	return t
}

// lastAndOthers splits [N,K+1] into its last column, the model of all rows, and
// the K members before it.
func lastAndOthers(b *onnx.Builder, all onnx.Value, k int) (last, others onnx.Value) {
	parts := b.OpN("Split", 2, []onnx.Value{all, b.ConstInts("members", k, 1)}, onnx.Int("axis", 1))
	return parts[1], parts[0]
}
