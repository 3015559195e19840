// Package gradtest checks gradient graphs against finite differences of the
// forward graph. It serves the tests of every package that writes rules or
// training graphs.
//
//	worst, err := gradtest.Compare(ctx, ref.Settings{Float64: true}.Engine, gradtest.Case{
//		Model: m, Loss: "loss", Wrt: []string{"w"}, Inputs: inputs})
//
// The engine must take Double tensors for Float inputs and compute in float64:
// with float32, differences show nothing but rounding.
package gradtest

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"hanas/onnx"
	"hanas/onnx/grad"
)

// Case is a graph and the point to check it at.
type Case struct {
	Model  *onnx.Model
	Loss   string                  // an output of one element
	Wrt    []string                // inputs
	Inputs map[string]*onnx.Tensor // Double for Float inputs
	Rules  grad.Rules              // further rules, may be nil
	// Step is the distance of the differences; default 1e-5, whose error is
	// about 1e-10 of the third derivative and 1e-11 of the loss.
	Step float64
	// Elements bounds how many elements of each input are checked, picked by
	// Rand; default all.
	Elements int
	Rand     *rand.Rand
}

// Compare builds the gradient graph and returns the largest difference between
// a gradient and its finite difference, relative to 1 + the largest gradient
// of that input. The error also says which element it was when the result is
// not a number.
func Compare(ctx context.Context, engine onnx.Engine, c Case) (float64, error) {
	g, err := grad.BuildWith(c.Model, c.Loss, c.Wrt, c.Rules)
	if err != nil {
		return 0, err
	}
	gradients, err := run(ctx, engine, g, c.Inputs)
	if err != nil {
		return 0, fmt.Errorf("gradtest: gradient graph: %w", err)
	}
	forward, err := engine(c.Model)
	if err != nil {
		return 0, err
	}
	defer forward.Close()
	worst := 0.0
	for _, name := range c.Wrt {
		got := gradients[grad.Name(name)]
		if got == nil || got.Len() != c.Inputs[name].Len() {
			return 0, fmt.Errorf("gradtest: gradient of %q is missing or has the wrong size", name)
		}
		d, err := c.compareInput(ctx, forward, name, onnx.View[float64](got))
		if err != nil {
			return 0, err
		}
		worst = max(worst, d)
	}
	return worst, nil
}

// compareInput moves the elements of one input.
func (c Case) compareInput(ctx context.Context, forward onnx.Runner, name string, got []float64) (float64, error) {
	h := c.Step
	if h == 0 {
		h = 1e-5
	}
	size, worst := 1.0, 0.0
	for _, v := range got {
		size = max(size, 1+math.Abs(v))
	}
	x := onnx.View[float64](c.Inputs[name])
	for _, i := range c.picks(len(x)) {
		at := x[i]
		x[i] = at + h
		up, err := c.loss(ctx, forward)
		if err != nil {
			return 0, err
		}
		x[i] = at - h
		down, err := c.loss(ctx, forward)
		if err != nil {
			return 0, err
		}
		x[i] = at
		d := math.Abs(got[i]-(up-down)/(2*h)) / size
		if math.IsNaN(d) {
			return 0, fmt.Errorf("gradtest: %s[%d]: gradient %v, difference %v", name, i, got[i], (up-down)/(2*h))
		}
		worst = max(worst, d)
	}
	return worst, nil
}

func (c Case) picks(n int) []int {
	if c.Elements > 0 && c.Elements < n && c.Rand != nil {
		return c.Rand.Perm(n)[:c.Elements]
	}
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

func (c Case) loss(ctx context.Context, r onnx.Runner) (float64, error) {
	out, err := fetch(ctx, r, c.Inputs)
	if err != nil {
		return 0, err
	}
	return onnx.View[float64](out[c.Loss])[0], nil
}

func run(ctx context.Context, engine onnx.Engine, m *onnx.Model, inputs map[string]*onnx.Tensor) (map[string]*onnx.Tensor, error) {
	r, err := engine(m)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return fetch(ctx, r, inputs)
}

// fetch runs a model with named tensors.
func fetch(ctx context.Context, r onnx.Runner, inputs map[string]*onnx.Tensor) (map[string]*onnx.Tensor, error) {
	var in []*onnx.Tensor
	for _, info := range r.Inputs() {
		in = append(in, inputs[info.Name])
	}
	out := make([]*onnx.Tensor, len(r.Outputs()))
	if err := r.Run(ctx, in, out); err != nil {
		return nil, err
	}
	named := map[string]*onnx.Tensor{}
	for i, info := range r.Outputs() {
		named[info.Name] = out[i]
	}
	return named, nil
}
