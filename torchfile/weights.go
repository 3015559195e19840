package torchfile

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Weights are a state dict's tensors by name, handed out one after another; it
// knows which were asked for, so that a file of another network is noticed.
type Weights struct {
	tensors map[string]*Tensor
	used    map[string]bool
}

// Weights indexes the tensors of StateDict.
func (f *File) Weights() (*Weights, error) {
	tensors, err := f.StateDict()
	if err != nil {
		return nil, err
	}
	w := &Weights{tensors: make(map[string]*Tensor, len(tensors)), used: map[string]bool{}}
	for _, t := range tensors {
		w.tensors[t.Name] = t
	}
	return w, nil
}

// Shape is a tensor's shape; ok = false when there is none of the name.
func (w *Weights) Shape(name string) (shape []int, ok bool) {
	t := w.tensors[name]
	if t == nil {
		return nil, false
	}
	return slices.Clone(t.Shape), true
}

// Floats takes a tensor, row-major. A missing one, another shape, or a value
// that is not finite is an error that names the tensor.
func (w *Weights) Floats(name string, shape ...int) ([]float32, error) {
	t := w.tensors[name]
	if t == nil {
		return nil, fmt.Errorf("tensor %s is missing", name)
	}
	if !slices.Equal(t.Shape, shape) {
		return nil, fmt.Errorf("tensor %s has shape %v, want %v", name, t.Shape, shape)
	}
	v, err := t.Floats()
	if err != nil {
		return nil, fmt.Errorf("tensor %s: %w", name, err)
	}
	for i, x := range v {
		if math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) {
			return nil, fmt.Errorf("tensor %s: value %d is %g", name, i, x)
		}
	}
	w.used[name] = true
	return v, nil
}

// Unused are the names that Floats was not asked for, sorted, but for batch
// norm's count of batches, which no network computes with.
func (w *Weights) Unused() []string {
	var left []string
	for name := range w.tensors {
		if !w.used[name] && !strings.HasSuffix(name, ".num_batches_tracked") {
			left = append(left, name)
		}
	}
	slices.Sort(left)
	return left
}
