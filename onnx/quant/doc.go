// Package quant holds the one arithmetic of low bits: how weights and
// activations of 2, 4, 8 and 16 bits are rounded in training, in scoring and in
// the exported file.
//
// There are few types: Range (of an activation) and Grid (its integer codes).
// Weights and FakeWeights round weights, EmitActivation and EmitWeight write
// the operators.
//
//	q, scale := quant.Weights(w, outChannels, 4)
//	x = quant.EmitActivation(b, "stem.in", x, quant.Range{Lo: 0, Hi: 6}, 8)
package quant
