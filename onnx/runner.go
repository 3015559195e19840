package onnx

import "context"

// Runner is a loaded model. It may be used by several goroutines at once.
type Runner interface {
	// Inputs and Outputs are the graph's, in its order.
	Inputs() []ValueInfo
	Outputs() []ValueInfo
	// Run computes outputs from inputs, both in graph order. An outputs[i]
	// that is nil is allocated and stored; one that is not nil must have the
	// right type and shape and is filled in place, without allocation. A nil
	// outputs slice element is the caller's to keep.
	Run(ctx context.Context, inputs, outputs []*Tensor) error
	// Close frees what the engine holds.
	Close() error
}

// Engine loads models: ref.Engine, or an ONNX Runtime with its settings.
type Engine func(m *Model) (Runner, error)
