// Package onnx holds ONNX graphs in Go: reading, writing, building, checking
// and printing them.
//
// There are few types: Model (a Graph with its operator sets), Node, Tensor,
// Builder (makes a Model, first error sticks), and Runner and Engine (what
// runs one). Everything that computes in this project is a Model.
//
//	b := onnx.NewBuilder("double")
//	x := b.Input("x", onnx.Float, -1, 4)
//	b.Output(b.Name(b.Op("Add", []onnx.Value{x, x}), "y"))
//	m, err := b.Build()
//
// One table (Ops) says what each operator takes and gives; the builder, Infer
// and Check read it, and so do the tests of the packages that compute or
// differentiate graphs. Models travel as protobuf (ReadFile, WriteFile,
// Unmarshal, Marshal) and, in tests and goldens, as text (Parse, Print):
//
//	double (float[N,4] x) => (float[?,4] y)
//	{
//	   y = Add (x, x)
//	}
package onnx
