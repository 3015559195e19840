// Package grad turns an ONNX graph that computes a loss into one that also
// computes the loss's gradients: reverse-mode differentiation from graph to
// graph, in plain ai.onnx operators.
//
//	g, err := grad.Build(m, "loss", []string{"w1", "w2"})
//	// g has m's outputs, then grad/w1 and grad/w2
//
// Rules is a table, operator → Rule, in one of three states: a rule that writes
// the gradient; no gradient, with the reason; and absence, which is an error
// naming the operator. A Rule writes nodes through its Context. BuildWith takes
// further rules, for operators of other domains or better forms of known ones.
//
// The walk: find the values that depend on wrt, then visit the nodes from last
// to first; each node whose outputs have a gradient gives gradients to its
// inputs, contributions to one value are added up, and gradients of operands
// that were broadcast are summed back to their shape.
//
// Quantisation is differentiated straight through (Bengio, Léonard & Courville
// 2013): DequantizeLinear hands its gradient unchanged to its input,
// QuantizeLinear and Round theirs likewise, and scales and zero points count as
// constants. Values outside the range must be stopped by a Clip in front, whose
// gradient is zero there.
//
// Batch sizes should be known: rules that need a size report an error when it
// is symbolic. Models need opset 13 or later.
package grad
