// Package hanas is the map of the module; it holds no code. The program is
// hanas/cmd/hanas.
//
// Two worlds and one machine. The graph world (onnx and below) turns graphs
// into graphs and graphs into numbers, and has never heard of architecture
// search. The search world (space, supernet, samples, predictor, latency,
// search, export, report) turns architectures into measurements, measurements
// into models, and models into a front. The machine (pipeline) runs documented
// steps on hashed artifacts and has never heard of either. They meet in stages.
//
// ARCHITECTURE.md has the folders in the order data flows, RATIONALE.md the
// reasons.
package hanas
