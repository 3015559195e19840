// Package predictor learns the accuracy of a sub-network from its Arch.
//
// There are few types: Settings, Model (a trained predictor, itself an ONNX
// graph with its metrics) and Predictor (one loaded into an engine).
//
//	model, err := predictor.Fit(ctx, engine, sp, rows, predictor.Settings{})
//	err = onnx.WriteFile("predictor.onnx", model.Graph)
//	p, err := predictor.Load("predictor.onnx", engine, sp)
//	mean, std, err := p.Predict(ctx, archs)
package predictor
