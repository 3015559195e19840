// Package train does gradient descent on plain []float32 parameters, and fits
// ONNX graphs with it.
//
// The types are few: Param (values with the gradient to follow), the
// optimizers SGD and AdamW (both an Optimizer), EMA (an average of the
// parameters), Schedule (the learning rate over the steps), and Fit, which
// puts them together for a graph that computes its own loss.
//
//	params := []train.Param{{Name: "w", Value: w, Grad: g, Decay: true}}
//	opt := train.NewAdamW(params, train.AdamWSettings{WeightDecay: 0.01})
//	for step := range steps {
//		// fill g
//		opt.ClipGradNorm(5)
//		opt.Step(train.Cosine(step, steps, 1e-3, 0.05))
//	}
//
// Nothing here is random, and a step allocates nothing: the same gradients
// give the same bytes.
package train
