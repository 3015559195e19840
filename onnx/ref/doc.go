// Package ref runs ONNX graphs in plain Go: slowly, readably, and as the
// oracle that gradients and faster engines are tested against. It lets every
// test of this project run without a shared library.
//
// Engine is the onnx.Engine to use; Settings changes how it computes. Each
// operator is one row of the table in kernels.go.
//
//	r, err := ref.Engine(model)
//	outs := make([]*onnx.Tensor, len(r.Outputs()))
//	err = r.Run(ctx, inputs, outs)
//
// Numbers are float64 inside an operator, whatever the element type. After
// each operator, values are brought to their element type: floats are rounded
// to float32, integers wrap. Integers are exact up to 2^53. With
// Settings.Float64 floats keep all their digits from input to output, which is
// what finite differences need.
package ref
