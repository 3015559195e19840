// Package export writes networks as ONNX files fit to ship: batch norm folded,
// weights packed at their own bits, activations quantised.
//
// There are few types: Network (the layers of one Arch as Units, with weights
// and ranges) and Settings. Build makes the file that is scored, validated and
// shipped; BuildLayer makes a file of one Layer, to be timed; ReadBack has an
// independent reader look at a file.
//
//	m, err := export.Build(network, export.Settings{})
//	err = onnx.WriteFile("knee.onnx", m)
//
// # What a file holds
//
// A tensor of b <= 8 bits is QuantizeLinear to UINT8, where its codes are the
// top 2^b, Max with the lowest of them when b < 8, DequantizeLinear. A layer
// on integer kernels is DequantizeLinear of its input, weights and INT32 bias,
// Conv, QuantizeLinear, with nothing between: ReLU and ReLU6 are left to the
// codes' saturation. ONNX Runtime then runs QLinearConv, QLinearAdd,
// QLinearGlobalAveragePool, QLinearMul and QGemm, exactly as the integers say.
// A hard-swish is one Min and one QLinearMul of codes (hswish.go), a
// squeeze-excite of known ranges two QLinearConv and one QLinearMul (gate.go).
// Hidden channels are rounded up to 16 when the file is loaded (widen.go).
// All other layers compute in float on the same rounded weights, which fold to
// constants when the file is loaded.
//
// The output of a convolution before a residual add, or before a
// squeeze-excite, has 8 bits of its own (Unit.Out) when the sum is quantised.
//
// Metadata: hanas.arch and hanas.space (the architecture), hanas.bits (JSON:
// layer to w<bits>a<bits>), hanas.resolution, hanas.mean, hanas.std (the
// normalisation that the input expects, RGB in [0,1]), hanas.labels (a line
// each), hanas.profile ("compat", "float", "fp16" or absent).
package export
