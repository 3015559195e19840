// Package export writes networks as ONNX files fit to ship: batch norm folded,
// weights packed at their own bits, activations quantised.
//
// There are few types: Network (the layers of one Arch as Units, with weights
// and ranges) and Settings. Build makes the file that is scored, validated and
// shipped; BuildLayer makes a file of one Layer, to be timed.
//
//	m, err := export.Build(network, export.Settings{})
//	err = onnx.WriteFile("knee.onnx", m)
package export
