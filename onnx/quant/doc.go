// Package quant holds the one arithmetic of low bits: how weights and
// activations of 2, 4, 8 and 16 bits are rounded in training, in scoring and in
// the exported file.
//
// There are few types: Range (of an activation), Grid (its integer codes) and
// Weight (rounded weights on their way into a graph). Weights and FakeWeights
// round weights, FakeWeightsBy with trained steps (LSQ); RangeFromMeanSquare and
// BNRange choose ranges without data; EmitActivation and the Weight's methods
// write the operators.
//
//	q, scale := quant.Weights(w, outChannels, 4)
//	r := quant.BNRange(gamma, beta, "relu", 4)
//	x = quant.EmitActivation(b, "stem.in", x, r, 4)
package quant
