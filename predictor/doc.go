// Package predictor learns the accuracy of a sub-network from its Arch.
//
// There are few types: Settings, Model (a trained predictor, itself an ONNX
// graph, with the Report of how it was chosen) and Predictor (one loaded into
// an engine).
//
//	model, err := predictor.Fit(ctx, engine, sp, rows, predictor.Settings{})
//	err = onnx.WriteFile("predictor.onnx", model.Graph)
//	p, err := predictor.Load("predictor.onnx", engine, sp)
//	defer p.Close()
//	mean, std, err := p.Predict(ctx, archs)
//	metrics := predictor.Compare(mean, truth)
//
// Fit trains every kind of model in its table (a linear one, a kernel machine,
// small neural networks) and keeps the one that cross-validates best on the
// rows it is given. All become the same kind of file: input "features" [N,F],
// outputs "accuracy" [N] and "std" [N], fractions.
package predictor
